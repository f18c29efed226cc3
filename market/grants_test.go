package market_test

import (
	"context"
	"net/netip"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// An app speaks for a person as far as they let it, each time for more, and for
// nothing once they take it back.
func TestAuthorizing(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i := w.install("sid", "tool", w.hq) // team:read and users:read
		w.client("tool")
		asks := func(name string, scopes ...string) market.Authorization {
			t.Helper()
			return must(w.m.Authorizable(ctx, w.session(name), w.authorizing("tool", scopes...)))(t)
		}
		if v := asks("jane", "team:read"); v.Granted || v.App.ID != i.App || v.Org.ID != w.hq || v.User.ID != w.user["jane"] || len(v.Scopes) != 1 || v.Scopes[0].Name != "team:read" {
			t.Errorf("jane is asked %+v", v)
		}
		if v := asks("sid", "team:read", "users:read"); !v.Granted {
			t.Error("who installed it is asked again")
		}
		before := w.digest()
		if v := asks("jane"); v.Granted || len(v.Scopes) != 2 || w.digest() != before {
			t.Errorf("nothing named asks for %+v", v.Scopes)
		}
		w.code("jane", "tool", "team:read")
		wantList(t, "granted", w.grantsOf("tool"), "jane team:read", "sid team:read users:read")
		first := w.grantOf("jane", i.ID)
		if v := asks("jane", "team:read"); !v.Granted {
			t.Error("what was granted is asked again")
		}
		if v := asks("jane", "users:read"); v.Granted {
			t.Error("what was not granted is not asked")
		}
		entries := w.count(`SELECT count(*) FROM audit`)
		w.code("jane", "tool", "team:read")
		w.code("jane", "tool", []string{}...) // who jane is
		w.code("jane", "tool", "users:read")
		if n := w.count(`SELECT count(*) FROM audit`); n != entries+1 {
			t.Errorf("%d audit entries for a wider grant", n-entries)
		}
		wantList(t, "widened", w.grantsOf("tool"), "jane team:read users:read", "sid team:read users:read")
		if g := w.grantOf("jane", i.ID); g.ID != first.ID {
			t.Errorf("widened to another grant")
		}

		slack := market.NewSecret(souk.UserToken)
		w.write(func(tx *store.Tx) error {
			return tx.PutToken(souk.Token{ID: souk.NewID(), Hash: w.m.Key.Hash(slack), Kind: souk.UserToken, User: w.user["jane"],
				Installation: i.ID, App: i.App, Org: i.Org, CreatedAt: dawn})
		})
		janes, sids, bot := w.speaks("jane", "tool", "team:read"), w.speaks("sid", "tool"), w.mint(i)
		script := must(w.m.MintToken(ctx, w.session("jane"), market.Minting{Description: "script"}))(t)
		grants := must(w.m.MyGrants(ctx, w.session("jane")))(t)
		if len(grants) != 1 || grants[0].ID != first.ID || grants[0].App.ID != i.App || grants[0].Org.ID != w.hq || len(grants[0].Scopes) != 2 {
			t.Errorf("jane's grants are %+v", grants)
		}
		before = w.digest()
		for who, actor := range map[string]souk.Actor{
			"another": w.session("joe"), "the admin": w.session("max"), "the owner of the app": w.as("vic"), "the operator": operator,
			"the app for her": w.by(janes.Secret), "the bot": w.by(bot.Secret),
		} {
			wantRefusal(t, who, w.m.RevokeGrant(ctx, actor, first.ID), souk.UnknownGrant)
		}
		wantRefusal(t, "none", w.m.RevokeGrant(ctx, w.session("jane"), souk.NewID()), souk.UnknownGrant)
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}
		ok(t, w.m.RevokeGrant(ctx, w.session("jane"), first.ID))
		wantRefusal(t, "again", w.m.RevokeGrant(ctx, w.session("jane"), first.ID), souk.UnknownGrant)
		w.wantDead("the app's", janes.Secret, souk.DeadByRevocation)
		w.wantDead("Slack's", slack, souk.DeadByRevocation)
		for _, secret := range []string{sids.Secret, bot.Secret, script.Secret} {
			w.by(secret)
		}
		wantList(t, "told once", w.list(`SELECT kind FROM events WHERE kind = 'grant.revoked' AND subject_id = $1`, first.ID), "grant.revoked")
		wantList(t, "left", w.grantsOf("tool"), "sid team:read users:read")
		if v := asks("jane", "team:read"); v.Granted {
			t.Error("what was taken back is not asked")
		}

		// Who installed it may take that back too; the app stays.
		ok(t, w.m.RevokeGrant(ctx, onBehalf(w.as("sid")), w.grantOf("sid", i.ID).ID))
		w.wantDead("who installed it", sids.Secret, souk.DeadByRevocation)
		w.by(bot.Secret)
		w.code("jane", "tool", "team:read")
		if g := w.grantOf("jane", i.ID); g.ID == first.ID {
			t.Error("a grant that was taken back came to life")
		}
		w.checkAudit()
	})
}

// Where a person belongs, an app that is installed there may ask them.
func TestAuthorizingElsewhere(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		wide := w.install("eve", "tool", w.acme, w.lab)
		secret := w.client("tool")
		at := func(name string, org souk.ID) error {
			in := w.authorizing("tool")
			in.At = org
			return drop(w.m.Authorize(ctx, w.session(name), in))
		}
		wantRefusal(t, "at home, where it is not installed", at("jane", souk.ID{}), souk.UnknownInstallation)
		ok(t, at("lee", souk.ID{}))
		ok(t, at("eve", w.lab))
		ok(t, at("eve", souk.ID{}))
		wantRefusal(t, "above", at("lee", w.acme), souk.UnknownOrg)
		wantRefusal(t, "another workspace", at("lee", w.hq), souk.UnknownOrg)
		wantRefusal(t, "another root", at("lee", w.globex), souk.UnknownOrg)
		wantList(t, "granted", w.grantsOf("tool"), "eve team:read users:read", "lee team:read users:read")

		// It reaches where lee agreed, and no more.
		lees := w.by(must(w.redeem("tool", secret, w.code("lee", "tool")))(t).Secret)
		if lees.Installation != wide.ID {
			t.Errorf("lee speaks through %+v", lees)
		}
		must(w.m.InstalledAt(ctx, lees, w.lab, souk.Page{Size: 5}))(t)
		w.write(memberOf(w.user["lee"], w.hq, souk.Owner))
		wantRefusal(t, "where it is not", drop(w.m.InstalledAt(ctx, lees, w.hq, souk.Page{Size: 5})), souk.OrgNotGranted)
		must(w.m.SetWorkspaces(ctx, w.as("eve"), market.Granting{App: w.app["tool"], At: w.acme, Workspaces: []souk.ID{w.hq}}))(t)
		wantRefusal(t, "where it is by now", drop(w.m.InstalledAt(ctx, lees, w.hq, souk.Page{Size: 5})), souk.OrgNotGranted)
		wantRefusal(t, "where it is no more", drop(w.m.InstalledAt(ctx, lees, w.lab, souk.Page{Size: 5})), souk.OrgNotGranted)
		wantRefusal(t, "at home, where it is no more", at("lee", w.lab), souk.UnknownInstallation)
		ok(t, at("lee", souk.ID{})) // where it is by now
	})
}

// With the person or the installation, all that they let apps do ends.
func TestGrantsEndWithWhatTheyHangOn(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		tool, files := w.install("sid", "tool", w.hq), w.install("sid", "files", w.hq)
		janes, hers, joes := w.speaks("jane", "tool"), w.speaks("jane", "files"), w.speaks("joe", "tool")
		told := func() []string {
			return w.rows(`SELECT u.first_name FROM events e JOIN grants g ON g.id = e.subject_id JOIN users u ON u.id = g.user_id WHERE e.kind = 'grant.revoked'`)
		}
		ok(t, w.m.DeactivateUser(ctx, w.as("una"), w.user["jane"]))
		w.wantDead("jane's", janes.Secret, souk.DeadByUser)
		w.wantDead("jane's other", hers.Secret, souk.DeadByUser)
		w.by(joes.Secret)
		wantList(t, "told", told(), "jane", "jane")
		wantList(t, "left", append(w.grantsOf("tool"), w.grantsOf("files")...), "joe team:read users:read", "sid team:read users:read", "sid reports")

		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, tool.ID))
		w.wantDead("joe's", joes.Secret, souk.DeadByInstallation)
		wantList(t, "left", append(w.grantsOf("tool"), w.grantsOf("files")...), "sid reports")
		wantList(t, "told", told(), "jane", "jane", "joe", "sid")
		if got := must(w.m.MyGrants(ctx, w.session("sid")))(t); len(got) != 1 || got[0].Installation != files.ID {
			t.Errorf("sid's grants are %+v", got)
		}
		w.checkAudit()
	})
}

// Two who take a grant back at once end it once.
func TestTakingAGrantBackTwice(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		i := w.install("sid", "tool", w.hq)
		w.client("tool")
		for range 10 {
			w.code("jane", "tool")
			g := w.grantOf("jane", i.ID)
			end := func() error { return w.m.RevokeGrant(context.Background(), w.session("jane"), g.ID) }
			errs := atOnce(end, end)
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Errorf("%v", errs)
			}
			wantList(t, "told", w.list(`SELECT kind FROM events WHERE subject_id = $1`, g.ID), "grant.revoked")
		}
	})
}

// An app that asks learns since when the person is signed in.
func TestSignedInSince(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.install("sid", "ear", w.hq)
		secret := w.client("ear")
		signed := must(w.m.SignIn(ctx, w.signingIn("jane"), "test", netip.Addr{}))(t)
		code := must(w.m.Authorize(ctx, w.by(signed.Secret), w.authorizing("ear")))(t)
		if got := must(w.redeem("ear", secret, code))(t); !got.SignedIn.Equal(signed.Session.CreatedAt) {
			t.Errorf("signed in at %s, told %s", signed.Session.CreatedAt, got.SignedIn)
		}
	})
}
