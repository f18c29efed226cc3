package market_test

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
)

// What is stored is argon2id with the parameters that OWASP names for it, a salt
// of its own each time, and nothing of the password.
func TestPasswordCost(t *testing.T) {
	first, second := market.HashPassword(phrase), market.HashPassword(phrase)
	if first == second {
		t.Error("two hashes of one password have one salt")
	}
	const costs, salt, sum = "$argon2id$v=19$m=19456,t=2,p=1$", 22, 43 // lengths in base 64 of 16 and 32 bytes
	parts := strings.Split(first, "$")
	if !strings.HasPrefix(first, costs) || len(parts) != 6 || len(parts[4]) != salt || len(parts[5]) != sum {
		t.Errorf("the hash is %s", first)
	}
	if !market.IsPassword(phrase, first) || market.IsPassword(otherPhrase, first) || market.IsPassword("", first) {
		t.Error("the hash is of another password")
	}
	for _, hash := range []string{"", costs, strings.Replace(first, "t=2", "t=1", 1), strings.Replace(first, "argon2id", "argon2i", 1), first + "A", first[:len(first)-1]} {
		if market.IsPassword(phrase, hash) {
			t.Errorf("a password fits %q", hash)
		}
	}
	if n := hashes(func() { market.HashPassword(phrase) }); n != 1 {
		t.Errorf("one hash counts as %d", n)
	}
}

// hashes counts the passwords that fn hashes: each takes 19 MiB that nothing
// else here does.
func hashes(fn func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return int((after.TotalAlloc - before.TotalAlloc) / (19 << 20))
}

// Whoever asks for an account that is not there, has no password or is not
// active makes the server work as for one that is, and works it once.
func TestSignInHashesOnce(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.keep("jane", phraseHash())
		w.keep("lee", phraseHash())
		ok(t, w.m.DeactivateUser(context.Background(), w.as("liz"), w.user["lee"]))
		for name, in := range map[string][2]string{
			"the right password": {"jane@town.example", phrase},
			"another password":   {"jane@town.example", otherPhrase},
			"nobody":             {"nobody@town.example", otherPhrase},
			"never had one":      {"max@town.example", otherPhrase},
			"deactivated":        {"lee@town.example", phrase},
			"no e-mail address":  {"\x00", otherPhrase},
		} {
			var err error
			if n := hashes(func() { _, err = w.signIn(in[0], in[1]) }); n != 1 {
				t.Errorf("%s: %d hashes", name, n)
			}
			if name != "the right password" {
				wantRefusal(t, name, err, souk.WrongPassword)
			} else {
				ok(t, err)
			}
		}
	})
}

// When more want to sign in than can be looked at soon, some are told so at
// once, and all is well after.
func TestTooManyPasswordsAtOnce(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		const many = 300
		var errs [many]error
		var everybody sync.WaitGroup
		start := make(chan struct{})
		for i := range errs {
			everybody.Go(func() {
				<-start
				_, errs[i] = w.signIn("nobody", phrase) // no e-mail: it asks no database
			})
		}
		close(start)
		everybody.Wait()
		busy, refused := 0, 0
		for _, err := range errs {
			switch {
			case errors.Is(err, market.ErrBusy):
				busy++
			case errors.Is(err, souk.WrongPassword):
				refused++
			default:
				t.Fatal(err)
			}
		}
		if places := runtime.GOMAXPROCS(0) + 32; refused < places || busy == 0 {
			t.Errorf("%d were looked at and %d sent away, of %d with %d places", refused, busy, many, places)
		}
		if fault := market.FaultOf(market.ErrBusy); fault != market.Unavailable {
			t.Errorf("the fault is %q", fault)
		}
		w.keep("jane", phraseHash())
		w.wantSession("after the rush", must(w.signIn("jane@town.example", phrase))(t), "jane")

		// Who left is not waited for.
		gone, leave := context.WithCancel(context.Background())
		leave()
		if err := drop(w.m.SignIn(gone, market.SigningIn{Email: "nobody", Password: phrase}, "test", netip.Addr{})); err == nil {
			t.Error("somebody who left was signed in")
		}
	})
}

// A new password ends every session of its owner but the one that it begins, and
// no token.
func TestChangePassword(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.keep("jane", phraseHash())
		w.keep("joe", phraseHash())
		here, there := must(w.signIn("jane@town.example", phrase))(t), must(w.signIn("jane@town.example", phrase))(t)
		joes := must(w.signIn("joe@town.example", phrase))(t)
		maxs := must(w.signInAs("m1", "max@town.example"))(t)
		jane := w.by(here.Secret)
		script := must(w.m.MintToken(ctx, jane, market.Minting{Description: "script"}))(t)
		change := func(actor souk.Actor, old, secret string) error {
			return drop(w.m.ChangePassword(ctx, actor, old, secret, "browser"))
		}
		before := w.digest(identity...)
		for _, tt := range []struct {
			name   string
			by     souk.Actor
			old    string
			secret string
			want   souk.Refusal
		}{
			{"another password before", jane, otherPhrase, otherPhrase, souk.WrongPassword},
			{"no password before", jane, "", otherPhrase, souk.WrongPassword},
			{"somebody who never had one", w.by(maxs.Secret), "", otherPhrase, souk.WrongPassword},
			{"somebody who never had one (2)", w.by(maxs.Secret), "nobody's", otherPhrase, souk.WrongPassword},
			{"by a token", w.by(script.Secret), phrase, otherPhrase, souk.NotAllowed},
			{"by nobody", souk.Actor{Kind: souk.ConsoleSession}, phrase, otherPhrase, souk.NotAllowed},
		} {
			wantRefusal(t, tt.name, change(tt.by, tt.old, tt.secret), tt.want)
		}
		for name, secret := range map[string]string{
			"none": "", "eleven letters": "elevenchars", "eleven letters of two bytes": strings.Repeat("ä", 11), "201 bytes": strings.Repeat("x", 201),
			"the e-mail": "JANE@town.example", "with NUL": phrase + "\x00", "broken": phrase + "\xff",
		} {
			var bad souk.Invalid
			if err := change(jane, phrase, secret); !errors.As(err, &bad) || bad[0].Field != "password" {
				t.Errorf("%s: %v, want that the password is invalid", name, err)
			} else if secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats it", name)
			}
		}
		if w.digest(identity...) != before {
			t.Error("something that was refused changed something")
		}

		fresh := must(w.m.ChangePassword(ctx, jane, phrase, otherPhrase, "browser"))(t)
		w.wantSession("with a new password", fresh, "jane")
		w.wantDead("the session that changed it", here.Secret, souk.DeadByRevocation)
		w.wantDead("another session", there.Secret, souk.DeadByRevocation)
		for name, secret := range map[string]string{"joe's session": joes.Secret, "jane's script": script.Secret, "max's session": maxs.Secret} {
			if a := w.by(secret); a.User.IsZero() {
				t.Errorf("%s speaks for nobody", name)
			}
		}
		wantRefusal(t, "the old password", drop(w.signIn("jane@town.example", phrase)), souk.WrongPassword)
		w.wantSession("the new password", must(w.signIn("jane@town.example", otherPhrase))(t), "jane")
		for _, secret := range []string{strings.Repeat("ä", 12), strings.Repeat("x", 200), strings.Repeat(" ", 12)} {
			must(w.m.ChangePassword(ctx, w.by(must(w.signIn("jane@town.example", otherPhrase))(t).Secret), otherPhrase, secret, "browser"))(t)
			again := must(w.signIn("jane@town.example", secret))(t)
			must(w.m.ChangePassword(ctx, w.by(again.Secret), secret, otherPhrase, "browser"))(t)
			time.Sleep(time.Second)
		}
		w.checkAudit()
	})
}

// Two change one password at the same moment: one does, and the other is told
// that it was not done.
func TestPasswordsAreRacedFor(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newTown(t, address)
		here, there := w.nodes(address)
		ctx := context.Background()
		w.keep("jane", phraseHash())
		first, second := must(w.signIn("jane@town.example", phrase))(t), must(w.signIn("jane@town.example", phrase))(t)
		change := func(m *market.Market, by souk.Actor, secret string) func() error {
			return func() error { return drop(m.ChangePassword(ctx, by, phrase, secret, "browser")) }
		}
		errs := atOnce(change(here, w.by(first.Secret), otherPhrase+"1"), change(there, w.by(second.Secret), otherPhrase+"2"))
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("one should change it, not %v and %v", errs[0], errs[1])
		}
		wantRefusal(t, "the other", either(errs[0], errs[1]), souk.WrongPassword)
		won := map[bool]string{true: otherPhrase + "1", false: otherPhrase + "2"}[errs[0] == nil]
		w.wantSession("whoever was told that it was changed", must(w.signIn("jane@town.example", won))(t), "jane")
	})
}

// A password that a document replaces was perhaps another's too: who is signed in
// by it is not any more. The same one again ends nothing.
func TestANewPasswordByDocument(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		in := w.signingIn("jane")
		apply := func(password string) {
			w.t.Helper()
			_, err := w.m.ApplyWorld(ctx, operator, market.World{Users: map[string]market.WorldUser{
				"jane": {Given: market.Given{ID: w.user["jane"]}, Password: &password},
			}}, market.How{})
			ok(t, err)
		}
		signed := must(w.m.SignIn(ctx, in, "test", netip.Addr{}))(t)
		apply(in.Password)
		must(w.m.Authenticate(ctx, signed.Secret, "test", netip.Addr{}))(t)
		apply("another word of jane")
		_, err := w.m.Authenticate(ctx, signed.Secret, "test", netip.Addr{})
		if !errors.Is(err, souk.Dead{Kind: souk.ConsoleSession, Cause: souk.DeadByRevocation}) {
			t.Errorf("she is signed in still: %v", err)
		}
		wantRefusal(t, "with the old one", drop(w.m.SignIn(ctx, in, "test", netip.Addr{})), souk.WrongPassword)
	})
}
