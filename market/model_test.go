package market_test

import (
	"context"
	"errors"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"souk"
	"souk/market"
	"souk/store"
)

// stands is a standing answer as the model of a walk keeps it.
type stands struct {
	status souk.ResolutionStatus
	scopes string
}

// standingAnswers is the model of what was decided, for whom.
type standingAnswers map[answerAt]map[souk.Audience]stands

// check holds what stands at an org against the model.
func (m standingAnswers) check(t *rapid.T, at answerAt, standing []souk.Resolution) {
	is := map[souk.Audience]stands{}
	for _, r := range standing {
		is[r.Audience] = stands{r.Status, r.Scopes.String()}
	}
	if want := m[at]; !maps.Equal(is, want) {
		t.Fatalf("there stands %v, the model says %v", is, want)
	}
}

// decided brings a decision into the model.
func (k *walk) decided(done market.Decided) {
	for _, r := range done.Resolutions {
		at := answerAt{r.App, r.Org}
		if k.answers[at] == nil || r.Audience.IsEveryone() {
			k.answers[at] = map[souk.Audience]stands{}
		}
		k.answers[at][r.Audience] = stands{r.Status, r.Scopes.String()}
		if r.Status == souk.Restricted && r.Audience.IsEveryone() && r.Org == k.acme {
			k.unapproved(r.App, k.hq, k.lab)
		}
	}
}

// unapproved takes the approvals of an app at orgs out of the model.
func (k *walk) unapproved(app souk.ID, orgs ...souk.ID) {
	for _, org := range orgs {
		maps.DeleteFunc(k.answers[answerAt{app, org}], func(_ souk.Audience, s stands) bool { return s.status == souk.Approved })
	}
}

// below are an org and what lies below it.
func (k *walk) below(org souk.ID) []souk.ID {
	if org == k.acme {
		return []souk.ID{k.acme, k.hq, k.lab}
	}
	return []souk.ID{org}
}

func (k *walk) someAudiences() (some []souk.Audience) {
	for range rapid.IntRange(1, 2).Draw(k.rt, "audiences") {
		if k.rarely("a group") {
			some = append(some, souk.Audience{Group: rapid.SampledFrom(k.groups).Draw(k.rt, "group")})
		} else {
			some = append(some, souk.Audience{User: k.user[k.pick("audience", k.names)]})
		}
	}
	return some
}

func (k *walk) someUsers() (some []souk.ID) {
	for range rapid.IntRange(1, 3).Draw(k.rt, "users") {
		some = append(some, k.user[k.pick("user", k.names)])
	}
	return some
}

// narrow decides for some of an org's people.
func (k *walk) narrow(verb string, decide func(context.Context, souk.Actor, market.Decision) (market.Decided, error)) func() {
	return func() {
		in := market.Decision{App: k.anApp(), At: k.place(), Audiences: k.someAudiences()}
		if k.rarely("narrow ceiling") {
			in.Scopes = []string{"team:read"}
		}
		var done market.Decided
		if !k.try(verb, k.actor(in.At), func(a souk.Actor) (err error) {
			done, err = decide(context.Background(), a, in)
			return err
		}) {
			return
		}
		k.decided(done)
		if verb == "Approve" {
			k.wishes(done)
		}
		k.settled(souk.ID{}, done)
	}
}

func (k *walk) declineSome() {
	in := market.Decision{App: k.anApp(), At: k.place(), Users: k.someUsers()}
	var done market.Decided
	if !k.try("Decline", k.actor(in.At), func(a souk.Actor) (err error) {
		done, err = k.m.Decline(context.Background(), a, in)
		return err
	}) {
		return
	}
	for _, q := range done.Settled {
		if q.Status != souk.RequestDeclined || !slices.Contains(in.Users, q.User) || !slices.Contains(k.below(in.At), q.Org) {
			k.rt.Fatalf("declined %+v", q)
		}
	}
}

func (k *walk) cancelSome() {
	app, at, users := k.anApp(), k.place(), k.someUsers()
	k.try("CancelRequests", k.actor(at), func(a souk.Actor) error { return drop(k.m.CancelRequests(context.Background(), a, app, at, users)) })
}

func (k *walk) declineAll() {
	app, at := k.anApp(), k.place()
	if !k.try("DeclineAll", k.actor(at), func(a souk.Actor) error { return drop(k.m.DeclineAll(context.Background(), a, app, at)) }) {
		return
	}
	k.unapproved(app, k.below(at)...)
	for _, id := range k.requests {
		if q := k.request(id); q.App == app && q.Status == souk.Pending && slices.Contains(k.below(at), q.Org) {
			k.rt.Fatalf("after all were declined %s is pending", q.ID)
		}
	}
}

func (k *walk) askForMany() {
	in := market.AskingForMany{App: k.anApp(), At: k.place(), Users: k.someUsers()}
	if k.rarely("everyone") {
		in = market.AskingForMany{App: in.App, At: in.At, Everyone: true}
	}
	if !k.try("RequestForMany", k.actor(in.At), func(a souk.Actor) error { return drop(k.m.RequestForMany(context.Background(), a, in)) }) {
		return
	}
	k.read(func(tx *store.Tx) error {
		pending, err := tx.PendingOfApp(in.App)
		for _, q := range pending {
			if !slices.Contains(k.requests, q.ID) {
				k.requests = append(k.requests, q.ID)
			}
		}
		return err
	})
}

func (k *walk) disable() {
	verb, call := "DisableForUser", k.m.DisableForUser
	if rapid.Bool().Draw(k.rt, "enable") {
		verb, call = "EnableForUser", k.m.EnableForUser
	}
	app, at, user := k.anApp(), k.place(), k.user[k.pick("whom", k.names)]
	k.try(verb, k.actor(at), func(a souk.Actor) error { return drop(call(context.Background(), a, app, at, user)) })
}

func (k *walk) resume() {
	at := answerAt{k.anApp(), k.place()}
	id := k.live[at]
	k.try("ResumeInstallation", k.actor(at.org), func(a souk.Actor) error { return drop(k.m.ResumeInstallation(context.Background(), a, at.org, id)) })
}

// regroup has somebody join or leave a group; no verb does.
func (k *walk) regroup() {
	group, user := rapid.SampledFrom(k.groups).Draw(k.rt, "group"), k.user[k.pick("who", k.names)]
	k.write(func(tx *store.Tx) error {
		if joined, err := tx.JoinGroup(group, user); err != nil || joined {
			return err
		}
		return drop(tx.LeaveGroup(group, user))
	})
	k.before = k.now()
}

// checkEffective holds what Effective answers somebody against what follows from
// the model.
func (k *walk) checkEffective() {
	name := k.pick("effective for", k.names)
	q := market.Question{App: k.app[k.pick("effective app", []string{"chat", "files", "tool"})],
		At: rapid.SampledFrom(k.orgs).Draw(k.rt, "effective at"), User: k.user[name]}
	if !k.active(q.User) {
		return
	}
	answer, err := k.m.Explain(context.Background(), operator, q)
	if err != nil || answer.Verdict == souk.BlockedByPlatform || answer.Verdict == souk.Invisible {
		var refusal souk.Refusal
		if err != nil && !errors.As(err, &refusal) {
			k.rt.Fatalf("explaining: %v", err)
		}
		return
	}
	if want := k.follows(q); answer.Verdict != want {
		k.rt.Fatalf("%s at %s: %s, and from the model follows %s: %+v", name, q.At, answer.Verdict, want, answer.Reasons)
	}
}

// follows is the verdict that follows from the model.
func (k *walk) follows(q market.Question) (want souk.Verdict) {
	k.read(func(tx *store.Tx) error {
		app, err := tx.App(q.App)
		org, err2 := tx.Org(q.At)
		groups, err3 := tx.Groups(q.User)
		standing, err4 := tx.Standing(q.User, org)
		if err := errors.Join(err, err2, err3, err4); err != nil {
			return err
		}
		within := func(ceiling souk.Scopes) souk.Verdict {
			if ceiling.Covers(app.Asks()) {
				return souk.VerdictApproved
			}
			return souk.NeedsApproval
		}
		hers, herCeiling := k.says(answerAt{q.App, q.At}, q.User, groups)
		above, ceilingAbove := souk.ResolutionStatus(""), souk.Scopes(nil)
		policy := org.Policy
		if org.Enterprise != (souk.ID{}) {
			above, ceilingAbove = k.says(answerAt{q.App, org.Enterprise}, q.User, groups)
			if enterprise, err := tx.Org(org.Enterprise); err != nil {
				return err
			} else if policy == "" {
				policy = enterprise.Policy
			}
		}
		switch {
		case above == souk.Restricted, hers == souk.Restricted && q.At == k.acme:
			want = souk.BlockedByOrganization
		case hers == souk.Restricted:
			want = souk.BlockedByWorkspace
		case above == souk.Approved:
			want = within(ceilingAbove)
		case hers == souk.Approved:
			want = within(herCeiling)
		case policy == souk.Closed:
			want = souk.VerdictClosed
		case policy != souk.Approval && standing.Holds(souk.CanSettings):
			want = souk.VerdictApproved
		default:
			want = souk.Requestable
		}
		return nil
	})
	return want
}

// says is what the model says that one org answers a user.
func (k *walk) says(at answerAt, user souk.ID, groups []souk.Group) (status souk.ResolutionStatus, ceiling souk.Scopes) {
	answers := k.answers[at]
	if own, is := answers[souk.Audience{User: user}]; is {
		return own.status, souk.ParseScopes(own.scopes)
	}
	for _, g := range groups {
		its, is := answers[souk.Audience{Group: g.ID}]
		switch {
		case !is:
		case its.status == souk.Restricted:
			return souk.Restricted, nil
		default:
			status, ceiling = souk.Approved, ceiling.Union(souk.ParseScopes(its.scopes))
		}
	}
	if status != "" {
		return status, ceiling
	}
	all := answers[souk.Everyone]
	return all.status, souk.ParseScopes(all.scopes)
}
