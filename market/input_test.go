package market_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"souk"
	"souk/market"
)

func TestBadInput(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		long := strings.Repeat("x", 5000)
		chat := w.app["chat"]
		ask := func(reason, state string) func() error {
			return func() error {
				return drop(w.m.RequestApp(ctx, w.as("jane"), market.Asking{App: chat, At: w.hq, Reason: reason, State: state}))
			}
		}
		person := func(in market.Person) func() error {
			in.Home = w.hq
			return func() error { return drop(w.m.PutUser(ctx, w.as("una"), in)) }
		}
		hook := func(change func(*market.Hook)) func() error {
			in := market.Hook{App: chat, Dialect: souk.Native, URL: "https://vendor.example/", Events: []string{"request.created"}}
			change(&in)
			return func() error { return drop(w.m.PutWebhook(ctx, w.as("vic"), in)) }
		}
		install := func(in market.Installing) func() error {
			return func() error { return drop(w.m.Install(ctx, w.as("eve"), in)) }
		}
		before := w.digest()
		for _, tt := range []struct {
			name  string
			call  func() error
			field string
		}{
			{"reason with NUL", ask("a\x00b", ""), "reason"},
			{"reason in broken UTF-8", ask("a\xff", ""), "reason"},
			{"reason too long", ask(strings.Repeat("x", souk.MaxReason+1), ""), "reason"},
			{"state too long", ask("", strings.Repeat("x", souk.MaxState+1)), "state"},
			{"state with NUL", ask("", "\x00"), "state"},
			{"no e-mail", person(market.Person{}), "email"},
			{"an e-mail without a domain", person(market.Person{Email: "jane@"}), "email"},
			{"an e-mail with a space", person(market.Person{Email: "jane doe@town.example"}), "email"},
			{"an e-mail in broken UTF-8", person(market.Person{Email: "jane\xff@town.example"}), "email"},
			{"a name with NUL", person(market.Person{Email: "n@town.example", FirstName: "\x00"}), "first_name"},
			{"a long alias", person(market.Person{Email: "n@town.example", Alias: long}), "alias"},
			{"a role that is none", func() error {
				return w.m.PutMembership(ctx, w.as("max"), souk.Membership{User: w.user["jane"], Org: w.hq, Role: "king"})
			}, "role"},
			{"a permission that is none", func() error {
				return w.m.PutMembership(ctx, w.as("max"), souk.Membership{User: w.user["jane"], Org: w.hq, Role: souk.Member, Permissions: []souk.Permission{"all"}})
			}, "permissions"},
			{"a policy that is none", func() error {
				return w.m.SetPolicy(ctx, w.as("max"), w.hq, market.Rules{Policy: "lenient", Switches: souk.DefaultSwitches})
			}, "policy"},
			{"a move that is none", func() error {
				return w.m.SetPolicy(ctx, w.as("max"), w.hq, market.Rules{Policy: souk.Open, Switches: souk.Switches{Moving: "soon"}})
			}, "switches.moving"},
			{"no URL", hook(func(h *market.Hook) { h.URL = "" }), "url"},
			{"a long URL", hook(func(h *market.Hook) { h.URL = "https://" + long }), "url"},
			{"a URL with NUL", hook(func(h *market.Hook) { h.URL = "https://\x00" }), "url"},
			{"no events", hook(func(h *market.Hook) { h.Events = nil }), "events"},
			{"an event that is none", hook(func(h *market.Hook) { h.Events = []string{"rain"} }), "events"},
			{"another dialect's event", hook(func(h *market.Hook) { h.Dialect = souk.Slack }), "events"},
			{"a dialect that is not served", hook(func(h *market.Hook) { h.Dialect = "teams" }), "dialect"},
			{"workspaces of a workspace", install(market.Installing{App: chat, At: w.hq, Workspaces: []souk.ID{w.hq}}), "workspaces"},
			{"an app user without a name", install(market.Installing{App: w.app["nameless"], At: w.hq}), "app_user.first_name"},
			{"an app user with a long name", install(market.Installing{App: w.app["tool"], At: w.hq, AppUser: souk.AppUserNames{Alias: long}}), "app_user.alias"},
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

// An org-wide installation brings nothing to a workspace that may have nothing.
func TestAWorkspaceWithoutTheAppsFeature(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.changeOrg(w.lab, func(o *souk.Org) { o.HasAppsFeature = false })
		ctx := context.Background()
		err := drop(w.m.Install(ctx, w.as("liz"), market.Installing{App: w.app["chat"], At: w.lab}))
		wantRefusal(t, "installing there", err, souk.NoAppsFeature)
		err = drop(w.m.Install(ctx, w.as("eve"), market.Installing{App: w.app["chat"], At: w.acme, Workspaces: []souk.ID{w.lab}}))
		wantRefusal(t, "granting it", err, souk.NoAppsFeature)
	})
}
