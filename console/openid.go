package console

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"souk/market"
)

// OpenID is the provider by which people may sign in, beside passwords
// (docs/operations.md, "Signing in by an OpenID provider").
type OpenID struct {
	Issuer   string // its address, exactly as its own metadata spell it; empty: no provider
	ClientID string // what it calls us
	Secret   string // of the client; empty for one that has none
	Name     string // how the button calls it; empty: as the host of its address
}

// What a provider may cost us. It is asked while a visitor waits.
const (
	providerTime   = 10 * time.Second // for one question
	providerAnswer = 256 << 10        // bytes of one answer
	metadataLife   = time.Hour        // before they are asked for again
	providerPause  = 5 * time.Second  // after it did not answer, in which nobody else waits for it
)

// provider is the operator's, as far as it was asked.
type provider struct {
	OpenID
	back   string // where it sends people
	client *http.Client

	turn  chan struct{} // holds one while somebody asks for the metadata
	due   time.Time     // to ask again
	known *metadata     // the last that came
	err   error         // of asking last
}

// metadata is what a provider says of itself, made of use.
type metadata struct {
	oauth2.Config
	verifier *oidc.IDTokenVerifier
	named    bool // it names itself where it sends people back (RFC 9207)
}

// newProvider does not ask the provider yet: Souk starts, and passwords work,
// while it is away.
func newProvider(o OpenID, back string) *provider {
	if o.Issuer == "" {
		return nil
	}
	if at, err := url.Parse(o.Issuer); o.Name == "" && err == nil {
		o.Name = at.Host
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.MaxConnsPerHost = 16
	return &provider{OpenID: o, back: back, turn: make(chan struct{}, 1), client: &http.Client{
		Transport: bounded{transport},
		Timeout:   providerTime,
		// Nothing that a provider is asked moves; a code or a secret must not.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// bounded cuts answers that are too long.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, providerAnswer)
	}
	return answer, err
}

// metadata are those of the provider, from memory if they are not old. One
// visitor asks and the others wait for the answer. Metadata that are old stay
// good while newer ones cannot be had.
func (p *provider) metadata(ctx context.Context) (*metadata, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !time.Now().Before(p.due) {
		found, err := p.discover(context.WithoutCancel(ctx)) // for the others, too
		if p.err = err; err == nil {
			p.known, p.due = found, time.Now().Add(metadataLife)
		} else {
			p.due = time.Now().Add(providerPause)
		}
	}
	if p.known == nil {
		return nil, fmt.Errorf("%w: %w", &failure{problem: providerAway, wait: providerPause}, p.err)
	}
	return p.known, nil
}

func (p *provider) discover(ctx context.Context) (*metadata, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, said(err)
	}
	var more struct {
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Named   bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, said(err)
	}
	at := found.Endpoint()
	scheme, _, _ := strings.Cut(p.Issuer, ":")
	for _, address := range []string{at.AuthURL, at.TokenURL, more.Keys} {
		if u, err := url.Parse(address); err != nil || u.Scheme != scheme || u.Host == "" {
			return nil, fmt.Errorf("the metadata name the address %.200q, want one with %s://", address, scheme)
		}
	}
	// The way that the provider takes is chosen here: to try both would tell it a
	// code twice, which it may take for theft.
	at.AuthStyle = oauth2.AuthStyleInHeader
	if p.Secret == "" || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		at.AuthStyle = oauth2.AuthStyleInParams
	}
	return &metadata{
		Config: oauth2.Config{
			ClientID: p.ClientID, ClientSecret: p.Secret, Endpoint: at, RedirectURL: p.back,
			Scopes: []string{oidc.ScopeOpenID, oidc.ScopeEmail},
		},
		// It takes the algorithms that the metadata list, and of those only such as
		// sign with a private key.
		verifier: found.Verifier(&oidc.Config{ClientID: p.ClientID}),
		named:    more.Named,
	}, nil
}

// identity trades the code that a provider sent somebody back with for who they
// are. The trip is the one that they were sent on.
func (p *provider) identity(ctx context.Context, code string, of trip) (who market.Identity, err error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return who, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	tokens, err := m.Exchange(ctx, code, oauth2.VerifierOption(of.Verifier))
	if err != nil {
		return who, untraded(err)
	}
	text, ok := tokens.Extra("id_token").(string)
	if !ok {
		return who, broken(errors.New("there is no ID token"))
	}
	token, err := m.verifier.Verify(ctx, text)
	if err != nil {
		return who, broken(said(err))
	}
	var claims struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
		Party    string `json:"azp"`
	}
	err = token.Claims(&claims)
	switch {
	case err != nil:
		return who, broken(said(err))
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(of.Nonce)) != 1:
		return who, broken(errors.New("the ID token is for another visit"))
	case claims.Party != p.ClientID && (claims.Party != "" || len(token.Audience) > 1):
		return who, broken(errors.New("the ID token was issued to another client"))
	case token.Subject == "" || len(token.Subject) > maxSubject || unspeakable(token.Subject):
		return who, broken(errors.New("the ID token has no subject that can be kept"))
	case claims.Email == "" || !claims.Verified:
		return who, &failure{problem: providerUnverified}
	}
	return market.Identity{Issuer: p.Issuer, Subject: token.Subject, Email: claims.Email}, nil
}

// maxSubject is how long a subject may be, in bytes (OpenID Connect Core 1.0,
// section 2).
const maxSubject = 255

// broken is a fault between us and the provider, for the operator to read.
func broken(err error) error {
	return fmt.Errorf("%w: %w", &failure{problem: providerBroken}, err)
}

// untraded says why a code could not be traded. What a provider writes about it
// may repeat the code and the secret, so that only codes of its own are told.
func untraded(err error) error {
	var no *oauth2.RetrieveError
	switch {
	case !errors.As(err, &no):
		return fmt.Errorf("%w: %w", &failure{problem: providerAway, wait: providerPause}, said(err))
	case no.ErrorCode == "invalid_grant": // spent, or too late
		return &failure{problem: providerLate}
	}
	status := 0
	if no.Response != nil {
		status = no.Response.StatusCode
	}
	return broken(fmt.Errorf("the token endpoint answered %d, %s", status, knownCode(no.ErrorCode)))
}

// knownCode is code if that is one of OAuth's or OpenID's, so that nothing else
// which a stranger chose is repeated.
func knownCode(code string) string {
	if slices.Contains(providerCodes, code) {
		return code
	}
	return "no known code"
}

var providerCodes = []string{
	"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope",
	"server_error", "temporarily_unavailable", "interaction_required", "login_required", "account_selection_required",
	"consent_required", "invalid_client", "invalid_grant", "unsupported_grant_type",
}

// maxSaid is how much of an error is told that may repeat what a provider said,
// in bytes.
const maxSaid = 300

// said clips an error that may repeat what a provider said.
func said(err error) error {
	if text := err.Error(); len(text) > maxSaid {
		return errors.New(strings.ToValidUTF8(text[:maxSaid], "") + "…")
	}
	return err
}
