package market_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// bounds are how many random sequences of verbs each engine sees and how long
// they are, unless the flags say otherwise.
var bounds = map[string]string{"rapid.checks": "6", "rapid.steps": "120"}

// What must always hold is asked after every step of random walks through a
// town in which anybody tries anything.
func TestInvariants(t *testing.T) {
	for name, value := range bounds {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			ok(t, f.Value.Set(value))
			t.Cleanup(func() { ok(t, f.Value.Set(f.DefValue)) })
		}
	}
	souktest.EachAddress(t, func(t *testing.T, address string) {
		first := newTown(t, address)
		rapid.Check(t, func(t *rapid.T) {
			// Every walk begins in a town of its own in the same database.
			w := &town{t: t, db: first.db, sql: first.sql, user: map[string]souk.ID{}, app: map[string]souk.ID{}}
			w.m = w.marketOn(first.db)
			w.build()
			newWalk(w).run(t)
		})
	})
}

// walk is a random sequence of verbs with what has to come of them.
type walk struct {
	*town
	rt     *rapid.T
	before moment // the step

	names, apps []string
	orgs        []souk.ID
	people      map[souk.ID][]string // who has business there
	requests    []souk.ID
	tokens      map[string]souk.ID // secrets, and the installations they came with
	hook        souk.ID

	answers map[answerAt]string // the model: what stands for everyone
	live    map[answerAt]souk.ID
}

// answerAt names an app at an org.
type answerAt struct{ app, org souk.ID }

// moment is what a step is compared with.
type moment struct {
	nouns, all    string
	audit, events int
	resolutions   map[string]string
}

func newWalk(w *town) *walk {
	k := &walk{
		town: w, names: slices.Sorted(maps.Keys(w.user)), apps: []string{"chat", "files", "tool", "manager", "certified", "bespoke", "draft"},
		orgs: []souk.ID{w.acme, w.hq, w.lab, w.globex, w.vendor},
		people: map[souk.ID][]string{
			w.acme: {"eve", "ada", "sam"}, w.hq: {"eve", "ada", "olga", "max", "sid", "una", "jane", "joe"},
			w.lab: {"eve", "liz", "lee"}, w.globex: {"gus", "gina", "gwen"}, w.vendor: {"vic"},
		},
		tokens: map[string]souk.ID{}, answers: map[answerAt]string{}, live: map[answerAt]souk.ID{},
	}
	hook := must(w.m.PutWebhook(context.Background(), w.as("vic"), market.Hook{App: w.app["chat"], Dialect: souk.Native,
		URL: "https://vendor.example/", Events: []string{"request.created", "installation.removed", "case.approved"}}))(w.t)
	must(w.m.PutWebhook(context.Background(), w.as("vic"), market.Hook{App: w.app["tool"], Dialect: souk.Slack,
		URL: "https://vendor.example/slack", Events: []string{"app_requested"}}))(w.t)
	k.hook = hook.ID
	return k
}

func (k *walk) run(t *rapid.T) {
	k.rt, k.town.t = t, t
	k.before = k.now()
	steps := map[string]func(*rapid.T){
		"": func(t *rapid.T) {
			k.rt, k.town.t = t, t
			k.check()
		},
	}
	approve, restrict, decline := k.decision("Approve", k.m.Approve), k.decision("Restrict", k.m.Restrict), k.decision("Decline", k.m.Decline)
	for name, often := range map[string]struct {
		times int
		fn    func()
	}{
		"ask": {3, k.ask}, "cancel": {1, k.cancel}, "approve": {3, approve}, "restrict": {2, restrict}, "decline": {1, decline},
		"clear": {2, k.clear}, "narrow": {1, k.narrow}, "ask more": {1, k.askMore}, "install": {4, k.install},
		"set workspaces": {2, k.setWorkspaces}, "uninstall": {2, k.uninstall}, "suspend": {1, k.suspend}, "policy": {1, k.policy},
		"deactivate": {1, k.deactivate}, "membership": {1, k.membership}, "rename": {1, k.rename}, "webhook": {1, k.webhook},
		"stranger": {1, k.stranger},
	} {
		for i := range often.times {
			steps[fmt.Sprint(name, i)] = func(t *rapid.T) {
				k.rt, k.town.t = t, t
				often.fn()
			}
		}
	}
	t.Repeat(steps)
}

func (k *walk) pick(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(k.rt, label)
}

func (k *walk) rarely(label string) bool { return rapid.IntRange(0, 5).Draw(k.rt, label) == 5 }

// actor is mostly somebody who has business at an org, and now and then anybody.
func (k *walk) actor(at souk.ID) souk.Actor {
	if k.people[at] == nil || k.rarely("anybody") {
		return k.as(k.pick("actor", k.names))
	}
	return k.as(k.pick("actor", k.people[at]))
}

// place is mostly the workspace where most is going on.
func (k *walk) place() souk.ID {
	if rapid.Bool().Draw(k.rt, "hq") {
		return k.hq
	}
	return rapid.SampledFrom(k.orgs).Draw(k.rt, "org")
}

func (k *walk) anApp() souk.ID {
	if rapid.Bool().Draw(k.rt, "any app") {
		return k.app[k.pick("app", k.apps)]
	}
	return k.app["chat"]
}

func (k *walk) aRequest() souk.ID {
	if len(k.requests) == 0 {
		return souk.NewID()
	}
	return rapid.SampledFrom(k.requests).Draw(k.rt, "request")
}

// try runs a verb. What it refuses has changed nothing, and is refused alike
// through another wire and on the person's behalf.
func (k *walk) try(verb string, actor souk.Actor, call func(souk.Actor) error) (done bool) {
	k.town.t.Helper()
	err := call(actor)
	now := k.now()
	if err != nil {
		if market.FaultOf(err) != market.NoFault {
			k.rt.Fatalf("%s: %v", verb, err)
		}
		if now.all != k.before.all {
			k.rt.Fatalf("%s was refused (%v) and changed something", verb, err)
		}
		other := actor
		other.Face = "another wire"
		if actor.User != (souk.ID{}) {
			other = onBehalf(other)
		}
		if again := call(other); again == nil || again.Error() != err.Error() {
			k.rt.Fatalf("%s: refused with %v, and through another wire with %v", verb, err, again)
		}
		return false
	}
	if now.nouns != k.before.nouns && (now.audit == k.before.audit || now.events == k.before.events) {
		k.rt.Fatalf("%s changed something: %d entries in the audit and %d events are new", verb, now.audit-k.before.audit, now.events-k.before.events)
	}
	if now.audit == k.before.audit && now.all != k.before.all {
		k.rt.Fatalf("%s wrote something and is not in the audit", verb)
	}
	if single := verb != "Uninstall" && verb != "DeactivateUser"; single && now.audit > k.before.audit+1 {
		k.rt.Fatalf("%s is in the audit %d times", verb, now.audit-k.before.audit)
	}
	k.history(verb, now)
	k.before = now
	return true
}

// history holds decisions against what they were: they end and change in
// nothing else.
func (k *walk) history(verb string, now moment) {
	for id, was := range k.before.resolutions {
		if is := now.resolutions[id]; is != was && is != was+" ended" {
			k.rt.Fatalf("%s changed a decision from %q to %q", verb, was, is)
		}
	}
}

func (k *walk) now() (now moment) {
	nouns := slices.DeleteFunc(slices.Clone(tables), func(name string) bool {
		return name == "events" || name == "deliveries" || name == "audit"
	})
	now.nouns = k.digest(nouns...)
	now.all = now.nouns + k.digest("events", "deliveries", "audit")
	now.audit, now.events = k.count(`SELECT count(*) FROM audit`), k.count(`SELECT count(*) FROM events`)
	now.resolutions = map[string]string{}
	k.readAll(func(tx *store.Tx, app souk.ID, org souk.ID) error {
		standing, err := tx.StandingResolutions(app, org)
		for _, r := range standing {
			now.resolutions[r.ID.String()] = fmt.Sprintf("%s %s %s %s %s by %s", r.App, r.Org, r.Audience, r.Status, r.Scopes, r.By)
		}
		return err
	})
	for id, was := range k.before.resolutions {
		if _, stands := now.resolutions[id]; !stands {
			now.resolutions[id] = strings.TrimSuffix(was, " ended") + " ended"
		}
	}
	return now
}

// readAll goes through the apps at the orgs of this walk.
func (k *walk) readAll(fn func(*store.Tx, souk.ID, souk.ID) error) {
	k.read(func(tx *store.Tx) error {
		for _, app := range k.apps {
			for _, org := range k.orgs {
				if err := fn(tx, k.app[app], org); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (k *walk) ask() {
	in := market.Asking{App: k.anApp(), At: k.place()}
	if k.rarely("other scopes") {
		in.Scopes = []string{"reports"}
	}
	if k.rarely("for another") {
		in.For = k.user[k.pick("for", k.names)]
	}
	k.try("RequestApp", k.actor(in.At), func(a souk.Actor) error {
		asked, err := k.m.RequestApp(context.Background(), a, in)
		if err == nil && asked.Verdict == souk.VerdictApproved != asked.Request.ID.IsZero() {
			k.rt.Fatalf("asked: %s with request %s", asked.Verdict, asked.Request.ID)
		}
		if err == nil && !asked.Request.ID.IsZero() && !asked.Again {
			k.requests = append(k.requests, asked.Request.ID)
		}
		return err
	})
}

func (k *walk) cancel() {
	in := market.Withdrawal{Request: k.aRequest()}
	k.try("CancelRequest", k.actor(k.hq), func(a souk.Actor) error { return k.m.CancelRequest(context.Background(), a, in) })
}

func (k *walk) decision(verb string, decide func(context.Context, souk.Actor, market.Decision) (market.Decided, error)) func() {
	return func() { k.decide(verb, decide) }
}

func (k *walk) decide(verb string, decide func(context.Context, souk.Actor, market.Decision) (market.Decided, error)) {
	in := market.Decision{App: k.anApp(), At: k.place()}
	if rapid.Bool().Draw(k.rt, "by request") {
		in.Request = k.aRequest()
		if rapid.Bool().Draw(k.rt, "wherever") {
			in.At = souk.ID{}
		}
	}
	if k.rarely("narrow ceiling") {
		in.Scopes = []string{"reports", "team:read"}
	}
	var done market.Decided
	if !k.try(verb, k.actor(in.At), func(a souk.Actor) (err error) {
		done, err = decide(context.Background(), a, in)
		return err
	}) {
		return
	}
	if in.Request != (souk.ID{}) && done.Settled[0].ID != in.Request {
		k.rt.Fatalf("%s named request %s and settled %v", verb, in.Request, done.Settled)
	}
	if verb == "Decline" {
		return
	}
	r := done.Resolution
	k.answers[answerAt{r.App, r.Org}] = string(r.Status) + " " + r.Scopes.String()
	if r.Status == souk.Restricted && r.Org == k.acme {
		for _, below := range []souk.ID{k.hq, k.lab} {
			if had := k.answers[answerAt{r.App, below}]; len(had) > 8 && had[:8] == "approved" {
				delete(k.answers, answerAt{r.App, below})
			}
		}
	}
	k.settled(in.Request, done)
}

// settled holds what a decision settled against Effective.
func (k *walk) settled(named souk.ID, done market.Decided) {
	verdict := func(q souk.Request) souk.Verdict {
		if !k.active(q.User) {
			return "" // nobody asks any more
		}
		answer := must(k.m.Explain(context.Background(), operator, market.Question{App: q.App, At: q.Org, User: q.User, Scopes: append([]string{}, q.Scopes...)}))(k.town.t)
		return answer.Verdict
	}
	for _, q := range done.Settled {
		if q.ID == named {
			continue
		}
		if want := map[souk.Verdict]souk.RequestStatus{
			souk.VerdictApproved: souk.RequestApproved, souk.BlockedByOrganization: souk.RequestRestricted, souk.BlockedByWorkspace: souk.RequestRestricted,
		}[verdict(q)]; q.Status != want {
			k.rt.Fatalf("a request of the case was settled as %s, Effective says %s", q.Status, verdict(q))
		}
	}
	for _, id := range k.requests {
		q := k.request(id)
		if q.App != done.Resolution.App || q.Status != souk.Pending {
			continue
		}
		if root := k.org(q.Org).Root(); root != k.org(done.Resolution.Org).Root() {
			continue
		}
		switch v := verdict(q); v {
		case souk.VerdictApproved, souk.BlockedByOrganization, souk.BlockedByWorkspace:
			k.rt.Fatalf("a request of the case is pending and Effective says %s", v)
		}
	}
}

func (k *walk) active(user souk.ID) (active bool) {
	k.read(func(tx *store.Tx) error {
		u, err := tx.User(user)
		active = u.Active()
		return err
	})
	return active
}

func (k *walk) clear() {
	in := market.Clearing{App: k.anApp(), At: k.place()}
	if k.try("Clear", k.actor(in.At), func(a souk.Actor) error { return k.m.Clear(context.Background(), a, in) }) {
		delete(k.answers, answerAt{in.App, in.At})
	}
}

// narrow makes a standing answer for one user, as another wire would.
func (k *walk) narrow() {
	r := souk.Resolution{ID: souk.NewID(), App: k.anApp(), Org: k.place(), Audience: souk.Audience{User: k.user[k.pick("audience", k.names)]},
		Status: rapid.SampledFrom([]souk.ResolutionStatus{souk.Approved, souk.Restricted}).Draw(k.rt, "status"), By: k.user["eve"], CreatedAt: dawn}
	k.write(func(tx *store.Tx) error {
		standing, err := tx.StandingResolutions(r.App, r.Org)
		u, err2 := tx.User(r.Audience.User)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		if !u.Active() || slices.ContainsFunc(standing, func(s souk.Resolution) bool { return s.Audience == r.Audience }) {
			return nil
		}
		return tx.InsertResolution(r)
	})
	k.before = k.now()
}

func (k *walk) install() {
	in := market.Installing{App: k.anApp(), At: k.place()}
	actor := k.actor(in.At)
	if in.At == k.acme {
		in.Workspaces = rapid.SampledFrom([][]souk.ID{nil, {k.hq}, {k.lab, k.hq}, {k.globex}}).Draw(k.rt, "workspaces")
	}
	answer, explained := k.m.Explain(context.Background(), actor, market.Question{App: in.App, At: in.At})
	var done market.Installed
	if !k.try("Install", actor, func(a souk.Actor) (err error) {
		done, err = k.m.Install(context.Background(), a, in)
		return err
	}) {
		return
	}
	i := done.Installation
	if explained != nil || answer.Verdict != souk.VerdictApproved || answer.Bounded && !answer.Ceiling.Covers(i.Scopes) {
		k.rt.Fatalf("installed with %q, and the answer was %s up to %q (%v)", i.Scopes, answer.Verdict, answer.Ceiling, explained)
	}
	k.live[answerAt{i.App, i.Org}] = i.ID
	if done.Upgraded {
		return
	}
	for _, t := range []souk.Token{
		{Kind: souk.UserToken, User: i.InstalledBy}, {Kind: souk.BotToken, User: i.AppUser},
	} {
		secret := market.NewSecret(t.Kind)
		t.ID, t.Hash, t.Installation, t.App, t.Org, t.CreatedAt = souk.NewID(), k.m.Key.Hash(secret), i.ID, i.App, i.Org, dawn
		k.write(func(tx *store.Tx) error { return tx.PutToken(t) })
		k.tokens[secret] = i.ID
	}
	k.before = k.now()
}

func (k *walk) setWorkspaces() {
	in := market.Granting{App: k.anApp(), At: k.acme, Workspaces: rapid.SampledFrom([][]souk.ID{nil, {k.hq}, {k.lab}, {k.hq, k.lab}}).Draw(k.rt, "workspaces")}
	k.try("SetWorkspaces", k.actor(in.At), func(a souk.Actor) error { return drop(k.m.SetWorkspaces(context.Background(), a, in)) })
}

func (k *walk) uninstall() {
	in := market.Uninstalling{App: k.anApp(), From: rapid.SliceOfN(rapid.SampledFrom(k.orgs), 1, 2).Draw(k.rt, "from")}
	actor := k.actor(in.From[0])
	if k.rarely("operator") {
		actor = operator
	}
	var ended []souk.Installation
	if k.try("Uninstall", actor, func(a souk.Actor) (err error) {
		ended, err = k.m.Uninstall(context.Background(), a, in)
		return err
	}) {
		for _, i := range ended {
			delete(k.live, answerAt{i.App, i.Org})
		}
	}
}

// askMore has an app's owner ask for other scopes from now on.
func (k *walk) askMore() {
	scopes := rapid.SampledFrom([][]string{{"team:read"}, {"team:read", "users:read"}, {"reports"}}).Draw(k.rt, "scopes")
	k.changeApp(k.pick("app", []string{"chat", "files", "tool"}), func(a *souk.App) { a.BotScopes = souk.NewScopes(scopes...) })
	k.before = k.now()
}

func (k *walk) suspend() {
	app := k.anApp()
	if !k.rarely("suspend") {
		k.try("ResumeApp", operator, func(a souk.Actor) error { return k.m.ResumeApp(context.Background(), a, app) })
		return
	}
	k.try("SuspendApp", operator, func(a souk.Actor) error { return k.m.SuspendApp(context.Background(), a, app) })
}

func (k *walk) policy() {
	in := market.Rules{Policy: rapid.SampledFrom([]souk.Policy{"", souk.Open, souk.Approval, souk.Closed}).Draw(k.rt, "policy"), Switches: souk.DefaultSwitches}
	in.Switches.ClearOwnersOnly = rapid.Bool().Draw(k.rt, "owners only")
	at := k.place()
	k.try("SetPolicy", k.actor(at), func(a souk.Actor) error { return k.m.SetPolicy(context.Background(), a, at, in) })
}

func (k *walk) deactivate() {
	if !k.rarely("deactivate") {
		return
	}
	whom := k.user[k.pick("whom", k.names)]
	k.try("DeactivateUser", k.actor(k.hq), func(a souk.Actor) error { return k.m.DeactivateUser(context.Background(), a, whom) })
}

func (k *walk) membership() {
	in := souk.Membership{User: k.user[k.pick("whom", k.names)], Org: k.place(),
		Role: rapid.SampledFrom([]souk.Role{souk.Owner, souk.Admin, souk.Member}).Draw(k.rt, "role")}
	k.try("PutMembership", k.actor(in.Org), func(a souk.Actor) error { return k.m.PutMembership(context.Background(), a, in) })
}

func (k *walk) rename() {
	in := market.Person{ID: k.user[k.pick("whom", k.names)], Email: k.pick("e-mail", k.names) + "@town.example", FirstName: "New"}
	k.try("PutUser", k.actor(k.hq), func(a souk.Actor) error { return drop(k.m.PutUser(context.Background(), a, in)) })
}

func (k *walk) webhook() {
	in := market.Hook{ID: k.hook, App: k.app["chat"], URL: "https://vendor.example/", Events: []string{"request.created"}, Paused: rapid.Bool().Draw(k.rt, "paused")}
	k.try("PutWebhook", k.actor(k.vendor), func(a souk.Actor) error { return drop(k.m.PutWebhook(context.Background(), a, in)) })
}

// stranger tries what lies with another root, and something that is nowhere:
// the answers are the same.
func (k *walk) stranger() {
	ctx := context.Background()
	stranger := k.as(k.pick("stranger", []string{"gus", "gina", "gwen", "vic"}))
	nowhere := souk.NewID()
	page := souk.Page{Size: 5}
	for what, call := range map[string]func(org, request, user, app souk.ID) error{
		"ask": func(org, _, _, _ souk.ID) error {
			return drop(k.m.RequestApp(ctx, stranger, market.Asking{App: k.app["chat"], At: org}))
		},
		"ask for app": func(_, _, _, app souk.ID) error {
			return drop(k.m.RequestApp(ctx, stranger, market.Asking{App: app, At: k.globex}))
		},
		"cancel": func(_, q, _, _ souk.ID) error { return k.m.CancelRequest(ctx, stranger, market.Withdrawal{Request: q}) },
		"approve at": func(org, _, _, _ souk.ID) error {
			return drop(k.m.Approve(ctx, stranger, market.Decision{App: k.app["chat"], At: org}))
		},
		"approve": func(_, q, _, _ souk.ID) error { return drop(k.m.Approve(ctx, stranger, market.Decision{Request: q})) },
		"restrict app": func(_, _, _, app souk.ID) error {
			return drop(k.m.Restrict(ctx, stranger, market.Decision{App: app, At: k.globex}))
		},
		"decline": func(_, q, _, _ souk.ID) error { return drop(k.m.Decline(ctx, stranger, market.Decision{Request: q})) },
		"clear": func(org, _, _, _ souk.ID) error {
			return k.m.Clear(ctx, stranger, market.Clearing{App: k.app["chat"], At: org})
		},
		"install": func(org, _, _, _ souk.ID) error {
			return drop(k.m.Install(ctx, stranger, market.Installing{App: k.app["chat"], At: org}))
		},
		"uninstall": func(org, _, _, _ souk.ID) error {
			return drop(k.m.Uninstall(ctx, stranger, market.Uninstalling{App: k.app["chat"], From: []souk.ID{org}}))
		},
		"policy": func(org, _, _, _ souk.ID) error { return k.m.SetPolicy(ctx, stranger, org, rules) },
		"rename": func(_, _, u, _ souk.ID) error {
			return drop(k.m.PutUser(ctx, stranger, market.Person{ID: u, Email: "x@town.example"}))
		},
		"deactivate": func(_, _, u, _ souk.ID) error { return k.m.DeactivateUser(ctx, stranger, u) },
		"membership": func(_, _, u, _ souk.ID) error {
			return k.m.PutMembership(ctx, stranger, souk.Membership{User: u, Org: k.globex, Role: souk.Member})
		},
		"requests": func(org, _, _, _ souk.ID) error {
			return drop(k.m.Requests(ctx, stranger, souk.RequestFilter{At: org}, page))
		},
		"request":   func(_, q, _, _ souk.ID) error { return drop(k.m.Request(ctx, stranger, q)) },
		"answers":   func(org, _, _, _ souk.ID) error { return drop(k.m.StandingAt(ctx, stranger, org, "", page)) },
		"installed": func(org, _, _, _ souk.ID) error { return drop(k.m.Installations(ctx, stranger, org, page)) },
		"explain": func(org, _, _, _ souk.ID) error {
			return drop(k.m.Explain(ctx, stranger, market.Question{App: k.app["chat"], At: org}))
		},
		"explain app": func(_, _, _, app souk.ID) error {
			return drop(k.m.Explain(ctx, stranger, market.Question{App: app, At: k.globex}))
		},
		"webhooks": func(_, _, _, app souk.ID) error { return drop(k.m.Webhooks(ctx, stranger, app)) },
	} {
		request := nowhere
		for _, id := range k.requests {
			if k.org(k.request(id).Org).Root() == k.acme {
				request = id
			}
		}
		theirs := call(k.hq, request, k.user["jane"], k.app["bespoke"])
		none := call(nowhere, nowhere, nowhere, nowhere)
		if theirs == nil || none == nil || theirs.Error() != none.Error() {
			k.rt.Fatalf("%s: what is another's is refused with %v, what is nowhere with %v", what, theirs, none)
		}
	}
	if k.now().all != k.before.all {
		k.rt.Fatalf("a stranger changed something")
	}
}

// check asks what must hold after every step.
func (k *walk) check() {
	for what, query := range map[string]string{
		"two live installations of an app at an org": `SELECT count(*) FROM (SELECT 1 AS one FROM installations WHERE status <> 'ended' GROUP BY app_id, org_id HAVING count(*) > 1) AS x`,
		"two answers stand for one audience":         `SELECT count(*) FROM (SELECT 1 AS one FROM resolutions WHERE ended_at IS NULL GROUP BY app_id, org_id, audience HAVING count(*) > 1) AS x`,
		"two open cases of an app under a root":      `SELECT count(*) FROM (SELECT 1 AS one FROM cases WHERE closed_at IS NULL GROUP BY app_id, root_id HAVING count(*) > 1) AS x`,
		"two pending requests of a user":             `SELECT count(*) FROM (SELECT 1 AS one FROM requests WHERE status = 'pending' GROUP BY user_id, app_id, org_id HAVING count(*) > 1) AS x`,
		"an open case without a pending request": `SELECT count(*) FROM cases c WHERE closed_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM requests q WHERE q.case_id = c.id AND q.status = 'pending')`,
		"a pending request in a closed case": `SELECT count(*) FROM requests q JOIN cases c ON c.id = q.case_id WHERE q.status = 'pending' AND c.closed_at IS NOT NULL`,
		"a request in another root's case": `SELECT count(*) FROM requests q JOIN cases c ON c.id = q.case_id JOIN orgs o ON o.id = q.org_id
			WHERE c.app_id <> q.app_id OR c.root_id <> COALESCE(o.enterprise_id, o.id)`,
		"a pending request of a deactivated user": `SELECT count(*) FROM requests q JOIN users u ON u.id = q.user_id WHERE q.status = 'pending' AND u.deactivated_at IS NOT NULL`,
		"a settled request without its time":      `SELECT count(*) FROM requests WHERE (status = 'pending') <> (settled_at IS NULL)`,
		"an ended installation's active grant":    `SELECT count(*) FROM grants g JOIN installations i ON i.id = g.installation_id WHERE i.status = 'ended' AND g.status = 'active'`,
		"an ended installation's app user":        `SELECT count(*) FROM users u JOIN installations i ON i.app_user_id = u.id WHERE i.status = 'ended' AND u.deactivated_at IS NULL`,
		"an ended installation's reach":           `SELECT count(*) FROM reach r JOIN installations i ON i.id = r.installation_id WHERE i.status = 'ended'`,
		"an ended installation's delivery": `SELECT count(*) FROM deliveries d JOIN installations i ON i.id = d.installation_id
			WHERE i.status = 'ended' AND d.status = 'pending' AND NOT d.final`,
		"a deactivated user's grant": `SELECT count(*) FROM grants g JOIN users u ON u.id = g.user_id WHERE g.status = 'active' AND u.deactivated_at IS NOT NULL`,
		"a live installation without its org in reach": `SELECT count(*) FROM installations i WHERE i.status <> 'ended'
			AND NOT EXISTS (SELECT 1 FROM reach r WHERE r.installation_id = i.id AND r.org_id = i.org_id)`,
		"reach beyond an installation": `SELECT count(*) FROM reach r JOIN installations i ON i.id = r.installation_id JOIN orgs o ON o.id = r.org_id
			WHERE r.app_id <> i.app_id OR r.org_id <> i.org_id AND (i.kind <> 'org_wide' OR o.enterprise_id IS NULL OR o.enterprise_id <> i.org_id)`,
		"an org without an owner": `SELECT count(*) FROM orgs o WHERE NOT EXISTS (SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id
			WHERE m.org_id = o.id AND m.role = 'owner' AND u.deactivated_at IS NULL)`,
		"an approval below an enterprise that restricted it later": `SELECT count(*) FROM resolutions b JOIN orgs o ON o.id = b.org_id
			JOIN resolutions a ON a.org_id = o.enterprise_id AND a.app_id = b.app_id AND a.ended_at IS NULL AND a.status = 'restricted' AND a.audience = 'everyone'
			WHERE b.ended_at IS NULL AND b.status = 'approved' AND b.audience = 'everyone'`,
		"a delivery without its event": `SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = d.event_id)`,
	} {
		if n := k.count(query); n != 0 {
			k.rt.Fatalf("%s: %d", what, n)
		}
	}
	k.checkAudit()
	k.checkModel()
	k.checkTokens()
}

// checkModel holds the standing answers for everyone and the live
// installations against what the steps left in the model.
func (k *walk) checkModel() {
	k.readAll(func(tx *store.Tx, app, org souk.ID) error {
		standing, err := tx.StandingResolutions(app, org)
		if err != nil {
			return err
		}
		is := ""
		for _, r := range standing {
			if r.Audience.IsEveryone() {
				is = string(r.Status) + " " + r.Scopes.String()
			}
		}
		if want := k.answers[answerAt{app, org}]; is != want {
			k.rt.Fatalf("%q stands for everyone, the model says %q", is, want)
		}
		i, err := tx.InstallationAt(app, org)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if i.ID != k.live[answerAt{app, org}] {
			k.rt.Fatalf("installation %s is live, the model says %s", i.ID, k.live[answerAt{app, org}])
		}
		return nil
	})
}

// checkTokens asks every token whether it lives: none outlives its installation.
func (k *walk) checkTokens() {
	for secret, id := range k.tokens {
		if slices.Contains(slices.Collect(maps.Values(k.live)), id) {
			continue
		}
		var dead souk.Dead
		if _, err := k.m.Authenticate(context.Background(), secret, "test", netip.Addr{}); !errors.As(err, &dead) {
			k.rt.Fatalf("a token of an ended installation answers with %v", err)
		}
	}
}
