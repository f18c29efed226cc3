package market_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// When somebody signs in, each app that wants to know is told once, however
// many ways lead to it, and by nothing else that begins a session.
func TestConsoleLoad(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for _, app := range []string{"chat", "ear", "files", "monitor"} {
			w.triggered(app, souk.OnConsoleLoad)
		}
		w.triggered("tool", souk.OnUninstall)
		ok(t, w.m.PutMembership(ctx, operator, souk.Membership{User: w.user["jane"], Org: w.lab, Role: souk.Member, Permissions: []souk.Permission{souk.CanSettings}}))
		w.install("liz", "chat", w.lab) // first where she is a guest
		w.install("sid", "chat", w.hq)
		w.install("eve", "monitor", w.acme, w.lab, w.hq)
		w.install("liz", "ear", w.lab)
		w.install("gus", "files", w.globex)
		w.install("sid", "tool", w.hq)
		// In the background an app may do what she let it do, and nothing else.
		agreed := w.authorizing("ear", "settings")
		agreed.At = w.lab
		w.client("ear")
		must(w.m.Authorize(ctx, w.session("jane"), agreed))(t)
		in := w.signingIn("jane")
		w.called()

		told := []string{"console_load chat at hq by jane []", "console_load ear at lab by jane [settings]", "console_load monitor at hq by jane []"}
		signed := must(w.m.SignIn(ctx, in, "test", netip.Addr{}))(t)
		w.wantCalled("signed in", told...)
		must(w.m.SignIn(ctx, in, "test", netip.Addr{}))(t)
		w.wantCalled("signed in again", told...)
		must(w.m.SignInAs(ctx, market.Identity{Issuer: "https://id.example", Subject: "j", Email: in.Email}, "test", netip.Addr{}))(t)
		w.wantCalled("signed in by a provider", told...)

		wantRefusal(t, "a wrong password", drop(w.m.SignIn(ctx, market.SigningIn{Email: in.Email, Password: "no"}, "test", netip.Addr{})), souk.WrongPassword)
		w.by(signed.Secret)
		w.wantCalled("nobody signed in")
		changed := must(w.m.ChangePassword(ctx, w.by(signed.Secret), in.Password, "another word of hers", "test"))(t)
		w.wantCalled("another session, and no sign-in")
		ok(t, w.m.SignOut(ctx, w.by(changed.Secret)))
		w.wantCalled("signed out")

		// The same e-mail and password under another root: told by the choice.
		gwen := must(w.m.PutUser(ctx, operator, market.Person{ID: w.user["gwen"], Email: in.Email, FirstName: "gwen"}))(t)
		hash := market.HashPassword("another word of hers")
		w.write(func(tx *store.Tx) error { return tx.PutPassword(gwen.ID, hash, dawn) })
		in.Password = "another word of hers"
		choice := must(w.m.SignIn(ctx, in, "test", netip.Addr{}))(t)
		w.wantCalled("a choice is left")
		must(w.m.Choose(ctx, choice.Ticket, gwen.ID, "test", "test", netip.Addr{}))(t)
		w.wantCalled("chosen", "console_load files at globex by gwen []")
		wantRefusal(t, "chosen again", drop(w.m.Choose(ctx, choice.Ticket, gwen.ID, "test", "test", netip.Addr{})), souk.SpentCode)
		w.wantCalled("chosen again")
	})
}

// However an installation ends, its app is called once, of the person who ended
// it if they work there, and what else was to be told is not.
func TestUninstallIsTriggered(t *testing.T) {
	ctx, no := context.Background(), false
	for name, tt := range map[string]struct {
		end  func(*town, map[string]souk.Installation) error
		want []string
	}{
		"from two workspaces": {func(w *town, _ map[string]souk.Installation) error {
			return drop(w.m.Uninstall(ctx, w.as("sid"), market.Uninstalling{App: w.app["tool"], From: []souk.ID{w.lab, w.hq}}))
		}, nil}, // with no say at one: all of it is refused
		"from a workspace that is named twice": {func(w *town, _ map[string]souk.Installation) error {
			return drop(w.m.Uninstall(ctx, w.as("eve"), market.Uninstalling{App: w.app["tool"], From: []souk.ID{w.hq, w.hq}}))
		}, []string{"hq by eve []"}},
		"from the enterprise, and all below": {func(w *town, _ map[string]souk.Installation) error {
			return drop(w.m.Uninstall(ctx, w.as("eve"), market.Uninstalling{App: w.app["tool"], From: []souk.ID{w.acme}}))
		}, []string{"acme by eve []", "hq by eve []"}},
		"the operator's": {func(w *town, _ map[string]souk.Installation) error {
			return drop(w.m.Uninstall(ctx, operator, market.Uninstalling{App: w.app["tool"], From: []souk.ID{w.hq}}))
		}, []string{"hq"}},
		"one installation": {func(w *town, at map[string]souk.Installation) error {
			return w.m.EndInstallation(ctx, w.as("sam"), w.acme, at["acme"].ID)
		}, []string{"acme by sam []"}},
		"from afar": {func(w *town, at map[string]souk.Installation) error {
			return w.m.UninstallFrom(ctx, w.as("vic"), w.vendor, w.app["tool"], at["hq"].ID)
		}, []string{"hq"}},
		"the owner's own": {func(w *town, _ map[string]souk.Installation) error {
			return w.m.UninstallFrom(ctx, w.as("vic"), w.vendor, w.app["tool"], w.vendor)
		}, []string{"vendor by vic []"}},
		"the app deleted": {func(w *town, _ map[string]souk.Installation) error {
			return w.m.DeleteApp(ctx, w.as("vic"), w.vendor, w.app["tool"])
		}, []string{"acme", "globex", "hq", "vendor by vic []"}},
		"the right lost": {func(w *town, _ map[string]souk.Installation) error {
			return drop(w.m.UpdateApp(ctx, w.as("vic"), w.vendor, w.app["tool"], market.AppForm{IsAvailableToAnyone: &no}))
		}, []string{"acme", "globex", "hq"}},
		"the listing lost": {func(w *town, _ map[string]souk.Installation) error {
			return drop(w.m.ListApp(ctx, operator, w.app["tool"], souk.Submitted))
		}, []string{"acme", "globex", "hq"}},
		"a document": {func(w *town, at map[string]souk.Installation) error {
			gone := market.World{Installations: map[string]market.WorldInstallation{"gone": {Given: market.Given{ID: at["hq"].ID, Absent: true}}}}
			return drop(w.m.ApplyWorld(ctx, operator, gone, market.How{}))
		}, []string{"hq"}},
		"a quiet document": {func(w *town, at map[string]souk.Installation) error {
			gone := market.World{Installations: map[string]market.WorldInstallation{"gone": {Given: market.Given{ID: at["hq"].ID, Absent: true}}}}
			return drop(w.m.ApplyWorld(ctx, operator, gone, market.How{QuietEvents: true}))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			eachTown(t, func(t *testing.T, w *town) {
				w.triggered("tool", "chat_start", souk.OnUninstall)
				at := map[string]souk.Installation{
					"acme": w.install("eve", "tool", w.acme, w.lab), "hq": w.install("sid", "tool", w.hq),
					"globex": w.install("gus", "tool", w.globex), "vendor": w.install("vic", "tool", w.vendor),
				}
				for _, i := range at {
					must(w.m.Trigger(ctx, operator, market.Triggering{Condition: "chat_start", Org: i.Org}))(t)
				}
				w.called()
				refused := tt.end(w, at)
				if live := len(w.live("tool")); (refused != nil) != (live == len(at)) {
					t.Fatalf("%d are live: %v", live, refused)
				}
				var want []string
				for _, end := range tt.want {
					want = append(want, "uninstall tool at "+end+" (final)")
				}
				w.wantCalled(name, want...)
				again := tt.end(w, at)
				w.wantCalled(fmt.Sprintf("again: %v", again))
				for _, i := range at {
					waiting := w.count(`SELECT count(*) FROM deliveries WHERE installation_id = $1 AND status = 'pending' AND final = FALSE`, i.ID)
					if live := w.installation(i.ID).Live(); live != (waiting == 1) {
						t.Errorf("live %t, and %d other calls are to be made", live, waiting)
					}
				}
			})
		})
	}
}

// What ends by a job is told as well, each installation once.
func TestUninstallByJobsIsTriggered(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		const many = 30
		w.triggered("tool", souk.OnUninstall)
		var want []string
		for n, org := range w.crowd(many, false) {
			w.install(fmt.Sprintf("org%02d", n), "tool", org)
			want = append(want, fmt.Sprintf("uninstall tool at org%02d (final)", n))
		}
		ok(t, w.m.DeleteApp(context.Background(), w.as("vic"), w.vendor, w.app["tool"]))
		w.wantCalled("none has ended yet")
		if steps := w.finish(); steps < 2 {
			t.Errorf("%d steps", steps)
		}
		w.wantCalled("all have", want...)
	})
}
