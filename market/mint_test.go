package market_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

func TestTokensOfOnesOwn(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		jane := w.session("jane")
		forever := must(w.m.MintToken(ctx, jane, market.Minting{Description: "script"}))(t)
		hour := must(w.m.MintToken(ctx, jane, market.Minting{Kind: souk.PersonToken, Description: "trial", Life: time.Hour}))(t)
		for _, minted := range []market.Minted{forever, hour} {
			if a := w.by(minted.Secret); a.User != w.user["jane"] || a.Kind != souk.PersonToken || !a.Installation.IsZero() || minted.Token.Hash != nil {
				t.Errorf("minted %+v, which speaks for %+v", minted.Token, a)
			}
		}
		mine := must(w.m.MyTokens(ctx, jane))(t)
		w.wantTokens("jane's", mine, hour, forever)
		if others := must(w.m.MyTokens(ctx, w.session("joe")))(t); len(others) != 0 {
			t.Errorf("joe sees %+v", others)
		}

		time.Sleep(time.Hour - time.Microsecond)
		w.by(hour.Secret)
		time.Sleep(time.Microsecond)
		w.wantDead("after an hour", hour.Secret, souk.DeadByExpiry)
		w.wantTokens("after an hour", must(w.m.MyTokens(ctx, jane))(t), forever)

		// A token may end itself and those of the same person, and make no other.
		wantRefusal(t, "a token makes another", drop(w.m.MintToken(ctx, w.by(forever.Secret), market.Minting{Description: "more"})), souk.NotAllowed)
		another := must(w.m.MintToken(ctx, jane, market.Minting{Description: "another"}))(t)
		ok(t, w.m.RevokeToken(ctx, w.by(forever.Secret), another.Token.ID))
		w.wantDead("revoked", another.Secret, souk.DeadByRevocation)
		ok(t, w.m.RevokeToken(ctx, w.by(forever.Secret), forever.Token.ID))
		w.wantDead("revoked by itself", forever.Secret, souk.DeadByRevocation)
		wantList(t, "audit", w.rows(`SELECT verb FROM audit WHERE verb IN ('MintToken', 'RevokeToken')`),
			"MintToken", "MintToken", "MintToken", "RevokeToken", "RevokeToken")
		w.checkAudit()
	})
}

// wantTokens compares lists of tokens, which hold no hash.
func (w *town) wantTokens(what string, got []souk.Token, want ...market.Minted) {
	w.t.Helper()
	if !slices.EqualFunc(got, want, func(t souk.Token, m market.Minted) bool { return t.ID == m.Token.ID }) {
		w.t.Errorf("%s: %+v, want %+v", what, got, want)
	}
	for _, t := range got {
		if t.Hash != nil {
			w.t.Errorf("%s: the list holds the hash of %s", what, t.ID)
		}
	}
}

func TestTokensOfThePlatform(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.operate("una")
		una := w.session("una")
		platform := must(w.m.MintToken(ctx, una, market.Minting{Kind: souk.PlatformToken, Description: "deploys"}))(t)
		own := must(w.m.MintToken(ctx, una, market.Minting{Description: "own"}))(t)
		if a := w.by(platform.Secret); !a.IsOperator() {
			t.Errorf("a platform token speaks for %+v", a)
		}
		w.wantTokens("an operator's", must(w.m.MyTokens(ctx, una))(t), own, platform)
		wantRefusal(t, "by an operator's token", w.m.RevokeToken(ctx, w.by(own.Secret), platform.Token.ID), souk.UnknownToken)
		wantRefusal(t, "by somebody else", w.m.RevokeToken(ctx, w.session("eve"), platform.Token.ID), souk.UnknownToken)
		ok(t, w.m.RevokeToken(ctx, una, platform.Token.ID))
		w.wantDead("revoked", platform.Secret, souk.DeadByRevocation)
		ok(t, w.m.RevokeToken(ctx, operator, own.Token.ID))
		w.wantDead("revoked by the platform", own.Secret, souk.DeadByRevocation)
		w.checkAudit()
	})
}

// operate makes somebody an operator.
func (w *town) operate(name string) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		u, err := tx.User(w.user[name])
		if err != nil {
			return err
		}
		home, err := tx.Org(u.Org)
		u.Operator = true
		return errors.Join(err, tx.PutUser(u, home.Root()))
	})
}

func TestTokensOfAppUsers(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i, theirs := w.install("sid", "tool", w.hq), w.install("gus", "tool", w.globex)
		all := w.mint(i)
		narrow := w.mint(i, "team:read")
		none := must(w.m.MintAppUserToken(ctx, w.itself("tool"), i.App, i.ID, market.Minting{Description: "bot", Scopes: []string{}}))(t)
		there := w.mint(theirs)
		for _, tt := range []struct {
			minted market.Minted
			scopes souk.Scopes
		}{{all, i.Scopes}, {narrow, souk.NewScopes("team:read")}, {none, nil}} {
			a := w.by(tt.minted.Secret)
			if a.User != i.AppUser || a.Installation != i.ID || a.App != i.App || a.Org != w.hq || !a.Scopes.Equal(tt.scopes) {
				t.Errorf("it speaks for %+v", a)
			}
		}
		lists := map[string]func() ([]souk.Token, error){
			"the owner":            func() ([]souk.Token, error) { return w.m.AppUserTokens(ctx, w.as("vic"), i.App, i.ID) },
			"the app":              func() ([]souk.Token, error) { return w.m.AppUserTokens(ctx, w.itself("tool"), i.App, i.ID) },
			"the installer's":      func() ([]souk.Token, error) { return w.m.TokensAt(ctx, w.as("sid"), w.hq, i.ID) },
			"above the installer":  func() ([]souk.Token, error) { return w.m.TokensAt(ctx, w.as("eve"), w.hq, i.ID) },
			"the operator":         func() ([]souk.Token, error) { return w.m.TokensAt(ctx, operator, w.hq, i.ID) },
			"for the owner by us":  func() ([]souk.Token, error) { return w.m.AppUserTokens(ctx, onBehalf(w.as("vic")), i.App, i.ID) },
			"for the installer by": func() ([]souk.Token, error) { return w.m.TokensAt(ctx, onBehalf(w.as("max")), w.hq, i.ID) },
		}
		for who, list := range lists {
			w.wantTokens(who, must(list())(t), none, narrow, all)
		}

		// An upgrade leaves tokens as they were, and a new one may have more.
		w.changeApp("tool", func(a *souk.App) { a.BotScopes = souk.NewScopes("team:read", "reports") })
		if up := w.install("sid", "tool", w.hq); up.ID != i.ID || !up.Scopes.Has("reports") {
			t.Fatalf("upgraded to %+v", up)
		}
		if a := w.by(all.Secret); !a.Scopes.Equal(souk.NewScopes("team:read", "users:read")) {
			t.Errorf("an old token has %q", a.Scopes)
		}
		if a := w.by(w.mint(i, "reports").Secret); !a.Scopes.Equal(souk.NewScopes("reports")) {
			t.Errorf("a new token has %q", a.Scopes)
		}
		// What is replaced keeps of its scopes those that are still granted.
		again := must(w.m.RotateToken(ctx, w.as("vic"), i.App, i.ID, all.Token.ID, 0))(t)
		if a := w.by(again.Secret); !a.Scopes.Equal(souk.NewScopes("team:read")) {
			t.Errorf("a replaced token has %q", a.Scopes)
		}
		w.by(there.Secret)
		w.checkAudit()
	})
}

func TestRotating(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "tool", w.hq)
		rotate := func(old market.Minted, overlap time.Duration) market.Minted {
			t.Helper()
			return must(w.m.RotateToken(ctx, w.as("vic"), i.App, i.ID, old.Token.ID, overlap))(t)
		}
		first := w.mint(i, "team:read")
		second := rotate(first, 0)
		w.wantDead("replaced at once", first.Secret, souk.DeadByRevocation)
		if a := w.by(second.Secret); !a.Scopes.Equal(first.Token.Scopes) || second.Token.Description != "bot" || !second.Token.ExpiresAt.IsZero() {
			t.Errorf("replaced by %+v", second.Token)
		}

		const week = 7 * 24 * time.Hour
		third := rotate(second, week)
		time.Sleep(week - time.Microsecond)
		w.by(second.Secret)
		w.by(third.Secret)
		time.Sleep(time.Microsecond)
		w.wantDead("after the overlap", second.Secret, souk.DeadByExpiry)
		w.by(third.Secret)
		wantRefusal(t, "replaced again", drop(w.m.RotateToken(ctx, w.as("vic"), i.App, i.ID, second.Token.ID, 0)), souk.UnknownToken)

		// A token with an end has one of the same life for a successor, and does
		// not live longer by it.
		day := must(w.m.MintAppUserToken(ctx, w.as("vic"), i.App, i.ID, market.Minting{Description: "day", Life: 24 * time.Hour}))(t)
		time.Sleep(20 * time.Hour)
		next := rotate(day, 2*24*time.Hour)
		if got := next.Token.ExpiresAt.Sub(next.Token.CreatedAt); got != 24*time.Hour {
			t.Errorf("its successor lives for %s", got)
		}
		time.Sleep(4 * time.Hour)
		w.wantDead("its own end", day.Secret, souk.DeadByExpiry)
		w.wantTokens("left", must(w.m.TokensAt(ctx, w.as("sid"), w.hq, i.ID))(t), next, third)

		// Nor is it taken from anywhere else.
		inside, outside := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
		bound := w.mint(i)
		w.write(func(tx *store.Tx) error {
			kept, err := tx.Token(bound.Token.ID)
			kept.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
			return errors.Join(err, tx.PutToken(kept))
		})
		successor := rotate(bound, 0)
		must(w.m.Authenticate(ctx, successor.Secret, "test", inside))(t)
		wantRefusal(t, "from elsewhere", drop(w.m.Authenticate(ctx, successor.Secret, "test", outside)), souk.UnknownToken)
		w.checkAudit()
	})
}

// The causes of death come in the order of docs/decisions/0005.
func TestDeathsOfAppUserTokens(t *testing.T) {
	for _, tt := range []struct {
		name   string
		verbs  []func(*town, souk.Installation) error
		causes []souk.Death
	}{
		{"an app suspended, resumed and deleted", []func(*town, souk.Installation) error{
			func(w *town, i souk.Installation) error { return w.m.SuspendApp(context.Background(), operator, i.App) },
			func(w *town, i souk.Installation) error { return w.m.ResumeApp(context.Background(), operator, i.App) },
			func(w *town, i souk.Installation) error {
				return w.m.DeleteApp(context.Background(), w.as("vic"), w.vendor, i.App)
			},
		}, []souk.Death{souk.DeadWhileSuspended, souk.AliveToken, souk.DeadByUser}},
		{"an installation ended", []func(*town, souk.Installation) error{
			func(w *town, i souk.Installation) error {
				return w.m.EndInstallation(context.Background(), w.as("sid"), w.hq, i.ID)
			},
		}, []souk.Death{souk.DeadByUser}},
		{"an app suspended, then uninstalled", []func(*town, souk.Installation) error{
			func(w *town, i souk.Installation) error { return w.m.SuspendApp(context.Background(), operator, i.App) },
			func(w *town, i souk.Installation) error {
				return w.m.EndInstallation(context.Background(), operator, w.hq, i.ID)
			},
		}, []souk.Death{souk.DeadWhileSuspended, souk.DeadByUser}},
		{"its provider's subscription ended", []func(*town, souk.Installation) error{
			func(w *town, _ souk.Installation) error {
				w.changeOrg(w.vendor, func(o *souk.Org) { o.HasActiveSubscription = false })
				return nil
			},
		}, []souk.Death{souk.AliveToken}},
		{"its org closed", []func(*town, souk.Installation) error{
			func(w *town, _ souk.Installation) error {
				w.changeOrg(w.hq, func(o *souk.Org) { o.ClosedAt = time.Now() })
				return nil
			},
		}, []souk.Death{souk.DeadByOrg}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachTown(t, func(t *testing.T, w *town) {
				w.changeOrg(w.vendor, func(o *souk.Org) { o.IsAppProvider = true })
				i := w.install("sid", "tool", w.hq)
				bot := w.mint(i)
				person := w.speaks("jane", "tool", "team:read")
				revoked := w.mint(i)
				ok(t, w.m.RevokeToken(context.Background(), w.as("sid"), revoked.Token.ID))
				for n, verb := range tt.verbs {
					ok(t, verb(w, i))
					w.finish()
					w.wantDead("one revoked before", revoked.Secret, souk.DeadByRevocation)
					theirs := tt.causes[n]
					if theirs == souk.DeadByUser {
						theirs = souk.DeadByInstallation // jane is still there
					}
					if theirs == souk.AliveToken {
						w.by(bot.Secret)
						w.by(person.Secret)
						continue
					}
					w.wantDead("the app user's", bot.Secret, tt.causes[n])
					w.wantDead("jane's", person.Secret, theirs)
				}
			})
		})
	}
}

// Each who may ends a token, and nobody else can tell it from none.
func TestRevokingTokens(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "ear", w.hq) // settings and users
		w.client("ear")
		bots := map[string]souk.Actor{
			"the app's owner":     w.as("vic"),
			"the app":             w.itself("ear"),
			"who holds settings":  w.as("sid"),
			"the admin":           w.as("max"),
			"the admin above":     w.as("ada"),
			"the operator":        operator,
			"the operator for":    onBehalf(w.as("max")),
			"the owner, for whom": onBehalf(w.as("vic")),
		}
		for who, actor := range bots {
			bot := w.mint(i)
			ok(t, w.m.RevokeToken(ctx, actor, bot.Token.ID))
			w.wantDead(who, bot.Secret, souk.DeadByRevocation)
		}
		bot := w.mint(i)
		people := map[string]souk.Actor{"jane": w.as("jane"), "her session": w.session("jane"), "the admin": w.as("max"), "the operator": operator}
		for who, actor := range people {
			janes := w.speaks("jane", "ear")
			ok(t, w.m.RevokeToken(ctx, actor, janes.Token.ID))
			w.wantDead(who, janes.Secret, souk.DeadByRevocation)
		}
		janes := w.speaks("jane", "ear")
		script := must(w.m.MintToken(ctx, w.session("jane"), market.Minting{Description: "script"}))(t)
		before := w.digest()
		for _, tt := range []struct {
			who   string
			actor souk.Actor
			token souk.ID
		}{
			{"a member", w.as("joe"), bot.Token.ID},
			{"who holds users alone", w.as("una"), bot.Token.ID},
			{"another workspace's owner", w.as("liz"), bot.Token.ID},
			{"another root's owner", w.as("gus"), bot.Token.ID},
			{"a member of the app's owner", w.as("val"), bot.Token.ID},
			{"another app", w.itself("tool"), bot.Token.ID},
			{"nobody", souk.Actor{Kind: souk.AppToken, Face: "test"}, bot.Token.ID},
			{"the app's owner, of a person's", w.as("vic"), janes.Token.ID},
			{"the app, of a person's", w.itself("ear"), janes.Token.ID},
			{"the admin, of a script's", w.as("max"), script.Token.ID},
			{"the app for jane, of her script's", w.by(janes.Secret), script.Token.ID},
			{"the app for jane, of its bot's", w.by(janes.Secret), bot.Token.ID},
			{"the bot, of jane's", w.by(bot.Secret), janes.Token.ID},
			{"the admin, of none", w.as("max"), souk.NewID()},
		} {
			wantRefusal(t, tt.who, w.m.RevokeToken(ctx, tt.actor, tt.token), souk.UnknownToken)
		}
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}
		ok(t, w.m.RevokeToken(ctx, w.by(bot.Secret), bot.Token.ID))
		wantRefusal(t, "again", w.m.RevokeToken(ctx, operator, bot.Token.ID), souk.UnknownToken)
		w.checkAudit()
	})
}

// There is room for a hundred, and then for as many as end.
func TestHowManyTokens(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "tool", w.hq)
		w.operate("una")
		for what, mint := range map[string]func(time.Duration) (market.Minted, error){
			"of a person": func(life time.Duration) (market.Minted, error) {
				return w.m.MintToken(ctx, w.session("jane"), market.Minting{Description: "x", Life: life})
			},
			"of the platform": func(life time.Duration) (market.Minted, error) {
				return w.m.MintToken(ctx, w.session("una"), market.Minting{Kind: souk.PlatformToken, Description: "x", Life: life})
			},
			"of an app user": func(life time.Duration) (market.Minted, error) {
				return w.m.MintAppUserToken(ctx, w.as("vic"), i.App, i.ID, market.Minting{Description: "x", Life: life})
			},
		} {
			var last market.Minted
			for n := range market.MaxTokens {
				life := time.Duration(0)
				if n == 0 {
					life = time.Minute
				}
				last = must(mint(life))(t)
			}
			wantRefusal(t, what+", one too many", drop(mint(0)), souk.TooManyTokens)
			time.Sleep(time.Minute)
			must(mint(0))(t) // one expired
			wantRefusal(t, what+", one too many again", drop(mint(0)), souk.TooManyTokens)
			if what == "of an app user" {
				wantRefusal(t, "two at once", drop(w.m.RotateToken(ctx, w.as("vic"), i.App, i.ID, last.Token.ID, time.Hour)), souk.TooManyTokens)
				last = must(w.m.RotateToken(ctx, w.as("vic"), i.App, i.ID, last.Token.ID, 0))(t)
			}
			ok(t, w.m.RevokeToken(ctx, operator, last.Token.ID))
			must(mint(0))(t)
		}
		// Another's are not counted.
		must(w.m.MintToken(ctx, w.session("joe"), market.Minting{Description: "x"}))(t)
		w.mint(w.install("gus", "tool", w.globex))
	})
}
