package store

import (
	"time"

	"souk"
)

const webhookColumns = `id, app_id, dialect, url, status, secret, old_secret, old_until, epoch,
	created_by, updated_by, created_at, updated_at, deleted_at, disabled_at, disabled_why,
	name, auth, reach, environment, source, accounts, extended`

func (w *SealedWebhook) fields() []any {
	return []any{&w.ID, &w.App, &w.Dialect, &w.URL, &w.Status, &w.Sealed, &w.SealedOld, (*stamp)(&w.OldUntil), &w.Epoch,
		&w.CreatedBy, &w.UpdatedBy, (*stamp)(&w.CreatedAt), (*stamp)(&w.UpdatedAt), (*stamp)(&w.DeletedAt),
		(*stamp)(&w.DisabledAt), &w.DisabledWhy,
		&w.Name, &w.SealedAuth, &w.Reach, &w.Environment, &w.Source, (*ids)(&w.Accounts), &w.Extended}
}

func scanWebhook(r row) (w SealedWebhook, err error) {
	err = r.Scan(w.fields()...)
	return w, err
}

// Webhook finds a webhook that was not deleted, with what it subscribed to.
func (tx *Tx) Webhook(id souk.ID) (SealedWebhook, error) {
	w, err := one(tx, scanWebhook, `SELECT `+webhookColumns+` FROM webhooks WHERE id = $1 AND deleted_at IS NULL`, id)
	if err != nil {
		return w, err
	}
	return w, tx.subscriptions(&w)
}

// WebhooksOf lists the webhooks of an app, oldest first.
func (tx *Tx) WebhooksOf(app souk.ID) ([]SealedWebhook, error) {
	found, err := list(tx, scanWebhook, `SELECT `+webhookColumns+` FROM webhooks
		WHERE app_id = $1 AND deleted_at IS NULL ORDER BY created_at, id`, app)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if err := tx.subscriptions(&found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// subscriptions fills in what a webhook subscribed to.
func (tx *Tx) subscriptions(w *SealedWebhook) (err error) {
	if w.Dialect == souk.Giosg {
		w.Channels, err = tx.channelsOf(w.ID)
		return err
	}
	w.Events, err = list(tx, func(r row) (name string, err error) {
		err = r.Scan(&name)
		return name, err
	}, `SELECT event FROM subscriptions WHERE webhook_id = $1 ORDER BY event`, w.ID)
	return err
}

// PutWebhook inserts a webhook or replaces it, its subscriptions too.
func (tx *Tx) PutWebhook(w SealedWebhook) error {
	_, err := tx.exec(`INSERT INTO webhooks (`+webhookColumns+`) VALUES (`+placeholders(1, 23)+`)
		ON CONFLICT (id) DO UPDATE SET
			url = excluded.url, status = excluded.status, secret = excluded.secret,
			old_secret = excluded.old_secret, old_until = excluded.old_until, epoch = excluded.epoch,
			disabled_at = excluded.disabled_at, disabled_why = excluded.disabled_why,
			name = excluded.name, auth = excluded.auth, reach = excluded.reach, environment = excluded.environment,
			source = excluded.source, accounts = excluded.accounts, extended = excluded.extended,
			updated_by = excluded.updated_by, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at`,
		w.ID, w.App, w.Dialect, w.URL, w.Status, w.Sealed, w.SealedOld, micros(w.OldUntil), w.Epoch,
		w.CreatedBy, w.UpdatedBy, micros(w.CreatedAt), micros(w.UpdatedAt), micros(w.DeletedAt), micros(w.DisabledAt), w.DisabledWhy,
		w.Name, w.SealedAuth, w.Reach, w.Environment, w.Source, ids(w.Accounts).String(), w.Extended)
	if err != nil {
		return err
	}
	if w.Dialect == souk.Giosg {
		return tx.putChannels(w.Webhook)
	}
	if _, err := tx.exec(`DELETE FROM subscriptions WHERE webhook_id = $1`, w.ID); err != nil {
		return err
	}
	for _, event := range w.Events {
		if _, err := tx.exec(`INSERT INTO subscriptions (webhook_id, app_id, event) VALUES ($1, $2, $3)`,
			w.ID, w.App, event); err != nil {
			return err
		}
	}
	return nil
}

// SetWebhookStatus changes whether a webhook is told anything.
func (tx *Tx) SetWebhookStatus(id souk.ID, status souk.WebhookStatus, at time.Time) error {
	_, err := tx.exec(`UPDATE webhooks SET status = $2, updated_at = $3 WHERE id = $1`, id, status, micros(at))
	return err
}

// Subscriber is an endpoint that asked for an event by the name it has in its
// dialect.
type Subscriber struct {
	souk.Endpoint
	Event string
}

// Subscribers finds who is to be told what happened at an org about an app
// (or about none): the app's own native webhooks, and the webhooks of apps
// whose active installation reaches the org. Apps and installations that are
// suspended, and orgs without a subscription, are told nothing. Disabled webhooks
// are among them: what they are to be told is held, perhaps. A webhook that hears
// as the app's own comes first and once.
func (tx *Tx) Subscribers(org, app souk.ID, names []string) ([]Subscriber, error) {
	at, err := tx.subscribersAt([]souk.ID{org}, app, names)
	found := at[org]
	if err != nil || app.IsZero() {
		return found, err
	}
	args := append([]any{app}, anys(names)...)
	own, err := list(tx, scanOwn, `
		SELECT s.event, `+prefixed("w", webhookColumns)+`
		FROM subscriptions s
		JOIN webhooks w ON w.id = s.webhook_id
		JOIN apps a ON a.id = s.app_id
		JOIN orgs o ON o.id = a.owner_id
		WHERE s.app_id = $1 AND s.event IN (`+placeholders(2, len(names))+`) AND w.dialect = 'native'
		AND w.status IN ('active', 'disabled') AND w.deleted_at IS NULL AND a.suspended = FALSE AND a.deleted_at IS NULL
		AND o.has_active_subscription = TRUE AND o.closed_at IS NULL
		ORDER BY w.created_at, w.id`, args...)
	return append(own, found...), err
}

// Deauthorized finds the webhooks at which an app is told that an authorization
// of it ended, also those of an app that was deleted.
func (tx *Tx) Deauthorized(app souk.ID) ([]souk.Webhook, error) {
	return list(tx, func(r row) (souk.Webhook, error) {
		w, err := scanWebhook(r)
		return w.Webhook, err
	}, `
		SELECT `+prefixed("w", webhookColumns)+`
		FROM webhooks w
		JOIN apps a ON a.id = w.app_id
		JOIN orgs o ON o.id = a.owner_id
		WHERE w.app_id = $1 AND w.source = 'deauthorization'
		AND w.status IN ('active', 'disabled') AND w.deleted_at IS NULL AND a.suspended = FALSE
		AND o.has_active_subscription = TRUE AND o.closed_at IS NULL
		ORDER BY w.created_at, w.id`, app)
}

// subscribersAt finds the subscribers at many orgs but for an app's own.
func (tx *Tx) subscribersAt(orgs []souk.ID, app souk.ID, names []string) (map[souk.ID][]Subscriber, error) {
	return listAt(tx, scanSubscriber, `
		SELECT s.event, `+prefixed("w", webhookColumns)+`, `+prefixed("i", installationColumns)+`,
			CASE WHEN i.kind = 'org_wide' THEN i.org_id ELSE o.enterprise_id END, r.org_id
		FROM reach r
		JOIN subscriptions s ON s.app_id = r.app_id AND s.event IN (`+placeholders(2, len(names))+`)
		JOIN webhooks w ON w.id = s.webhook_id
		JOIN apps a ON a.id = r.app_id
		JOIN installations i ON i.id = r.installation_id
		JOIN orgs o ON o.id = i.org_id
		WHERE NOT (w.dialect = 'native' AND w.app_id IS NOT DISTINCT FROM $1)
		AND w.status IN ('active', 'disabled') AND w.deleted_at IS NULL AND a.suspended = FALSE AND a.deleted_at IS NULL
		AND i.status = 'active' AND o.has_active_subscription = TRUE AND o.closed_at IS NULL
		AND r.org_id IN (`, `) ORDER BY w.created_at, w.id`, orgs, append([]any{app}, anys(names)...)...)
}

func scanSubscriber(r row) (s at[Subscriber], err error) {
	var w SealedWebhook
	var scopes string
	i := &s.found.Installation
	into := append([]any{&s.found.Event}, w.fields()...)
	into = append(into, &i.ID, &i.App, &i.Org, &i.Kind, &i.Status, &scopes, &i.InstalledBy, &i.AppUser,
		(*stamp)(&i.CreatedAt), (*stamp)(&i.UpdatedAt), (*stamp)(&i.EndedAt), &s.found.Enterprise, &s.org)
	err = r.Scan(into...)
	s.found.Webhook, i.Scopes = w.Webhook, souk.ParseScopes(scopes)
	return s, err
}

func scanOwn(r row) (s Subscriber, err error) {
	var w SealedWebhook
	err = r.Scan(append([]any{&s.Event}, w.fields()...)...)
	s.Webhook = w.Webhook
	return s, err
}
