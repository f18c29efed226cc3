package market

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"souk"
	"souk/store"
)

// WorldWebhook is a URL of an app that is told things.
type WorldWebhook struct {
	Given
	Dialect  *souk.Dialect
	URL      *string
	Events   []string            // of any but a giosg one
	Channels []souk.Subscription // of a giosg one
	Verified *bool               // true: active without a handshake; of a new one false, of a giosg one true
	Secret   *string             // of a native one: whsec_ and base64

	// Of one of Zoom's wire.
	Name        *string
	Auth        *souk.Auth
	Reach       *souk.HookReach
	Environment *souk.Environment // "" is both
	Extended    *bool
}

// putWebhook makes a webhook of an app. The names of events are looked at if
// the market was handed the dialect's wire.
func (o *object) putWebhook(in WorldWebhook, app souk.App, owner, above souk.Org) {
	w := look(o, in.Given, o.Webhook)
	if in.Absent {
		if !o.isNew && o.ok() && !o.refused("state", o.deleteWebhook("ApplyWorld", app.ID, w.ID)) {
			o.step(Remove, nil)
		}
		return
	}
	if !o.isNew && w.App != app.ID {
		o.wrong("id", "is a webhook of another app")
	}
	before := w.Webhook
	if o.isNew {
		w.Webhook = souk.Webhook{ID: o.id, App: app.ID, Status: souk.WebhookUnverified, CreatedAt: o.Tx.at}
	}
	o.need("dialect", in.Dialect != nil)
	o.need("url", in.URL != nil)
	oneOf(o, "dialect", in.Dialect, souk.Slack, souk.Native, souk.Giosg, souk.Zoom)
	o.url("url", in.URL)
	if in.URL != nil && *in.URL == "" {
		o.wrong("url", "must not be empty")
	}
	fix(o, "dialect", &w.Dialect, in.Dialect)
	set(o, "url", &w.URL, in.URL)
	if w.Dialect == souk.Giosg {
		o.putChannels(&w.Webhook, in)
	} else {
		o.putEvents(&w.Webhook, before, in)
	}
	open, err := w.Open(o.market.Key)
	if o.failed(err) {
		return
	}
	o.putSecret(&open, in.Secret)
	o.putListening(&open, in)
	if !o.ok() {
		return
	}
	if o.isNew || len(o.fields) > 0 {
		open.UpdatedAt, open.UpdatedBy = o.Tx.at, souk.ID{}
		w = store.SealWebhook(o.market.Key, open)
		if o.failed(o.PutWebhook(w)) || o.failed(o.checkAgain(w.Webhook)) {
			return
		}
		kind, had := souk.WebhookChanged, any(before)
		if o.isNew {
			kind, had = souk.WebhookAdded, nil
		}
		o.tell(kind, owner, above, &app, had, w.Webhook, func(d *souk.EventData) { d.Webhook = &w.Webhook })
	}
	o.written()
}

// putEvents is what a webhook is told by name, and whether it may be told yet.
func (o *object) putEvents(w *souk.Webhook, before souk.Webhook, in WorldWebhook) {
	o.need("events", in.Events != nil)
	if in.Channels != nil {
		o.wrong("channels", "only a giosg webhook has channels")
	}
	o.checkEvents(w.Dialect, in.Events)
	setList(o, "events", &w.Events, sortedSet(in.Events))
	if !o.isNew && w.URL != before.URL && w.Status == souk.WebhookActive {
		w.Status = souk.WebhookUnverified // whoever is at the new address has proved nothing
	}
	if in.Verified != nil {
		switch {
		case *in.Verified && w.Status == souk.WebhookUnverified:
			w.Status = souk.WebhookActive
		case !*in.Verified && w.Status == souk.WebhookActive:
			w.Status = souk.WebhookUnverified
		}
	}
	if w.Status != before.Status && !o.isNew {
		o.fields = append(o.fields, "verified")
	}
}

// putChannels is what a giosg webhook is told. It has no handshake, so there is
// nothing to wait for.
func (o *object) putChannels(w *souk.Webhook, in WorldWebhook) {
	o.need("channels", in.Channels != nil)
	if in.Events != nil {
		o.wrong("events", "a giosg webhook has channels instead")
	}
	if in.Verified != nil && !*in.Verified {
		o.wrong("verified", "a giosg webhook has no handshake to wait for")
	}
	var p problems
	p.channels(in.Channels)
	o.refused("", p.err())
	setList(o, "channels", &w.Channels, in.Channels)
	if o.isNew {
		w.Status = souk.WebhookActive
	}
}

// putListening is what a webhook of Zoom's wire has beside the others. A header
// that it brings is written again each time: what it was is nothing to compare in
// a report.
func (o *object) putListening(w *souk.Webhook, in WorldWebhook) {
	if w.Dialect != souk.Zoom {
		for field, given := range map[string]bool{
			"name": in.Name != nil, "auth": in.Auth != nil, "reach": in.Reach != nil,
			"environment": in.Environment != nil, "extended": in.Extended != nil,
		} {
			if given {
				o.wrong(field, "only a zoom webhook has one")
			}
		}
		return
	}
	if w.Source == souk.Deauthorization {
		o.wrong("dialect", "a deauthorization URL is the app's deauthorization_url")
	}
	if o.isNew {
		w.Source, w.Reach = souk.FromPeople, souk.MasterReach
	}
	o.text("name", in.Name, maxName)
	oneOf(o, "reach", in.Reach, souk.AccountReach, souk.MasterReach)
	oneOf(o, "environment", in.Environment, "", souk.Development, souk.Production)
	if in.Auth != nil {
		for _, wrong := range in.Auth.Check() {
			o.wrong("auth."+wrong.Field, "%s", wrong.Reason)
		}
		o.url("auth.token_url", &in.Auth.TokenURL)
	}
	if wire, served := o.market.Wires[souk.Zoom]; served && slices.Contains(w.Events, wire.Goodbye) {
		o.wrong("events", "%q is told at the deauthorization_url alone", wire.Goodbye)
	}
	set(o, "name", &w.Name, in.Name)
	set(o, "auth", &w.Auth, in.Auth)
	set(o, "reach", &w.Reach, in.Reach)
	set(o, "environment", &w.Environment, in.Environment)
	set(o, "extended", &w.Extended, in.Extended)
}

// putDeauthorization is where an app is told that an authorization of it ended, in
// either environment; "" takes it away.
func (o *object) putDeauthorization(app souk.App, owner, above souk.Org, url *string) {
	if url == nil {
		return
	}
	hooks, err := o.WebhooksOf(app.ID)
	if o.failed(err) {
		return
	}
	i := slices.IndexFunc(hooks, func(w store.SealedWebhook) bool {
		return w.Dialect == souk.Zoom && w.Source == souk.Deauthorization && w.Environment == ""
	})
	var w store.SealedWebhook
	kind, had := souk.WebhookAdded, any(nil)
	switch {
	case i < 0 && *url == "":
		return
	case i < 0:
		w.Webhook = souk.Webhook{
			ID: souk.NewID(), App: app.ID, Dialect: souk.Zoom, Status: souk.WebhookActive, Source: souk.Deauthorization,
			Reach: souk.MasterReach, CreatedAt: o.Tx.at,
		}
		if goodbye := o.market.Wires[souk.Zoom].Goodbye; goodbye != "" {
			w.Events = []string{goodbye}
		}
	case hooks[i].URL == *url:
		return
	default:
		w, kind, had = hooks[i], souk.WebhookChanged, hooks[i].Webhook
	}
	o.fields = append(o.fields, "deauthorization_url")
	if *url == "" {
		o.refused("deauthorization_url", o.deleteWebhook("ApplyWorld", app.ID, w.ID))
		return
	}
	w.URL, w.UpdatedAt, w.UpdatedBy = *url, o.Tx.at, souk.ID{}
	if o.failed(o.PutWebhook(w)) {
		return
	}
	o.tell(kind, owner, above, &app, had, w.Webhook, func(d *souk.EventData) { d.Webhook = &w.Webhook })
}

// putSecret gives a native webhook the secret that it brings, or a new one.
func (o *object) putSecret(w *souk.Webhook, given *string) {
	switch {
	case given != nil && w.Dialect != souk.Native:
		o.wrong("secret", "only a native webhook has one of its own")
	case given != nil && !isWebhookSecret(*given):
		o.wrong("secret", "must be whsec_ and the base64 of 24 to 64 bytes")
	case given != nil:
		set(o, "secret", &w.Secret, given)
		o.recorded.WebhookSecret = w.Secret
	case o.isNew && w.Dialect == souk.Native:
		w.Secret = newWebhookSecret()
		o.recorded.WebhookSecret = w.Secret
	}
}

func (o *object) checkEvents(dialect souk.Dialect, events []string) {
	if events != nil && len(events) == 0 {
		o.wrong("events", "must name at least one event")
	}
	o.words("events", events)
	wire, served := o.market.Wires[dialect]
	if !served {
		return
	}
	for i, e := range events {
		if !slices.Contains(wire.Events, e) {
			o.wrong(fmt.Sprintf("events[%d]", i), "%q is not an event of the %s dialect%s", e, dialect, didYouMean(e, slices.Values(wire.Events)))
		}
	}
}

// isWebhookSecret reports whether s is what Standard Webhooks signs with.
func isWebhookSecret(s string) bool {
	text, ok := strings.CutPrefix(s, "whsec_")
	secret, err := base64.StdEncoding.DecodeString(text)
	return ok && err == nil && len(secret) >= 24 && len(secret) <= 64
}

// sortedSet sorts names and drops doubles; nil stays nil.
func sortedSet(names []string) []string {
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
