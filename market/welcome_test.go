package market_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
)

// welcoming is somebody who comes by the link of the first start.
func welcoming(code string) market.Welcoming {
	return market.Welcoming{
		Code: code, Organization: " Operators ", FirstName: "Olive", LastName: "Oil",
		Email: "Olive@Operators.example ", Password: phrase, Agent: "browser",
	}
}

func (w *town) welcome(code string) (market.SignedIn, error) {
	return w.m.Welcome(context.Background(), welcoming(code), "test", netip.Addr{})
}

// The first operator comes with an organization of their own and a session, and
// every code is spent then.
func TestWelcome(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		stale := must(w.m.WelcomeCode(ctx))(t)
		time.Sleep(24*time.Hour - time.Microsecond)
		ok(t, w.m.Welcomed(ctx, stale))
		time.Sleep(time.Microsecond)
		code, other := must(w.m.WelcomeCode(ctx))(t), must(w.m.WelcomeCode(ctx))(t)
		w.pats()
		asked := must(w.signIn("pat@everywhere.example", phrase))(t)
		before := w.digest()
		for name, tt := range map[string]struct {
			code string
			want souk.Refusal
		}{
			"after a day":         {stale, souk.ExpiredCode},
			"no code":             {"", souk.SpentCode},
			"a code that is none": {"abc!", souk.SpentCode},
			"a changed code":      {flipped(code, len(code)/2), souk.SpentCode},
			"a code cut off":      {code[:len(code)-4], souk.SpentCode},
			"another server's":    {must((&market.Market{DB: w.db, Key: souk.NewKey([souk.KeySize]byte{8})}).WelcomeCode(ctx))(t), souk.SpentCode},
			"a ticket":            {asked.Ticket, souk.SpentCode},
		} {
			wantRefusal(t, name+", asked", w.m.Welcomed(ctx, tt.code), tt.want)
			if n := hashes(func() { wantRefusal(t, name, drop(w.welcome(tt.code)), tt.want) }); n != 0 {
				t.Errorf("%s: costs %d hashes", name, n)
			}
		}
		for name, tt := range map[string]struct {
			change func(*market.Welcoming)
			field  string
		}{
			"no organization":      {func(in *market.Welcoming) { in.Organization = "  " }, "organization"},
			"a long organization":  {func(in *market.Welcoming) { in.Organization = strings.Repeat("x", 201) }, "organization"},
			"a foul organization":  {func(in *market.Welcoming) { in.Organization = "a\x00b" }, "organization"},
			"no e-mail":            {func(in *market.Welcoming) { in.Email = "" }, "email"},
			"no e-mail address":    {func(in *market.Welcoming) { in.Email = "olive" }, "email"},
			"a foul first name":    {func(in *market.Welcoming) { in.FirstName = "\xff" }, "first_name"},
			"a long last name":     {func(in *market.Welcoming) { in.LastName = strings.Repeat("x", 201) }, "last_name"},
			"no password":          {func(in *market.Welcoming) { in.Password = "" }, "password"},
			"a short password":     {func(in *market.Welcoming) { in.Password = "elevenchars" }, "password"},
			"the e-mail again":     {func(in *market.Welcoming) { in.Password = "olive@operators.example" }, "password"},
			"a password with NULs": {func(in *market.Welcoming) { in.Password = strings.Repeat("\x00", 12) }, "password"},
		} {
			in := welcoming(code)
			tt.change(&in)
			var bad souk.Invalid
			err := drop(w.m.Welcome(ctx, in, "test", netip.Addr{}))
			if !errors.As(err, &bad) || !slices.ContainsFunc(bad, func(p souk.Problem) bool { return p.Field == tt.field }) {
				t.Errorf("%s: %v, want that %s is invalid", name, err, tt.field)
			}
		}
		if w.digest() != before || w.count(`SELECT count(*) FROM passwords`) != 3 {
			t.Error("something that was refused changed something")
		}

		in := must(w.welcome(code))(t)
		if u := in.User; !u.Operator || u.Email != "olive@operators.example" || u.FirstName != "Olive" || u.LastName != "Oil" || in.Session.Hash != nil {
			t.Errorf("the operator: %+v", in)
		}
		org := w.org(in.User.Org)
		if org.Name != "Operators" || org.Kind != souk.Workspace || !org.IsAppProvider || org.Root() != org.ID {
			t.Errorf("their organization: %+v", org)
		}
		if a := w.by(in.Secret); a.User != in.User.ID || a.Kind != souk.ConsoleSession {
			t.Errorf("the session speaks for %+v", a)
		}
		wantList(t, "membership", w.rows(`SELECT role FROM memberships WHERE user_id = $1`, in.User.ID), string(souk.Owner))
		wantList(t, "told", w.rows(`SELECT kind FROM events`), string(souk.OrgAdded), string(souk.UserAdded))
		again := must(w.signIn("olive@operators.example", phrase))(t)
		if again.User.ID != in.User.ID || !again.User.Operator {
			t.Errorf("by password comes %+v", again.User)
		}

		if code := must(w.m.WelcomeCode(ctx))(t); code != "" {
			t.Error("there is a code for a second first operator")
		}
		for name, code := range map[string]string{"the code again": code, "another code": other, "a stale code": stale} {
			wantRefusal(t, name+", asked", w.m.Welcomed(ctx, code), souk.SpentCode)
			wantRefusal(t, name, drop(w.welcome(code)), souk.SpentCode)
		}
		if n := w.count(`SELECT count(*) FROM users WHERE operator = TRUE`); n != 1 {
			t.Errorf("%d operators", n)
		}
		w.checkAudit()
	})
}

// Two come by two links at the same moment, to two nodes: one becomes the
// operator.
func TestWelcomeIsRacedFor(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newTown(t, address)
		here, there := w.nodes(address)
		ctx := context.Background()
		come := func(m *market.Market, email string) func() error {
			in := welcoming(must(m.WelcomeCode(ctx))(t))
			in.Email = email
			return func() error { return drop(m.Welcome(ctx, in, "test", netip.Addr{})) }
		}
		errs := atOnce(come(here, "olive@operators.example"), come(there, "oscar@operators.example"))
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("one should be welcome, not %v and %v", errs[0], errs[1])
		}
		wantRefusal(t, "the other", either(errs[0], errs[1]), souk.SpentCode)
		for what, query := range map[string]string{
			"operators":     `SELECT count(*) FROM users WHERE operator = TRUE`,
			"organizations": `SELECT count(*) FROM orgs WHERE name = 'Operators'`,
			"passwords":     `SELECT count(*) FROM passwords`,
			"sessions":      `SELECT count(*) FROM tokens WHERE kind = 'session'`,
		} {
			if n := w.count(query); n != 1 {
				t.Errorf("%d %s", n, what)
			}
		}
	})
}
