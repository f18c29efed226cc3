package market_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

func TestTokens(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "tool", w.hq)
		mint := func(t souk.Token) string {
			secret := market.NewSecret(t.Kind)
			t.ID, t.Hash, t.CreatedAt = souk.NewID(), w.m.Key.Hash(secret), dawn
			w.write(func(tx *store.Tx) error { return tx.PutToken(t) })
			return secret
		}
		user := mint(souk.Token{Kind: souk.UserToken, User: w.user["sid"], Installation: i.ID, App: i.App, Org: w.hq, Scopes: souk.NewScopes("users:read"),
			Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
		bot := mint(souk.Token{Kind: souk.BotToken, User: i.AppUser, Installation: i.ID, App: i.App, Org: w.hq})
		revoked := mint(souk.Token{Kind: souk.PersonToken, User: w.user["jane"], RevokedAt: dawn})
		expired := mint(souk.Token{Kind: souk.PersonToken, User: w.user["jane"], ExpiresAt: dawn.Add(time.Hour)})
		janes := mint(souk.Token{Kind: souk.PersonToken, User: w.user["jane"]})
		here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")

		c := must(w.m.Authenticate(ctx, user, "test", here))(t)
		if c.Actor.User != w.user["sid"] || c.Actor.Installation != i.ID || c.Org.ID != w.hq || c.Enterprise.ID != w.acme || c.Top().ID != w.acme ||
			!c.Standing.Holds(souk.CanSettings) || c.Face != "test" || !c.Scopes.Has("users:read") || c.IsOperator() {
			t.Errorf("the token speaks for %+v", c)
		}
		wantRefusal(t, "from another network", drop(w.m.Authenticate(ctx, user, "test", there)), souk.UnknownToken)
		wantRefusal(t, "no token", drop(w.m.Authenticate(ctx, "", "test", here)), souk.UnknownToken)
		wantRefusal(t, "a changed token", drop(w.m.Authenticate(ctx, user+"x", "test", here)), souk.UnknownToken)
		dead := func(what, secret string, kind souk.TokenKind, cause souk.Death) {
			t.Helper()
			err := drop(w.m.Authenticate(ctx, secret, "test", here))
			if want := (souk.Dead{Kind: kind, Cause: cause}); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		dead("revoked", revoked, souk.PersonToken, souk.DeadByRevocation)
		dead("expired", expired, souk.PersonToken, souk.DeadByExpiry)

		ok(t, w.m.SuspendApp(ctx, operator, i.App))
		dead("app suspended", user, souk.UserToken, souk.DeadWhileSuspended)
		dead("app suspended", bot, souk.BotToken, souk.DeadWhileSuspended)
		ok(t, w.m.ResumeApp(ctx, operator, i.App))
		must(w.m.Authenticate(ctx, bot, "test", here))(t)

		must(w.m.Uninstall(ctx, w.as("sid"), market.Uninstalling{App: i.App, From: []souk.ID{w.hq}}))(t)
		dead("uninstalled", user, souk.UserToken, souk.DeadByInstallation)
		dead("uninstalled", bot, souk.BotToken, souk.DeadByUser)

		must(w.m.Authenticate(ctx, janes, "test", there))(t)
		ok(t, w.m.DeactivateUser(ctx, w.as("una"), w.user["jane"]))
		dead("deactivated", janes, souk.PersonToken, souk.DeadByUser)
	})
}

func TestTheFirstPlatformToken(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		secret := must(w.m.FirstPlatformToken(ctx))(t)
		if again := must(w.m.FirstPlatformToken(ctx))(t); secret == "" || again != "" {
			t.Errorf("the first start told %q, the second %q", secret, again)
		}
		c := must(w.m.Authenticate(ctx, secret, "test", netip.Addr{}))(t)
		if !c.IsOperator() {
			t.Errorf("it speaks for %+v", c.Actor)
		}
		jane := must(w.m.OnBehalf(ctx, c, w.user["jane"]))(t)
		if jane.IsOperator() || jane.Actor.User != w.user["jane"] || !jane.Platform {
			t.Errorf("on behalf of jane acts %+v", jane.Actor)
		}
		wantRefusal(t, "on behalf of nobody", drop(w.m.OnBehalf(ctx, c, souk.NewID())), souk.UnknownUser)
		wantRefusal(t, "on behalf of another, on somebody's behalf", drop(w.m.OnBehalf(ctx, jane, w.user["joe"])), souk.NotAllowed)
		w.checkAudit()
		var zero souk.ID
		w.read(func(tx *store.Tx) error {
			entries, err := tx.AuditOf(zero)
			if len(entries) != 1 || entries[0].Verb != "MintToken" || strings.Contains(entries[0].After, secret) {
				t.Errorf("the platform's audit is %+v", entries)
			}
			return err
		})
	})
}

func TestADatabaseBelongsToOneKey(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		ok(t, w.m.ClaimKey(ctx))
		ok(t, w.m.ClaimKey(ctx))
		other := w.marketOn(w.db)
		other.Key = souk.NewKey([souk.KeySize]byte{8})
		if err := other.ClaimKey(ctx); !errors.Is(err, market.ErrOtherKey) {
			t.Errorf("another key: %v", err)
		}
	})
}

// checkAudit holds every chain of audit entries against itself.
func (w *town) checkAudit() {
	w.t.Helper()
	w.read(func(tx *store.Tx) error {
		for _, root := range []souk.ID{{}, w.acme, w.globex, w.vendor} {
			entries, err := tx.AuditOf(root)
			if err != nil {
				return err
			}
			var previous souk.AuditEntry
			for _, e := range entries {
				if !e.Follows(previous) || e.Root != root || e.Verb == "" {
					w.t.Errorf("audit entry %d (%s) does not follow the one before", e.Number, e.Verb)
				}
				previous = e
			}
		}
		return nil
	})
}
