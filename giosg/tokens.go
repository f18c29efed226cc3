package giosg

import (
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"souk"
	"souk/market"
)

// tokenLife is how long the token of a notification answers.
const tokenLife = 300 * time.Second

// tokenIssuer and tokenAudience keep these tokens from being taken for others
// that are signed with the same key.
const (
	tokenIssuer   = "souk"
	tokenAudience = "souk giosg"
)

// claims are those of a short token that JWT has no names for.
type claims struct {
	User         souk.ID `json:"user_id"`
	Org          souk.ID `json:"organization_id"`
	App          souk.ID `json:"app_id"`
	Installation souk.ID `json:"inst_id"`
}

// mintToken signs a token for an installation's app user. Nobody stores it: it
// is read again with the same key.
func mintToken(key souk.Key, s souk.Speaker, at time.Time) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.HS256, Key: key.ShortTokens()}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign a short token: %w", err)
	}
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer:   tokenIssuer,
		Subject:  s.User.String(),
		Audience: jwt.Audience{tokenAudience},
		IssuedAt: jwt.NewNumericDate(at),
		Expiry:   jwt.NewNumericDate(at.Add(tokenLife)),
	}).Claims(claims{User: s.User, Org: s.Org, App: s.App, Installation: s.Installation}).Serialize()
}

// readToken reads what mintToken made; ok tells whether it is that. Whether the
// token still answers is the market's to say: here the clocks of two nodes may
// differ by a minute.
func readToken(key souk.Key, text string, now time.Time) (s market.Short, ok bool) {
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return s, false
	}
	var own claims
	var all jwt.Claims
	if token.Claims(key.ShortTokens(), &all, &own) != nil || all.Expiry == nil {
		return s, false
	}
	expected := jwt.Expected{Issuer: tokenIssuer, Subject: own.User.String(), AnyAudience: jwt.Audience{tokenAudience}, Time: now}
	if all.Validate(expected) != nil {
		return s, false
	}
	return market.Short{Installation: own.Installation, User: own.User, Expires: all.Expiry.Time()}, true
}
