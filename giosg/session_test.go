package giosg

import (
	"net/netip"
	"testing"

	"souk/market"
)

// What a browser keeps is no credential of a program, whatever is written before
// it.
func TestSessionsAreNoTokens(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		e, _ := o.furnished(t)
		in, err := o.Market.SignInAs(t.Context(), market.Identity{Issuer: "https://id.example", Subject: "1", Email: "sam@shop.example"}, "test", netip.Addr{})
		if err != nil || in.Secret == "" {
			t.Fatalf("%+v: %v", in, err)
		}
		for _, r := range routes {
			p := promiseOf(t, r)
			for _, header := range []string{"Token " + in.Secret, "Bearer " + in.Secret, "GIOSGAPP " + in.Secret + " " + kioskSecret} {
				q := e.promised(t, "", p, p.call, p.body)
				q.Header.Set("Authorization", header)
				q.Header.Set("Cookie", "souk_session="+in.Secret)
				if got := e.company.send(t, q); got.status != 401 || got.body != detailText("Invalid token.") {
					t.Errorf("%s by %.8s: %d %s", r.name(), header, got.status, got.body)
				}
			}
			q := e.promised(t, "", p, p.call, p.body)
			q.Header.Set("Cookie", "souk_session="+in.Secret)
			if got := e.company.send(t, q); got.status != 401 || got.body != detailText(anonymousText) {
				t.Errorf("%s by a cookie: %d %s", r.name(), got.status, got.body)
			}
		}
	})
}
