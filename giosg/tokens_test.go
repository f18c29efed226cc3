package giosg

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"souk"
	"souk/market"
	"souk/souktest"
)

// speaker is the app user of the shop's clerk.
func (o *company) speaker(t *testing.T) souk.Speaker {
	t.Helper()
	v, err := o.Market.AppInstallation(t.Context(), o.As("sam"), o.ID("orgs.shop"), o.ID("installations.clerk@shop"))
	if err != nil {
		t.Fatal(err)
	}
	return souk.Speaker{Installation: v.ID, App: v.App, Org: v.Installation.Org, User: v.AppUser}
}

func (o *company) bearer(t *testing.T, call, token string) reply {
	t.Helper()
	r := o.request(t, "", call, "")
	r.Header.Set("Authorization", "Bearer "+token)
	return o.send(t, r)
}

// A short token is its app user for five minutes and as long as the installation
// lasts, with no more rights than both have.
func TestShortTokens(t *testing.T) {
	everyCompany(t, probes, func(t *testing.T, o *company) {
		clerk := o.speaker(t)
		now := time.Now()
		mint := func(s souk.Speaker, at time.Time) string {
			t.Helper()
			token, err := mintToken(souktest.Key, s, at)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		token := mint(clerk, now)
		me := into[user](t, o.bearer(t, "GET /users/me", token), 200)
		if me.ID != clerk.User || !me.IsBot || me.FullName != "Shop Clerk" || me.Email != nil || len(me.Permissions) != 0 {
			t.Errorf("it is %+v", me)
		}
		if got := o.bearer(t, "GET /orgs/{orgs.shop}/probe/member", token); got.status != 200 {
			t.Errorf("at home: %d %s", got.status, got.body)
		}
		if got := o.bearer(t, "GET /orgs/{orgs.shop}/probe", token); got.body != detailText(powerlessText) {
			t.Errorf("without permissions: %d %s", got.status, got.body)
		}
		given := souk.Membership{User: clerk.User, Org: clerk.Org, Role: souk.Member, Permissions: []souk.Permission{souk.CanSettings}}
		if err := o.Market.PutMembership(t.Context(), souk.Operator("test"), given); err != nil {
			t.Fatal(err)
		}
		if got := o.bearer(t, "GET /orgs/{orgs.shop}/probe", token); got.status != 200 {
			t.Errorf("with the permission: %d %s", got.status, got.body)
		}
		r := o.request(t, "", "GET /users/me", "")
		r.Header.Set("Authorization", "Token "+token)
		if got := o.send(t, r); got.body != detailText("Invalid token.") {
			t.Errorf("as Token: %d %s", got.status, got.body)
		}
		other, nobody := clerk, clerk
		other.User, nobody.Installation = o.ID("users.sam"), souk.NewID()
		for name, token := range map[string]string{
			"after five minutes":         mint(clerk, now.Add(-tokenLife)),
			"after an hour":              mint(clerk, now.Add(-time.Hour)),
			"for somebody else":          mint(other, now),
			"of no installation":         mint(nobody, now),
			"with another signature":     token[:len(token)-4] + "AAAA",
			"signed with another key":    signed(t, jose.HS256, souk.NewKey([souk.KeySize]byte{8}).ShortTokens(), clerk, now),
			"signed by another rule":     signed(t, jose.HS512, append(souktest.Key.ShortTokens(), souktest.Key.ShortTokens()...), clerk, now),
			"meant for something else":   signed(t, jose.HS256, souktest.Key.ShortTokens(), clerk, now, func(c *jwt.Claims) { c.Audience = jwt.Audience{"souk console"} }),
			"made by something else":     signed(t, jose.HS256, souktest.Key.ShortTokens(), clerk, now, func(c *jwt.Claims) { c.Issuer = "" }),
			"about two users":            signed(t, jose.HS256, souktest.Key.ShortTokens(), clerk, now, func(c *jwt.Claims) { c.Subject = souk.NewID().String() }),
			"for ever":                   signed(t, jose.HS256, souktest.Key.ShortTokens(), clerk, now, func(c *jwt.Claims) { c.Expiry = nil }),
			"from tomorrow":              mint(clerk, now.Add(24*time.Hour)),
			"without a signature at all": "eyJhbGciOiJub25lIn0." + strings.Split(token, ".")[1] + ".",
		} {
			if got := o.bearer(t, "GET /users/me", token); got.status != 401 || got.body != detailText("Invalid token.") {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		if err := o.Market.EndInstallation(t.Context(), o.As("sam"), clerk.Org, clerk.Installation); err != nil {
			t.Fatal(err)
		}
		if got := o.bearer(t, "GET /users/me", token); got.status != 401 {
			t.Errorf("after the installation: %d %s", got.status, got.body)
		}
	})
}

// signed is a token as mintToken makes it, but for something.
func signed(t *testing.T, rule jose.SignatureAlgorithm, key []byte, s souk.Speaker, at time.Time, but ...func(*jwt.Claims)) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: rule, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := jwt.Claims{
		Issuer: tokenIssuer, Subject: s.User.String(), Audience: jwt.Audience{tokenAudience},
		IssuedAt: jwt.NewNumericDate(at), Expiry: jwt.NewNumericDate(at.Add(tokenLife)),
	}
	for _, change := range but {
		change(&all)
	}
	token, err := jwt.Signed(signer).Claims(all).Claims(claims{s.User, s.Org, s.App, s.Installation}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestReadToken(t *testing.T) {
	s := souk.Speaker{Installation: souk.ID{1}, App: souk.ID{2}, Org: souk.ID{3}, User: souk.ID{4}}
	at := time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	token, err := mintToken(souktest.Key, s, at)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := readToken(souktest.Key, token, at.Add(-30*time.Second)) // a node whose clock is late
	if want := (market.Short{Installation: s.Installation, User: s.User, Expires: at.Add(300 * time.Second)}); !ok || !got.Expires.Equal(want.Expires) || got.Installation != want.Installation || got.User != want.User {
		t.Errorf("%+v, %v", got, ok)
	}
	if token, err := mintToken(souk.Key{}, s, at); err == nil {
		t.Errorf("without a key: %s", token)
	}
}
