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
