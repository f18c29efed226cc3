package market

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"souk"
	"souk/store"
)

// Outline is an app as one document tells all of it: what its owner writes down,
// and every webhook of Zoom's wire that people made.
type Outline struct {
	AppForm
	Webhooks []Hook // by their IDs, new ones without. App, Dialect and Source need not be said, and what a document does not carry stays
}

// Outlined is an app with the webhooks of its outline, oldest first and without
// their secrets. Whoever holds settings in the owner org may see it, the app's own
// token and the operator. It refuses UnknownApp, OrgNotGranted and NotAllowed.
func (m *Market) Outlined(ctx context.Context, actor souk.Actor, id souk.ID) (app souk.App, hooks []souk.Webhook, err error) {
	err = m.read(ctx, actor, func(tx *Tx) (err error) {
		if app, _, err = tx.ownedApp(id); err != nil {
			return err
		}
		found, err := tx.outlined(id)
		if err != nil {
			return err
		}
		hooks, err = tx.withoutSecrets(found)
		return err
	})
	return app, hooks, err
}

// outlined are the webhooks of an app's outline.
func (tx *Tx) outlined(app souk.ID) (found []store.SealedWebhook, err error) {
	all, err := tx.WebhooksOf(app)
	for _, w := range all {
		if w.Dialect == souk.Zoom && w.Source == souk.FromPeople {
			found = append(found, w)
		}
	}
	return found, err
}

// PublishedApp is an app that was made, with the names and secrets that it goes by.
// They are shown once.
type PublishedApp struct {
	AppView
	Credentials souk.Credentials
}

// PublishOutline makes an app of an org from what its owner says of it, which may
// be less than PublishApp takes: a description, terms and a privacy policy can
// come later. There are no webhooks yet, as there is nothing to prove their URLs
// with. It refuses what PublishApp does.
func (m *Market) PublishOutline(ctx context.Context, actor souk.Actor, owner souk.ID, in AppForm) (v PublishedApp, err error) {
	err = m.write(ctx, actor, rootOf(owner), func(tx *Tx) (err error) {
		v, err = tx.publishOutline(owner, in)
		return err
	})
	return v, err
}

func (tx *Tx) publishOutline(owner souk.ID, in AppForm) (v PublishedApp, err error) {
	if err := tx.checkOutline(in); err != nil {
		return v, err
	}
	if v.AppView, err = tx.publishLacking(owner, in, lackedBy(souk.App{Name: "an app"})); err != nil {
		return v, err
	}
	v.Credentials, err = tx.credentials(v.ID)
	return v, err
}

// lackedBy is all that is wrong with an app.
func lackedBy(a souk.App) (p problems) {
	p.app(a)
	return p
}

// checkOutline refuses addresses that are none, and scopes that there are not.
// No address at all is for others to judge.
func (tx *Tx) checkOutline(in AppForm) error {
	var p problems
	for _, l := range []struct {
		field string
		url   *string
	}{{"links.terms_of_service", in.TermsOfService}, {"links.privacy_policy", in.PrivacyPolicy}} {
		if l.url != nil {
			p.optionalURL(l.field, *l.url)
		}
	}
	names := souk.NewScopes(slices.Concat(in.RequiredScopes, in.BotScopes, in.UserScopes)...)
	found, err := tx.entries(names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(found, func(s souk.Scope) bool { return s.Name == name }) {
			p.add("scopes."+name, "is no scope")
		}
	}
	return p.err()
}

// PutOutline makes an app what an outline says: it changes the app, and makes,
// changes and deletes webhooks, all or nothing. What is like that already is not
// touched. A webhook that is new, has another URL or another header proves its URL
// first. Who may change the app and its webhooks may. It refuses what UpdateApp
// and PutWebhook do; in souk.Invalid a webhook is named by its place.
func (m *Market) PutOutline(ctx context.Context, actor souk.Actor, id souk.ID, in Outline) error {
	prove, with, err := m.prepareOutline(ctx, actor, id, &in)
	if err != nil {
		return err
	}
	if len(prove) > 0 { // nobody is asked in vain
		if err := m.tryOutline(ctx, actor, ownerAndHolders(id), func(tx *Tx) error { return tx.putOutline(id, in) }); err != nil {
			return err
		}
	}
	for _, w := range prove {
		if err := m.shakeHands(ctx, w, with); err != nil {
			return err
		}
	}
	return m.write(ctx, actor, ownerAndHolders(id), func(tx *Tx) error { return tx.putOutline(id, in) })
}

// errTried ends a transaction that is not to be.
var errTried = errors.New("it would be done")

// TryOutline refuses what PutOutline would, or PublishOutline where there is no
// app, and changes nothing. It asks no URL to prove itself.
func (m *Market) TryOutline(ctx context.Context, actor souk.Actor, owner, id souk.ID, in Outline) error {
	if id.IsZero() {
		return m.tryOutline(ctx, actor, rootOf(owner), func(tx *Tx) error {
			_, err := tx.publishOutline(owner, in.AppForm)
			return err
		})
	}
	if _, _, err := m.prepareOutline(ctx, actor, id, &in); err != nil {
		return err
	}
	return m.tryOutline(ctx, actor, ownerAndHolders(id), func(tx *Tx) error { return tx.putOutline(id, in) })
}

// tryOutline runs a verb and undoes it.
func (m *Market) tryOutline(ctx context.Context, actor souk.Actor, find func(*store.Tx) (store.Locks, error), verb func(*Tx) error) error {
	err := m.write(ctx, actor, find, func(tx *Tx) error {
		if err := verb(tx); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}

// prepareOutline says of every webhook what the document does not, looks at what
// can be looked at without a transaction, and answers with the webhooks that are to
// prove their URLs, and with what.
func (m *Market) prepareOutline(ctx context.Context, actor souk.Actor, id souk.ID, in *Outline) (prove []souk.Webhook, with souk.Credentials, err error) {
	known := map[souk.ID]souk.Webhook{}
	if err := m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(id); err != nil {
			return err
		}
		if with, err = tx.credentials(id); err != nil {
			return err
		}
		found, err := tx.outlined(id)
		if err != nil {
			return err
		}
		for _, w := range found {
			if known[w.ID], err = w.Open(m.Key); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, with, err
	}
	var p problems
	all := make([]Hook, len(in.Webhooks))
	for i, h := range in.Webhooks {
		h.App, h.Dialect, h.Source = id, souk.Zoom, souk.FromPeople
		had, there := known[h.ID]
		if delete(known, h.ID); there {
			h.Reach, h.Extended = had.Reach, had.Extended
		} else if had = (souk.Webhook{App: id, Dialect: souk.Zoom, Source: souk.FromPeople, Status: souk.WebhookActive}); !h.ID.IsZero() {
			p.add(at(i, "id"), "is no event subscription of the app, or is there twice")
		}
		h.Auth = unmasked(had, h)
		all[i] = h
		p.within(at(i, ""), m.checkHook(h))
		if err := m.CheckURL(h.URL); h.URL != "" && err != nil {
			p.add(at(i, "url"), "%s", err)
		}
		if had.URL != h.URL || h.Auth != nil {
			if had.URL = h.URL; h.Auth != nil {
				had.Auth = *h.Auth
			}
			prove = append(prove, had)
		}
	}
	in.Webhooks = all
	return prove, with, p.err()
}

// at names a field of a webhook of an outline.
func at(i int, field string) string { return fmt.Sprintf("webhooks[%d].%s", i, field) }

// within adds what is wrong with a part.
func (p *problems) within(prefix string, err error) {
	var wrong souk.Invalid
	if errors.As(err, &wrong) {
		for _, w := range wrong {
			p.add(prefix+w.Field, "%s", w.Reason)
		}
	}
}

// openedHook is the webhook that h changes, with its secrets, or the beginning of
// a new one.
func (tx *Tx) openedHook(h Hook) (w souk.Webhook, err error) {
	if h.ID.IsZero() {
		return souk.Webhook{App: h.App, Dialect: h.Dialect, Source: h.Source, Status: souk.WebhookActive}, nil
	}
	sealed, err := tx.Webhook(h.ID)
	if err != nil {
		return w, or(err, souk.UnknownWebhook)
	}
	return sealed.Open(tx.market.Key)
}

// unmasked is the header that h says, in which the secrets that are only shown
// masked, or left out, are those that a webhook has; nil when it is the one that it
// has. Another server is not told what is shown to nobody: for that the secrets
// have to be said.
func unmasked(w souk.Webhook, h Hook) *souk.Auth {
	if h.Auth == nil {
		return nil
	}
	full := *h.Auth
	if full.Kind == w.Auth.Kind && sameServer(h.URL, w.URL) && (full.Kind != souk.OAuthAuth || sameServer(full.TokenURL, w.Auth.TokenURL)) {
		for _, s := range []struct {
			to   *string
			from string
		}{{&full.Password, w.Auth.Password}, {&full.ClientSecret, w.Auth.ClientSecret}, {&full.Value, w.Auth.Value}} {
			if *s.to == "" || *s.to == souk.Masked {
				*s.to = s.from
			}
		}
	}
	if full == w.Auth && sameServer(h.URL, w.URL) {
		return nil
	}
	return &full
}

// sameServer reports whether two URLs lead to the same server.
func sameServer(a, b string) bool {
	u, err := url.Parse(a)
	v, bad := url.Parse(b)
	return err == nil && bad == nil && u.Scheme == v.Scheme && strings.EqualFold(u.Host, v.Host)
}

func (tx *Tx) putOutline(id souk.ID, in Outline) error {
	app, _, err := tx.ownedApp(id)
	if err != nil {
		return err
	}
	if err := tx.checkOutline(in.AppForm); err != nil {
		return err
	}
	if err := tx.putOutlinedApp(app, in.AppForm); err != nil {
		return err
	}
	listed := map[souk.ID]bool{}
	for _, h := range in.Webhooks {
		listed[h.ID] = true
	}
	had, err := tx.outlined(id)
	if err != nil {
		return err
	}
	for _, w := range had {
		if !listed[w.ID] {
			if err := tx.deleteWebhook("DeleteWebhook", id, w.ID); err != nil {
				return err
			}
		}
	}
	var p problems
	for i, h := range in.Webhooks {
		err := tx.putOutlinedHook(h)
		if wrong := (souk.Invalid)(nil); errors.As(err, &wrong) {
			p.within(at(i, ""), wrong)
		} else if err != nil {
			return err
		}
	}
	return p.err()
}

// putOutlinedApp changes an app, unless it is so already.
func (tx *Tx) putOutlinedApp(before souk.App, in AppForm) error {
	at, err := tx.desk(before.Owner, MaySettings)
	if err != nil {
		return err
	}
	if _, err := tx.lookedAfter(before.Owner, before.ID); err != nil {
		return err
	}
	app := before
	lacking := append(lackedBy(before), lackedBy(souk.App{Name: "an app"})...)
	if err := tx.apply(in, &app, at.Org, lacking); err != nil {
		return err
	}
	if reflect.DeepEqual(plain(before), plain(app)) {
		return nil
	}
	var v AppView
	return tx.change(&v, "UpdateApp", at, before, app)
}

// plain is an app in which no lists and empty lists are alike.
func plain(a souk.App) souk.App {
	for _, list := range []*souk.Scopes{&a.RequiredScopes, &a.BotScopes, &a.UserScopes} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	for _, list := range []*[]string{&a.Triggers, &a.RedirectURIs, &a.Zoom.PremiumEvents, &a.Zoom.AccountTypes} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return a
}

// putOutlinedHook puts a webhook, unless it is so already.
func (tx *Tx) putOutlinedHook(h Hook) error {
	before, err := tx.openedHook(h)
	if err != nil {
		return err
	}
	h.Auth = unmasked(before, h)
	if !h.ID.IsZero() && h.Auth == nil && h.saysOf(before) {
		return nil
	}
	_, err = tx.putWebhook(h)
	return err
}

// saysOf reports whether h says of a webhook what it is. It goes on to be that,
// whatever the app may have lost meanwhile that a new one would take.
func (h Hook) saysOf(w souk.Webhook) bool {
	sorted := func(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
	return h.URL == w.URL && h.Name == w.Name && h.Environment == w.Environment && slices.Equal(sorted(h.Events), sorted(w.Events))
}
