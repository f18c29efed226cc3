package market_test

import (
	"context"
	"slices"

	"pgregory.net/rapid"

	"souk"
	"souk/market"
	"souk/store"
)

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
	actor := k.actor(k.hq)
	if q := k.requests; len(q) > 0 && slices.Contains(q, in.Request) && !k.rarely("not one's own") {
		actor.User = k.request(in.Request).User
	}
	k.try("CancelRequest", actor, func(a souk.Actor) error { return k.m.CancelRequest(context.Background(), a, in) })
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
	if n := k.count(`SELECT count(*) FROM resolutions WHERE app_id = $1 AND org_id = $2 AND ended_at IS NULL`, r.App, r.Org); n != 1 {
		k.rt.Fatalf("after deciding for everyone %d answers stand", n)
	}
	k.decided(done)
	if r.Status == souk.Approved {
		k.wishes(done)
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
	if k.rarely("some") {
		in.Audiences = k.someAudiences()
	}
	if k.try("Clear", k.actor(in.At), func(a souk.Actor) error { return k.m.Clear(context.Background(), a, in) }) {
		if in.Audiences == nil {
			delete(k.answers, answerAt{in.App, in.At})
		}
		for _, a := range in.Audiences {
			delete(k.answers[answerAt{in.App, in.At}], a)
		}
	}
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
	if q := done.Requested; q != nil {
		if explained != nil || answer.Verdict != souk.Requestable && answer.Verdict != souk.NeedsApproval || q.Wish == nil || q.Status != souk.Pending {
			k.rt.Fatalf("installing became the wish %+v, and the answer was %s (%v)", q, answer.Verdict, explained)
		}
		if !slices.Contains(k.requests, q.ID) {
			k.requests = append(k.requests, q.ID)
		}
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
	if k.try("DeactivateUser", k.actor(k.hq), func(a souk.Actor) error { return k.m.DeactivateUser(context.Background(), a, whom) }) {
		for _, stands := range k.answers {
			delete(stands, souk.Audience{User: whom})
		}
	}
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
	in := market.Hook{ID: k.hook, App: k.app["chat"], URL: "https://vendor.example/", Events: []string{"request.created"}, Paused: new(rapid.Bool().Draw(k.rt, "paused"))}
	k.try("PutWebhook", k.actor(k.vendor), func(a souk.Actor) error { return drop(k.m.PutWebhook(context.Background(), a, in)) })
}
