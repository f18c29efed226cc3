package market_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// owner is mostly the vendor, who has most of the apps.
func (k *walk) owner() souk.ID {
	if k.rarely("another owner") {
		return k.place()
	}
	return k.vendor
}

// aPartner is mostly one of the two that deal with each other.
func (k *walk) aPartner() souk.ID {
	return rapid.SampledFrom([]souk.ID{k.globex, k.globex, k.acme, k.vendor, k.hq}).Draw(k.rt, "partner")
}

func (k *walk) one(label string, from []souk.ID) souk.ID {
	if len(from) == 0 {
		return souk.NewID()
	}
	return rapid.SampledFrom(from).Draw(k.rt, label)
}

func (k *walk) publishApp() {
	if len(k.apps) > 10 {
		return
	}
	name := fmt.Sprintf("novel%d", len(k.apps))
	in := form(name)
	in.IsAvailableToPartners = new(rapid.Bool().Draw(k.rt, "for partners"))
	owner := k.owner()
	var v market.AppView
	if k.try("PublishApp", k.actor(owner), func(a souk.Actor) (err error) {
		v, err = k.m.PublishApp(context.Background(), a, owner, in)
		return err
	}) {
		k.app[name] = v.ID
		k.apps = append(k.apps, name)
		if n := k.count(`SELECT count(*) FROM installations WHERE app_id = $1`, v.ID); n != 0 || len(v.Secret) != 40 {
			k.rt.Fatalf("published with %d installations and the secret %q", n, v.Secret)
		}
	}
}

func (k *walk) updateApp() {
	in := market.AppForm{}
	if rapid.Bool().Draw(k.rt, "for anyone?") {
		in.IsAvailableToAnyone = new(!k.rarely("not for anyone"))
	}
	if rapid.Bool().Draw(k.rt, "for partners?") {
		in.IsAvailableToPartners = new(rapid.Bool().Draw(k.rt, "for partners"))
	}
	owner, app := k.owner(), k.anApp()
	k.try("UpdateApp", k.actor(owner), func(a souk.Actor) error { return drop(k.m.UpdateApp(context.Background(), a, owner, app, in)) })
}

func (k *walk) deleteApp() {
	if len(k.apps) == 8 && !k.rarely("delete files") {
		return
	}
	app := k.app[k.pick("app", append([]string{"files"}, k.apps[8:]...))]
	owner := k.owner()
	k.try("DeleteApp", k.actor(owner), func(a souk.Actor) error { return k.m.DeleteApp(context.Background(), a, owner, app) })
}

func (k *walk) list() {
	app := k.anApp()
	listing := souk.Listed
	if k.rarely("not listed") {
		listing = souk.Submitted
	}
	actor := operator
	if k.rarely("not the operator") {
		actor = k.actor(k.vendor)
	}
	k.try("ListApp", actor, func(a souk.Actor) error { return drop(k.m.ListApp(context.Background(), a, app, listing)) })
}

func (k *walk) shareApp() {
	in := market.Sharing{Owner: k.owner(), App: k.anApp(), With: k.aPartner()}
	var v market.ShareView
	if k.try("ShareApp", k.actor(in.Owner), func(a souk.Actor) (err error) {
		v, err = k.m.ShareApp(context.Background(), a, in)
		return err
	}) {
		k.shares = append(k.shares, v.ID)
	}
}

func (k *walk) direction() market.Direction {
	return rapid.SampledFrom([]market.Direction{market.Outgoing, market.Incoming}).Draw(k.rt, "direction")
}

func (k *walk) unshare() {
	id, d, at := k.one("share", k.shares), k.direction(), k.aPartner()
	k.try("UnshareApp", k.actor(at), func(a souk.Actor) error { return k.m.UnshareApp(context.Background(), a, at, d, id) })
}

func (k *walk) invite() {
	from, to := k.aPartner(), k.aPartner()
	var v market.InvitationView
	if k.try("Invite", k.actor(from), func(a souk.Actor) (err error) {
		v, err = k.m.Invite(context.Background(), a, from, to)
		return err
	}) {
		k.invitations = append(k.invitations, v.ID)
	}
}

// latest is mostly the invitation that was made last.
func (k *walk) latest() souk.ID {
	if n := len(k.invitations); n > 0 && !k.rarely("an older one") {
		return k.invitations[n-1]
	}
	return k.one("invitation", k.invitations)
}

func (k *walk) accept() {
	id, at := k.latest(), k.aPartner()
	k.try("Accept", k.actor(at), func(a souk.Actor) error { return drop(k.m.Accept(context.Background(), a, at, id)) })
}

func (k *walk) endInvitation() {
	id, d, at := k.latest(), k.direction(), k.aPartner()
	k.try("EndInvitation", k.actor(at), func(a souk.Actor) error { return k.m.EndInvitation(context.Background(), a, at, d, id) })
}

func (k *walk) endPartnership() {
	at, with := k.aPartner(), k.aPartner()
	k.try("EndPartnership", k.actor(at), func(a souk.Actor) error { return k.m.EndPartnership(context.Background(), a, at, with) })
}

func (k *walk) namePartner() {
	at, with, name := k.aPartner(), k.aPartner(), k.pick("name", []string{"", "friends"})
	k.try("NamePartner", k.actor(at), func(a souk.Actor) error { return drop(k.m.NamePartner(context.Background(), a, at, with, name)) })
}

func (k *walk) uninstallFrom() {
	owner, app, at := k.owner(), k.anApp(), k.place()
	target := at
	if id, lives := k.live[answerAt{app, at}]; lives && rapid.Bool().Draw(k.rt, "by installation") {
		target = id
	}
	if k.try("UninstallFrom", k.actor(owner), func(a souk.Actor) error { return k.m.UninstallFrom(context.Background(), a, owner, app, target) }) {
		delete(k.live, answerAt{app, at})
	}
}

func (k *walk) endInstallation() {
	at, app := k.place(), k.anApp()
	id, lives := k.live[answerAt{app, at}]
	if !lives {
		id = souk.NewID()
	}
	if k.try("EndInstallation", k.actor(at), func(a souk.Actor) error { return k.m.EndInstallation(context.Background(), a, at, id) }) {
		delete(k.live, answerAt{app, at}) // and not those of an enterprise's workspaces
	}
}

func (k *walk) entitle() {
	at := k.place()
	in := souk.Entitlements{HasActiveSubscription: !k.rarely("no subscription"), HasAppsFeature: !k.rarely("no feature"), IsAppProvider: !k.rarely("no provider")}
	k.try("SetEntitlements", operator, func(a souk.Actor) error { return drop(k.m.SetEntitlements(context.Background(), a, at, in)) })
}

func (k *walk) channels() {
	in := market.Hook{ID: k.ears, App: k.app["ear"], Dialect: souk.Giosg, Paused: new(k.rarely("paused")),
		Channels: append(all(k.pick("what it hears", []string{"*", "users", "installed_apps"}), "partner_apps", "chats"), own)}
	k.try("PutWebhook", k.actor(k.vendor), func(a souk.Actor) error { return drop(k.m.PutWebhook(context.Background(), a, in)) })
}

func (k *walk) publish() {
	in := market.Publishing{Items: []souk.Publication{chatAt(k.place(), "1"), chatAt(k.place(), "2")}}
	in.Items[1].Scope = "settings"
	k.try("Publish", operator, func(a souk.Actor) error { return drop(k.m.Publish(context.Background(), a, in)) })
}

// wishes holds what came of the wishes that a decision approved against what
// stood in their way.
func (k *walk) wishes(done market.Decided) {
	for _, q := range done.Settled {
		if q.Wish == nil || q.Status != souk.RequestApproved {
			continue
		}
		var app souk.App
		var reaching souk.Installation
		k.read(func(tx *store.Tx) (err error) {
			if app, err = tx.App(q.App); err != nil {
				return err
			}
			if reaching, err = tx.InstallationReaching(q.App, q.Org); errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return err
		})
		now := k.request(q.ID)
		if now.Note == "" {
			if reaching.Org != q.Org || !reaching.Scopes.Equal(q.Scopes) {
				k.rt.Fatalf("a wish for %q came true as %+v", q.Scopes, reaching)
			}
			k.live[answerAt{q.App, q.Org}] = reaching.ID
			continue
		}
		// Of two who wished for the same one comes true.
		answer, err := k.m.Explain(context.Background(), operator, market.Question{App: q.App, At: q.Org, User: q.User, Scopes: append([]string{}, app.Asks()...)})
		if err == nil && answer.Verdict == souk.VerdictApproved && reaching.ID.IsZero() && app.Asks().Equal(q.Scopes) &&
			k.org(q.Org).HasAppsFeature && (!app.NeedsTerms() || !q.Wish.AcceptedAt.IsZero()) && k.active(q.User) {
			k.rt.Fatalf("a wish was dropped (%s) and nothing stood in its way", now.Note)
		}
	}
}

// sees reports whether an org has a right to an app, by the app itself, the
// shares and the partnerships.
func (k *walk) sees(app souk.App, org souk.Org) bool {
	if !app.DeletedAt.IsZero() {
		return false
	}
	for _, at := range []souk.ID{org.ID, org.Enterprise} {
		if at.IsZero() {
			continue
		}
		ties := k.count(`SELECT count(*) FROM rights WHERE grantee = 'shared' AND app_id = $1 AND org_id = $2`, app.ID, at)
		if app.IsAvailableToPartners {
			ties += k.count(`SELECT count(*) FROM partnerships WHERE a_id = $1 AND b_id = $2 OR a_id = $2 AND b_id = $1`, app.Owner, at)
		}
		if ties > 0 || at == app.Owner {
			return true
		}
	}
	return app.IsPublic()
}

func (k *walk) anAppNow(id souk.ID) (app souk.App) {
	k.read(func(tx *store.Tx) (err error) { app, err = tx.App(id); return err })
	return app
}

// checkRights asks whether exactly those have lost an app who have no right to
// it any more. checkModel finds what was ended in spite of one.
func (k *walk) checkRights() {
	apps := map[souk.ID]souk.App{}
	app := func(id souk.ID) souk.App {
		if _, known := apps[id]; !known {
			apps[id] = k.anAppNow(id)
		}
		return apps[id]
	}
	for at, id := range k.live {
		if k.sees(app(at.app), k.org(at.org)) {
			continue
		}
		if i := k.installation(id); i.Live() {
			k.rt.Fatalf("%s is installed at %s, which has no right to it", app(at.app).Name, k.org(at.org).Name)
		}
		delete(k.live, at)
	}
	for _, id := range k.requests {
		if q := k.request(id); q.Status == souk.Pending && !k.sees(app(q.App), k.org(q.Org)) {
			k.rt.Fatalf("%s is asked for at %s, which has no right to it", app(q.App).Name, k.org(q.Org).Name)
		}
	}
}

// checkChannels asks what justifies each new delivery on a channel: an
// installation that reaches the channel's org and holds the scope, or that the
// channel is the app's own.
func (k *walk) checkChannels() {
	k.read(func(tx *store.Tx) error {
		for _, name := range []string{"ear", "chat"} {
			hooks, err := tx.ChannelWebhooks(k.app[name], souk.Page{Size: 10})
			if err != nil {
				return err
			}
			for _, h := range hooks {
				told, err := souktest.Told(tx, h.ID, "", souk.Page{Size: 50})
				if err != nil {
					return err
				}
				heard := map[string]bool{}
				for _, d := range told {
					if k.seen[d.ID] {
						break // they come newest first
					}
					if err := k.justified(tx, d, h, heard); err != nil {
						return err
					}
				}
				for _, d := range told {
					k.seen[d.ID] = true
				}
			}
		}
		return nil
	})
}

func (k *walk) justified(tx *store.Tx, d souk.Delivery, h souk.Webhook, heard map[string]bool) error {
	once := fmt.Sprint(d.Event, d.Channel, d.Action, d.Resource)
	if heard[once] {
		k.rt.Fatalf("a webhook was told twice: %s", d.Body)
	}
	heard[once] = true
	_, org := d.Channel.Of()
	if d.Installation.IsZero() {
		own := souk.Channel("/api/v5/orgs/" + k.vendor.String() + "/owned_apps/" + d.App.String() + "/installations")
		if d.Channel != own || h.App != d.App || d.Final != (d.Action == souk.Removed) {
			k.rt.Fatalf("nothing justifies %s to %s", d.Body, h.URL)
		}
		return nil
	}
	if d.Status != souk.DeliveryPending {
		return nil // it ended with its installation
	}
	i, err := tx.Installation(d.Installation)
	if err != nil {
		return err
	}
	reaches, err := tx.Reaches(i.ID, org)
	if err != nil {
		return err
	}
	o, err := tx.Org(org)
	if err != nil {
		return err
	}
	scope := map[string]string{"users": "users", "chats": ""}
	needs, known := scope[d.Channel.Last()]
	if !known {
		needs = "settings"
	}
	if !reaches || i.App != h.App || i.Status != souk.InstallationActive || !o.HasActiveSubscription || needs != "" && !i.Scopes.Has(needs) {
		k.rt.Fatalf("nothing justifies %s by %+v", d.Body, i)
	}
	if strings.Contains(string(d.Channel), i.ID.String()) || d.Resource == i.ID.String() && d.Action == souk.Added {
		k.rt.Fatalf("an installation hears of its own beginning: %s", d.Body)
	}
	if !slices.ContainsFunc(h.Channels, func(s souk.Subscription) bool {
		return s.Wants(d.Action) && s.Pattern.Matches(d.Channel, souk.Filling{Org: org, AppUser: i.AppUser, App: h.App})
	}) && h.Status == souk.WebhookActive {
		k.rt.Fatalf("nobody subscribed to %s", d.Body)
	}
	return nil
}
