package store

import (
	"encoding/json"
	"fmt"
	"time"

	"souk"
)

// SealedCredentials are an app's names and its secrets as they rest.
type SealedCredentials struct {
	App                    souk.ID
	GiosgSecret            []byte
	SlackClientID          string
	SlackClientSecret      []byte
	SlackSigningSecret     []byte
	SlackVerificationToken []byte
	ZoomClientID           string
	ZoomClientSecret       []byte
	ZoomWebhookSecret      []byte
	ZoomVerificationToken  []byte
	ZoomOldClientSecret    []byte
	ZoomOldUntil           time.Time
	ZoomRotation           souk.Rotation
	ZoomNextWebhookSecret  []byte
	ZoomSwitchAt           time.Time
}

const credentialColumns = `app_id, giosg_secret, slack_client_id, slack_client_secret,
	slack_signing_secret, slack_verification_token, zoom_client_id, zoom_client_secret, zoom_webhook_secret,
	zoom_verification_token, zoom_old_client_secret, zoom_old_until, zoom_rotation_id, zoom_rotated_at, zoom_rotations,
	zoom_next_webhook_secret, zoom_webhook_switch_at`

func scanCredentials(r row) (c SealedCredentials, err error) {
	err = r.Scan(&c.App, &c.GiosgSecret, &c.SlackClientID, &c.SlackClientSecret,
		&c.SlackSigningSecret, &c.SlackVerificationToken, &c.ZoomClientID, &c.ZoomClientSecret, &c.ZoomWebhookSecret,
		&c.ZoomVerificationToken, &c.ZoomOldClientSecret, (*stamp)(&c.ZoomOldUntil),
		&c.ZoomRotation.ID, (*stamp)(&c.ZoomRotation.At), (*stamps)(&c.ZoomRotation.Changes),
		&c.ZoomNextWebhookSecret, (*stamp)(&c.ZoomSwitchAt))
	return c, err
}

// Credentials finds an app's.
func (tx *Tx) Credentials(app souk.ID) (SealedCredentials, error) {
	return one(tx, scanCredentials, `SELECT `+credentialColumns+` FROM credentials WHERE app_id = $1`, app)
}

// CredentialsOf finds those of many apps at once.
func (tx *Tx) CredentialsOf(apps []souk.ID) (map[souk.ID]SealedCredentials, error) {
	return byID(tx, scanCredentials, func(c SealedCredentials) souk.ID { return c.App },
		`SELECT `+credentialColumns+` FROM credentials WHERE app_id IN (`, apps)
}

// GiosgSecrets finds, of many apps at once, the one secret that giosg's wire
// shows. Open it with SealedCredentials.OpenGiosg.
func (tx *Tx) GiosgSecrets(apps []souk.ID) (map[souk.ID]SealedCredentials, error) {
	return byID(tx, func(r row) (c SealedCredentials, err error) {
		err = r.Scan(&c.App, &c.GiosgSecret)
		return c, err
	}, func(c SealedCredentials) souk.ID { return c.App },
		`SELECT app_id, giosg_secret FROM credentials WHERE app_id IN (`, apps)
}

// AppWithZoomClient finds the app that goes by a client id of Zoom's wire.
func (tx *Tx) AppWithZoomClient(id string) (souk.ID, error) {
	return one(tx, scanID, `SELECT app_id FROM credentials WHERE zoom_client_id = $1`, id)
}

// AppsWithClient lists the apps that go by one of two client ids.
func (tx *Tx) AppsWithClient(slack, zoom string) ([]souk.ID, error) {
	return list(tx, scanID, `SELECT app_id FROM credentials WHERE slack_client_id = $1 OR zoom_client_id = $2`, slack, zoom)
}

// PutCredentials keeps an app's credentials, replacing what it had.
func (tx *Tx) PutCredentials(c SealedCredentials) error {
	_, err := tx.exec(`INSERT INTO credentials (`+credentialColumns+`) VALUES (`+placeholders(1, 17)+`)
		ON CONFLICT (app_id) DO UPDATE SET
			giosg_secret = excluded.giosg_secret, slack_client_id = excluded.slack_client_id,
			slack_client_secret = excluded.slack_client_secret,
			slack_signing_secret = excluded.slack_signing_secret,
			slack_verification_token = excluded.slack_verification_token,
			zoom_client_id = excluded.zoom_client_id, zoom_client_secret = excluded.zoom_client_secret,
			zoom_webhook_secret = excluded.zoom_webhook_secret,
			zoom_verification_token = excluded.zoom_verification_token,
			zoom_old_client_secret = excluded.zoom_old_client_secret, zoom_old_until = excluded.zoom_old_until,
			zoom_rotation_id = excluded.zoom_rotation_id, zoom_rotated_at = excluded.zoom_rotated_at,
			zoom_rotations = excluded.zoom_rotations,
			zoom_next_webhook_secret = excluded.zoom_next_webhook_secret,
			zoom_webhook_switch_at = excluded.zoom_webhook_switch_at`,
		c.App, c.GiosgSecret, c.SlackClientID, c.SlackClientSecret,
		c.SlackSigningSecret, c.SlackVerificationToken, c.ZoomClientID, c.ZoomClientSecret, c.ZoomWebhookSecret,
		c.ZoomVerificationToken, c.ZoomOldClientSecret, micros(c.ZoomOldUntil),
		c.ZoomRotation.ID, micros(c.ZoomRotation.At), stamps(c.ZoomRotation.Changes).String(),
		c.ZoomNextWebhookSecret, micros(c.ZoomSwitchAt))
	return err
}

// secrets pairs each sealed secret with where it opens to and with the word
// that ties it to its place: a secret that was moved to another does not open.
func (s *SealedCredentials) secrets(c *souk.Credentials) []secret {
	return []secret{
		{&s.GiosgSecret, &c.GiosgSecret, "giosg"},
		{&s.SlackClientSecret, &c.SlackClientSecret, "slack client"},
		{&s.SlackSigningSecret, &c.SlackSigningSecret, "slack signing"},
		{&s.SlackVerificationToken, &c.SlackVerificationToken, "slack verification"},
		{&s.ZoomClientSecret, &c.ZoomClientSecret, "zoom client"},
		{&s.ZoomWebhookSecret, &c.ZoomWebhookSecret, "zoom webhook"},
		{&s.ZoomVerificationToken, &c.ZoomVerificationToken, "zoom verification"},
		{&s.ZoomOldClientSecret, &c.ZoomOldClientSecret, "old zoom client"},
		{&s.ZoomNextWebhookSecret, &c.ZoomNextWebhookSecret, "next zoom webhook"},
	}
}

type secret struct {
	sealed *[]byte
	open   *string
	place  string
}

// SealCredentials spells an app's credentials as they rest.
func SealCredentials(key souk.Key, c souk.Credentials) SealedCredentials {
	s := SealedCredentials{
		App: c.App, SlackClientID: c.SlackClientID, ZoomClientID: c.ZoomClientID,
		ZoomOldUntil: c.ZoomOldUntil, ZoomRotation: c.ZoomRotation, ZoomSwitchAt: c.ZoomSwitchAt,
	}
	for _, f := range s.secrets(&c) {
		if *f.open != "" {
			*f.sealed = key.Seal(*f.open, s.label(f.place))
		}
	}
	return s
}

// Open reads what SealCredentials sealed.
func (s SealedCredentials) Open(key souk.Key) (souk.Credentials, error) {
	c := souk.Credentials{
		App: s.App, SlackClientID: s.SlackClientID, ZoomClientID: s.ZoomClientID,
		ZoomOldUntil: s.ZoomOldUntil, ZoomRotation: s.ZoomRotation, ZoomSwitchAt: s.ZoomSwitchAt,
	}
	for _, f := range s.secrets(&c) {
		var err error
		if *f.open, err = key.Open(*f.sealed, s.label(f.place)); err != nil {
			return c, fmt.Errorf("%s secret of app %s: %w", f.place, s.App, err)
		}
	}
	return c, nil
}

// OpenGiosg reads the one secret that giosg's wire shows.
func (s SealedCredentials) OpenGiosg(key souk.Key) (string, error) {
	return key.Open(s.GiosgSecret, s.label("giosg"))
}

func (s SealedCredentials) label(place string) string { return "app:" + s.App.String() + ":" + place }

// SealedWebhook is a webhook with its secrets as they rest.
type SealedWebhook struct {
	souk.Webhook // Secret, OldSecret and Auth are empty
	Sealed       []byte
	SealedOld    []byte
	SealedAuth   []byte
}

// secrets is as that of SealedCredentials.
func (s *SealedWebhook) secrets(w *souk.Webhook) []secret {
	return []secret{{&s.Sealed, &w.Secret, ""}, {&s.SealedOld, &w.OldSecret, ":old"}}
}

// authPlace ties a sealed Auth to its place.
const authPlace = ":auth"

// SealWebhook spells a webhook as it rests.
func SealWebhook(key souk.Key, w souk.Webhook) SealedWebhook {
	s := SealedWebhook{Webhook: w}
	for _, f := range s.secrets(&w) {
		if *f.open != "" {
			*f.sealed = key.Seal(*f.open, s.label(f.place))
		}
	}
	if w.Auth.Kind != souk.NoAuth {
		text, err := json.Marshal(w.Auth)
		if err != nil {
			panic(err) // texts and a truth value always have a spelling
		}
		s.SealedAuth = key.Seal(string(text), s.label(authPlace))
	}
	s.Secret, s.OldSecret, s.Auth = "", "", souk.Auth{}
	return s
}

// Open reads what SealWebhook sealed.
func (s SealedWebhook) Open(key souk.Key) (souk.Webhook, error) {
	w := s.Webhook
	for _, f := range s.secrets(&w) {
		var err error
		if *f.open, err = key.Open(*f.sealed, s.label(f.place)); err != nil {
			return w, fmt.Errorf("secret of webhook %s: %w", s.ID, err)
		}
	}
	if len(s.SealedAuth) == 0 {
		return w, nil
	}
	text, err := key.Open(s.SealedAuth, s.label(authPlace))
	if err == nil {
		err = json.Unmarshal([]byte(text), &w.Auth)
	}
	if err != nil {
		return w, fmt.Errorf("header of webhook %s: %w", s.ID, err)
	}
	return w, nil
}

func (s SealedWebhook) label(place string) string { return "webhook:" + s.ID.String() + place }
