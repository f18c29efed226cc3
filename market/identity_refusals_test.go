package market_test

import (
	"context"
	"net/netip"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// identities are the refusals of the verbs about tokens, codes, grants and what
// people weigh. wide is an org-wide installation of "manager" that reaches hq.
func (w *town) identities(wide souk.Installation) (rows []refused) {
	ctx := context.Background()
	nobody := souk.NewID()
	add := func(name string, want souk.Refusal, call func() error) {
		rows = append(rows, refused{name, call, want})
	}
	var tool souk.Installation
	w.read(func(tx *store.Tx) (err error) { tool, err = tx.InstallationAt(w.app["tool"], w.hq); return err })
	secret := w.client("tool")
	w.client("stopped")
	w.client("manager")
	bot := w.mint(tool)
	sids := w.grantOf("sid", tool.ID)
	spent := w.code("sid", "tool")
	spoken := must(w.redeem("tool", secret, spent))(w.t)
	lost := w.code("jane", "tool")
	ok(w.t, w.m.RevokeGrant(ctx, w.session("jane"), w.grantOf("jane", tool.ID).ID))
	fresh := w.code("sid", "tool")
	w.write(func(tx *store.Tx) error {
		for range market.MaxTokens {
			t := souk.Token{ID: souk.NewID(), Kind: souk.PersonToken, User: w.user["jane"], CreatedAt: dawn}
			t.Hash = t.ID[:]
			if err := tx.PutToken(t); err != nil {
				return err
			}
		}
		return nil
	})
	minting, page := market.Minting{Description: "x"}, souk.Page{Size: 5}
	reaches := w.through("ada", wide) // acme and hq
	capped := reaches
	capped.Kind = souk.PersonToken

	// Tokens of one's own are made in a browser.
	mint := func(actor souk.Actor, kind souk.TokenKind) func() error {
		return func() error {
			return drop(w.m.MintToken(ctx, actor, market.Minting{Kind: kind, Description: "x"}))
		}
	}
	add("mint: by a token", souk.NotAllowed, mint(w.as("jane"), ""))
	add("mint: on somebody's behalf", souk.NotAllowed, mint(onBehalf(w.session("jane")), ""))
	add("mint: as the operator", souk.NotAllowed, mint(operator, ""))
	add("mint: as an app", souk.NotAllowed, mint(w.itself("tool"), ""))
	add("mint: as an app user", souk.NotAllowed, mint(w.by(bot.Secret), ""))
	add("mint: as nobody, by a session", souk.NotAllowed, mint(souk.Actor{Kind: souk.ConsoleSession, User: nobody}, ""))
	add("mint: one of the platform's, as a person", souk.NotAllowed, mint(w.session("eve"), souk.PlatformToken))
	add("mint: a session", souk.NotAllowed, mint(w.session("eve"), souk.ConsoleSession))
	add("mint: Slack's", souk.NotAllowed, mint(w.session("eve"), souk.UserToken))
	add("mint: one too many", souk.TooManyTokens, mint(w.session("jane"), ""))
	add("list: one's own, by a token", souk.NotAllowed, func() error { return drop(w.m.MyTokens(ctx, w.as("jane"))) })
	add("list: sessions, by a token", souk.NotAllowed, func() error { return drop(w.m.MySessions(ctx, w.as("jane"))) })
	add("list: grants, by a token", souk.NotAllowed, func() error { return drop(w.m.MyGrants(ctx, w.as("jane"))) })

	// Those of app users belong to the app's owner.
	for verb, call := range map[string]func(a souk.Actor, app, installation souk.ID) error{
		"mint a bot's": func(a souk.Actor, app, i souk.ID) error { return drop(w.m.MintAppUserToken(ctx, a, app, i, minting)) },
		"rotate": func(a souk.Actor, app, i souk.ID) error {
			return drop(w.m.RotateToken(ctx, a, app, i, bot.Token.ID, 0))
		},
		"list a bot's": func(a souk.Actor, app, i souk.ID) error { return drop(w.m.AppUserTokens(ctx, a, app, i)) },
	} {
		row := func(name string, want souk.Refusal, actor souk.Actor, app, installation souk.ID) {
			add(verb+": "+name, want, func() error { return call(actor, app, installation) })
		}
		row("of an app that is not there", souk.UnknownApp, w.as("vic"), nobody, tool.ID)
		row("of a deleted app", souk.UnknownApp, w.as("vic"), w.app["gone"], tool.ID)
		row("as the installer's owner", souk.UnknownApp, w.as("olga"), tool.App, tool.ID)
		row("as another root's owner", souk.UnknownApp, w.as("gus"), tool.App, tool.ID)
		row("as another app", souk.UnknownApp, w.itself("chat"), tool.App, tool.ID)
		row("as the app user itself", souk.UnknownApp, w.by(bot.Secret), tool.App, tool.ID)
		row("as a deactivated member of the owner", souk.UnknownApp, w.as("val"), tool.App, tool.ID)
		row("without settings", souk.NotAllowed, w.as("una"), w.app["bespoke"], nobody)
		row("with a token that does not reach it", souk.OrgNotGranted, w.through("vic", wide), tool.App, tool.ID)
		row("of an installation that is not there", souk.UnknownInstallation, w.as("vic"), tool.App, nobody)
		row("of another app's installation", souk.UnknownInstallation, w.as("vic"), w.app["chat"], tool.ID)
		row("of another app's installation, as that app", souk.UnknownInstallation, w.itself("chat"), w.app["chat"], tool.ID)
	}
	add("rotate: a token that is not there", souk.UnknownToken, func() error {
		return drop(w.m.RotateToken(ctx, w.as("vic"), tool.App, tool.ID, nobody, time.Hour))
	})
	add("rotate: a person's", souk.UnknownToken, func() error {
		return drop(w.m.RotateToken(ctx, w.as("vic"), tool.App, tool.ID, spoken.Token.ID, 0))
	})
	add("list at: an org that is not there", souk.UnknownOrg, func() error { return drop(w.m.TokensAt(ctx, w.as("eve"), nobody, tool.ID)) })
	add("list at: as the app's owner", souk.UnknownOrg, func() error { return drop(w.m.TokensAt(ctx, w.as("vic"), w.hq, tool.ID)) })
	add("list at: as a member", souk.NotAllowed, func() error { return drop(w.m.TokensAt(ctx, w.as("jane"), w.hq, tool.ID)) })
	add("list at: by a token that does not reach it", souk.OrgNotGranted, func() error { return drop(w.m.TokensAt(ctx, reaches, w.lab, tool.ID)) })
	add("list at: an installation that is not there", souk.UnknownInstallation, func() error { return drop(w.m.TokensAt(ctx, w.as("sid"), w.hq, nobody)) })
	add("list at: the enterprise's, at a workspace", souk.UnknownInstallation, func() error { return drop(w.m.TokensAt(ctx, w.as("sid"), w.hq, wide.ID)) })
	add("revoke: a token that is not there", souk.UnknownToken, func() error { return w.m.RevokeToken(ctx, operator, nobody) })
	add("revoke: somebody else's", souk.UnknownToken, func() error { return w.m.RevokeToken(ctx, w.as("jane"), bot.Token.ID) })

	// A person lets an app speak for them.
	for verb, call := range map[string]func(souk.Actor, market.Authorizing) error{
		"authorizable": func(a souk.Actor, in market.Authorizing) error { return drop(w.m.Authorizable(ctx, a, in)) },
		"authorize":    func(a souk.Actor, in market.Authorizing) error { return drop(w.m.Authorize(ctx, a, in)) },
	} {
		row := func(name string, want souk.Refusal, actor souk.Actor, change func(*market.Authorizing)) {
			in := w.authorizing("tool")
			change(&in)
			add(verb+": "+name, want, func() error { return call(actor, in) })
		}
		same := func(*market.Authorizing) {}
		app := func(id souk.ID) func(*market.Authorizing) { return func(in *market.Authorizing) { in.App = id } }
		at := func(id souk.ID) func(*market.Authorizing) { return func(in *market.Authorizing) { in.At = id } }
		jane := w.session("jane")
		row("an app that is not there", souk.UnknownApp, jane, app(nobody))
		row("a deleted app", souk.UnknownApp, jane, app(w.app["gone"]))
		row("a suspended app", souk.UnknownApp, jane, app(w.app["stopped"]))
		row("an app that goes nowhere", souk.BadRedirect, jane, app(w.app["ear"]))
		row("to another place", souk.BadRedirect, jane, func(in *market.Authorizing) { in.Redirect = back + "?x" })
		row("to no place", souk.BadRedirect, jane, func(in *market.Authorizing) { in.Redirect = "" })
		row("by a token", souk.NeedsPerson, w.as("jane"), same)
		row("as the operator", souk.NeedsPerson, operator, same)
		row("on her behalf", souk.NeedsPerson, onBehalf(jane), same)
		row("as somebody who is not there", souk.NeedsPerson, souk.Actor{Kind: souk.ConsoleSession, User: nobody}, same)
		row("at an org that is not there", souk.UnknownOrg, jane, at(nobody))
		row("at another root", souk.UnknownOrg, jane, at(w.globex))
		row("at a workspace where she is not", souk.UnknownOrg, jane, at(w.lab))
		row("at the enterprise, where she is not", souk.UnknownOrg, jane, at(w.acme))
		row("as a deactivated person", souk.UnknownInstallation, w.session("val"), same)
		row("as a deactivated person, at home", souk.UnknownOrg, w.session("val"), at(w.vendor))
		row("where it is not installed", souk.UnknownInstallation, w.session("liz"), same)
	}
	add("redirect: of an app that is not there", souk.UnknownApp, func() error { return w.m.RedirectAllowed(ctx, nobody, back) })
	add("redirect: elsewhere", souk.BadRedirect, func() error { return w.m.RedirectAllowed(ctx, tool.App, "https://evil.example/") })
	redeem := func(change func(*market.Redeeming)) func() error {
		in := w.redeeming("tool", secret, fresh)
		change(&in)
		return func() error { return drop(w.m.Redeem(ctx, in, "test", netip.Addr{})) }
	}
	add("redeem: with another secret", souk.WrongSecret, redeem(func(in *market.Redeeming) { in.Secret = "x" }))
	add("redeem: a spent code", souk.SpentCode, redeem(func(in *market.Redeeming) { in.Code = spent }))
	add("redeem: sent elsewhere", souk.BadRedirect, redeem(func(in *market.Redeeming) { in.Redirect = "" }))
	add("redeem: what was taken back", souk.NotAuthorized, redeem(func(in *market.Redeeming) { in.Code = lost }))
	exchange := func(change func(*market.AppUserCode)) func() error {
		in := triggerCode(tool)
		change(&in)
		return func() error { return drop(w.exchange(secret, in)) }
	}
	add("exchange: another app's code", souk.WrongSecret, exchange(func(in *market.AppUserCode) { in.App = w.app["chat"] }))
	add("exchange: for somebody else", souk.SpentCode, exchange(func(in *market.AppUserCode) { in.AppUser = w.user["sid"] }))
	add("exchange: too late", souk.ExpiredCode, exchange(func(in *market.AppUserCode) { in.Expires = dawn }))
	add("take back: a grant that is not there", souk.UnknownGrant, func() error { return w.m.RevokeGrant(ctx, w.session("sid"), nobody) })
	add("take back: somebody else's", souk.UnknownGrant, func() error { return w.m.RevokeGrant(ctx, w.session("jane"), sids.ID) })
	add("sign in by an app: with another secret", souk.WrongSecret, func() error { return drop(w.sso("tool", "x", w.hq, "sid@town.example")) })
	add("sign in by an app: where it is not", souk.UnknownInstallation, func() error { return drop(w.sso("tool", secret, w.lab, "sid@town.example")) })
	add("sign in by an app: who did not let it", souk.NotAuthorized, func() error { return drop(w.sso("tool", secret, w.hq, "jane@town.example")) })

	// What members are and what is installed.
	permit := func(actor souk.Actor, org, user souk.ID) func() error {
		return func() error {
			return drop(w.m.SetPermissions(ctx, actor, org, user, []souk.Permission{souk.CanReports}))
		}
	}
	add("permissions: of an org that is not there", souk.UnknownOrg, permit(w.as("eve"), nobody, w.user["jane"]))
	add("permissions: at another root", souk.UnknownOrg, permit(w.as("gus"), w.hq, w.user["jane"]))
	add("permissions: as the app's owner", souk.UnknownOrg, permit(w.as("vic"), w.hq, tool.AppUser))
	add("permissions: as the app itself", souk.UnknownOrg, permit(w.itself("tool"), w.hq, tool.AppUser))
	add("permissions: as the app user itself", souk.NotAllowed, permit(w.by(bot.Secret), w.hq, tool.AppUser))
	add("permissions: without users", souk.NotAllowed, permit(w.as("sid"), w.hq, tool.AppUser))
	add("permissions: that one does not hold, to a person", souk.NotAllowed, permit(w.as("una"), w.hq, w.user["jane"]))
	add("permissions: by a token without the scope", souk.NotAllowed, permit(capped, w.hq, tool.AppUser))
	add("permissions: by a token that does not reach it", souk.OrgNotGranted, permit(reaches, w.lab, w.user["lee"]))
	add("permissions: of who is not there", souk.UnknownUser, permit(w.as("una"), w.hq, nobody))
	add("permissions: of a sibling's member", souk.UnknownUser, permit(w.as("eve"), w.hq, w.user["lee"]))
	add("permissions: of the enterprise's member, below", souk.UnknownUser, permit(w.as("eve"), w.hq, w.user["sam"]))
	add("permissions: of who is gone", souk.UnknownUser, permit(operator, w.vendor, w.user["val"]))
	add("read permissions: at another root", souk.UnknownOrg, func() error { return drop(w.m.Permissions(ctx, w.as("gus"), w.hq, w.user["jane"])) })
	add("read permissions: at another workspace", souk.NotAllowed, func() error { return drop(w.m.Permissions(ctx, w.as("lee"), w.hq, w.user["jane"])) })
	add("read permissions: by a token that does not reach it", souk.OrgNotGranted, func() error { return drop(w.m.Permissions(ctx, reaches, w.lab, w.user["lee"])) })
	add("read permissions: of a sibling's member", souk.UnknownUser, func() error { return drop(w.m.Permissions(ctx, w.as("jane"), w.hq, w.user["lee"])) })
	add("consider: as nobody", souk.NeedsPerson, func() error { return drop(w.m.Consider(ctx, operator, tool.App, w.hq)) })
	add("consider: an app that is not there", souk.UnknownApp, func() error { return drop(w.m.Consider(ctx, w.as("jane"), nobody, w.hq)) })
	add("consider: another's app", souk.UnknownApp, func() error { return drop(w.m.Consider(ctx, w.as("jane"), w.app["theirs"], w.hq)) })
	add("places: of nobody", souk.NeedsPerson, func() error { return drop(w.m.Places(ctx, operator)) })
	for name, call := range map[string]func(a souk.Actor, org, installation souk.ID) error{
		"one": func(a souk.Actor, org, i souk.ID) error { return drop(w.m.InstalledOne(ctx, a, org, i)) },
		"all": func(a souk.Actor, org, _ souk.ID) error { return drop(w.m.InstalledAt(ctx, a, org, page)) },
		"end": func(a souk.Actor, org, i souk.ID) error { return drop(w.m.UninstallPreview(ctx, a, org, i)) },
	} {
		add("installed, "+name+": at an org that is not there", souk.UnknownOrg, func() error { return call(w.as("eve"), nobody, tool.ID) })
		add("installed, "+name+": at another root", souk.UnknownOrg, func() error { return call(w.as("gus"), w.hq, tool.ID) })
		add("installed, "+name+": at another workspace", souk.NotAllowed, func() error { return call(w.as("lee"), w.hq, tool.ID) })
		add("installed, "+name+": by a token that does not reach it", souk.OrgNotGranted, func() error { return call(reaches, w.lab, tool.ID) })
		if name != "all" {
			add("installed, "+name+": that is not there", souk.UnknownInstallation, func() error { return call(w.as("sid"), w.hq, nobody) })
			add("installed, "+name+": elsewhere", souk.UnknownInstallation, func() error { return call(operator, w.lab, tool.ID) })
		}
	}
	add("preview: without settings", souk.NotAllowed, func() error { return drop(w.m.UninstallPreview(ctx, w.as("jane"), w.hq, tool.ID)) })
	add("preview: the enterprise's, at a workspace", souk.UnknownInstallation, func() error { return drop(w.m.UninstallPreview(ctx, w.as("sid"), w.hq, wide.ID)) })

	// People and triggers.
	add("sign in: with a password that nobody has", souk.WrongPassword, func() error {
		return drop(w.m.SignIn(ctx, market.SigningIn{Email: "sid@town.example", Password: "correct horse battery"}, "test", netip.Addr{}))
	})
	add("open: an app without a trigger", souk.NoTrigger, func() error {
		return drop(w.m.OpenTrigger(ctx, w.session("sid"), market.Opening{App: tool.App, At: w.hq, Condition: souk.OnSetup}))
	})
	return rows
}
