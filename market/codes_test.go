package market_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
)

// A person's code is good for one token: of the app it was asked by, sent where
// it was asked from, with the verifier, within a minute, and while the person
// lets it.
func TestRedeeming(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		files, tool := w.install("sid", "files", w.hq), w.install("sid", "tool", w.hq)
		secret, others := w.client("files"), w.client("tool")
		in := w.authorizing("files", "reports")
		in.OpenID, in.Nonce = true, "n"
		code := must(w.m.Authorize(ctx, w.session("jane"), in))(t)
		agreed := time.Now()
		time.Sleep(time.Second)
		before := w.digest()
		with := func(change func(*market.Redeeming)) error {
			in := w.redeeming("files", secret, code)
			change(&in)
			return drop(w.m.Redeem(ctx, in, "test", netip.Addr{}))
		}
		ticket := must(w.m.WelcomeCode(ctx))(t)
		for _, tt := range []struct {
			name   string
			change func(*market.Redeeming)
			want   souk.Refusal
		}{
			{"by an app that is not there", func(in *market.Redeeming) { in.App = souk.NewID() }, souk.WrongSecret},
			{"with no secret", func(in *market.Redeeming) { in.Secret = "" }, souk.WrongSecret},
			{"with another's secret", func(in *market.Redeeming) { in.Secret = others }, souk.WrongSecret},
			{"by an app without secrets", func(in *market.Redeeming) { in.App, in.Secret = w.app["chat"], "" }, souk.WrongSecret},
			{"by another app", func(in *market.Redeeming) { in.App, in.Secret = tool.App, others }, souk.SpentCode},
			{"no code", func(in *market.Redeeming) { in.Code = "" }, souk.SpentCode},
			{"a code that is none", func(in *market.Redeeming) { in.Code = "abc!" }, souk.SpentCode},
			{"a code for something else", func(in *market.Redeeming) { in.Code = ticket }, souk.SpentCode},
			{"a code cut off", func(in *market.Redeeming) { in.Code = code[:len(code)-4] }, souk.SpentCode},
			{"a code changed at its start", func(in *market.Redeeming) { in.Code = flipped(code, 0) }, souk.SpentCode},
			{"a code changed in its midst", func(in *market.Redeeming) { in.Code = flipped(code, len(code)/2) }, souk.SpentCode},
			{"without the verifier", func(in *market.Redeeming) { in.Verifier = "" }, souk.SpentCode},
			{"with another verifier", func(in *market.Redeeming) { in.Verifier += "x" }, souk.SpentCode},
			{"with the challenge as verifier", func(in *market.Redeeming) { in.Verifier = challenge(verifier) }, souk.SpentCode},
			{"sent elsewhere", func(in *market.Redeeming) { in.Redirect = back + "/" }, souk.BadRedirect},
			{"sent nowhere", func(in *market.Redeeming) { in.Redirect = "" }, souk.BadRedirect},
		} {
			wantRefusal(t, tt.name, with(tt.change), tt.want)
		}
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}

		done := must(w.redeem("files", secret, code))(t)
		if done.User.ID != w.user["jane"] || done.Org.ID != w.hq || !done.OpenID || done.Nonce != "n" || !done.At.Equal(agreed.Truncate(time.Microsecond)) || done.Token.Hash != nil {
			t.Errorf("redeemed for %+v", done)
		}
		if a := w.by(done.Secret); a.User != w.user["jane"] || a.Installation != files.ID || !a.Scopes.Equal(souk.NewScopes("reports")) {
			t.Errorf("it speaks for %+v", a)
		}
		before = w.digest()
		wantRefusal(t, "again", drop(w.redeem("files", secret, code)), souk.SpentCode)
		if w.digest() != before {
			t.Error("a spent code changed something")
		}
		time.Sleep(market.AccessLife - time.Microsecond)
		w.by(done.Secret)
		time.Sleep(time.Microsecond)
		w.wantDead("after eight hours", done.Secret, souk.DeadByExpiry)

		code = w.code("jane", "files", "reports")
		time.Sleep(time.Minute - time.Microsecond)
		must(w.redeem("files", secret, code))(t)
		code = w.code("jane", "files", "reports")
		time.Sleep(time.Minute)
		wantRefusal(t, "after a minute", drop(w.redeem("files", secret, code)), souk.ExpiredCode)

		plain := w.authorizing("files")
		plain.Challenge = ""
		code = must(w.m.Authorize(ctx, w.session("jane"), plain))(t)
		wantRefusal(t, "with a verifier that nobody asked for", drop(w.redeem("files", secret, code)), souk.SpentCode)
		must(w.m.Redeem(ctx, market.Redeeming{App: files.App, Secret: secret, Code: code, Redirect: back}, "test", netip.Addr{}))(t)
		w.checkAudit()
	})
}

// flipped changes one character of a code.
func flipped(code string, at int) string {
	other := "A"
	if code[at] == 'A' {
		other = "B"
	}
	return code[:at] + other + code[at+1:]
}

// What happened between agreeing and redeeming counts.
func TestRedeemingTooLate(t *testing.T) {
	ctx := context.Background()
	for name, tt := range map[string]struct {
		meanwhile func(*town, souk.Installation) error
		want      error
	}{
		"the grant was taken back": {func(w *town, i souk.Installation) error {
			return w.m.RevokeGrant(ctx, w.session("jane"), w.grantOf("jane", i.ID).ID)
		}, souk.NotAuthorized},
		"it was taken back and given anew": {func(w *town, i souk.Installation) error {
			err := w.m.RevokeGrant(ctx, w.session("jane"), w.grantOf("jane", i.ID).ID)
			w.code("jane", "ear", "users", "settings")
			return err
		}, souk.NotAuthorized},
		"the app was uninstalled": {func(w *town, i souk.Installation) error {
			return w.m.EndInstallation(ctx, w.as("sid"), w.hq, i.ID)
		}, souk.NotAuthorized},
		"it was uninstalled and installed anew": {func(w *town, i souk.Installation) error {
			err := w.m.EndInstallation(ctx, w.as("sid"), w.hq, i.ID)
			w.install("sid", "ear", w.hq)
			w.code("jane", "ear", "users")
			return err
		}, souk.NotAuthorized},
		"the person was deactivated": {func(w *town, _ souk.Installation) error {
			return w.m.DeactivateUser(ctx, w.as("una"), w.user["jane"])
		}, souk.NotAuthorized},
		"the app was suspended": {func(w *town, i souk.Installation) error { return w.m.SuspendApp(ctx, operator, i.App) },
			souk.Dead{Kind: souk.PersonToken, Cause: souk.DeadWhileSuspended}},
		"the app was deleted": {func(w *town, i souk.Installation) error { return w.m.DeleteApp(ctx, w.as("vic"), w.vendor, i.App) },
			souk.WrongSecret},
		"the app lost what was granted": {func(w *town, _ souk.Installation) error {
			w.changeApp("ear", func(a *souk.App) { a.RequiredScopes = souk.NewScopes("settings") })
			w.install("sid", "ear", w.hq)
			return nil
		}, souk.NotAuthorized},
		"the org closed": {func(w *town, _ souk.Installation) error {
			w.changeOrg(w.hq, func(o *souk.Org) { o.ClosedAt = time.Now() })
			return nil
		}, souk.Dead{Kind: souk.PersonToken, Cause: souk.DeadByOrg}},
	} {
		t.Run(name, func(t *testing.T) {
			eachTown(t, func(t *testing.T, w *town) {
				w.changeOrg(w.vendor, func(o *souk.Org) { o.IsAppProvider = true })
				i := w.install("sid", "ear", w.hq)
				secret, code := w.client("ear"), w.code("jane", "ear", "users")
				ok(t, tt.meanwhile(w, i))
				w.finish()
				before := w.digest()
				if err := drop(w.redeem("ear", secret, code)); !errors.Is(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
				if w.digest() != before {
					t.Error("it was refused and changed something")
				}
			})
		})
	}
}

// While an app is suspended its codes are not spent.
func TestCodesOutliveASuspension(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "tool", w.hq)
		secret := w.client("tool")
		code, trigger := w.code("jane", "tool"), triggerCode(i)
		ok(t, w.m.SuspendApp(ctx, operator, i.App))
		want := souk.Dead{Kind: souk.PersonToken, Cause: souk.DeadWhileSuspended}
		for what, err := range map[string]error{"a person's": drop(w.redeem("tool", secret, code)), "a trigger's": drop(w.exchange(secret, trigger))} {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		ok(t, w.m.ResumeApp(ctx, operator, i.App))
		w.by(must(w.redeem("tool", secret, code))(t).Secret)
		w.by(must(w.exchange(secret, trigger))(t).Secret)
	})
}

// A trigger's code is good for one token of the app user.
func TestExchanging(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i, botless := w.install("sid", "tool", w.hq), w.install("sid", "files", w.hq)
		theirs := w.install("gus", "tool", w.globex)
		secret, others := w.client("tool"), w.client("files")
		before := w.digest()
		for _, tt := range []struct {
			name   string
			secret string
			app    souk.ID
			change func(*market.AppUserCode)
			want   souk.Refusal
		}{
			{"with no secret", "", i.App, func(*market.AppUserCode) {}, souk.WrongSecret},
			{"with another's secret", others, i.App, func(*market.AppUserCode) {}, souk.WrongSecret},
			{"by an app that is not there", secret, souk.NewID(), func(*market.AppUserCode) {}, souk.WrongSecret},
			{"by another app", others, botless.App, func(*market.AppUserCode) {}, souk.SpentCode},
			{"by another app, as if it were its own", others, botless.App, func(in *market.AppUserCode) { in.App = botless.App }, souk.SpentCode},
			{"of an installation that is not there", secret, i.App, func(in *market.AppUserCode) { in.Installation = souk.NewID() }, souk.SpentCode},
			{"of another's app user", secret, i.App, func(in *market.AppUserCode) { in.AppUser = theirs.AppUser }, souk.SpentCode},
			{"of a person", secret, i.App, func(in *market.AppUserCode) { in.AppUser = w.user["jane"] }, souk.SpentCode},
			{"without an app user", others, botless.App, func(in *market.AppUserCode) { *in = triggerCode(botless) }, souk.SpentCode},
			{"too late", secret, i.App, func(in *market.AppUserCode) { in.Expires = time.Now() }, souk.ExpiredCode},
		} {
			in := triggerCode(i)
			tt.change(&in)
			wantRefusal(t, tt.name, drop(w.m.ExchangeAppUserCode(ctx, tt.app, tt.secret, in, "test", netip.Addr{})), tt.want)
		}
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}
		code := triggerCode(i)
		time.Sleep(time.Minute - time.Microsecond)
		minted := must(w.exchange(secret, code))(t)
		if a := w.by(minted.Secret); a.User != i.AppUser || a.Installation != i.ID || !a.Scopes.Equal(i.Scopes) || minted.Token.Hash != nil {
			t.Errorf("it speaks for %+v", a)
		}
		wantRefusal(t, "again", drop(w.exchange(secret, code)), souk.SpentCode)
		time.Sleep(time.Microsecond)
		wantRefusal(t, "again, too late", drop(w.exchange(secret, code)), souk.ExpiredCode)

		// It is still known for as long as a slow clock might take it.
		for must(w.m.Tidy(ctx))(t) {
		}
		if n := w.count(`SELECT count(*) FROM used_codes`); n != 1 {
			t.Errorf("%d used codes are kept", n)
		}
		time.Sleep(2 * time.Hour)
		for must(w.m.Tidy(ctx))(t) {
		}
		if n := w.count(`SELECT count(*) FROM used_codes`); n != 0 {
			t.Errorf("%d used codes are kept for nothing", n)
		}

		code = triggerCode(i)
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, i.ID))
		var dead souk.Dead
		if err := drop(w.exchange(secret, code)); !errors.As(err, &dead) {
			t.Errorf("after uninstalling: %v", err)
		}
		w.checkAudit()
	})
}

// Of 64 who hand in one code at the same moment just one gets a token.
func TestCodesAreRacedFor(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newTown(t, address)
		here, there := w.nodes(address)
		i := w.install("sid", "tool", w.hq)
		secret := w.client("tool")
		trigger := triggerCode(i)
		in := w.redeeming("tool", secret, w.code("jane", "tool"))
		for what, call := range map[string]func(*market.Market) (string, error){
			"a person's": func(m *market.Market) (string, error) {
				done, err := m.Redeem(context.Background(), in, "test", netip.Addr{})
				return done.Secret, err
			},
			"a trigger's": func(m *market.Market) (string, error) {
				done, err := m.ExchangeAppUserCode(context.Background(), i.App, secret, trigger, "test", netip.Addr{})
				return done.Secret, err
			},
		} {
			before := w.count(`SELECT count(*) FROM tokens`)
			var errs [64]error
			var secrets [64]string
			var everybody sync.WaitGroup
			start := make(chan struct{})
			for n := range errs {
				m := here
				if n%2 == 1 {
					m = there
				}
				everybody.Go(func() {
					<-start
					secrets[n], errs[n] = call(m)
				})
			}
			close(start)
			everybody.Wait()
			won := 0
			for n, err := range errs {
				if err == nil {
					won++
					w.by(secrets[n])
					continue
				}
				wantRefusal(t, what+", who came late", err, souk.SpentCode)
				if secrets[n] != "" {
					t.Errorf("%s: refused, and told a secret", what)
				}
			}
			if made := w.count(`SELECT count(*) FROM tokens`) - before; won != 1 || made != 1 {
				t.Errorf("%s: %d of 64 won, and %d tokens were made", what, won, made)
			}
		}
		w.checkAudit()
	})
}
