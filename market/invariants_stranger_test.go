package market_test

import (
	"context"
	"slices"

	"souk"
	"souk/market"
	"souk/store"
)

// stranger tries what lies with another root, and something that is nowhere:
// the answers are the same.
func (k *walk) stranger() {
	ctx := context.Background()
	name := k.pick("stranger", []string{"gus", "gina", "gwen", "vic", "liz", "lee"})
	stranger := k.as(name)
	// To a sibling workspace the org itself is known, and nothing in it.
	sibling := slices.Contains(k.people[k.lab], name)
	named := []string{"cancel", "approve", "decline", "request", "rename", "deactivate", "webhooks"}
	nowhere, bespoke := souk.NewID(), k.app["bespoke"]
	if k.sees(k.anAppNow(bespoke), k.org(k.globex)) {
		bespoke = nowhere // hq let others have it
	}
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
		"webhooks":    func(_, _, _, app souk.ID) error { return drop(k.m.Webhooks(ctx, stranger, app)) },
		"publish app": func(org, _, _, _ souk.ID) error { return drop(k.m.PublishApp(ctx, stranger, org, form("new"))) },
		"update app": func(org, _, _, app souk.ID) error {
			return drop(k.m.UpdateApp(ctx, stranger, org, app, form("new")))
		},
		"delete app": func(org, _, _, app souk.ID) error { return k.m.DeleteApp(ctx, stranger, org, app) },
		"invite":     func(org, _, _, _ souk.ID) error { return drop(k.m.Invite(ctx, stranger, org, k.vendor)) },
		"end installation": func(org, _, _, _ souk.ID) error {
			return k.m.EndInstallation(ctx, stranger, org, k.live[answerAt{k.app["ear"], k.hq}])
		},
		"owned apps": func(org, _, _, _ souk.ID) error { return drop(k.m.OwnedApps(ctx, stranger, org, page)) },
		"apps there": func(org, _, _, _ souk.ID) error { return drop(k.m.InstalledApps(ctx, stranger, org, page)) },
		"partners":   func(org, _, _, _ souk.ID) error { return drop(k.m.Partnerships(ctx, stranger, org, page)) },
		"people":     func(org, _, _, _ souk.ID) error { return drop(k.m.People(ctx, stranger, org, page)) },
	} {
		request := nowhere
		for _, id := range k.requests {
			if k.request(id).Org == k.hq && k.request(id).User != k.user[name] {
				request = id
			}
		}
		if standing := k.standingAt(name, k.hq); sibling && (!slices.Contains(named, what) || standing.IsMember()) {
			continue
		}
		theirs := call(k.hq, request, k.user["jane"], bespoke)
		none := call(nowhere, nowhere, nowhere, nowhere)
		if theirs == nil || none == nil || theirs.Error() != none.Error() {
			k.rt.Fatalf("%s: what is another's is refused with %v, what is nowhere with %v", what, theirs, none)
		}
	}
	if k.now().all != k.before.all {
		k.rt.Fatalf("a stranger changed something")
	}
}

// standingAt is what somebody is at an org by now.
func (k *walk) standingAt(name string, org souk.ID) (s souk.Standing) {
	k.read(func(tx *store.Tx) error {
		o, err := tx.Org(org)
		if err != nil {
			return err
		}
		s, err = tx.Standing(k.user[name], o)
		return err
	})
	return s
}
