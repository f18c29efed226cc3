package market

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"souk"
	"souk/store"
)

// MaxZoomWebhooks is how many webhooks of Zoom's wire an app may have; and once
// more as many for where it is told that an authorization ended
// (docs/dialects/zoom.md, "Event subscriptions").
const MaxZoomWebhooks = 20

// Listening is what a webhook of Zoom's wire has beside a URL and events.
type Listening struct {
	Name        string
	Auth        *souk.Auth     // nil: as it is, and of a new one none
	Reach       souk.HookReach // "": souk.MasterReach
	Environment souk.Environment
	Source      souk.Source // stays as it is; "": souk.FromPeople. One of souk.Deauthorization has no events of its own
	Accounts    []souk.ID   // of a new one of souk.FromAPI, and there only: root orgs
	Extended    bool
}

// listening looks at what can be looked at without the database.
func (p *problems) listening(m *Market, in Hook) {
	l := in.Listening
	if in.Dialect != souk.Zoom {
		if l.Name != "" || l.Auth != nil || l.Reach != "" || l.Environment != "" || l.Source != "" || len(l.Accounts) > 0 || l.Extended {
			p.add("dialect", "has no webhooks with a name, auth, reach, environment or source")
		}
		return
	}
	p.text("name", l.Name, maxName)
	if l.Auth != nil {
		p.auth(m, *l.Auth)
	}
	p.oneOf("reach", string(l.Reach), "", string(souk.AccountReach), string(souk.MasterReach))
	p.oneOf("environment", string(l.Environment), "", string(souk.Development), string(souk.Production))
	p.oneOf("source", string(l.Source), "", string(souk.FromPeople), string(souk.FromAPI), string(souk.Deauthorization))
	if l.Source == souk.Deauthorization && len(in.Events) > 0 {
		p.add("events", "are not for a deauthorization URL: it is told one thing")
	}
	if len(l.Accounts) > 0 && l.Source != souk.FromAPI {
		p.add("accounts", "are for what the API made")
	}
}

// auth checks a header, and where a token for it is fetched.
func (p *problems) auth(m *Market, a souk.Auth) {
	wrong := a.Check()
	for _, w := range wrong {
		p.add("auth."+w.Field, "%s", w.Reason)
	}
	if len(wrong) == 0 && a.Kind == souk.OAuthAuth {
		if err := m.CheckURL(a.TokenURL); err != nil {
			p.add("auth.token_url", "%s", err)
		}
	}
}

func (p *problems) oneOf(field, s string, of ...string) {
	if !slices.Contains(of, s) {
		p.add(field, "must be one of %q", slices.DeleteFunc(of, func(w string) bool { return w == "" }))
	}
}

// listening applies what a webhook of Zoom's wire has beside the others.
func (tx *Tx) listening(w store.SealedWebhook, in Hook) (store.SealedWebhook, error) {
	source, reach := in.Source, in.Reach
	if source == "" {
		source = souk.FromPeople
	}
	if reach == "" {
		reach = souk.MasterReach
	}
	if w.Source == "" {
		w.Source, w.Accounts = source, slices.Clone(in.Accounts)
	} else if w.Source != source {
		return w, souk.UnknownWebhook
	}
	w.Name, w.Reach, w.Environment, w.Extended = in.Name, reach, in.Environment, in.Extended
	if w.Source == souk.Deauthorization {
		w.Events = []string{tx.market.Wires[w.Dialect].Goodbye}
	} else if err := tx.mayHearOf(w.Webhook); err != nil {
		return w, err
	}
	if in.Auth == nil {
		return w, nil
	}
	open, err := w.Open(tx.market.Key)
	if err != nil {
		return w, err
	}
	open.Auth = *in.Auth
	return store.SealWebhook(tx.market.Key, open), nil
}

// mayHearOf refuses events that an app asks for no scope to hear, and the one
// that nobody subscribes to.
func (tx *Tx) mayHearOf(w souk.Webhook) error {
	app, err := tx.App(w.App)
	if err != nil {
		return err
	}
	var p problems
	wire := tx.market.Wires[w.Dialect]
	for _, e := range w.Events {
		if e == wire.Goodbye {
			p.add("events", "%q is told at the deauthorization URL alone", e)
		}
		if needs := wire.Needs[e]; len(needs) > 0 && !slices.ContainsFunc(needs, app.Asks().Has) {
			p.add("events", "%q takes an app that asks for one of the scopes %q", e, []string(needs))
		}
	}
	return p.err()
}

// masked is the header of a webhook as it may be shown.
func (tx *Tx) masked(w store.SealedWebhook) (souk.Auth, error) {
	if len(w.SealedAuth) == 0 {
		return souk.Auth{}, nil
	}
	open, err := w.Open(tx.market.Key)
	if err != nil {
		return souk.Auth{}, fmt.Errorf("showing: %w", err)
	}
	return open.Auth.Masked(), nil
}

// Subscribing is for which account an app's webhooks are asked or changed, over
// Zoom's API.
type Subscribing struct {
	App     souk.ID
	Account souk.ID   // a root org that has the app; none: the one that owns the app
	Users   []souk.ID // who must belong to the account
	Emails  []string  // others who must
}

// subscribing finds the account. It refuses UnknownApp, NotAllowed, NotAuthorized
// for what is no account that has the app, and UnknownUser.
func (tx *Tx) subscribing(in Subscribing) (account souk.ID, err error) {
	_, at, err := tx.ownedApp(in.App)
	if err != nil {
		return account, err
	}
	if account = in.Account; account.IsZero() {
		account = at.Org.Root()
	}
	if there, err := tx.IsInstalledUnder(in.App, account); err != nil || !there {
		return account, either(err, souk.NotAuthorized)
	}
	for _, id := range in.Users {
		if root, err := tx.homeRoot(id); err != nil || root != account {
			if err != nil && !errors.Is(err, souk.NotAllowed) {
				return account, err
			}
			return account, souk.UnknownUser
		}
	}
	for _, email := range in.Emails {
		if _, err := tx.UserByEmail(account, strings.ToLower(email)); err != nil {
			return account, or(err, souk.UnknownUser)
		}
	}
	return account, nil
}

// Account finds the account that an app speaks of: for its webhooks there
// (docs/dialects/zoom.md, "Event subscriptions"). Who may put webhooks of the app
// may. It refuses UnknownApp, NotAllowed, OrgNotGranted, NotAuthorized for what is
// no account that has the app, and UnknownUser.
func (m *Market) Account(ctx context.Context, actor souk.Actor, in Subscribing) (account souk.ID, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		account, err = tx.subscribing(in)
		return err
	})
	return account, err
}

// SubscribeAccount has a webhook that the API made told of one account more.
// Repeating it changes nothing. It refuses what Account does, and UnknownWebhook,
// also for one that people made.
func (m *Market) SubscribeAccount(ctx context.Context, actor souk.Actor, in Subscribing, webhook souk.ID) error {
	return m.setAccounts(ctx, actor, "SubscribeAccount", in, webhook, func(had []souk.ID, account souk.ID) []souk.ID {
		return unique(append(had, account))
	})
}

// UnsubscribeAccount has a webhook that the API made told of one account less. One
// that is told of none is told nothing. It refuses what Account does, and
// UnknownWebhook also for one that is not told of the account.
func (m *Market) UnsubscribeAccount(ctx context.Context, actor souk.Actor, in Subscribing, webhook souk.ID) error {
	return m.setAccounts(ctx, actor, "UnsubscribeAccount", in, webhook, func(had []souk.ID, account souk.ID) []souk.ID {
		if !slices.Contains(had, account) {
			return nil
		}
		return slices.DeleteFunc(append([]souk.ID{}, had...), func(id souk.ID) bool { return id == account })
	})
}

// setAccounts changes the accounts of a webhook; nil is no change that there is to
// make.
func (m *Market) setAccounts(ctx context.Context, actor souk.Actor, verb string, in Subscribing, webhook souk.ID, change func([]souk.ID, souk.ID) []souk.ID) error {
	return m.write(ctx, actor, ownerOfApp(in.App), func(tx *Tx) error {
		w, err := tx.webhookOf(in.App, webhook)
		if err != nil {
			return err
		}
		if w.Source != souk.FromAPI {
			return souk.UnknownWebhook
		}
		account, err := tx.subscribing(in)
		if err != nil {
			return err
		}
		before := w.Webhook
		if w.Accounts = change(slices.Clone(w.Accounts), account); w.Accounts == nil {
			return souk.UnknownWebhook
		}
		if slices.Equal(before.Accounts, w.Accounts) {
			return nil
		}
		w.UpdatedAt, w.UpdatedBy = tx.at, tx.actor.User
		if err := tx.PutWebhook(w); err != nil {
			return err
		}
		return tx.tellWebhook(verb, souk.WebhookChanged, w.Webhook, before, w.Webhook)
	})
}
