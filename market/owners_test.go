package market_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// since runs a verb and tells what it put on record and which events it made,
// each with the org where it happened.
func (w *town) since(verb func()) (entries, events []string) {
	w.t.Helper()
	entry := `SELECT o.name || ' ' || a.verb FROM audit a JOIN orgs o ON o.id = a.root_id`
	event := `SELECT o.name || ' ' || e.kind FROM events e JOIN orgs o ON o.id = e.org_id`
	hadEntries, hadEvents := w.rows(entry), w.rows(event)
	verb()
	return without(w.rows(entry), hadEntries), without(w.rows(event), hadEvents)
}

// without takes each of some lines out of a list once.
func without(all, some []string) []string {
	for _, s := range some {
		if i := slices.Index(all, s); i >= 0 {
			all = slices.Delete(all, i, i+1)
		}
	}
	return all
}

// What owners of apps, partners and the operator do is on record under every
// root that it concerns, and told where it happened.
func TestWhatOwnersWrite(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		yes, no, name := true, false, "A new name"
		var app market.AppView
		var invitation market.InvitationView
		var share market.ShareView
		var i souk.Installation
		partners := func() []string {
			return w.rows(`SELECT a.name || '=' || b.name || ' ' || p.name_a || '/' || p.name_b FROM partnerships p JOIN orgs a ON a.id = p.a_id JOIN orgs b ON b.id = p.b_id`)
		}
		for _, tt := range []struct {
			name            string
			verb            func()
			entries, events []string
			check           func() bool
		}{
			{"entitled", func() {
				must(w.m.SetEntitlements(ctx, operator, w.vendor, souk.Entitlements{HasActiveSubscription: true, HasAppsFeature: true, IsAppProvider: true}))(t)
			}, []string{"vendor SetEntitlements"}, []string{"vendor organization.changed"}, func() bool { return w.org(w.vendor).IsAppProvider }},
			{"published", func() {
				in := form("novel")
				in.IsAvailableToAnyone, in.IsAvailableToPartners = &yes, &yes
				in.Triggers, in.RequiredScopes = []string{"setup", "install", "setup"}, []string{"users", "settings"}
				app = must(w.m.PublishApp(ctx, w.as("vic"), w.vendor, in))(t)
				w.app["novel"] = app.ID
			}, []string{"vendor PublishApp"}, []string{"vendor app.added"}, func() bool {
				return app.Listing == souk.Submitted && !app.IsPublic() && len(app.Secret) == 40 && app.Creator.FirstName == "vic" && app.Owner.Name == "vendor" &&
					strings.Join(app.Triggers, " ") == "install setup" && app.RequiredScopes.String() == "settings users" && app.Installations == 0
			}},
			{"listed", func() { app = must(w.m.ListApp(ctx, operator, app.ID, souk.Listed))(t) },
				[]string{"vendor ListApp"}, []string{"vendor app.changed"}, func() bool {
					found := must(w.m.PublicApp(ctx, w.as("gus"), app.ID))(t)
					return app.IsPublic() && found.Secret == ""
				}},
			{"changed", func() {
				secret := app.Secret
				app = w.update("novel", market.AppForm{Name: &name})
				if app.Secret != secret {
					t.Error("the secret changed")
				}
			}, []string{"vendor UpdateApp"}, []string{"vendor app.changed"}, func() bool {
				return app.Name == name && app.Updater.FirstName == "vic" && app.UpdatedAt.After(app.CreatedAt) && app.IsPublic()
			}},
			{"installed", func() { i = w.install("gus", "novel", w.globex) }, []string{"globex Install"}, []string{"globex installation.added"},
				func() bool { return must(w.m.OwnedApp(ctx, w.as("vic"), w.vendor, app.ID))(t).Installations == 1 }},
			{"invited", func() { invitation = must(w.m.Invite(ctx, w.as("vic"), w.vendor, w.globex))(t) },
				[]string{"globex Invite", "vendor Invite"}, []string{"globex invitation.added", "vendor invitation.added"}, func() bool {
					got := must(w.m.Invitations(ctx, w.as("gus"), w.globex, market.Incoming, souk.Page{Size: 5}))(t)
					return len(got) == 1 && got[0].Sender.Name == "vendor" && got[0].Creator == nil
				}},
			{"declined", func() { ok(t, w.m.EndInvitation(ctx, w.as("gus"), w.globex, market.Incoming, invitation.ID)) },
				[]string{"globex EndInvitation", "vendor EndInvitation"}, []string{"globex invitation.removed", "vendor invitation.removed"}, func() bool { return partners() == nil }},
			{"invited back", func() { invitation = must(w.m.Invite(ctx, w.as("gus"), w.globex, w.vendor))(t) },
				[]string{"globex Invite", "vendor Invite"}, []string{"globex invitation.added", "vendor invitation.added"}, func() bool { return true }},
			{"accepted", func() { must(w.m.Accept(ctx, w.as("vic"), w.vendor, invitation.ID))(t) },
				[]string{"globex Accept", "globex Accept", "vendor Accept", "vendor Accept"},
				[]string{"globex invitation.removed", "globex partnership.added", "vendor invitation.removed", "vendor partnership.added"},
				func() bool { return w.count(`SELECT count(*) FROM invitations`) == 0 && len(partners()) == 1 }},
			{"named", func() { must(w.m.NamePartner(ctx, w.as("gus"), w.globex, w.vendor, "ours"))(t) },
				[]string{"globex NamePartner"}, []string{"globex partnership.changed"}, func() bool {
					theirs := must(w.m.Partnership(ctx, w.as("vic"), w.vendor, w.globex))(t)
					mine := must(w.m.Partnership(ctx, w.as("gus"), w.globex, w.vendor))(t)
					return theirs.DisplayName == "" && mine.DisplayName == "ours"
				}},
			{"shared", func() {
				share = must(w.m.ShareApp(ctx, w.as("vic"), market.Sharing{Owner: w.vendor, App: app.ID, With: w.globex}))(t)
			},
				[]string{"globex ShareApp", "vendor ShareApp"}, []string{"vendor share.added"}, func() bool {
					got := must(w.m.Share(ctx, w.as("gus"), w.globex, market.Incoming, share.ID))(t)
					return got.Of.ID == app.ID && got.To.Name == "globex" && got.Creator == nil // who is nobody of theirs
				}},
			{"kept from the public and the partners", func() {
				w.update("novel", market.AppForm{IsAvailableToAnyone: &no, IsAvailableToPartners: &no})
			}, []string{"vendor UpdateApp"}, []string{"vendor app.changed"}, func() bool { return w.installation(i.ID).Live() }},
			{"unshared", func() { ok(t, w.m.UnshareApp(ctx, w.as("gus"), w.globex, market.Incoming, share.ID)) },
				[]string{"globex UnshareApp", "globex UnshareApp", "vendor UnshareApp"},
				[]string{"globex grant.revoked", "globex installation.removed", "vendor share.removed"}, func() bool { return !w.installation(i.ID).Live() }},
			{"parted", func() { ok(t, w.m.EndPartnership(ctx, w.as("vic"), w.vendor, w.globex)) },
				[]string{"globex EndPartnership", "vendor EndPartnership"}, []string{"globex partnership.removed", "vendor partnership.removed"}, func() bool { return partners() == nil }},
			{"deleted", func() { ok(t, w.m.DeleteApp(ctx, w.as("vic"), w.vendor, app.ID)) },
				[]string{"vendor DeleteApp"}, []string{"vendor app.removed"}, func() bool {
					var a souk.App
					w.read(func(tx *store.Tx) (err error) { a, err = tx.App(app.ID); return err })
					return !a.DeletedAt.IsZero()
				}},
		} {
			entries, events := w.since(tt.verb)
			wantList(t, tt.name+": on record", entries, tt.entries...)
			wantList(t, tt.name+": told", events, tt.events...)
			if !tt.check() {
				t.Errorf("%s: and it is not", tt.name)
			}
		}
		for _, table := range []string{"audit", "events"} {
			column := map[string]string{"audit": "after", "events": "data"}[table]
			if n := w.count(`SELECT count(*) FROM `+table+` WHERE `+column+` LIKE $1`, "%"+app.Secret+"%"); n != 0 {
				t.Errorf("the secret stands in %s", table)
			}
		}
		w.checkAudit()
	})
}

// Who sees which app: the lists agree with each other.
func TestListsOfApps(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.ally(w.acme)
		yes, no := true, false
		w.update("files", market.AppForm{IsAvailableToAnyone: &no, IsAvailableToPartners: &yes})
		w.share("draft", w.acme)
		w.install("eve", "chat", w.acme, w.hq)
		w.install("sid", "tool", w.hq)
		page := souk.Page{Size: 50}
		spell := func(views []market.AppView, err error) string {
			t.Helper()
			var names []string
			for _, v := range must(views, err)(t) {
				names = append(names, v.Name)
				if v.Owner.ID != v.App.Owner {
					t.Errorf("%s is %s's", v.Name, v.Owner.Name)
				}
			}
			slices.Sort(names)
			return strings.Join(names, " ")
		}
		public := "barred certified chat ear lawyer manager monitor nameless tool unwanted"
		for _, tt := range []struct {
			name, who          string
			at                 souk.ID
			partners, installs string
		}{
			{"the enterprise", "eve", w.acme, "draft files", "chat"},
			{"what lies below it", "sid", w.hq, "draft files", "chat tool"},
			{"and was granted nothing", "liz", w.lab, "draft files", ""},
			{"a stranger", "gus", w.globex, "", ""},
			{"the owner", "vic", w.vendor, "", ""},
		} {
			for list, want := range map[string][2]string{
				"public":    {spell(w.m.PublicApps(ctx, w.as(tt.who), page)), public},
				"partners'": {spell(w.m.PartnerApps(ctx, w.as(tt.who), tt.at, page)), tt.partners},
				"installed": {spell(w.m.InstalledApps(ctx, w.as(tt.who), tt.at, page)), tt.installs},
			} {
				if want[0] != want[1] {
					t.Errorf("%s, %s apps: %q, want %q", tt.name, list, want[0], want[1])
				}
			}
		}
		mine := must(w.m.AppInstallations(ctx, w.as("sid"), w.hq, page))(t)
		if len(mine) != 1 || mine[0].Of.Name != "tool" || mine[0].User.FirstName != "Tool" {
			t.Errorf("hq's installations: %+v", mine)
		}
		// A suspended app is in effect nowhere, and where it is installed it is listed still.
		ok(t, w.m.SuspendApp(ctx, operator, w.app["tool"]))
		if got := spell(w.m.InstalledApps(ctx, w.as("sid"), w.hq, page)); got != "chat tool" {
			t.Errorf("installed: %q", got)
		}
		if got := spell(w.m.PublicApps(ctx, w.as("sid"), page)); got != strings.ReplaceAll(public, " tool", "") {
			t.Errorf("public: %q", got)
		}
	})
}
