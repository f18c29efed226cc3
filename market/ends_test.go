package market_test

import (
	"context"
	"net/netip"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
)

// Whatever a token is made by, and whatever ends that at the same moment: no
// token lives on.
func TestTokensThatMeetTheirEnd(t *testing.T) {
	ctx := context.Background()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newTown(t, address)
		here, there := w.nodes(address)
		secret := w.client("ear")
		made := map[string]func(souk.Installation) func(*market.Market) (string, error){
			"a person's code": func(souk.Installation) func(*market.Market) (string, error) {
				in := w.redeeming("ear", secret, w.code("sid", "ear"))
				return func(m *market.Market) (string, error) {
					done, err := m.Redeem(ctx, in, "test", netip.Addr{})
					return done.Secret, err
				}
			},
			"a trigger's code": func(i souk.Installation) func(*market.Market) (string, error) {
				in := triggerCode(i)
				return func(m *market.Market) (string, error) {
					done, err := m.ExchangeAppUserCode(ctx, i.App, secret, in, "test", netip.Addr{})
					return done.Secret, err
				}
			},
			"its app": func(i souk.Installation) func(*market.Market) (string, error) {
				return func(m *market.Market) (string, error) {
					done, err := m.MintAppUserToken(ctx, w.as("vic"), i.App, i.ID, market.Minting{Description: "x"})
					return done.Secret, err
				}
			},
			"an app that signs in": func(i souk.Installation) func(*market.Market) (string, error) {
				return func(m *market.Market) (string, error) {
					done, err := m.SSOToken(ctx, market.SSO{App: i.App, Secret: secret, Org: w.hq, Email: "sid@town.example"}, "test", netip.Addr{})
					return done.Secret, err
				}
			},
		}
		ends := map[string]func(*market.Market, souk.Installation) error{
			"uninstalling": func(m *market.Market, i souk.Installation) error {
				return m.EndInstallation(ctx, w.as("olga"), w.hq, i.ID)
			},
			"taking the grant back": func(m *market.Market, i souk.Installation) error {
				return m.RevokeGrant(ctx, w.session("sid"), w.grantOf("sid", i.ID).ID)
			},
		}
		for how, prepare := range made {
			for ender, end := range ends {
				ofPerson := how == "a person's code" || how == "an app that signs in"
				if ender == "taking the grant back" && !ofPerson {
					continue // an app user needs none
				}
				for range 4 {
					i := w.install("sid", "ear", w.hq)
					mint := prepare(i)
					var told string
					errs := atOnce(func() (err error) { told, err = mint(here); return err }, func() error { return end(there, i) })
					if errs[1] != nil || (errs[0] == nil) != (told != "") || market.FaultOf(errs[0]) != market.NoFault {
						t.Fatalf("%s and %s: %v, told %q", how, ender, errs, told)
					}
					if told != "" {
						if _, err := w.m.Authenticate(ctx, told, "test", netip.Addr{}); err == nil {
							t.Errorf("%s made a token that outlives %s", how, ender)
						}
					}
					if ender == "taking the grant back" {
						ok(t, w.m.EndInstallation(ctx, w.as("olga"), w.hq, i.ID))
					}
					if n := w.count(`SELECT count(*) FROM grants WHERE status = 'active'`); n != 0 {
						t.Errorf("%s and %s: %d grants are left", how, ender, n)
					}
				}
			}
		}
		w.checkAudit()
	})
}
