package slack

import (
	"fmt"
	"testing"

	"souk"
)

func TestUninstallWays(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		sales, support := orgID(o.sales), orgID(o.support)
		for name, play := range map[string]func(app string) result{
			"JSON in a form": func(app string) result {
				return o.call(t, token, "admin.apps.uninstall", args{"app_id": app, "team_ids": fmt.Sprintf("[%q,%q]", sales, support)})
			},
			"commas": func(app string) result {
				return o.call(t, token, "admin.apps.uninstall", args{"app_id": app, "team_ids": sales + "," + support})
			},
			"JSON": func(app string) result {
				return o.callJSON(t, token, "admin.apps.uninstall", fmt.Sprintf(`{"app_id":%q,"team_ids":[%q,%q]}`, app, sales, support))
			},
			"one and the same": func(app string) result {
				want(t, "", o.call(t, token, "admin.apps.uninstall", args{"app_id": app, "team_id": sales}))
				return o.call(t, token, "admin.apps.uninstall", args{"app_id": app, "team_ids": support + "," + support})
			},
			"the enterprise": func(app string) result {
				return o.call(t, token, "admin.apps.uninstall", args{"app_id": app, "enterprise_id": orgID(o.acme)})
			},
		} {
			app := o.app(t, o.deploybot)
			o.install(t, app, o.sales, souk.OnWorkspace)
			o.install(t, app, o.support, souk.OnWorkspace)
			id := app.ID.Slack("A")
			if got := play(id); got.raw != `{"ok":true}` {
				t.Errorf("%s: %s", name, got.raw)
			}
			if o.installed(t, id, o.sales) || o.installed(t, id, o.support) {
				t.Errorf("%s: it is still installed", name)
			}
			want(t, "", play(id)) // again: there is nothing to do
		}
	})
}

func TestUninstallEndsTokens(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		i := o.install(t, o.deploybot, o.sales, souk.OnWorkspace)
		bot, user := o.token(t, souk.BotToken, i.AppUser, i, nil), o.token(t, souk.UserToken, o.bo.ID, i, nil)
		want(t, "", o.call(t, bot, "auth.test", nil))
		want(t, "", o.call(t, o.admin(t, o.ada), "admin.apps.approve", appArg(o.deploybot).with(o.atSales())))
		want(t, "", o.call(t, o.admin(t, o.ada), "admin.apps.uninstall", appArg(o.deploybot).with(args{"team_ids": orgID(o.sales)})))
		want(t, accountInactive, o.call(t, bot, "auth.test", nil))
		want(t, tokenRevoked, o.call(t, user, "auth.test", nil))
		if !o.shows(t, approvedApps, o.atSales(), o.deploybot) {
			t.Error("the approval is gone")
		}
	})
}

func TestUninstallOrgWide(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		o.install(t, o.deploybot, o.acme, souk.OrgWide, o.sales)
		o.install(t, o.deploybot, o.labs, souk.OnWorkspace) // not granted to the token, yet the enterprise's
		want(t, "", o.call(t, o.admin(t, o.ada), "admin.apps.uninstall", appArg(o.deploybot).with(o.atAcme())))
		for _, at := range []souk.Org{o.acme, o.sales, o.labs} {
			if o.installed(t, o.deploybot.ID.Slack("A"), at) {
				t.Errorf("it is still installed at %s", at.Name)
			}
		}
	})
}

func TestUninstallWithAWorkspacesToken(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.token(t, souk.UserToken, o.ada.ID, o.deskAt, both)
		o.install(t, o.deploybot, o.sales, souk.OnWorkspace)
		o.install(t, o.deploybot, o.support, souk.OnWorkspace)
		uninstall := func(a args) result { return o.call(t, token, "admin.apps.uninstall", appArg(o.deploybot).with(a)) }

		want(t, permissionDenied, uninstall(o.atAcme()))
		want(t, specifyEnterpriseOrTeams, uninstall(o.atAcme().with(args{"team_ids": orgID(o.sales)})))
		want(t, teamAccessNotGranted, uninstall(args{"team_ids": orgID(o.support)}))
		want(t, teamsNotFound, uninstall(args{"team_ids": orgID(o.rivals)}))
		want(t, "", uninstall(nil))
		if o.installed(t, o.deploybot.ID.Slack("A"), o.sales) || !o.installed(t, o.deploybot.ID.Slack("A"), o.support) {
			t.Error("without a target it is not the token's own workspace")
		}
		want(t, "", uninstall(args{"team_ids": orgID(o.sales)}))
		want(t, permissionDenied, o.call(t, o.token(t, souk.UserToken, o.bo.ID, o.deskAt, both), "admin.apps.uninstall", appArg(o.deploybot)))
	})
}

func TestWorkspaceThatStandsAlone(t *testing.T) {
	o := newTownSQLite(t)
	token := o.token(t, souk.UserToken, o.vic.ID, o.install(t, o.own, o.vendor, souk.OnWorkspace), both)
	for name, m := range methods {
		if m.governs {
			want(t, featureNotEnabled, o.call(t, token, name, good[name](t, o)))
		}
	}
}
