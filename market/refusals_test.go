package market_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// refused is a call and how the market says no to it.
type refused struct {
	name string
	call func() error
	want souk.Refusal
}

// drop forgets what a verb answered beside its error.
func drop[T any](_ T, err error) error { return err }

// noon brings a town into a state in which everything can be refused.
func (w *town) noon() (pending, resolved, bespoke souk.Request, org souk.Installation, hook market.Saved) {
	w.restrict("ada", "barred", w.acme)
	w.restrict("max", "unwanted", w.hq)
	pending, resolved, bespoke = w.ask("jane", "chat", w.hq), w.ask("joe", "files", w.hq), w.ask("jane", "bespoke", w.hq)
	must(w.m.Decline(context.Background(), w.as("max"), market.Decision{Request: resolved.ID}))(w.t)
	org = w.install("eve", "manager", w.acme, w.hq)
	w.install("sid", "tool", w.hq)
	w.install("gus", "tool", w.globex)
	w.setPolicy(w.lab, souk.Closed)
	ok(w.t, w.m.SetPolicy(context.Background(), operator, w.globex, market.Rules{Policy: souk.Approval, Switches: souk.Switches{
		AdminAPI: true, ClearOwnersOnly: true, UninstallOwnersOnly: true, Moving: souk.NotMoving}}))
	hook = must(w.m.PutWebhook(context.Background(), w.as("vic"), market.Hook{
		App: w.app["tool"], Dialect: souk.Native, URL: "https://vendor.example/hook", Events: []string{string(souk.RequestCreated)}}))(w.t)
	ok(w.t, w.m.DeactivateUser(context.Background(), operator, w.user["val"]))
	w.changeOrg(w.vendor, func(o *souk.Org) { o.HasAppsFeature = false })
	w.approve("max", "monitor", w.hq, "team:read")
	return pending, resolved, bespoke, org, hook
}

// Every refusal that a verb documents is produced here, and leaves nothing.
func TestRefusals(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		pending, resolved, bespoke, wide, hook := w.noon()
		nobody := souk.NewID()
		orgToken := w.through("ada", wide) // reaches acme and hq

		ask := func(actor souk.Actor, at souk.ID, app souk.ID, change ...func(*market.Asking)) func() error {
			in := market.Asking{App: app, At: at}
			for _, c := range change {
				c(&in)
			}
			return func() error { return drop(w.m.RequestApp(ctx, actor, in)) }
		}
		forWhom := func(id souk.ID) func(*market.Asking) { return func(in *market.Asking) { in.For = id } }
		scopes := func(s ...string) func(*market.Asking) { return func(in *market.Asking) { in.Scopes = s } }
		cancel := func(actor souk.Actor, request, at souk.ID) func() error {
			return func() error { return w.m.CancelRequest(ctx, actor, market.Withdrawal{Request: request, At: at}) }
		}
		install := func(actor souk.Actor, at souk.ID, app string, workspaces ...souk.ID) func() error {
			in := market.Installing{App: w.app[app], At: at, Workspaces: workspaces}
			return func() error { return drop(w.m.Install(ctx, actor, in)) }
		}
		grant := func(actor souk.Actor, at souk.ID, app string, workspaces ...souk.ID) func() error {
			in := market.Granting{App: w.app[app], At: at, Workspaces: workspaces}
			return func() error { return drop(w.m.SetWorkspaces(ctx, actor, in)) }
		}
		uninstall := func(actor souk.Actor, app souk.ID, from ...souk.ID) func() error {
			in := market.Uninstalling{App: app, From: from}
			return func() error { return drop(w.m.Uninstall(ctx, actor, in)) }
		}
		clear := func(actor souk.Actor, app, at souk.ID) func() error {
			return func() error { return w.m.Clear(ctx, actor, market.Clearing{App: app, At: at}) }
		}
		person := func(actor souk.Actor, in market.Person) func() error {
			if in.Email == "" {
				in.Email = "new@town.example"
			}
			return func() error { return drop(w.m.PutUser(ctx, actor, in)) }
		}
		deactivate := func(actor souk.Actor, id souk.ID) func() error {
			return func() error { return w.m.DeactivateUser(ctx, actor, id) }
		}
		member := func(actor souk.Actor, user, org souk.ID, role souk.Role, permissions ...souk.Permission) func() error {
			in := souk.Membership{User: user, Org: org, Role: role, Permissions: permissions}
			return func() error { return w.m.PutMembership(ctx, actor, in) }
		}
		put := func(actor souk.Actor, change func(*market.Hook)) func() error {
			in := market.Hook{App: w.app["tool"], Dialect: souk.Native, URL: "https://vendor.example/hook", Events: []string{string(souk.RequestCreated)}}
			change(&in)
			return func() error { return drop(w.m.PutWebhook(ctx, actor, in)) }
		}
		as := w.as

		rows := []refused{
			{"ask: nobody asks", ask(operator, w.hq, w.app["chat"]), souk.NeedsPerson},
			{"ask: at an org that is not there", ask(as("jane"), nobody, w.app["chat"]), souk.UnknownOrg},
			{"ask: at an org of another root", ask(as("jane"), w.globex, w.app["chat"]), souk.UnknownOrg},
			{"ask: at no org", ask(as("jane"), souk.ID{}, w.app["chat"]), souk.UnknownOrg},
			{"ask: with a token of nobody", ask(souk.Actor{Kind: souk.AppToken, App: w.app["tool"]}, w.hq, w.app["chat"]), souk.UnknownOrg},
			{"ask: at a workspace of one's enterprise", ask(as("jane"), w.lab, w.app["chat"]), souk.NotAllowed},
			{"ask: for all of the enterprise as a member of a workspace", ask(as("jane"), w.acme, w.app["chat"]), souk.NotAllowed},
			{"ask: with a token that does not reach it", ask(orgToken, w.lab, w.app["chat"]), souk.OrgNotGranted},
			{"ask: for another as a member", ask(as("jane"), w.hq, w.app["chat"], forWhom(w.user["joe"])), souk.NotAllowed},
			{"ask: for somebody of another root", ask(as("max"), w.hq, w.app["chat"], forWhom(w.user["gwen"])), souk.UnknownUser},
			{"ask: for somebody who is not there", ask(as("max"), w.hq, w.app["chat"], forWhom(nobody)), souk.UnknownUser},
			{"ask: for a member of another workspace", ask(as("max"), w.hq, w.app["chat"], forWhom(w.user["lee"])), souk.UnknownUser},
			{"ask: for an app that is not there", ask(as("jane"), w.hq, nobody), souk.UnknownApp},
			{"ask: for no app", ask(as("jane"), w.hq, souk.ID{}), souk.UnknownApp},
			{"ask: for an app that is not visible", ask(as("jane"), w.hq, w.app["draft"]), souk.UnknownApp},
			{"ask: for another root's own app", ask(as("jane"), w.hq, w.app["theirs"]), souk.UnknownApp},
			{"ask: for a deleted app", ask(as("jane"), w.hq, w.app["gone"]), souk.UnknownApp},
			{"ask: for a suspended app", ask(as("jane"), w.hq, w.app["stopped"]), souk.UnknownApp},
			{"ask: what the enterprise restricted", ask(as("jane"), w.hq, w.app["barred"]), souk.RestrictedForAsker},
			{"ask: what the workspace restricted", ask(as("jane"), w.hq, w.app["unwanted"]), souk.RestrictedForAsker},
			{"ask: where the policy is closed", ask(as("lee"), w.lab, w.app["chat"]), souk.ClosedToRequests},
			{"ask: for a scope that does not exist", ask(as("joe"), w.hq, w.app["chat"], scopes("chat:shout")), souk.UnknownScope},
			{"ask: for what is installed", ask(as("jane"), w.hq, w.app["tool"]), souk.AlreadyInstalled},
			{"ask: again, for other scopes", ask(as("jane"), w.hq, w.app["chat"], scopes("reports")), souk.AlreadyPending},

			{"cancel: nothing", cancel(as("jane"), nobody, souk.ID{}), souk.UnknownRequest},
			{"cancel: another root's", cancel(as("gus"), pending.ID, souk.ID{}), souk.UnknownRequest},
			{"cancel: another root's, at one's own org", cancel(as("gus"), pending.ID, w.globex), souk.UnknownRequest},
			{"cancel: another workspace's", cancel(as("liz"), pending.ID, souk.ID{}), souk.UnknownRequest},
			{"cancel: at an org where it was not made", cancel(as("eve"), pending.ID, w.lab), souk.UnknownRequest},
			{"cancel: at an org that is not there", cancel(as("jane"), pending.ID, nobody), souk.UnknownOrg},
			{"cancel: at another root", cancel(as("jane"), pending.ID, w.globex), souk.UnknownOrg},
			{"cancel: a colleague's", cancel(as("joe"), pending.ID, souk.ID{}), souk.NotAllowed},
			{"cancel: as nobody", cancel(operator, pending.ID, souk.ID{}), souk.NotAllowed},
			{"cancel: with a token that does not reach it", cancel(orgToken, pending.ID, w.lab), souk.OrgNotGranted},
			{"cancel: what was answered", cancel(as("joe"), resolved.ID, souk.ID{}), souk.RequestResolved},

			{"clear: at an org that is not there", clear(as("ada"), w.app["barred"], nobody), souk.UnknownOrg},
			{"clear: at another root", clear(as("gus"), w.app["barred"], w.acme), souk.UnknownOrg},
			{"clear: as nobody", clear(operator, w.app["barred"], w.acme), souk.NeedsPerson},
			{"clear: with a token that does not reach it", clear(orgToken, w.app["barred"], w.lab), souk.OrgNotGranted},
			{"clear: as a member with settings", clear(as("sam"), w.app["barred"], w.acme), souk.NotAllowed},
			{"clear: the enterprise's as a workspace's admin", clear(as("max"), w.app["barred"], w.acme), souk.NotAllowed},
			{"clear: an app that is not there", clear(as("ada"), nobody, w.acme), souk.UnknownApp},
			{"clear: an app that is not visible", clear(as("ada"), w.app["draft"], w.acme), souk.UnknownApp},
			{"clear: as an admin, where it is for owners", clear(as("gina"), w.app["chat"], w.globex), souk.OwnersOnly},
			{"clear: nothing", clear(as("ada"), w.app["chat"], w.acme), souk.NoResolution},
			{"clear: at a workspace what stands at the enterprise", clear(as("ada"), w.app["barred"], w.hq), souk.NoResolution},

			{"install: at an org that is not there", install(as("eve"), nobody, "chat"), souk.UnknownOrg},
			{"install: at another root", install(as("eve"), w.globex, "chat"), souk.UnknownOrg},
			{"install: as nobody", install(operator, w.hq, "chat"), souk.NeedsPerson},
			{"install: with a token that does not reach it", install(orgToken, w.lab, "chat"), souk.OrgNotGranted},
			{"install: without belonging there", install(as("max"), w.lab, "chat"), souk.NotAllowed},
			{"install: an app that is not visible", install(as("sid"), w.hq, "draft"), souk.UnknownApp},
			{"install: a suspended app", install(as("sid"), w.hq, "stopped"), souk.UnknownApp},
			{"install: a deleted app", install(as("sid"), w.hq, "gone"), souk.UnknownApp},
			{"install: an app that only a workspace sees, on the enterprise", install(as("eve"), w.acme, "bespoke"), souk.UnknownApp},
			{"install: what the enterprise restricted", install(as("sid"), w.hq, "barred"), souk.RestrictedForAsker},
			{"install: what the workspace restricted", install(as("sid"), w.hq, "unwanted"), souk.RestrictedForAsker},
			{"install: where the policy is closed", install(as("liz"), w.lab, "chat"), souk.ClosedToRequests},
			{"install: without the apps feature", install(as("vic"), w.vendor, "chat"), souk.NoAppsFeature},
			{"install: without accepting the terms", install(as("sid"), w.hq, "lawyer"), souk.TermsNotAccepted},
			{"install: again", install(as("sid"), w.hq, "tool"), souk.AlreadyInstalled},
			{"install: where an org-wide installation reaches", install(as("sid"), w.hq, "manager"), souk.AlreadyInstalled},
			{"install: on the enterprise, granted a workspace that has its own", install(as("eve"), w.acme, "tool", w.hq), souk.AlreadyInstalled},
			{"install: granted a workspace of another root", install(as("eve"), w.acme, "chat", w.globex), souk.UnknownOrg},
			{"install: granted a workspace that is not there", install(as("eve"), w.acme, "chat", nobody), souk.UnknownOrg},
			{"install: granted the enterprise itself", install(as("eve"), w.acme, "chat", w.acme), souk.UnknownOrg},
			{"install: granted a workspace that restricted it", install(as("eve"), w.acme, "unwanted", w.hq), souk.RestrictedForAsker},
			{"install: granted a workspace where an approval reaches less far", install(as("eve"), w.acme, "monitor", w.hq), souk.ApprovalNeeded},
			{"install: granted a workspace whose policy is closed", install(as("eve"), w.acme, "chat", w.lab), souk.ClosedToRequests},

			{"grant: at an org that is not there", grant(as("eve"), nobody, "manager"), souk.UnknownOrg},
			{"grant: at another root", grant(as("gus"), w.acme, "manager"), souk.UnknownOrg},
			{"grant: without settings", grant(as("max"), w.acme, "manager"), souk.NotAllowed},
			{"grant: with a token that does not reach it", grant(orgToken, w.lab, "manager"), souk.OrgNotGranted},
			{"grant: what is not installed there", grant(as("eve"), w.acme, "chat"), souk.UnknownApp},
			{"grant: a workspace of another root", grant(as("eve"), w.acme, "manager", w.globex), souk.UnknownOrg},
			{"grant: a workspace whose policy is closed", grant(as("eve"), w.acme, "manager", w.hq, w.lab), souk.ClosedToRequests},

			{"uninstall: from nowhere", uninstall(as("eve"), w.app["tool"]), souk.UnknownOrg},
			{"uninstall: from too many", uninstall(as("eve"), w.app["tool"], slices.Repeat([]souk.ID{w.hq}, market.MaxTargets+1)...), souk.TooManyTargets},
			{"uninstall: from an org that is not there", uninstall(as("eve"), w.app["tool"], w.hq, nobody), souk.UnknownOrg},
			{"uninstall: from another root", uninstall(as("eve"), w.app["tool"], w.hq, w.globex), souk.UnknownOrg},
			{"uninstall: from two roots as the operator", uninstall(operator, w.app["tool"], w.hq, w.globex), souk.UnknownOrg},
			{"uninstall: with a token that does not reach it", uninstall(orgToken, w.app["tool"], w.hq, w.lab), souk.OrgNotGranted},
			{"uninstall: without settings", uninstall(as("jane"), w.app["tool"], w.hq), souk.NotAllowed},
			{"uninstall: with settings in one of two", uninstall(as("sid"), w.app["tool"], w.hq, w.lab), souk.NotAllowed},
			{"uninstall: as an admin, where it is for owners", uninstall(as("gina"), w.app["tool"], w.globex), souk.OwnersOnly},
			{"uninstall: an app that is not there", uninstall(as("sid"), nobody, w.hq), souk.UnknownApp},
			{"uninstall: an app that is not visible", uninstall(as("sid"), w.app["draft"], w.hq), souk.UnknownApp},
			{"uninstall: a protected app", uninstall(as("eve"), w.app["manager"], w.acme), souk.ProtectedApp},
			{"uninstall: from a workspace that an org-wide installation was granted", uninstall(operator, w.app["manager"], w.hq), souk.MustRevokeOrgWide},
			{"uninstall: the same, beside the enterprise", uninstall(operator, w.app["manager"], w.acme, w.hq), souk.MustRevokeOrgWide},

			{"suspend: as an owner", func() error { return w.m.SuspendApp(ctx, as("vic"), w.app["chat"]) }, souk.NotAllowed},
			{"suspend: on somebody's behalf", func() error { return w.m.SuspendApp(ctx, onBehalf(as("vic")), w.app["chat"]) }, souk.NotAllowed},
			{"suspend: an app that is not there", func() error { return w.m.SuspendApp(ctx, operator, nobody) }, souk.UnknownApp},
			{"suspend: a deleted app", func() error { return w.m.SuspendApp(ctx, operator, w.app["gone"]) }, souk.UnknownApp},
			{"resume: as an owner", func() error { return w.m.ResumeApp(ctx, as("vic"), w.app["stopped"]) }, souk.NotAllowed},
			{"resume: an app that is not there", func() error { return w.m.ResumeApp(ctx, operator, nobody) }, souk.UnknownApp},

			{"policy: of an org that is not there", func() error { return w.m.SetPolicy(ctx, as("eve"), nobody, rules) }, souk.UnknownOrg},
			{"policy: of another root", func() error { return w.m.SetPolicy(ctx, as("eve"), w.globex, rules) }, souk.UnknownOrg},
			{"policy: as a member with settings", func() error { return w.m.SetPolicy(ctx, as("sam"), w.acme, rules) }, souk.NotAllowed},
			{"policy: of the enterprise as a workspace's owner", func() error { return w.m.SetPolicy(ctx, as("olga"), w.acme, rules) }, souk.NotAllowed},
			{"policy: with a token that does not reach it", func() error { return w.m.SetPolicy(ctx, orgToken, w.lab, rules) }, souk.OrgNotGranted},

			{"person: at an org that is not there", person(as("eve"), market.Person{Home: nobody}), souk.UnknownOrg},
			{"person: at another root", person(as("eve"), market.Person{Home: w.globex}), souk.UnknownOrg},
			{"person: without users", person(as("sid"), market.Person{Home: w.hq}), souk.NotAllowed},
			{"person: with users elsewhere", person(as("una"), market.Person{Home: w.lab}), souk.NotAllowed},
			{"person: with a token that does not reach it", person(orgToken, market.Person{Home: w.lab}), souk.OrgNotGranted},
			{"person: who is not there", person(as("eve"), market.Person{ID: nobody}), souk.UnknownUser},
			{"person: of another root", person(as("eve"), market.Person{ID: w.user["gwen"]}), souk.UnknownUser},
			{"person: of another workspace", person(as("una"), market.Person{ID: w.user["lee"]}), souk.UnknownUser},
			{"person: a deactivated one", person(operator, market.Person{ID: w.user["val"]}), souk.UnknownUser},
			{"person: a colleague, without users", person(as("sid"), market.Person{ID: w.user["jane"]}), souk.NotAllowed},
			{"person: with a colleague's e-mail", person(as("una"), market.Person{Home: w.hq, Email: "LEE@town.example"}), souk.EmailTaken},
			{"person: with a deactivated person's e-mail", person(as("vic"), market.Person{Home: w.vendor, Email: "val@town.example"}), souk.EmailTaken},
			{"person: who changes to a colleague's e-mail", person(as("una"), market.Person{ID: w.user["jane"], Email: "joe@town.example"}), souk.EmailTaken},

			{"deactivate: who is not there", deactivate(as("eve"), nobody), souk.UnknownUser},
			{"deactivate: another root's", deactivate(as("eve"), w.user["gwen"]), souk.UnknownUser},
			{"deactivate: another workspace's", deactivate(as("una"), w.user["lee"]), souk.UnknownUser},
			{"deactivate: again", deactivate(operator, w.user["val"]), souk.UnknownUser},
			{"deactivate: an app user", deactivate(operator, w.appUser("tool", w.hq)), souk.UnknownUser},
			{"deactivate: without users", deactivate(as("sid"), w.user["jane"]), souk.NotAllowed},
			{"deactivate: the last owner", deactivate(as("eve"), w.user["olga"]), souk.LastOwner},

			{"membership: of an org that is not there", member(as("eve"), w.user["jane"], nobody, souk.Member), souk.UnknownOrg},
			{"membership: of another root", member(as("eve"), w.user["jane"], w.globex, souk.Member), souk.UnknownOrg},
			{"membership: without users", member(as("sid"), w.user["jane"], w.hq, souk.Member), souk.NotAllowed},
			{"membership: a role, with users alone", member(as("una"), w.user["jane"], w.hq, souk.Admin), souk.NotAllowed},
			{"membership: a role taken away, with users alone", member(as("una"), w.user["max"], w.hq, souk.Member), souk.NotAllowed},
			{"membership: with a token that does not reach it", member(orgToken, w.user["lee"], w.lab, souk.Admin), souk.OrgNotGranted},
			{"membership: of somebody who is not there", member(as("eve"), nobody, w.hq, souk.Member), souk.UnknownUser},
			{"membership: of another root's", member(as("eve"), w.user["gwen"], w.hq, souk.Member), souk.UnknownUser},
			{"membership: of a deactivated person", member(operator, w.user["val"], w.vendor, souk.Member), souk.UnknownUser},
			{"membership: the last owner steps down", member(as("eve"), w.user["olga"], w.hq, souk.Admin), souk.LastOwner},

			{"webhook: of an app that is not there", put(as("vic"), func(h *market.Hook) { h.App = nobody }), souk.UnknownApp},
			{"webhook: of another root's app", put(as("eve"), func(*market.Hook) {}), souk.UnknownApp},
			{"webhook: of another workspace's app", put(as("liz"), func(h *market.Hook) { h.App = w.app["bespoke"] }), souk.UnknownApp},
			{"webhook: of a deleted app", put(as("vic"), func(h *market.Hook) { h.App = w.app["gone"] }), souk.UnknownApp},
			{"webhook: with another app's token", put(souk.Actor{Kind: souk.AppToken, App: w.app["chat"]}, func(*market.Hook) {}), souk.UnknownApp},
			{"webhook: without settings", put(as("jane"), func(h *market.Hook) { h.App = w.app["bespoke"] }), souk.NotAllowed},
			{"webhook: with a token that does not reach it", put(w.through("vic", wide), func(*market.Hook) {}), souk.OrgNotGranted},
			{"webhook: that is not there", put(as("vic"), func(h *market.Hook) { h.ID = nobody }), souk.UnknownWebhook},
			{"webhook: of another app", put(as("vic"), func(h *market.Hook) { h.ID, h.App = hook.ID, w.app["chat"] }), souk.UnknownWebhook},
			{"webhook: to a private address", put(as("vic"), func(h *market.Hook) { h.URL = "https://10.0.0.1/" }), souk.BlockedAddress},
			{"webhook: that fails the handshake", w.failing(put(as("vic"), func(h *market.Hook) { h.Dialect, h.Events = souk.Slack, []string{"app_requested"} })), souk.NotVerified},
			{"verify: a webhook that is not there", func() error { return drop(w.m.VerifyWebhook(ctx, as("vic"), w.app["tool"], nobody)) }, souk.UnknownWebhook},
			{"verify: another root's", func() error { return drop(w.m.VerifyWebhook(ctx, as("eve"), w.app["tool"], hook.ID)) }, souk.UnknownApp},
			{"delete: a webhook that is not there", func() error { return w.m.DeleteWebhook(ctx, as("vic"), w.app["tool"], nobody) }, souk.UnknownWebhook},
			{"delete: another app's webhook", func() error { return w.m.DeleteWebhook(ctx, as("vic"), w.app["chat"], hook.ID) }, souk.UnknownWebhook},
			{"delete: another root's", func() error { return w.m.DeleteWebhook(ctx, as("eve"), w.app["tool"], hook.ID) }, souk.UnknownApp},

			{"token: that never was one", func() error { return drop(w.m.Authenticate(ctx, "xoxp-souk-none", "test", netip.Addr{})) }, souk.UnknownToken},
			{"read: requests of another root", func() error {
				return drop(w.m.Requests(ctx, as("gus"), souk.RequestFilter{At: w.hq}, souk.Page{Size: 9}))
			}, souk.UnknownOrg},
			{"read: requests of another workspace", func() error {
				return drop(w.m.Requests(ctx, as("lee"), souk.RequestFilter{At: w.hq}, souk.Page{Size: 9}))
			}, souk.NotAllowed},
			{"read: another root's request", func() error { return drop(w.m.Request(ctx, as("gus"), pending.ID)) }, souk.UnknownRequest},
			{"read: another workspace's request", func() error { return drop(w.m.Request(ctx, as("liz"), pending.ID)) }, souk.UnknownRequest},
			{"read: a colleague's request", func() error { return drop(w.m.Request(ctx, as("joe"), pending.ID)) }, souk.UnknownRequest},
			{"read: a request that is not there", func() error { return drop(w.m.Request(ctx, as("joe"), nobody)) }, souk.UnknownRequest},
			{"read: answers as a member", func() error {
				return drop(w.m.Resolutions(ctx, as("jane"), market.StandingAnswers{At: w.hq, Status: souk.Approved}, souk.Page{Size: 9}))
			}, souk.NotAllowed},
			{"read: answers of another root", func() error {
				return drop(w.m.Resolutions(ctx, as("gus"), market.StandingAnswers{At: w.hq, Status: souk.Approved}, souk.Page{Size: 9}))
			}, souk.UnknownOrg},
			{"read: answers that the token does not reach", func() error {
				return drop(w.m.Resolutions(ctx, orgToken, market.StandingAnswers{At: w.lab, Status: souk.Approved}, souk.Page{Size: 9}))
			}, souk.OrgNotGranted},
			{"read: all answers as a member", func() error { return drop(w.m.StandingAt(ctx, as("jane"), w.hq, "", souk.Page{Size: 9})) }, souk.NotAllowed},
			{"read: installations of another root", func() error { return drop(w.m.Installations(ctx, as("gus"), w.hq, souk.Page{Size: 9})) }, souk.UnknownOrg},
			{"read: installations of another workspace", func() error { return drop(w.m.Installations(ctx, as("lee"), w.hq, souk.Page{Size: 9})) }, souk.NotAllowed},
			{"read: webhooks of another root's app", func() error { return drop(w.m.Webhooks(ctx, as("gus"), w.app["tool"])) }, souk.UnknownApp},
			{"read: deliveries of another app's webhook", func() error {
				return drop(w.m.Deliveries(ctx, as("vic"), w.app["chat"], hook.ID, "", souk.Page{Size: 9}))
			}, souk.UnknownWebhook},
			{"read: attempts of a delivery that is not there", func() error {
				return drop(w.m.Attempts(ctx, as("vic"), w.app["tool"], hook.ID, nobody))
			}, souk.UnknownDelivery},
			{"explain: as nobody", func() error { return drop(w.m.Explain(ctx, operator, market.Question{App: w.app["chat"], At: w.hq})) }, souk.NeedsPerson},
			{"explain: a colleague's answer", func() error {
				return drop(w.m.Explain(ctx, as("jane"), market.Question{App: w.app["chat"], At: w.hq, User: w.user["joe"]}))
			}, souk.NotAllowed},
			{"explain: another workspace's answer", func() error {
				return drop(w.m.Explain(ctx, as("lee"), market.Question{App: w.app["unwanted"], At: w.hq}))
			}, souk.NotAllowed},
			{"explain: an app that is not visible", func() error {
				return drop(w.m.Explain(ctx, as("jane"), market.Question{App: w.app["draft"], At: w.hq}))
			}, souk.UnknownApp},
			{"explain: a deleted app", func() error {
				return drop(w.m.Explain(ctx, as("jane"), market.Question{App: w.app["gone"], At: w.hq}))
			}, souk.UnknownApp},
			{"explain: to a user of another root", func() error {
				return drop(w.m.Explain(ctx, as("max"), market.Question{App: w.app["chat"], At: w.hq, User: w.user["gwen"]}))
			}, souk.UnknownUser},
		}
		rows = append(rows, w.decisions(pending, resolved, bespoke, orgToken)...)
		rows = append(rows, w.narrow(orgToken)...)
		rows = append(rows, w.trade(wide)...)
		rows = append(rows, w.identities(wide)...)
		rows = append(rows, w.endpoints(wide)...)
		rows = append(rows, w.rotations()...)

		produced := map[souk.Refusal]bool{}
		before := w.digest()
		for _, row := range rows {
			err := row.call()
			wantRefusal(t, row.name, err, row.want)
			if after := w.digest(); after != before {
				t.Fatalf("%s: was refused (%v) and changed something", row.name, err)
			}
			var r souk.Refusal
			if errors.As(err, &r) {
				produced[r] = true
			}
		}
		for _, r := range souk.Refusals() {
			if !produced[r] {
				t.Errorf("nothing here is refused with %q", r)
			}
		}
	})
}

// decisions are the refusals of Approve, Restrict and Decline. They share the
// first ones, in the order of docs/dialects/slack.md, "Errors, in order".
func (w *town) decisions(pending, resolved, bespoke souk.Request, orgToken souk.Actor) (rows []refused) {
	ctx := context.Background()
	nobody := souk.NewID()
	verbs := map[string]func(context.Context, souk.Actor, market.Decision) (market.Decided, error){
		"approve": w.m.Approve, "restrict": w.m.Restrict, "decline": w.m.Decline,
	}
	add := func(verb, name string, actor souk.Actor, in market.Decision, want souk.Refusal) {
		rows = append(rows, refused{verb + ": " + name, func() error { return drop(verbs[verb](ctx, actor, in)) }, want})
	}
	chat := w.app["chat"]
	for verb := range verbs {
		add(verb, "at an org that is not there", w.as("eve"), market.Decision{App: chat, At: nobody}, souk.UnknownOrg)
		add(verb, "at another root", w.as("gus"), market.Decision{App: chat, At: w.hq}, souk.UnknownOrg)
		add(verb, "at no org", w.as("eve"), market.Decision{App: chat}, souk.UnknownOrg)
		add(verb, "another root's request, at another root", w.as("gus"), market.Decision{Request: pending.ID, At: w.hq}, souk.UnknownOrg)
		add(verb, "as nobody", operator, market.Decision{App: chat, At: w.hq}, souk.NeedsPerson)
		add(verb, "a request as nobody", operator, market.Decision{Request: pending.ID}, souk.NeedsPerson)
		add(verb, "as an app's user", w.bot("tool", w.hq), market.Decision{App: chat, At: w.hq}, souk.NeedsPerson)
		add(verb, "with a token that does not reach it", orgToken, market.Decision{App: chat, At: w.lab}, souk.OrgNotGranted)
		add(verb, "as a member with settings", w.as("sid"), market.Decision{App: chat, At: w.hq}, souk.NotAllowed)
		add(verb, "at the enterprise as a workspace's owner", w.as("olga"), market.Decision{App: chat, At: w.acme}, souk.NotAllowed)
		add(verb, "at another workspace of the enterprise", w.as("liz"), market.Decision{App: chat, At: w.hq}, souk.NotAllowed)
		add(verb, "a request that is not there", w.as("max"), market.Decision{Request: nobody, At: w.hq}, souk.UnknownRequest)
		add(verb, "a request that is not there, wherever", w.as("max"), market.Decision{Request: nobody}, souk.UnknownRequest)
		add(verb, "another root's request", w.as("gus"), market.Decision{Request: pending.ID, At: w.globex}, souk.UnknownRequest)
		add(verb, "another root's request, wherever", w.as("gus"), market.Decision{Request: pending.ID}, souk.UnknownRequest)
		add(verb, "another workspace's request", w.as("eve"), market.Decision{Request: pending.ID, At: w.lab}, souk.UnknownRequest)
		add(verb, "another workspace's request, wherever", w.as("liz"), market.Decision{Request: pending.ID}, souk.UnknownRequest)
		add(verb, "an answered request", w.as("max"), market.Decision{Request: resolved.ID, At: w.hq}, souk.RequestResolved)
		add(verb, "an answered request, wherever", w.as("max"), market.Decision{Request: resolved.ID}, souk.RequestResolved)
		add(verb, "a custom integration's request, for the enterprise", w.as("eve"), market.Decision{Request: bespoke.ID, At: w.acme}, souk.CustomIntegrationAtTop)
		add(verb, "an app that is not there", w.as("max"), market.Decision{App: nobody, At: w.hq}, souk.UnknownApp)
		add(verb, "an app that is not visible", w.as("max"), market.Decision{App: w.app["draft"], At: w.hq}, souk.UnknownApp)
		add(verb, "a deleted app", w.as("max"), market.Decision{App: w.app["gone"], At: w.hq}, souk.UnknownApp)
		add(verb, "another root's app", w.as("max"), market.Decision{App: w.app["theirs"], At: w.hq}, souk.UnknownApp)
		add(verb, "a request's id as an app's", w.as("max"), market.Decision{App: pending.ID, At: w.hq}, souk.UnknownApp)
		add(verb, "a custom integration", w.as("max"), market.Decision{App: w.app["bespoke"], At: w.hq}, souk.CustomIntegrationNeedsReq)
		add(verb, "a scope that does not exist", w.as("max"), market.Decision{App: chat, At: w.hq, Scopes: []string{"chat:shout"}}, souk.UnknownScope)
		add(verb, "a request, with a scope that does not exist", w.as("max"), market.Decision{Request: pending.ID, At: w.hq, Scopes: []string{"chat:shout"}}, souk.UnknownScope)
	}
	// What comes first is told first.
	both := []string{"chat:shout"}
	add("approve", "an answered request with a bad scope", w.as("max"), market.Decision{Request: resolved.ID, At: w.hq, Scopes: both}, souk.RequestResolved)
	add("approve", "a certified app with a bad scope", w.as("max"), market.Decision{App: w.app["certified"], At: w.hq, Scopes: both}, souk.UnknownScope)
	add("approve", "a certified app at a workspace", w.as("max"), market.Decision{App: w.app["certified"], At: w.hq}, souk.CertifiedNeedsEnterprise)
	add("approve", "what the enterprise restricts", w.as("max"), market.Decision{App: w.app["barred"], At: w.hq}, souk.RestrictedAtEnterprise)
	add("approve", "the same, as the enterprise's admin", w.as("ada"), market.Decision{App: w.app["barred"], At: w.hq}, souk.RestrictedAtEnterprise)
	add("decline", "what nobody asked for", w.as("max"), market.Decision{App: w.app["certified"], At: w.hq}, souk.UnknownRequest)
	add("decline", "what was answered already", w.as("max"), market.Decision{App: w.app["files"], At: w.hq}, souk.UnknownRequest)
	add("decline", "what was asked elsewhere", w.as("liz"), market.Decision{App: chat, At: w.lab}, souk.UnknownRequest)
	return rows
}

var rules = market.Rules{Policy: souk.Approval, Switches: souk.DefaultSwitches}

// onBehalf is the operator acting for whoever a is.
func onBehalf(a souk.Actor) souk.Actor {
	a.Platform, a.Kind = true, souk.PlatformToken
	return a
}

// failing has Slack's handshake fail while call runs.
func (w *town) failing(call func() error) func() error {
	return func() error {
		w.shake = func(souk.Webhook) error { return fmt.Errorf("no answer: %w", souk.NotVerified) }
		defer func() { w.shake = nil }()
		return call()
	}
}

// appUser is the app user of an installation.
func (w *town) appUser(app string, at souk.ID) (id souk.ID) {
	w.t.Helper()
	w.read(func(tx *store.Tx) error {
		i, err := tx.InstallationAt(w.app[app], at)
		id = i.AppUser
		return err
	})
	if id.IsZero() {
		w.t.Fatalf("%s has no app user", app)
	}
	return id
}

// bot is an app user that acts by the token of its installation, and was made
// an admin.
func (w *town) bot(app string, at souk.ID) souk.Actor {
	w.t.Helper()
	user := w.appUser(app, at)
	var i souk.Installation
	w.write(func(tx *store.Tx) (err error) {
		i, err = tx.InstallationAt(w.app[app], at)
		return errors.Join(err, tx.PutMembership(souk.Membership{User: user, Org: at, Role: souk.Admin, CreatedAt: dawn}))
	})
	return souk.Actor{User: user, Kind: souk.BotToken, Installation: i.ID, App: i.App, Org: at, Face: "test"}
}
