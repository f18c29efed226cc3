package market_test

import (
	"errors"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// What happened through the faces since stands, but for what the document
// wants and is gone.
func TestApplyWorldAgainLater(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		const more = `{version: 1,
			requests: {asked: {app: deploybot, user: cem, org: labs}},
			resolutions: [{app: deploybot, org: sales, status: approved, by: sue}],
			installations: {lunch: {app: lunch, org: sales, installed_by: sue}}}`
		c.Apply(more)
		for _, err := range []error{
			c.Market.DeactivateUser(t.Context(), c.As("olga"), c.ID("users.sue")),
			second(c.Market.Approve(t.Context(), c.As("ada"), market.Decision{Request: c.ID("requests.asked")})),
			second(c.Market.Uninstall(t.Context(), souk.Operator("test"), market.Uninstalling{App: c.ID("apps.console"), From: []souk.ID{c.ID("orgs.solo")}})),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if done := c.Apply(more); len(done.Plan) > 0 {
			t.Errorf("what was brought over changed again: %v", steps(done.Plan))
		}

		var dead souk.Dead
		solveig := func() error {
			_, err := c.Market.Authenticate(t.Context(), "xoxp-souk-company-solveig", "test", netip.Addr{})
			return err
		}
		if err := solveig(); !errors.As(err, &dead) || dead.Cause != souk.DeadByInstallation {
			t.Errorf("the token of what was uninstalled: %v", err)
		}
		done := c.Apply(`{version: 1,
			installations: {console@solo: {app: console, org: solo, installed_by: solveig}},
			tokens: {solveig-admin: {kind: xoxp, user: solveig, installation: console@solo, token: xoxp-souk-company-solveig}}}`)
		if diff := cmp.Diff([]string{"create installations.console@solo", "create tokens.solveig-admin"}, steps(done.Plan)); diff != "" {
			t.Error(diff)
		}
		if err := solveig(); err != nil {
			t.Errorf("the token of what was installed anew: %v", err)
		}
	})
}

// second drops what a verb answers beside its error.
func second[T any](_ T, err error) error { return err }

// One document that is applied by many at once is applied once.
func TestApplyWorldRace(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		m := &market.Market{DB: db, Key: souktest.Key}
		w := companyWorld(t)
		var racers sync.WaitGroup
		plans := make([]int, 4)
		for i := range plans {
			racers.Go(func() {
				done, err := m.ApplyWorld(t.Context(), souk.Operator("test"), w, market.How{})
				if err != nil {
					t.Error(err)
				}
				plans[i] = len(done.Plan)
			})
		}
		racers.Wait()
		made := 0
		for _, n := range plans {
			if n > 0 {
				made++
			}
		}
		if made != 1 {
			t.Errorf("plans of %d steps: one applies and the others find it done", plans)
		}
	})
}

// A staging copy has its operator from the beginning, and what its people said.
func TestApplyWorldOperator(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		code, err := c.Market.WelcomeCode(t.Context())
		if err != nil || code == "" {
			t.Fatalf("nobody runs it yet: code %q, %v", code, err)
		}
		const document = `{version: 1,
			users: {root: {org: acme, email: root@acme.example, operator: true, password: open sesame for staging}},
			resolutions: [{app: vault, org: acme, status: restricted, by: ada, reason: It leaks}]}`
		c.Apply(document)
		in, err := c.Market.SignIn(t.Context(), market.SigningIn{Email: "root@acme.example", Password: "open sesame for staging"}, "test", netip.Addr{})
		if err != nil || !in.User.Operator || in.User.ID != c.ID("users.root") {
			t.Errorf("signed in as %+v: %v", in.User, err)
		}
		if code, err := c.Market.WelcomeCode(t.Context()); err != nil || code != "" {
			t.Errorf("another first operator may come: %v", err)
		}
		stands := func() string {
			t.Helper()
			found, err := c.Market.StandingAt(t.Context(), c.As("ada"), c.ID("orgs.acme"), souk.Restricted, souk.Page{Size: 2})
			if err != nil || len(found) != 1 {
				t.Fatalf("%d stand: %v", len(found), err)
			}
			return found[0].Reason
		}
		if reason := stands(); reason != "It leaks" {
			t.Errorf("the reason is %q", reason)
		}
		if again := c.Apply(document); len(again.Plan) > 0 {
			t.Errorf("applied again: %v", steps(again.Plan))
		}
		// A new answer does not inherit what was said about another.
		c.Apply(`{version: 1, resolutions: [{app: vault, org: acme, status: restricted, by: olga}]}`)
		if reason := stands(); reason != "" {
			t.Errorf("olga says what ada said: %q", reason)
		}
	})
}
