package market_test

import (
	"context"
	"fmt"
	"testing"

	"souk"
	"souk/market"
)

// An app hears of its own installations in any org, and of an org only while it
// is installed there; never of its own beginning.
func TestWhoHearsOnChannels(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.listen("chat", append(all("installed_apps"), own)...)
		w.listen("ear", all("installed_apps", "app_installations", "users")...)
		w.listen("monitor", all("installed_apps")...) // without the scope

		w.install("sid", "chat", w.hq)
		w.wantHeard("nobody listens at hq", "chat: added orgs/vendor/owned_apps/chat/installations chat@hq")
		w.install("sid", "monitor", w.hq)
		w.wantHeard("chat lacks the scope, and monitor has not begun")
		i := w.install("sid", "ear", w.hq)
		w.wantHeard("an installation does not hear of its own beginning, nor of its app user's")
		w.install("sid", "tool", w.hq)
		w.wantHeard("another begins",
			"ear: added orgs/hq/installed_apps tool", "ear: added orgs/hq/app_installations tool@hq", "ear: added orgs/hq/users Tool")
		w.install("gus", "chat", w.globex)
		w.wantHeard("elsewhere only the app itself hears", "chat: added orgs/vendor/owned_apps/chat/installations chat@globex")

		w.changeApp("tool", func(a *souk.App) { a.BotScopes = souk.NewScopes("reports") })
		w.install("sid", "tool", w.hq)
		w.wantHeard("an upgrade changes the installation and not the app", "ear: changed orgs/hq/app_installations tool@hq")
		must(w.m.PutUser(ctx, w.as("una"), market.Person{ID: w.user["jane"], Email: "jane@town.example", FirstName: "jane"}))(t)
		w.wantHeard("somebody changed", "ear: changed orgs/hq/users jane")
		must(w.m.Uninstall(ctx, w.as("sid"), market.Uninstalling{App: w.app["tool"], From: []souk.ID{w.hq}}))(t)
		w.wantHeard("another ends",
			"ear: removed orgs/hq/installed_apps tool", "ear: removed orgs/hq/app_installations tool@hq", "ear: removed orgs/hq/users Tool")

		// Uninstalled: what is on its way is cancelled, and nothing follows but its own last word.
		w.listen("ear", own)
		w.wantHeard("a new webhook is told at its owner, where nobody listens")
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, i.ID))
		w.wantHeard("its own end", "ear: removed orgs/vendor/owned_apps/ear/installations ear@hq (final)")
		if n := w.count(`SELECT count(*) FROM deliveries WHERE installation_id = $1 AND status = 'pending'`, i.ID); n != 0 {
			t.Errorf("%d deliveries go on for an installation that ended", n)
		}
		if n := w.count(`SELECT count(*) FROM ended_1 WHERE installation_id = $1 AND status = 'cancelled' AND note = 'the installation ended'`, i.ID); n != 8 {
			t.Errorf("%d deliveries were cancelled", n)
		}
		w.install("sid", "tool", w.hq)
		w.wantHeard("after it")
		if n := w.count(`SELECT count(*) FROM deliveries WHERE final = TRUE AND (installation_id IS NOT NULL OR speaker_id IS NOT NULL)`); n != 0 {
			t.Errorf("%d final notifications hang on an installation", n)
		}
	})
}

// A webhook hears of the actions it asked for, and once, however many of its
// patterns match.
func TestSubscriptions(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		head := souk.Pattern("/api/v5/orgs/{organization_id}/")
		users := "/api/v5/users/{user_id}/"
		w.listen("ear",
			souk.Subscription{Pattern: head + "chats", Removals: true},
			souk.Subscription{Pattern: head + "*", Additions: true},
			souk.Subscription{Pattern: head + "chats/*/messages", Additions: true, Changes: true},
			souk.Subscription{Pattern: head + "chats/7/messages", Additions: true, Changes: true, Removals: true},
			souk.Subscription{Pattern: souk.Pattern(users + "chats"), Additions: true},
		)
		w.listen("ear", all("chats/*/messages")...) // another webhook is told by itself
		w.listen("tool", souk.Subscription{Pattern: souk.Pattern(users + "chats"), Additions: true})
		w.listen("chat", souk.Subscription{Pattern: souk.Pattern(users + "chats"), Additions: true}) // has no app user
		ear := w.install("sid", "ear", w.hq)
		w.install("sid", "tool", w.hq)
		w.install("sid", "chat", w.hq)
		w.heard()

		at := "/api/v5/orgs/" + w.hq.String() + "/"
		for _, tt := range []struct {
			channel string
			actions []souk.Action
			want    []string
		}{
			{at + "chats", souk.Actions, []string{"ear: added orgs/hq/chats 1 {}", "ear: removed orgs/hq/chats 1"}},
			{at + "rooms", souk.Actions, []string{"ear: added orgs/hq/rooms 1 {}"}},
			{at + "rooms/1", souk.Actions, nil},
			{at + "chats/1/messages", souk.Actions, []string{
				"ear: added orgs/hq/chats/1/messages 1 {}", "ear: added orgs/hq/chats/1/messages 1 {}",
				"ear: changed orgs/hq/chats/1/messages 1 {}", "ear: changed orgs/hq/chats/1/messages 1 {}",
				"ear: removed orgs/hq/chats/1/messages 1",
			}},
			{at + "chats/7/messages", []souk.Action{souk.Removed}, []string{
				"ear: removed orgs/hq/chats/7/messages 1", "ear: removed orgs/hq/chats/7/messages 1",
			}},
			{at + "chats/1/2/messages", souk.Actions, nil}, // * is one segment
			{"/api/v5/users/" + ear.AppUser.String() + "/chats", souk.Actions, []string{"ear: added users/Ear/chats 1 {}"}},
			{"/api/v5/users/" + w.user["jane"].String() + "/chats", souk.Actions, nil},
		} {
			var items []souk.Publication
			for _, a := range tt.actions {
				item := souk.Publication{Org: w.hq, Channel: souk.Channel(tt.channel), Action: a, Resource: "1", Body: souk.Document("{}")}
				if a == souk.Removed {
					item.Body = nil
				}
				items = append(items, item)
			}
			must(w.m.Publish(ctx, operator, market.Publishing{Items: items}))(t)
			w.wantHeard(tt.channel, tt.want...)
		}
	})
}

// An org-wide installation puts the app into the list of each workspace that it
// was granted, and is listed at the enterprise alone.
func TestOrgWideOnChannels(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.listen("ear", all("installed_apps", "app_installations")...)
		w.install("sid", "ear", w.hq)
		w.install("liz", "ear", w.lab)
		w.install("eve", "ear", w.acme)
		w.heard()
		set := func(workspaces ...souk.ID) {
			t.Helper()
			must(w.m.SetWorkspaces(ctx, w.as("eve"), market.Granting{App: w.app["chat"], At: w.acme, Workspaces: workspaces}))(t)
		}
		w.install("eve", "chat", w.acme, w.hq)
		w.wantHeard("installed with hq", "ear: added orgs/acme/app_installations chat@acme",
			"ear: added orgs/acme/installed_apps chat", "ear: added orgs/hq/installed_apps chat")
		set(w.lab)
		w.wantHeard("lab for hq", "ear: added orgs/lab/installed_apps chat", "ear: removed orgs/hq/installed_apps chat")
		set(w.lab)
		w.wantHeard("the same again")
		set(w.lab, w.hq)
		w.wantHeard("both", "ear: added orgs/hq/installed_apps chat")
		w.changeApp("chat", func(a *souk.App) { a.BotScopes = souk.NewScopes("reports") })
		w.install("eve", "chat", w.acme)
		w.wantHeard("an upgrade", "ear: changed orgs/acme/app_installations chat@acme")
		must(w.m.Uninstall(ctx, w.as("eve"), market.Uninstalling{App: w.app["chat"], From: []souk.ID{w.acme}}))(t)
		w.wantHeard("ended", "ear: removed orgs/acme/app_installations chat@acme", "ear: removed orgs/acme/installed_apps chat",
			"ear: removed orgs/hq/installed_apps chat", "ear: removed orgs/lab/installed_apps chat")

		// The one that is org-wide itself hears of the enterprise and of what was granted to it.
		must(w.m.Uninstall(ctx, w.as("eve"), market.Uninstalling{App: w.app["ear"], From: []souk.ID{w.acme}}))(t)
		w.install("eve", "ear", w.acme, w.lab)
		w.heard()
		w.install("sid", "files", w.hq)
		w.wantHeard("at hq, which was not granted")
		w.install("liz", "files", w.lab)
		w.wantHeard("at the lab", "ear: added orgs/lab/app_installations files@lab", "ear: added orgs/lab/installed_apps files")
		// Without a subscription of its own a workspace is told nothing about either.
		w.changeOrg(w.lab, func(o *souk.Org) { o.HasActiveSubscription = false })
		w.install("liz", "chat", w.lab)
		w.wantHeard("at the lab without a subscription")
	})
}

// What changes about an app is told where it is installed and where it is a
// partner's.
func TestAChangedAppOnChannels(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.ally(w.globex, w.acme)
		w.listen("ear", all("installed_apps", "partner_apps", "owned_apps", "owned_apps/*/webhooks")...)
		for name, at := range map[string]souk.ID{"sid": w.hq, "gus": w.globex, "liz": w.lab, "vic": w.vendor} {
			w.install(name, "ear", at)
		}
		w.install("sid", "chat", w.hq)
		w.heard()

		name, yes, no := "talk", true, false
		w.update("chat", market.AppForm{Name: &name})
		w.wantHeard("a new name", `ear: changed orgs/hq/installed_apps talk "talk" was "chat"`, `ear: changed orgs/vendor/owned_apps talk "talk" was "chat"`)
		name = "chat"
		w.update("chat", market.AppForm{IsAvailableToPartners: &yes})
		w.wantHeard("offered to partners, and what is below them", `ear: changed orgs/hq/installed_apps talk "talk" was "talk"`, `ear: changed orgs/vendor/owned_apps talk "talk" was "talk"`,
			"ear: added orgs/globex/partner_apps talk", "ear: added orgs/hq/partner_apps talk", "ear: added orgs/lab/partner_apps talk")
		w.update("chat", market.AppForm{Name: &name})
		w.wantHeard("its old name", `ear: changed orgs/hq/installed_apps chat "chat" was "talk"`, `ear: changed orgs/vendor/owned_apps chat "chat" was "talk"`,
			`ear: changed orgs/globex/partner_apps chat "chat" was "talk"`, `ear: changed orgs/hq/partner_apps chat "chat" was "talk"`, `ear: changed orgs/lab/partner_apps chat "chat" was "talk"`)
		w.share("chat", w.globex)
		w.wantHeard("shared with whom it was offered to") // nobody listens for shares
		w.update("chat", market.AppForm{IsAvailableToPartners: &no})
		w.wantHeard("offered no more, but shared", `ear: changed orgs/hq/installed_apps chat "chat" was "chat"`, `ear: changed orgs/vendor/owned_apps chat "chat" was "chat"`,
			`ear: changed orgs/globex/partner_apps chat "chat" was "chat"`, "ear: removed orgs/hq/partner_apps chat", "ear: removed orgs/lab/partner_apps chat")
		w.listen("chat", own)
		w.wantHeard("a webhook", "ear: added orgs/vendor/owned_apps/chat/webhooks chat-hook")
		made := must(w.m.PublishApp(ctx, w.as("vic"), w.vendor, form("novel")))(t)
		w.wantHeard("a new one", "ear: added orgs/vendor/owned_apps novel")
		ok(t, w.m.DeleteApp(ctx, w.as("vic"), w.vendor, made.ID))
		w.wantHeard("which goes", "ear: removed orgs/vendor/owned_apps novel")
		ok(t, w.m.DeleteApp(ctx, w.as("vic"), w.vendor, w.app["chat"]))
		w.wantHeard("one that was installed and shared goes",
			"chat: removed orgs/vendor/owned_apps/chat/installations chat@hq (final)", "ear: removed orgs/globex/partner_apps chat",
			"ear: removed orgs/hq/installed_apps chat", "ear: removed orgs/vendor/owned_apps chat")
	})
}

// Partnerships and shares bring apps into the lists of partner apps, and out of
// them; what another right keeps there is not told of.
func TestTiesOnChannels(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.listen("ear", all("partner_apps", "partnerships", "outgoing_app_shares", "incoming_app_shares")...)
		for name, at := range map[string]souk.ID{"sid": w.hq, "eve": w.acme, "vic": w.vendor, "gus": w.globex} {
			w.install(name, "ear", at)
		}
		w.changeOrg(w.vendor, func(o *souk.Org) { o.IsAppProvider = true })
		yes := true
		w.update("files", market.AppForm{IsAvailableToPartners: &yes})
		w.wantHeard("nobody is a partner")
		w.ally(w.acme)
		w.wantHeard("acme becomes one", "ear: added orgs/acme/partnerships vendor", "ear: added orgs/vendor/partnerships acme",
			"ear: added orgs/acme/partner_apps files", "ear: added orgs/hq/partner_apps files")
		w.ally(w.hq)
		w.wantHeard("hq too, which finds its enterprise's already", "ear: added orgs/hq/partnerships vendor", "ear: added orgs/vendor/partnerships hq")

		said := func(action, app string, id souk.ID, from, to string) []string {
			return []string{fmt.Sprintf("ear: %s orgs/%s/outgoing_app_shares %s", action, from, id), fmt.Sprintf("ear: %s orgs/%s/incoming_app_shares %s", action, to, id)}
		}
		files := w.share("files", w.acme)
		w.wantHeard("a share of what is offered", said("added", "files", files.ID, "vendor", "acme")...)
		draft := w.share("draft", w.acme)
		w.wantHeard("a share of what is not", append(said("added", "draft", draft.ID, "vendor", "acme"),
			"ear: added orgs/acme/partner_apps draft", "ear: added orgs/hq/partner_apps draft")...)
		atHQ := w.share("draft", w.hq)
		w.wantHeard("and once more for hq", said("added", "draft", atHQ.ID, "vendor", "hq")...)
		ok(t, w.m.UnshareApp(ctx, w.as("vic"), w.vendor, market.Outgoing, draft.ID))
		w.wantHeard("taken back, but not from hq", append(said("removed", "draft", draft.ID, "vendor", "acme"), "ear: removed orgs/acme/partner_apps draft")...)
		named := must(w.m.NamePartner(ctx, w.as("eve"), w.acme, w.vendor, "our vendor"))(t)
		w.wantHeard("a name is one's own", "ear: changed orgs/acme/partnerships vendor")
		if named.DisplayName != "our vendor" || named.Partner.ID != w.vendor {
			t.Errorf("named %+v", named)
		}
		ok(t, w.m.EndPartnership(ctx, w.as("eve"), w.acme, w.vendor))
		w.wantHeard("acme is none any more, hq is", append(said("removed", "files", files.ID, "vendor", "acme"),
			"ear: removed orgs/acme/partnerships vendor", "ear: removed orgs/vendor/partnerships acme", "ear: removed orgs/acme/partner_apps files")...)
		ok(t, w.m.EndPartnership(ctx, w.as("vic"), w.vendor, w.hq))
		w.wantHeard("nor is hq", append(said("removed", "draft", atHQ.ID, "vendor", "hq"),
			"ear: removed orgs/hq/partnerships vendor", "ear: removed orgs/vendor/partnerships hq",
			"ear: removed orgs/hq/partner_apps files", "ear: removed orgs/hq/partner_apps draft")...)

		// What an enterprise gets from a workspace of its own is no partner's to that one.
		w.changeOrg(w.hq, func(o *souk.Org) { o.IsAppProvider = true })
		i := must(w.m.Invite(ctx, w.as("max"), w.hq, w.acme))(t)
		must(w.m.Accept(ctx, w.as("eve"), w.acme, i.ID))(t)
		w.heard()
		s := must(w.m.ShareApp(ctx, w.as("max"), market.Sharing{Owner: w.hq, App: w.app["bespoke"], With: w.acme}))(t)
		w.wantHeard("hq shares with its enterprise", append(said("added", "bespoke", s.ID, "hq", "acme"), "ear: added orgs/acme/partner_apps bespoke")...)
		must(w.m.UpdateApp(ctx, w.as("max"), w.hq, w.app["bespoke"], market.AppForm{Name: new("tailored")}))(t)
		w.wantHeard("and changes it", `ear: changed orgs/acme/partner_apps tailored "tailored" was "bespoke"`)
	})
}

// Without a subscription, while an app is suspended or a webhook paused, nothing
// is delivered.
func TestGatesOfChannels(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hook := w.listen("ear", append(all("chats"), own)...)
		w.install("sid", "ear", w.hq)
		w.heard()
		tell := func(what string, want ...string) {
			t.Helper()
			told := must(w.m.Publish(ctx, operator, market.Publishing{Items: []souk.Publication{chatAt(w.hq, "1")}}))(t)
			if told[0].Deliveries != len(want) {
				t.Errorf("%s: %d deliveries", what, told[0].Deliveries)
			}
			w.wantHeard(what, want...)
		}
		entitle := func(org souk.ID, subscribed bool) {
			t.Helper()
			in := w.org(org).Entitlements
			in.HasActiveSubscription = subscribed
			if got := must(w.m.SetEntitlements(ctx, operator, org, in))(t); got.Entitlements != in {
				t.Errorf("entitled to %+v", got.Entitlements)
			}
		}
		pause := func(paused bool) {
			t.Helper()
			must(w.m.PutWebhook(ctx, operator, market.Hook{ID: hook.ID, App: w.app["ear"], Dialect: souk.Giosg, Paused: &paused}))(t)
		}
		const chat = "ear: removed orgs/hq/chats 1"
		tell("at first", chat)
		entitle(w.hq, false)
		tell("without a subscription")
		entitle(w.hq, true)
		tell("with one again", chat)
		ok(t, w.m.SuspendApp(ctx, operator, w.app["ear"]))
		tell("suspended")
		ok(t, w.m.ResumeApp(ctx, operator, w.app["ear"]))
		pause(true)
		tell("paused")
		pause(false)
		tell("what it asked for is still there", chat)
		entitle(w.vendor, false)
		tell("where it is installed the owner's subscription does not matter", chat)
		w.install("gus", "ear", w.globex)
		w.wantHeard("of its own it is told as its owner's")
		entitle(w.vendor, true)
		wantList(t, "what became of the orgs", w.list(`SELECT kind FROM events WHERE kind = 'organization.changed' ORDER BY at, id`),
			"organization.changed", "organization.changed", "organization.changed", "organization.changed")
		before := w.digest()
		entitle(w.vendor, true)
		if w.digest() != before {
			t.Error("saying what is so changed something")
		}
		w.checkAudit()
	})
}
