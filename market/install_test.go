package market_test

import (
	"context"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

func TestInstallingAndUpgrading(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "tool", w.hq)
		var bot souk.User
		w.read(func(tx *store.Tx) (err error) { bot, err = tx.User(i.AppUser); return err })
		if i.Kind != souk.OnWorkspace || i.Scopes.String() != "team:read users:read" || !bot.IsBot || bot.Name() != "Tool Bot" || bot.Org != w.hq {
			t.Errorf("installed %+v with %+v", i, bot)
		}
		wantList(t, "the installer's grant", w.list(`SELECT scopes FROM grants WHERE installation_id = $1 AND user_id = $2 AND status = 'active'`, i.ID, w.user["sid"]), "team:read users:read")

		// The app asks for more: the same installation is upgraded, within what was approved.
		w.changeApp("tool", func(a *souk.App) { a.BotScopes = souk.NewScopes("reports") })
		w.approve("max", "tool", w.hq, "team:read")
		wish := must(w.m.Install(ctx, w.as("sid"), market.Installing{App: w.app["tool"], At: w.hq}))(t)
		if wish.Requested == nil || wish.Requested.Status != souk.Pending || wish.Upgraded || w.installation(i.ID).Scopes.String() != "team:read users:read" {
			t.Errorf("beyond the ceiling: %+v", wish)
		}
		w.approve("max", "tool", w.hq)
		if up := w.installation(i.ID); up.Scopes.String() != "reports" {
			t.Errorf("the approval upgraded it to %q", up.Scopes)
		}
		// Whoever an approval covers upgrades at once.
		w.changeApp("tool", func(a *souk.App) { a.BotScopes = souk.NewScopes("reports", "users") })
		w.approve("max", "tool", w.hq)
		done := must(w.m.Install(ctx, w.as("jane"), market.Installing{App: w.app["tool"], At: w.hq}))(t)
		if !done.Upgraded || done.Installation.ID != i.ID || done.Installation.Scopes.String() != "reports users" || done.Installation.InstalledBy != w.user["sid"] {
			t.Errorf("upgraded: %+v", done)
		}
		if n := w.count(`SELECT count(*) FROM grants WHERE installation_id = $1 AND status = 'active'`, i.ID); n != 2 {
			t.Errorf("%d grants after jane upgraded sid's", n)
		}
		wantList(t, "what happened", w.events("tool"), "user.added", "installation.added", "resolution.approved", "request.created",
			"resolution.approved", "case.approved", "installation.changed", "resolution.approved", "installation.changed")
		// Restricting leaves it alone.
		w.restrict("ada", "tool", w.acme)
		if n := w.count(`SELECT count(*) FROM installations WHERE status = 'active'`); n != 1 {
			t.Errorf("restricting left %d installations", n)
		}
		// A member whom an approval covers installs without settings.
		w.approve("liz", "chat", w.lab)
		w.install("lee", "chat", w.lab)
		w.checkAudit()
	})
}

func TestOrgWideInstallations(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("eve", "chat", w.acme)
		reach := func() []string {
			return w.rows(`SELECT o.name FROM reach r JOIN orgs o ON o.id = r.org_id WHERE r.installation_id = $1`, i.ID)
		}
		set := func(workspaces ...souk.ID) []souk.ID {
			return must(w.m.SetWorkspaces(ctx, w.as("sam"), market.Granting{App: w.app["chat"], At: w.acme, Workspaces: workspaces}))(t).Workspaces
		}
		wantList(t, "at first", reach(), "acme")
		if got := set(w.lab, w.hq, w.lab); len(got) != 2 {
			t.Errorf("granted %v", got)
		}
		wantList(t, "granted both", reach(), "acme", "hq", "lab")
		before := w.digest()
		set(w.hq, w.lab)
		if w.digest() != before {
			t.Error("granting what was granted changed something")
		}
		// A restriction since does not take away what is installed.
		w.restrict("liz", "chat", w.lab)
		set(w.lab)
		wantList(t, "hq taken away", reach(), "acme", "lab")
		set()
		wantRefusal(t, "granting again what restricts it now",
			drop(w.m.SetWorkspaces(ctx, w.as("sam"), market.Granting{App: w.app["chat"], At: w.acme, Workspaces: []souk.ID{w.lab}})), souk.RestrictedForAsker)

		// Each place sees its own side of it.
		set(w.hq)
		there := must(w.m.Installations(ctx, w.as("jane"), w.hq, souk.Page{Size: 5}))(t)
		top := must(w.m.Installations(ctx, w.as("eve"), w.acme, souk.Page{Size: 5}))(t)
		if len(there) != 1 || there[0].ID != i.ID || there[0].Workspaces != nil || len(top) != 1 || len(top[0].Workspaces) != 1 {
			t.Errorf("hq sees %+v, the enterprise %+v", there, top)
		}
	})
}

func TestUninstalling(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hqs, labs := w.install("sid", "tool", w.hq), w.install("liz", "tool", w.lab)
		wide := w.install("eve", "chat", w.acme, w.hq)
		uninstall := func(actor souk.Actor, app string, from ...souk.ID) []souk.Installation {
			return must(w.m.Uninstall(ctx, actor, market.Uninstalling{App: w.app[app], From: from}))(t)
		}
		if ended := uninstall(w.as("sid"), "tool", w.hq, w.hq); len(ended) != 1 || ended[0].ID != hqs.ID || ended[0].Status != souk.InstallationEnded {
			t.Errorf("ended %+v", ended)
		}
		wantList(t, "what happened", w.events("tool"), "user.added", "installation.added", "user.added", "installation.added",
			"installation.removed", "grant.revoked", "user.deactivated")
		before := w.digest()
		if again := uninstall(w.as("sid"), "tool", w.hq); len(again) != 0 || w.digest() != before {
			t.Errorf("uninstalling again ended %+v", again)
		}
		// A new one is another installation with another app user.
		if anew := w.install("sid", "tool", w.hq); anew.ID == hqs.ID || anew.AppUser == hqs.AppUser {
			t.Errorf("installed again: %+v", anew)
		}
		// From the enterprise: its own and every workspace's.
		if ended := uninstall(w.as("eve"), "tool", w.acme); len(ended) != 2 {
			t.Errorf("from the enterprise ended %+v", ended)
		}
		if ended := uninstall(w.as("sam"), "chat", w.acme); len(ended) != 1 || ended[0].ID != wide.ID {
			t.Errorf("the org-wide one: %+v", ended)
		}
		if n := w.count(`SELECT count(*) FROM reach`); n != 0 {
			t.Errorf("%d orgs are reached still", n)
		}
		// Nobody but the operator uninstalls a protected app.
		w.install("eve", "manager", w.acme, w.hq)
		if ended := uninstall(operator, "manager", w.acme); len(ended) != 1 {
			t.Errorf("the operator ended %+v", ended)
		}
		// An app that lost its listing is still known where it is installed.
		w.install("liz", "tool", w.lab)
		w.write(func(tx *store.Tx) error {
			_, err := tx.RemoveRight(souk.Right{App: labs.App, To: souk.ToEveryone, Org: w.vendor})
			return err
		})
		if ended := uninstall(w.as("liz"), "tool", w.lab); len(ended) != 1 {
			t.Errorf("what is invisible: %+v", ended)
		}
		w.checkAudit()
	})
}

// Ending the org-wide installation of an enterprise leaves its workspaces their
// own ones, which have ids of their own to be ended by.
func TestEndingOneInstallation(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		labs := w.install("liz", "tool", w.lab)
		wide := w.install("eve", "tool", w.acme, w.hq)
		wantRefusal(t, "the org-wide one from where it was granted", w.m.EndInstallation(ctx, w.as("sid"), w.hq, wide.ID), souk.UnknownInstallation)
		ok(t, w.m.EndInstallation(ctx, w.as("sam"), w.acme, wide.ID))
		wantList(t, "what is left", w.live("tool"), "lab")
		if got := w.installation(labs.ID); got.Status != souk.InstallationActive {
			t.Errorf("the workspace's own is %s", got.Status)
		}
		if got := w.installation(wide.ID); got.Status != souk.InstallationEnded {
			t.Errorf("the org-wide one is %s", got.Status)
		}
		if n := w.count(`SELECT count(*) FROM reach WHERE installation_id = $1`, labs.ID); n != 1 || w.count(`SELECT count(*) FROM reach`) != 1 {
			t.Errorf("the workspace's own reaches %d orgs", n)
		}
		ok(t, w.m.EndInstallation(ctx, w.as("liz"), w.lab, labs.ID))
		wantList(t, "nothing is left", w.live("tool"))
		w.checkAudit()
	})
}
