package souktest_test

import (
	"net/netip"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// The company is what its tests take it for: every token of it answers, an
// admin decides about an app, and a stranger knows nothing of it.
func TestWorld(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		for _, key := range []string{"host", "olga-admin", "ada-admin", "sue-admin", "gus-admin", "solveig-admin", "olga", "ada", "bo", "cem", "vic", "gus", "pat", "solveig", "nils"} {
			if _, err := c.Market.Authenticate(t.Context(), c.Token(key), "test", netip.Addr{}); err != nil {
				t.Errorf("token %s: %v", key, err)
			}
		}
		asked, err := c.Market.RequestApp(t.Context(), c.As("bo"), market.Asking{App: c.ID("apps.deploybot"), At: c.ID("orgs.sales")})
		if err != nil || asked.Request.Status != souk.Pending {
			t.Fatalf("bo asked: %+v, %v", asked, err)
		}
		if _, err := c.Market.Approve(t.Context(), c.As("gus"), market.Decision{Request: asked.Request.ID}); err != souk.UnknownRequest {
			t.Errorf("a stranger approves: %v, want %v", err, souk.UnknownRequest)
		}
		decided, err := c.Market.Approve(t.Context(), c.As("ada"), market.Decision{Request: asked.Request.ID})
		if err != nil || len(decided.Settled) != 1 {
			t.Errorf("ada approves: %+v, %v", decided, err)
		}
	})
}
