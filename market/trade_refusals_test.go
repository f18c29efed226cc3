package market_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// morrow brings a town that noon has seen into a state in which everything that
// owners of apps and partners do can be refused.
func (w *town) morrow() (broke souk.ID, share souk.Share, invitation souk.Invitation) {
	ctx := context.Background()
	w.write(func(tx *store.Tx) error {
		o := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: "broke", Domain: "broke", Switches: souk.DefaultSwitches, CreatedAt: dawn}
		broke = o.ID
		failed := []error{tx.PutOrg(o)}
		for name, home := range map[string]souk.ID{"bob": o.ID, "vera": w.vendor} {
			u := souk.User{ID: souk.NewID(), Org: home, Email: name + "@town.example", FirstName: name, CreatedAt: dawn}
			w.user[name] = u.ID
			failed = append(failed, tx.PutUser(u, home), tx.PutMembership(souk.Membership{User: u.ID, Org: home, Role: souk.Member, CreatedAt: dawn}))
		}
		for name, at := range map[string]souk.ID{"bob": w.vendor, "vic": o.ID} {
			failed = append(failed, tx.PutMembership(souk.Membership{User: w.user[name], Org: at, Role: souk.Owner, CreatedAt: dawn}))
		}
		return errors.Join(failed...)
	})
	w.ally(w.globex)
	share = w.share("draft", w.globex)
	invitation = must(w.m.Invite(ctx, w.as("vic"), w.vendor, w.acme))(w.t).Invitation
	for range market.MaxChannelWebhooks {
		w.listen("certified", own)
	}
	must(w.m.Publish(ctx, operator, market.Publishing{Key: "k", Items: []souk.Publication{chatAt(w.hq, "1")}}))(w.t)
	return broke, share, invitation
}

// chatAt is a chat that was removed at an org.
func chatAt(org souk.ID, id string) souk.Publication {
	return souk.Publication{Org: org, Channel: souk.Channel("/api/v5/orgs/" + org.String() + "/chats"), Action: souk.Removed, Resource: id}
}

// trade are the refusals of what owners of apps, partners and the operator do.
func (w *town) trade(wide souk.Installation) (rows []refused) {
	ctx := context.Background()
	broke, share, invitation := w.morrow()
	nobody := souk.NewID()
	hook := w.listen("chat", own)
	var toolAtGlobex, managerAtAcme souk.Installation
	w.read(func(tx *store.Tx) (err error) {
		toolAtGlobex, err = tx.InstallationAt(w.app["tool"], w.globex)
		managerAtAcme = wide
		return err
	})
	yes, page := true, souk.Page{Size: 9}
	add := func(name string, want souk.Refusal, err func() error) { rows = append(rows, refused{name, err, want}) }

	// Whoever works for an org is asked the same by every verb and every read.
	type deskCall = func(souk.Actor, souk.ID) error
	managed := map[string]deskCall{
		"publish app": func(a souk.Actor, org souk.ID) error { return drop(w.m.PublishApp(ctx, a, org, form("new"))) },
		"update app": func(a souk.Actor, org souk.ID) error {
			return drop(w.m.UpdateApp(ctx, a, org, w.app["chat"], market.AppForm{}))
		},
		"delete app": func(a souk.Actor, org souk.ID) error { return w.m.DeleteApp(ctx, a, org, w.app["chat"]) },
		"share app": func(a souk.Actor, org souk.ID) error {
			return drop(w.m.ShareApp(ctx, a, market.Sharing{Owner: org, App: w.app["chat"], With: w.globex}))
		},
		"unshare app": func(a souk.Actor, org souk.ID) error { return w.m.UnshareApp(ctx, a, org, market.Outgoing, share.ID) },
		"invite":      func(a souk.Actor, org souk.ID) error { return drop(w.m.Invite(ctx, a, org, w.hq)) },
		"accept":      func(a souk.Actor, org souk.ID) error { return drop(w.m.Accept(ctx, a, org, invitation.ID)) },
		"end invitation": func(a souk.Actor, org souk.ID) error {
			return w.m.EndInvitation(ctx, a, org, market.Outgoing, invitation.ID)
		},
		"end partnership":         func(a souk.Actor, org souk.ID) error { return w.m.EndPartnership(ctx, a, org, w.globex) },
		"name partner":            func(a souk.Actor, org souk.ID) error { return drop(w.m.NamePartner(ctx, a, org, w.globex, "them")) },
		"uninstall from":          func(a souk.Actor, org souk.ID) error { return w.m.UninstallFrom(ctx, a, org, w.app["tool"], w.globex) },
		"end installation":        func(a souk.Actor, org souk.ID) error { return w.m.EndInstallation(ctx, a, org, toolAtGlobex.ID) },
		"read: owned apps":        func(a souk.Actor, org souk.ID) error { return drop(w.m.OwnedApps(ctx, a, org, page)) },
		"read: partners' apps":    func(a souk.Actor, org souk.ID) error { return drop(w.m.PartnerApps(ctx, a, org, page)) },
		"read: installed apps":    func(a souk.Actor, org souk.ID) error { return drop(w.m.InstalledApps(ctx, a, org, page)) },
		"read: app installations": func(a souk.Actor, org souk.ID) error { return drop(w.m.AppInstallations(ctx, a, org, page)) },
		"read: installations of an owned app": func(a souk.Actor, org souk.ID) error {
			return drop(w.m.InstallationsOfOwned(ctx, a, org, w.app["chat"], page))
		},
		"read: shares": func(a souk.Actor, org souk.ID) error { return drop(w.m.Shares(ctx, a, org, market.Outgoing, page)) },
		"read: invitations": func(a souk.Actor, org souk.ID) error {
			return drop(w.m.Invitations(ctx, a, org, market.Incoming, page))
		},
	}
	for name, call := range managed {
		add(name+": without settings", souk.NotAllowed, func() error { return call(w.as("vera"), w.vendor) })
	}
	managed["read: partnerships"] = func(a souk.Actor, org souk.ID) error { return drop(w.m.Partnerships(ctx, a, org, page)) }
	managed["read: people"] = func(a souk.Actor, org souk.ID) error { return drop(w.m.People(ctx, a, org, page)) }
	for name, call := range managed {
		for _, row := range []struct {
			name  string
			actor souk.Actor
			org   souk.ID
			want  souk.Refusal
		}{
			{"as nobody", souk.Actor{Kind: souk.AppToken, App: w.app["chat"]}, w.vendor, souk.NotAllowed},
			{"as somebody who is gone", w.as("val"), w.vendor, souk.NotAllowed},
			{"at home without a subscription, elsewhere", w.as("bob"), w.vendor, souk.NoSubscription},
			{"where there is no subscription", w.as("vic"), broke, souk.NoSubscription},
			{"at an org that is not there", w.as("vic"), nobody, souk.UnknownOrg},
			{"at another root", w.as("eve"), w.vendor, souk.UnknownOrg},
			{"at a partner", w.as("gus"), w.vendor, souk.UnknownOrg},
			{"with a token that does not reach it", w.through("vic", wide), w.vendor, souk.UnknownOrg},
			{"as the operator, at an org that is not there", operator, nobody, souk.UnknownOrg},
		} {
			add(name+": "+row.name, row.want, func() error { return call(row.actor, row.org) })
		}
		if name[:4] != "read" {
			add(name+": at no org", souk.UnknownOrg, func() error { return call(w.as("vic"), souk.ID{}) })
		}
	}

	for name, id := range map[string]souk.ID{"an app that is not there": nobody, "no app": {}, "a deleted app": w.app["gone"], "another's app": w.app["theirs"]} {
		add("update app: "+name, souk.UnknownApp, func() error { return drop(w.m.UpdateApp(ctx, w.as("vic"), w.vendor, id, form("new"))) })
		add("delete app: "+name, souk.UnknownApp, func() error { return w.m.DeleteApp(ctx, w.as("vic"), w.vendor, id) })
		add("delete app: "+name+" as the operator", souk.UnknownApp, func() error { return w.m.DeleteApp(ctx, operator, w.vendor, id) })
		add("share app: "+name, souk.UnknownApp, func() error {
			return drop(w.m.ShareApp(ctx, w.as("vic"), market.Sharing{Owner: w.vendor, App: id, With: w.globex}))
		})
		add("uninstall from: "+name, souk.UnknownApp, func() error { return w.m.UninstallFrom(ctx, w.as("vic"), w.vendor, id, w.globex) })
		add("read: "+name+" as one's own", souk.UnknownApp, func() error { return drop(w.m.OwnedApp(ctx, w.as("vic"), w.vendor, id)) })
		add("read: installations of "+name, souk.UnknownApp, func() error { return drop(w.m.InstallationsOfOwned(ctx, w.as("vic"), w.vendor, id, page)) })
	}
	wish := form("new")
	wish.IsAvailableToAnyone = &yes
	add("publish app: for anyone, and no provider", souk.NotAppProvider, func() error { return drop(w.m.PublishApp(ctx, w.as("gus"), w.globex, wish)) })
	add("update app: for partners, and no provider", souk.NotAppProvider, func() error {
		return drop(w.m.UpdateApp(ctx, w.as("gus"), w.globex, w.app["theirs"], market.AppForm{IsAvailableToPartners: &yes}))
	})
	odd := form("new")
	odd.RequiredScopes = []string{"chat:shout"}
	add("publish app: with a scope that does not exist", souk.UnknownScope, func() error { return drop(w.m.PublishApp(ctx, w.as("vic"), w.vendor, odd)) })
	add("update app: with a scope that does not exist", souk.UnknownScope, func() error {
		return drop(w.m.UpdateApp(ctx, w.as("vic"), w.vendor, w.app["chat"], market.AppForm{RequiredScopes: []string{"chat:shout"}}))
	})
	for name, actor := range map[string]souk.Actor{"as its owner": w.as("vic"), "on its owner's behalf": onBehalf(w.as("vic"))} {
		add("list app: "+name, souk.NotAllowed, func() error { return drop(w.m.ListApp(ctx, actor, w.app["draft"], souk.Listed)) })
		add("entitlements: "+name, souk.NotAllowed, func() error { return drop(w.m.SetEntitlements(ctx, actor, w.vendor, souk.Entitlements{})) })
		add("publish: "+name, souk.NotAllowed, func() error {
			return drop(w.m.Publish(ctx, actor, market.Publishing{Items: []souk.Publication{chatAt(w.vendor, "1")}}))
		})
	}
	add("list app: that is not there", souk.UnknownApp, func() error { return drop(w.m.ListApp(ctx, operator, nobody, souk.Listed)) })
	add("list app: that was deleted", souk.UnknownApp, func() error { return drop(w.m.ListApp(ctx, operator, w.app["gone"], souk.Listed)) })
	add("entitlements: of an org that is not there", souk.UnknownOrg, func() error { return drop(w.m.SetEntitlements(ctx, operator, nobody, souk.Entitlements{})) })

	// Who is no partner is not told apart from who is not there.
	for name, with := range map[string]souk.ID{"an org that is not there": nobody, "an org that is no partner": w.acme, "oneself": w.vendor, "nobody": {}} {
		add("share app: with "+name, souk.NotPartner, func() error {
			return drop(w.m.ShareApp(ctx, w.as("vic"), market.Sharing{Owner: w.vendor, App: w.app["chat"], With: with}))
		})
		add("end partnership: with "+name, souk.UnknownPartnership, func() error { return w.m.EndPartnership(ctx, w.as("vic"), w.vendor, with) })
		add("name partner: "+name, souk.UnknownPartnership, func() error { return drop(w.m.NamePartner(ctx, w.as("vic"), w.vendor, with, "x")) })
		add("read: the partnership with "+name, souk.UnknownPartnership, func() error { return drop(w.m.Partnership(ctx, w.as("vic"), w.vendor, with)) })
	}
	add("share app: again", souk.AlreadyShared, func() error {
		return drop(w.m.ShareApp(ctx, w.as("vic"), market.Sharing{Owner: w.vendor, App: w.app["draft"], With: w.globex}))
	})
	add("share app: and no provider", souk.NotAppProvider, func() error {
		return drop(w.m.ShareApp(ctx, w.as("gus"), market.Sharing{Owner: w.globex, App: w.app["theirs"], With: w.vendor}))
	})
	for _, row := range []struct {
		name  string
		actor string
		org   souk.ID
		d     market.Direction
		id    souk.ID
	}{
		{"that is not there", "vic", w.vendor, market.Outgoing, nobody},
		{"of others", "eve", w.acme, market.Incoming, share.ID},
		{"that was made with oneself, as one's own", "gus", w.globex, market.Outgoing, share.ID},
		{"that one made, as the other", "vic", w.vendor, market.Incoming, share.ID},
	} {
		add("unshare app: a share "+row.name, souk.UnknownShare, func() error { return w.m.UnshareApp(ctx, w.as(row.actor), row.org, row.d, row.id) })
		add("read: a share "+row.name, souk.UnknownShare, func() error { return drop(w.m.Share(ctx, w.as(row.actor), row.org, row.d, row.id)) })
	}
	for _, row := range []struct {
		name  string
		actor string
		org   souk.ID
		d     market.Direction
		id    souk.ID
	}{
		{"that is not there", "vic", w.vendor, market.Outgoing, nobody},
		{"of others", "gus", w.globex, market.Incoming, invitation.ID},
		{"of the enterprise, at a workspace", "max", w.hq, market.Incoming, invitation.ID},
		{"that one got, as one's own", "eve", w.acme, market.Outgoing, invitation.ID},
		{"that one sent, as the other", "vic", w.vendor, market.Incoming, invitation.ID},
	} {
		add("end invitation: one "+row.name, souk.UnknownInvitation, func() error { return w.m.EndInvitation(ctx, w.as(row.actor), row.org, row.d, row.id) })
		add("read: an invitation "+row.name, souk.UnknownInvitation, func() error { return drop(w.m.Invitation(ctx, w.as(row.actor), row.org, row.d, row.id)) })
	}
	add("accept: nothing", souk.UnknownInvitation, func() error { return drop(w.m.Accept(ctx, w.as("eve"), w.acme, nobody)) })
	add("accept: one's own invitation", souk.UnknownInvitation, func() error { return drop(w.m.Accept(ctx, w.as("vic"), w.vendor, invitation.ID)) })
	add("accept: others' invitation", souk.UnknownInvitation, func() error { return drop(w.m.Accept(ctx, w.as("gus"), w.globex, invitation.ID)) })
	add("invite: a partner", souk.AlreadyPartners, func() error { return drop(w.m.Invite(ctx, w.as("gus"), w.globex, w.vendor)) })
	add("invite: again", souk.AlreadyInvited, func() error { return drop(w.m.Invite(ctx, w.as("vic"), w.vendor, w.acme)) })
	add("invite: who has invited oneself", souk.AlreadyInvited, func() error { return drop(w.m.Invite(ctx, w.as("eve"), w.acme, w.vendor)) })

	for name, target := range map[string]souk.ID{
		"an installation that is not there": nobody, "nowhere": {}, "an org that has none": w.lab,
		"an installation of another app": managerAtAcme.ID,
	} {
		add("uninstall from: "+name, souk.UnknownInstallation, func() error { return w.m.UninstallFrom(ctx, w.as("vic"), w.vendor, w.app["tool"], target) })
		add("read: "+name+" as its owner", souk.UnknownInstallation, func() error {
			return drop(w.m.InstallationOfOwned(ctx, w.as("vic"), w.vendor, w.app["tool"], target))
		})
	}
	add("uninstall from: a workspace that an org-wide installation was granted", souk.UnknownInstallation, func() error {
		return w.m.UninstallFrom(ctx, operator, w.vendor, w.app["manager"], w.hq)
	})
	add("uninstall from: a protected app", souk.ProtectedApp, func() error { return w.m.UninstallFrom(ctx, w.as("vic"), w.vendor, w.app["manager"], w.acme) })
	add("end installation: that is not there", souk.UnknownInstallation, func() error { return w.m.EndInstallation(ctx, w.as("gus"), w.globex, nobody) })
	add("end installation: another org's", souk.UnknownInstallation, func() error { return w.m.EndInstallation(ctx, w.as("eve"), w.acme, toolAtGlobex.ID) })
	add("end installation: as an admin, where it is for owners", souk.OwnersOnly, func() error { return w.m.EndInstallation(ctx, w.as("gina"), w.globex, toolAtGlobex.ID) })
	add("end installation: of a protected app", souk.ProtectedApp, func() error { return w.m.EndInstallation(ctx, w.as("eve"), w.acme, managerAtAcme.ID) })
	add("read: an installation that is not there", souk.UnknownInstallation, func() error { return drop(w.m.AppInstallation(ctx, w.as("eve"), w.acme, nobody)) })
	add("read: another org's installation", souk.UnknownInstallation, func() error { return drop(w.m.AppInstallation(ctx, w.as("eve"), w.acme, toolAtGlobex.ID)) })
	add("read: what is not public, as a public app", souk.UnknownApp, func() error { return drop(w.m.PublicApp(ctx, w.as("vic"), w.app["draft"])) })
	add("read: a suspended app, as a public one", souk.UnknownApp, func() error { return drop(w.m.PublicApp(ctx, w.as("vic"), w.app["stopped"])) })
	add("read: one's own app, as a partner's", souk.UnknownApp, func() error { return drop(w.m.PartnerApp(ctx, w.as("vic"), w.vendor, w.app["draft"])) })
	add("read: what is not shared, as a partner's", souk.UnknownApp, func() error { return drop(w.m.PartnerApp(ctx, w.as("gus"), w.globex, w.app["chat"])) })
	add("read: what is not installed, as installed", souk.UnknownApp, func() error { return drop(w.m.InstalledApp(ctx, w.as("gus"), w.globex, w.app["chat"])) })
	add("read: another org's member", souk.UnknownUser, func() error { return drop(w.m.Member(ctx, w.as("vic"), w.vendor, w.user["gus"])) })
	add("read: an asset that is not there", souk.UnknownAsset, func() error { return drop(w.m.Asset(ctx, w.as("vic"), w.vendor, nobody)) })

	put := func(in market.Hook) func() error {
		in.URL = "https://vendor.example/"
		return func() error { return drop(w.m.PutWebhook(ctx, w.as("vic"), in)) }
	}
	add("webhook: with channels, one too many", souk.TooManyWebhooks, put(market.Hook{App: w.app["certified"], Dialect: souk.Giosg}))
	add("webhook: with channels, of another app", souk.UnknownWebhook, put(market.Hook{ID: hook.ID, App: w.app["tool"], Dialect: souk.Giosg}))
	add("webhook: with channels, as a native one", souk.UnknownWebhook, put(market.Hook{ID: hook.ID, App: w.app["chat"], Dialect: souk.Native, Events: []string{"app.changed"}}))
	add("publish: another call with a key", souk.KeyReused, func() error {
		return drop(w.m.Publish(ctx, operator, market.Publishing{Key: "k", Items: []souk.Publication{chatAt(w.hq, "2")}}))
	})
	return rows
}

// form is an app with nothing but a name.
func form(name string) market.AppForm {
	about, terms := "What it does.", "https://vendor.example/terms"
	return market.AppForm{Name: &name, Description: &about, TermsOfService: &terms, PrivacyPolicy: &terms}
}

// What is wrong with an app, a channel or a publication is told by its field.
func TestBadInputOfOwners(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.ally(w.globex)
		text := func(n int) *string { s := fmt.Sprintf("%0*d", n, 0); return &s }
		say := func(s string) *string { return &s }
		yes := true
		app := func(change func(*market.AppForm)) func() error {
			in := form("new")
			change(&in)
			return func() error { return drop(w.m.PublishApp(ctx, w.as("vic"), w.vendor, in)) }
		}
		channel := func(url string, to ...souk.Subscription) func() error {
			return func() error {
				return drop(w.m.PutWebhook(ctx, w.as("vic"), market.Hook{App: w.app["chat"], Dialect: souk.Giosg, URL: url, Channels: to}))
			}
		}
		many := make([]souk.Subscription, market.MaxSubscriptions+1)
		for i := range many {
			many[i] = all(fmt.Sprintf("c%d", i))[0]
		}
		publish := func(change func(*souk.Publication)) func() error {
			in := chatAt(w.hq, "1")
			change(&in)
			return func() error {
				return drop(w.m.Publish(ctx, operator, market.Publishing{Items: []souk.Publication{chatAt(w.hq, "0"), in}}))
			}
		}
		before := w.digest()
		for _, tt := range []struct {
			name  string
			call  func() error
			field string
		}{
			{"an app without a name", app(func(f *market.AppForm) { f.Name = nil }), "name"},
			{"a name of spaces", app(func(f *market.AppForm) { f.Name = say(" \t") }), "name"},
			{"a long name", app(func(f *market.AppForm) { f.Name = text(market.MaxAppName + 1) }), "name"},
			{"a name with NUL", app(func(f *market.AppForm) { f.Name = say("a\x00b") }), "name"},
			{"a name in broken UTF-8", app(func(f *market.AppForm) { f.Name = say("a\xff") }), "name"},
			{"an app without a description", app(func(f *market.AppForm) { f.Description = nil }), "description"},
			{"a long description", app(func(f *market.AppForm) { f.Description = text(market.MaxAppDescription + 1) }), "description"},
			{"an app without terms", app(func(f *market.AppForm) { f.TermsOfService = nil }), "links.terms_of_service"},
			{"a privacy policy that is no URL", app(func(f *market.AppForm) { f.PrivacyPolicy = say("policy") }), "links.privacy_policy"},
			{"a privacy policy in a file", app(func(f *market.AppForm) { f.PrivacyPolicy = say("file:///etc/passwd") }), "links.privacy_policy"},
			{"an app user without a first name", app(func(f *market.AppForm) { f.IsAppUserRequired, f.AppUserLastName = &yes, say("Bot") }), "app_user.first_name"},
			{"an app user without a last name", app(func(f *market.AppForm) { f.IsAppUserRequired, f.AppUserFirstName = &yes, say("Bot") }), "app_user.last_name"},
			{"a long alias", app(func(f *market.AppForm) { f.AppUserAlias = text(market.MaxAppUserName + 1) }), "app_user.alias"},
			{"a trigger that is no URL", app(func(f *market.AppForm) { f.TriggerURL = say("here") }), "trigger.url"},
			{"a trigger with a password", app(func(f *market.AppForm) { f.TriggerURL = say("https://a:b@vendor.example/") }), "trigger.url"},
			{"a condition that is none", app(func(f *market.AppForm) { f.Triggers = []string{"install", "rain"} }), "trigger.conditions[1]"},
			{"a redirect without TLS", app(func(f *market.AppForm) { f.RedirectURIs = []string{"http://vendor.example/"} }), "redirect_uris[0]"},
			{"a redirect to a fragment", app(func(f *market.AppForm) { f.RedirectURIs = []string{"https://vendor.example/#x"} }), "redirect_uris[0]"},
			{"a redirect with another behind a wide space", app(func(f *market.AppForm) { f.RedirectURIs = []string{"https://vendor.example/\u2003javascript:x"} }), "redirect_uris[0]"},
			{"terms with a space that does not break", app(func(f *market.AppForm) { f.TermsOfService = say("https://vendor.example/\u00a0x") }), "links.terms_of_service"},
			{"terms with a control character", app(func(f *market.AppForm) { f.TermsOfService = say("https://vendor.example/\u0090") }), "links.terms_of_service"},
			{"too many redirects", app(func(f *market.AppForm) { f.RedirectURIs = make([]string, market.MaxRedirectURIs+1) }), "redirect_uris"},
			{"an icon that is none", app(func(f *market.AppForm) { id := souk.NewID(); f.Icon = &id }), "icon"},
			{"a change to no name", func() error {
				return drop(w.m.UpdateApp(ctx, w.as("vic"), w.vendor, w.app["chat"], market.AppForm{Name: say("")}))
			}, "name"},
			{"a listing that is none", func() error { return drop(w.m.ListApp(ctx, operator, w.app["chat"], "famous")) }, "listing"},
			{"an invitation of oneself", func() error { return drop(w.m.Invite(ctx, w.as("vic"), w.vendor, w.vendor)) }, "organization"},
			{"an invitation of nobody", func() error { return drop(w.m.Invite(ctx, w.as("vic"), w.vendor, souk.ID{})) }, "organization"},
			{"a partner's long name", func() error { return drop(w.m.NamePartner(ctx, w.as("vic"), w.vendor, w.globex, *text(201))) }, "display_name"},
			{"channels without a URL", channel(""), "url"},
			{"a pattern that is none", channel("https://vendor.example/", all("**")...), "channels[0].pattern"},
			{"a pattern of somebody's", channel("https://vendor.example/", souk.Subscription{Pattern: souk.Pattern("/api/v5/orgs/" + w.hq.String() + "/users")}), "channels[0].pattern"},
			{"a pattern twice", channel("https://vendor.example/", all("users", "users")...), "channels[1].pattern"},
			{"too many patterns", channel("https://vendor.example/", many...), "channels"},
			{"nothing published", func() error { return drop(w.m.Publish(ctx, operator, market.Publishing{})) }, "items"},
			{"too much published", func() error {
				return drop(w.m.Publish(ctx, operator, market.Publishing{Items: make([]souk.Publication, souk.MaxPublications+1)}))
			}, "items"},
			{"a long key", func() error {
				return drop(w.m.Publish(ctx, operator, market.Publishing{Key: *text(256), Items: []souk.Publication{chatAt(w.hq, "1")}}))
			}, "idempotency_key"},
			{"a channel that is none", publish(func(p *souk.Publication) { p.Channel = "/api/v5/chats" }), "items[1].channel"},
			{"a pattern as a channel", publish(func(p *souk.Publication) { p.Channel += "/*" }), "items[1].channel"},
			{"a channel of Souk's own", publish(func(p *souk.Publication) { p.Channel = souk.Channel("/api/v5/orgs/" + w.hq.String() + "/users") }), "items[1].channel"},
			{"a channel of another org", publish(func(p *souk.Publication) { p.Channel = chatAt(w.lab, "").Channel }), "items[1].channel"},
			{"a channel of a user of another org", publish(func(p *souk.Publication) {
				p.Channel = souk.Channel("/api/v5/users/" + w.user["lee"].String() + "/chats")
			}), "items[1].channel"},
			{"an org that is not there", publish(func(p *souk.Publication) { p.Org = souk.NewID() }), "items[1].organization_id"},
			{"an action that is none", publish(func(p *souk.Publication) { p.Action = "moved" }), "items[1].action"},
			{"an addition without its resource", publish(func(p *souk.Publication) { p.Action = souk.Added }), "items[1].resource"},
			{"a removal with its resource", publish(func(p *souk.Publication) { p.Body = souk.Document("{}") }), "items[1].resource"},
			{"a resource too large", publish(func(p *souk.Publication) {
				p.Action, p.Body = souk.Changed, souk.Document(*text(souk.MaxPublished + 1))
			}), "items[1].resource"},
			{"no resource's id", publish(func(p *souk.Publication) { p.Resource = "" }), "items[1].resource_id"},
			{"a long resource's id", publish(func(p *souk.Publication) { p.Resource = *text(souk.MaxResourceID + 1) }), "items[1].resource_id"},
		} {
			var invalid souk.Invalid
			err := tt.call()
			if !errors.As(err, &invalid) || invalid[0].Field != tt.field || invalid[0].Reason == "" {
				t.Errorf("%s: %v, want a problem with %s", tt.name, err, tt.field)
			}
			if w.digest() != before {
				t.Fatalf("%s: was refused (%v) and changed something", tt.name, err)
			}
		}
	})
}
