package market

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"

	"souk"
	"souk/store"
)

// MaxWebhooks is how many webhooks an app may have. Each of them costs a verb
// that it hears of a row, and whoever called it the time.
const MaxWebhooks = 64

// Hook is a webhook as somebody writes it down.
type Hook struct {
	ID      souk.ID // none: a new one
	App     souk.ID
	Dialect souk.Dialect // of a new one
	URL     string
	Events  []string // names as the dialect spells them, at least one
	Paused  *bool    // told nothing until it is put again as false; nil: as it is, and of a new one false. One that is disabled stays so

	// Channels are for a dialect that has them, instead of Events. Of a webhook
	// that there is already, nil leaves them and an empty URL leaves the URL.
	Channels []souk.Subscription

	Listening // of Zoom's wire alone
}

// Bounds of webhooks with channels (docs/dialects/giosg.md, "Webhooks").
const (
	MaxChannelWebhooks = 20 // of one app
	MaxSubscriptions   = 50 // of one webhook
)

// Saved is a webhook with its secret, which is shown when it is made and never
// again.
type Saved struct {
	souk.Webhook
	New bool
}

// PutWebhook makes a webhook of an app, or changes one. Whoever holds settings
// in the owner org may, the app's own token and the operator. A dialect with a
// handshake is asked before anything is saved. It refuses UnknownApp,
// UnknownWebhook, OrgNotGranted, NotAllowed, BlockedAddress, NotVerified and
// Invalid.
func (m *Market) PutWebhook(ctx context.Context, actor souk.Actor, in Hook) (saved Saved, err error) {
	if err := m.checkHook(in); err != nil {
		return saved, err
	}
	draft, with, err := m.draft(ctx, actor, in)
	if err != nil {
		return saved, err
	}
	if err := m.CheckURL(draft.URL); err != nil {
		return saved, fmt.Errorf("%w: %w", souk.BlockedAddress, err)
	}
	if err := m.shakeHands(ctx, draft, with); err != nil {
		return saved, err
	}
	err = m.write(ctx, actor, ownerOfApp(in.App), func(tx *Tx) (err error) {
		saved, err = tx.putWebhook(in)
		return err
	})
	return saved, err
}

// checkHook looks at what can be looked at without the database.
func (m *Market) checkHook(in Hook) error {
	var p problems
	p.text("url", in.URL, souk.MaxURL)
	if m.Wires[in.Dialect].Channels != nil {
		if in.URL == "" && in.ID.IsZero() {
			p.add("url", "is required")
		}
		p.channels(in.Channels)
		return p.err()
	}
	if in.URL == "" {
		p.add("url", "is required")
	}
	if len(in.Channels) > 0 {
		p.add("channels", "are nothing that this dialect has")
	}
	p.listening(m, in)
	if len(in.Events) == 0 && in.Source != souk.Deauthorization {
		p.add("events", "must name at least one event")
	}
	for _, e := range in.Events {
		p.text("events", e, maxName)
	}
	return p.err()
}

// knows refuses a dialect that is not served, and events it does not have.
func (m *Market) knows(dialect souk.Dialect, events []string) error {
	var p problems
	wire, served := m.Wires[dialect]
	if !served {
		p.add("dialect", "is not served here")
		return p.err()
	}
	for _, e := range events {
		if !slices.Contains(wire.Events, e) {
			p.add("events", "%q is not an event of the %s dialect", e, dialect)
		}
	}
	return p.err()
}

// draft is the webhook as the verb would save it, and the credentials that a
// handshake signs with. It refuses what the verb would.
func (m *Market) draft(ctx context.Context, actor souk.Actor, in Hook) (w souk.Webhook, with souk.Credentials, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		saved, err := tx.hook(in)
		if err != nil {
			return err
		}
		if w, err = saved.Open(m.Key); err != nil {
			return err
		}
		with, err = tx.credentials(in.App)
		return err
	})
	return w, with, err
}

// credentials are an app's, opened; zero when it has none.
func (tx *Tx) credentials(app souk.ID) (souk.Credentials, error) {
	sealed, err := tx.Credentials(app)
	if err != nil {
		return souk.Credentials{}, ignoreMissing(err)
	}
	return sealed.Open(tx.market.Key)
}

// shakeHands has a URL prove that it is its app's before it is saved. Where an app
// is told that it was removed needs no proof: some receivers there know no
// handshake.
func (m *Market) shakeHands(ctx context.Context, w souk.Webhook, with souk.Credentials) error {
	if w.Status == souk.WebhookPaused || w.Source == souk.Deauthorization {
		return nil
	}
	return m.prove(ctx, w, with)
}

func (m *Market) prove(ctx context.Context, w souk.Webhook, with souk.Credentials) error {
	with.ZoomWebhookSecret = with.ZoomSigner(m.now())
	if shake := m.Wires[w.Dialect].Handshake; shake != nil {
		return shake(ctx, w, with)
	}
	return nil
}

// hook finds the webhook that in changes, or starts a new one, and applies in.
func (tx *Tx) hook(in Hook) (w store.SealedWebhook, err error) {
	if _, _, err = tx.ownedApp(in.App); err != nil {
		return w, err
	}
	if in.ID.IsZero() {
		if err := tx.mayAdd(in); err != nil {
			return w, err
		}
		w.Webhook = souk.Webhook{ID: souk.NewID(), App: in.App, Dialect: in.Dialect, CreatedAt: tx.at, CreatedBy: tx.actor.User, Status: souk.WebhookActive}
	} else if w, err = tx.Webhook(in.ID); err != nil {
		return w, or(err, souk.UnknownWebhook)
	} else if w.App != in.App || w.Dialect != in.Dialect && !(isNamed(w.Dialect) && isNamed(in.Dialect)) {
		return w, souk.UnknownWebhook
	}
	if err := tx.market.knows(w.Dialect, in.Events); err != nil {
		return w, err
	}
	w.UpdatedAt, w.UpdatedBy = tx.at, tx.actor.User
	if in.Paused != nil && w.Status != souk.WebhookDisabled { // which EnableWebhook ends, with a word about what was held
		w.Status = souk.WebhookActive
		if *in.Paused {
			w.Status = souk.WebhookPaused
		}
	}
	if tx.market.Wires[w.Dialect].Channels != nil {
		if in.URL != "" {
			w.URL = in.URL
		}
		if in.Channels != nil {
			w.Channels = slices.Clone(in.Channels)
		}
		return w, nil
	}
	had := w.URL
	w.URL, w.Events = in.URL, slices.Clone(in.Events)
	slices.Sort(w.Events)
	w.Events = slices.Compact(w.Events)
	if w.Dialect == souk.Zoom {
		if in.Auth == nil && len(w.SealedAuth) > 0 && !sameServer(had, w.URL) {
			return w, souk.Invalid{{Field: "auth", Reason: "has secrets that another server is not told unless they are said again"}}
		}
		return tx.listening(w, in)
	}
	return w, nil
}

// isNamed reports whether webhooks of a dialect differ in the names of their
// events alone.
func isNamed(d souk.Dialect) bool { return d != souk.Giosg && d != souk.Zoom }

// channels checks what a webhook wants to be told.
func (p *problems) channels(subscriptions []souk.Subscription) {
	if len(subscriptions) > MaxSubscriptions {
		p.add("channels", "must be at most %d", MaxSubscriptions)
		return
	}
	seen := map[souk.Pattern]bool{}
	for i, s := range subscriptions {
		field := fmt.Sprintf("channels[%d].pattern", i)
		if _, ok := souk.ParsePattern(string(s.Pattern)); !ok {
			p.add(field, "is no channel pattern")
		} else if seen[s.Pattern] {
			p.add(field, "is there already")
		}
		seen[s.Pattern] = true
	}
}

// mayAdd refuses a webhook that is one too many.
func (tx *Tx) mayAdd(in Hook) error {
	had, err := tx.WebhooksOf(in.App)
	if err != nil {
		return err
	}
	alike := 0
	for _, w := range had {
		if w.Dialect == in.Dialect && (w.Source == souk.Deauthorization) == (in.Source == souk.Deauthorization) {
			alike++
		}
	}
	if tx.market.Wires[in.Dialect].Channels != nil && alike >= MaxChannelWebhooks ||
		in.Dialect == souk.Zoom && alike >= MaxZoomWebhooks {
		return souk.TooManyWebhooks
	}
	if len(had) >= MaxWebhooks {
		return souk.Invalid{{Field: "url", Reason: fmt.Sprintf("is one too many: an app has at most %d webhooks", MaxWebhooks)}}
	}
	return nil
}

func (tx *Tx) putWebhook(in Hook) (saved Saved, err error) {
	w, err := tx.hook(in)
	if err != nil {
		return saved, err
	}
	saved.New = in.ID.IsZero()
	var before any
	if saved.New {
		saved.Webhook = w.Webhook
		if w.Dialect == souk.Native { // the others sign with the app's secrets
			saved.Secret = newWebhookSecret()
			w = store.SealWebhook(tx.market.Key, saved.Webhook)
		}
	} else {
		had, err := tx.Webhook(in.ID)
		if err != nil {
			return saved, err
		}
		before = had.Webhook
	}
	if err := tx.PutWebhook(w); err != nil {
		return saved, err
	}
	if had, ok := before.(souk.Webhook); ok && (had.URL != w.URL || had.Status != souk.WebhookActive && w.Status == souk.WebhookActive) {
		if err := tx.forget(w.Webhook); err != nil {
			return saved, err
		}
	}
	if err := tx.checkAgain(w.Webhook); err != nil {
		return saved, err
	}
	kind := souk.WebhookAdded
	if !saved.New {
		kind, saved.Webhook = souk.WebhookChanged, w.Webhook
	}
	if saved.Auth, err = tx.masked(w); err != nil {
		return saved, err
	}
	return saved, tx.tellWebhook("PutWebhook", kind, w.Webhook, before, w.Webhook)
}

// newWebhookSecret makes a signing secret as Standard Webhooks spells it.
func newWebhookSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(b)
}

// tellWebhook audits and emits a change of a webhook at its owner.
func (tx *Tx) tellWebhook(verb string, kind souk.EventKind, w souk.Webhook, before, after any) error {
	app, at, err := tx.ownedApp(w.App)
	if err != nil {
		return err
	}
	if err := tx.audit(verb, at.Org, app.ID, w.ID, before, after); err != nil {
		return err
	}
	e := tx.event(kind, at.Org, at.Enterprise, &app, w.ID)
	e.Data.Webhook = &w
	if had, ok := before.(souk.Webhook); ok && kind == souk.WebhookChanged {
		e.Data.Before = &souk.EventData{Webhook: &had}
	}
	if e.Data.Actor, err = tx.acting(); err != nil {
		return err
	}
	return tx.emit(e)
}

// VerifyWebhook runs the dialect's handshake again and makes the webhook active
// if it passes; what was held of one that was disabled is told then. It refuses
// UnknownApp, UnknownWebhook, OrgNotGranted, NotAllowed, BlockedAddress and
// NotVerified; a webhook that fails keeps its status.
func (m *Market) VerifyWebhook(ctx context.Context, actor souk.Actor, app, id souk.ID) (w souk.Webhook, err error) {
	return m.verified(ctx, actor, app, id, func(tx *Tx, w store.SealedWebhook) (souk.Webhook, error) {
		kind := souk.WebhookChanged
		if w.Status == souk.WebhookDisabled {
			kind = souk.WebhookWasEnabled
		}
		return tx.enable("VerifyWebhook", kind, w, Enabling{Held: Resume})
	})
}

// webhookOf finds a webhook of an app that the actor may change.
func (tx *Tx) webhookOf(app, id souk.ID) (store.SealedWebhook, error) {
	if _, _, err := tx.ownedApp(app); err != nil {
		return store.SealedWebhook{}, err
	}
	w, err := tx.Webhook(id)
	if err != nil {
		return w, or(err, souk.UnknownWebhook)
	}
	if w.App != app {
		return w, souk.UnknownWebhook
	}
	return w, nil
}

// DeleteWebhook ends a webhook and what was still to be delivered to it. It
// refuses UnknownApp, UnknownWebhook, OrgNotGranted and NotAllowed.
func (m *Market) DeleteWebhook(ctx context.Context, actor souk.Actor, app, id souk.ID) error {
	return m.write(ctx, actor, ownerOfApp(app), func(tx *Tx) error { return tx.deleteWebhook("DeleteWebhook", app, id) })
}

func (tx *Tx) deleteWebhook(verb string, app, id souk.ID) error {
	w, err := tx.webhookOf(app, id)
	if err != nil {
		return err
	}
	before := w.Webhook
	w.DeletedAt, w.UpdatedAt, w.Events, w.Channels = tx.at, tx.at, nil, nil
	if err := tx.PutWebhook(w); err != nil {
		return err
	}
	if err := tx.settleWebhook(w.Webhook); err != nil {
		return err
	}
	if err := tx.checkAgain(w.Webhook); err != nil {
		return err
	}
	return tx.tellWebhook(verb, souk.WebhookRemoved, before, before, nil)
}
