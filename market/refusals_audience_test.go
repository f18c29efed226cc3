package market_test

import (
	"context"

	"souk"
	"souk/market"
	"souk/store"
)

// narrow are the refusals of what is decided for some, asked for many and taken
// from all.
func (w *town) narrow(orgToken souk.Actor) (rows []refused) {
	ctx := context.Background()
	nobody, both := souk.NewID(), []string{"chat:shout"}
	chat, theirs, labs := w.app["chat"], w.group(w.globex, "theirs"), w.group(w.lab, "labs")
	add := func(verb, name string, actor souk.Actor, in market.Decision, want souk.Refusal) {
		decide := map[string]func(context.Context, souk.Actor, market.Decision) (market.Decided, error){
			"approve": w.m.Approve, "restrict": w.m.Restrict, "decline": w.m.Decline,
		}[verb]
		rows = append(rows, refused{verb + ": " + name, func() error { return drop(decide(ctx, actor, in)) }, want})
	}
	for _, verb := range []string{"approve", "restrict"} {
		add(verb, "for somebody who is not there", w.as("ada"), market.Decision{App: chat, At: w.acme, Audiences: w.people("jane", "")}, souk.UnknownUser)
		add(verb, "for somebody of another root", w.as("ada"), market.Decision{App: chat, At: w.acme, Audiences: w.people("gwen")}, souk.UnknownUser)
		add(verb, "for a member of another workspace", w.as("max"), market.Decision{App: chat, At: w.hq, Audiences: w.people("lee")}, souk.UnknownUser)
		add(verb, "for somebody who was deactivated", w.as("vic"), market.Decision{App: chat, At: w.vendor, Audiences: w.people("val")}, souk.UnknownUser)
		add(verb, "for a group that is not there", w.as("ada"), market.Decision{App: chat, At: w.acme, Audiences: []souk.Audience{{Group: nobody}}}, souk.UnknownGroup)
		add(verb, "for a group of another root", w.as("ada"), market.Decision{App: chat, At: w.acme, Audiences: []souk.Audience{{Group: theirs}}}, souk.UnknownGroup)
		add(verb, "for a group of another workspace", w.as("max"), market.Decision{App: chat, At: w.hq, Audiences: []souk.Audience{{Group: labs}}}, souk.UnknownGroup)
	}
	add("approve", "for somebody who is not there, with a bad scope", w.as("ada"), market.Decision{App: chat, At: w.acme, Audiences: w.people(""), Scopes: both}, souk.UnknownScope)
	add("approve", "a certified app for somebody who is not there", w.as("max"), market.Decision{App: w.app["certified"], At: w.hq, Audiences: w.people("")}, souk.UnknownUser)
	add("approve", "for one of a workspace what the enterprise restricts", w.as("max"), market.Decision{App: w.app["barred"], At: w.hq, Audiences: w.people("jane")}, souk.RestrictedAtEnterprise)
	add("decline", "for somebody who is not there", w.as("ada"), market.Decision{App: chat, At: w.acme, Users: []souk.ID{w.user["jane"], nobody}}, souk.UnknownUser)
	add("decline", "for somebody of another root", w.as("ada"), market.Decision{App: chat, At: w.acme, Users: []souk.ID{w.user["gwen"]}}, souk.UnknownUser)
	add("decline", "for somebody who did not ask", w.as("ada"), market.Decision{App: chat, At: w.acme, Users: []souk.ID{w.user["joe"]}}, souk.UnknownRequest)
	jane := w.user["jane"]
	clear := func(name string, actor souk.Actor, app string, at souk.ID, audience souk.Audience, want souk.Refusal) {
		rows = append(rows, refused{"clear: " + name, func() error {
			return w.m.Clear(ctx, actor, market.Clearing{App: w.app[app], At: at, Audiences: []souk.Audience{audience}})
		}, want})
	}
	clear("for somebody who is not there", w.as("ada"), "barred", w.acme, souk.Audience{User: nobody}, souk.UnknownUser)
	clear("for a group of another root", w.as("ada"), "barred", w.acme, souk.Audience{Group: theirs}, souk.UnknownGroup)
	clear("for one, what stands for everyone", w.as("ada"), "barred", w.acme, souk.Audience{User: jane}, souk.NoResolution)

	// What these share: an org, somebody who decides there, an app, and people.
	for verb, call := range map[string]func(actor souk.Actor, app, at, user souk.ID) error{
		"cancel for users": func(actor souk.Actor, app, at, user souk.ID) error {
			return drop(w.m.CancelRequests(ctx, actor, app, at, []souk.ID{user}))
		},
		"decline all": func(actor souk.Actor, app, at, _ souk.ID) error { return drop(w.m.DeclineAll(ctx, actor, app, at)) },
		"ask for many": func(actor souk.Actor, app, at, user souk.ID) error {
			return drop(w.m.RequestForMany(ctx, actor, market.AskingForMany{App: app, At: at, Users: []souk.ID{user}}))
		},
		"disable": func(actor souk.Actor, app, at, user souk.ID) error {
			return drop(w.m.DisableForUser(ctx, actor, app, at, user))
		},
		"enable": func(actor souk.Actor, app, at, user souk.ID) error {
			return drop(w.m.EnableForUser(ctx, actor, app, at, user))
		},
	} {
		row := func(name string, actor souk.Actor, app, at, user souk.ID, want souk.Refusal) {
			rows = append(rows, refused{verb + ": " + name, func() error { return call(actor, app, at, user) }, want})
		}
		row("at an org that is not there", w.as("eve"), chat, nobody, jane, souk.UnknownOrg)
		row("at another root", w.as("gus"), chat, w.hq, jane, souk.UnknownOrg)
		row("as nobody", operator, chat, w.hq, jane, souk.NeedsPerson)
		row("as an app's user", w.bot("tool", w.hq), chat, w.hq, jane, souk.NeedsPerson)
		row("with a token that does not reach it", orgToken, chat, w.lab, jane, souk.OrgNotGranted)
		row("as whoever asked", w.as("jane"), chat, w.hq, jane, souk.NotAllowed)
		row("at the enterprise as a workspace's owner", w.as("olga"), chat, w.acme, jane, souk.NotAllowed)
		row("an app that is not there", w.as("max"), nobody, w.hq, jane, souk.UnknownApp)
		row("an app that is not visible", w.as("max"), w.app["draft"], w.hq, jane, souk.UnknownApp)
		row("a deleted app", w.as("max"), w.app["gone"], w.hq, jane, souk.UnknownApp)
		if verb == "decline all" {
			continue
		}
		row("for somebody who is not there", w.as("max"), chat, w.hq, nobody, souk.UnknownUser)
		row("for somebody of another workspace", w.as("max"), chat, w.hq, w.user["lee"], souk.UnknownUser)
		row("for somebody of another root", w.as("ada"), chat, w.acme, w.user["gwen"], souk.UnknownUser)
		row("for an app's user", w.as("max"), chat, w.hq, w.appUser("tool", w.hq), souk.UnknownUser)
	}
	rows = append(rows, refused{"ask for many: a group of another root", func() error {
		return drop(w.m.RequestForMany(ctx, w.as("ada"), market.AskingForMany{App: chat, At: w.acme, Groups: []souk.ID{theirs}}))
	}, souk.UnknownGroup})

	var tool souk.ID
	w.read(func(tx *store.Tx) error {
		i, err := tx.InstallationAt(w.app["tool"], w.hq)
		tool = i.ID
		return err
	})
	resume := func(name string, actor souk.Actor, org, id souk.ID, want souk.Refusal) {
		rows = append(rows, refused{"resume: " + name, func() error { return drop(w.m.ResumeInstallation(ctx, actor, org, id)) }, want})
	}
	resume("at an org that is not there", w.as("sid"), nobody, tool, souk.UnknownOrg)
	resume("at another root", w.as("gus"), w.hq, tool, souk.UnknownOrg)
	resume("without settings", w.as("jane"), w.hq, tool, souk.NotAllowed)
	resume("one that is not there", w.as("sid"), w.hq, nobody, souk.UnknownInstallation)
	resume("another root's", w.as("gina"), w.globex, tool, souk.UnknownInstallation)
	return rows
}
