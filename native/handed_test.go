package native

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// places are where apps try what they were handed: the workspace that people
// agreed at, another that the installation reaches, and the enterprise above.
var places = []string{"sales", "labs", "acme"}

// handed is a company with an app that is installed for all of Acme and was
// handed everything that an app can be. Each place has one of everything that
// an operation can name.
type handed struct {
	*company
	plots   map[string]map[string]souk.ID // what is named in braces, by place
	secrets []string                      // that no app is to be shown
}

const (
	agentSecret = "0123456789abcdef0123456789abcdef01234567"
	hookSecret  = "?secret=s" // in the address of a webhook, which its app alone knows
)

// ownAt is the token of the app user of a place's own app.
func ownAt(place string) string { return "own at " + place }

// allThree are what an app can be allowed besides what it asks for elsewhere.
var allThree = souk.NewScopes("settings", "users", "reports")

// hand makes a company with the app in the database of another.
func (o *company) hand(t *testing.T) *handed {
	t.Helper()
	h := &handed{company: newCompanyAt(t, o), plots: map[string]map[string]souk.ID{}}
	for _, x := range []struct {
		place string
		org   souk.Org
		who   string
	}{{"sales", h.sales, "sid"}, {"labs", h.labs, "lea"}, {"acme", h.acme, "ann"}} {
		h.plots[x.place] = h.plot(t, x.org, x.who)
	}
	agent, idle := h.agent(t, "agent"), h.agent(t, "idle")
	h.agrees(t, agent.App, "bare")
	h.agrees(t, agent.App, "users", "users")
	h.agrees(t, agent.App, "full", allThree...)
	ctx := t.Context()
	came, err := h.market.SSOToken(ctx, market.SSO{
		App: agent.App, Secret: agentSecret, Org: h.sales.ID, Email: "newcomer@sales.example", FirstName: "New", Permissions: allThree,
	}, "test", netip.Addr{})
	must(err)
	h.tokens["newcomer"] = came.Secret
	_, err = h.market.SetPermissions(ctx, actor(h.olga), h.acme.ID, agent.AppUser, souk.Permissions)
	must(err)
	for name, i := range map[string]souk.Installation{"agent": agent, "idle": idle} {
		made, err := h.market.MintAppUserToken(ctx, actor(h.vic), i.App, i.ID, market.Minting{Description: name})
		must(err)
		h.tokens[name] = made.Secret
	}
	h.put(t, func(tx *store.Tx) error { // another app asks for more now
		grown, err := tx.App(idle.App)
		grown.BotScopes = souk.NewScopes("team:read")
		return errors.Join(err, tx.PutApp(grown))
	})
	for _, plot := range h.plots {
		plot["grown"] = idle.App
	}
	return h
}

// agrees makes a token of Acme's owner, who lets an app do something at Sales.
func (h *handed) agrees(t *testing.T, app souk.ID, name string, scopes ...string) {
	t.Helper()
	session := actor(h.olga)
	session.Kind = souk.ConsoleSession
	const back = "https://agent.example/"
	code, err := h.market.Authorize(t.Context(), session, market.Authorizing{App: app, At: h.sales.ID, Redirect: back, Scopes: append([]string{}, scopes...)})
	must(err)
	made, err := h.market.Redeem(t.Context(), market.Redeeming{App: app, Secret: agentSecret, Code: code, Redirect: back}, "test", netip.Addr{})
	must(err)
	h.tokens[name] = made.Secret
}

// app makes an app with its credentials.
func (h *handed) app(t *testing.T, a souk.App, with souk.Credentials, to souk.Grantee) souk.App {
	t.Helper()
	a.ID = souk.NewID()
	a.Description, a.Kind, a.Listing = a.Name, souk.ThirdParty, souk.Listed
	a.IsAppUserRequired, a.AppUser = true, souk.AppUserNames{FirstName: a.Name, LastName: "Bot"}
	a.CreatedAt, a.UpdatedAt = h.at, h.at
	with.App = a.ID
	h.secrets = append(h.secrets, with.GiosgSecret, with.SlackClientSecret, with.SlackSigningSecret, with.SlackVerificationToken, with.ZoomClientSecret, with.ZoomWebhookSecret)
	h.put(t, func(tx *store.Tx) error {
		if err := tx.PutApp(a); err != nil {
			return err
		}
		if err := tx.PutCredentials(store.SealCredentials(h.market.Key, with)); err != nil {
			return err
		}
		_, err := tx.PutRight(souk.Right{App: a.ID, To: to, Org: a.Owner}, h.at)
		return err
	})
	return a
}

// agent installs an app of Vendor's for all of Acme.
func (h *handed) agent(t *testing.T, name string) souk.Installation {
	t.Helper()
	with := market.NewCredentials(souk.ID{})
	with.GiosgSecret = agentSecret
	a := h.app(t, souk.App{
		Name: name, Owner: h.vendor.ID, IsAvailableToAnyone: true,
		RequiredScopes: allThree, RedirectURIs: []string{"https://agent.example/"},
	}, with, souk.ToEveryone)
	return h.installed(t, a, h.acme, h.sales.ID, h.labs.ID)
}

// installed is an app that Acme's owner approves and installs.
func (h *handed) installed(t *testing.T, a souk.App, at souk.Org, workspaces ...souk.ID) souk.Installation {
	t.Helper()
	_, err := h.market.Approve(t.Context(), actor(h.olga), market.Decision{App: a.ID, At: at.ID})
	must(err)
	done, err := h.market.Install(t.Context(), actor(h.olga), market.Installing{App: a.ID, At: at.ID, Workspaces: workspaces})
	must(err)
	return done.Installation
}

// plot is one of everything at an org: a member who asked for an app, as Acme's
// owner did, and an app of its own that is installed there.
func (h *handed) plot(t *testing.T, org souk.Org, name string) map[string]souk.ID {
	t.Helper()
	ctx := t.Context()
	u := souk.User{ID: souk.NewID(), Org: org.ID, FirstName: name, Email: name + "@" + org.Domain + ".example", CreatedAt: h.at}
	h.put(t, func(tx *store.Tx) error {
		if err := tx.PutUser(u, org.Root()); err != nil {
			return err
		}
		return tx.PutMembership(souk.Membership{User: u.ID, Org: org.ID, Role: souk.Member, CreatedAt: h.at})
	})
	own := h.app(t, souk.App{
		Name: org.Name + "'s own", Owner: org.ID, BotScopes: souk.NewScopes("team:read"), RequiredScopes: allThree,
		TriggerURL: "https://own.example/", Triggers: []string{"chat_start"},
	}, market.NewCredentials(souk.ID{}), souk.ToOwner)
	hook, err := h.market.PutWebhook(ctx, actor(h.olga), market.Hook{App: own.ID, Dialect: souk.Native, URL: "https://own.example/" + hookSecret, Events: Wire().Events})
	must(err)
	h.secrets = append(h.secrets, hook.Secret)
	i := h.installed(t, own, org)
	k, err := h.market.MintAppUserToken(ctx, actor(h.olga), own.ID, i.ID, market.Minting{Description: "worker"})
	must(err)
	h.secrets = append(h.secrets, k.Secret)
	_, err = h.market.SetPermissions(ctx, actor(h.olga), org.ID, i.AppUser, souk.Permissions)
	must(err)
	worker, err := h.market.MintAppUserToken(ctx, actor(h.olga), own.ID, i.ID, market.Minting{Description: "another"})
	must(err)
	h.tokens[ownAt(org.Domain)] = worker.Secret
	theirs, err := h.market.RequestApp(ctx, actor(u), market.Asking{App: h.guard.ID, At: org.ID})
	must(err)
	olgas, err := h.market.RequestApp(ctx, actor(h.olga), market.Asking{App: h.guard.ID, At: org.ID})
	must(err)
	told, err := h.market.Trigger(ctx, souk.Operator("test"), market.Triggering{Condition: "chat_start", Org: org.ID, App: own.ID})
	must(err)
	plot := map[string]souk.ID{
		"org": org.ID, "user": u.ID, "app": own.ID, "bot": i.AppUser, "installation": i.ID, "token": k.Token.ID,
		"webhook": hook.ID, "request": theirs.Request.ID, "olgas": olgas.Request.ID, "called": told[0].Delivery,
	}
	must(h.db.Read(ctx, func(tx *store.Tx) error {
		sent, err := souktest.Told(tx, hook.ID, "", souk.Page{Size: 1})
		if err == nil {
			plot["delivery"] = sent[0].ID
		}
		return err
	}))
	plot["over"], plot["replay"] = h.past(t, hook.Webhook)
	return plot
}

// fillAt puts what a place has into a call or a body.
func (h *handed) fillAt(place, s string) string {
	for name, id := range h.plots[place] {
		s = strings.ReplaceAll(s, "{"+name+"}", id.String())
	}
	return s
}
