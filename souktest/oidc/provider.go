// Package oidc is an OpenID provider for tests: discovery, keys, the code flow
// with PKCE, and ID tokens as good or as bad as a test wants them. It asks nobody
// for a password: whoever comes is the Person of its Behaviour.
package oidc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Paths of the provider, below its issuer.
const (
	Discovery = "/.well-known/openid-configuration"
	Keys      = "/keys"
	Authorize = "/authorize"
	Token     = "/token"
)

// Person is whom the provider vouches for.
type Person struct {
	Subject  string
	Email    string
	Verified bool // whether the e-mail is theirs
}

// Behaviour is how the provider acts from now on. The zero value with a Person is
// that of a good one.
type Behaviour struct {
	Person  Person
	Deny    string                  // sends people back with this error and no code
	Signing string                  // RS256 (also when empty), ES256, or wrongly: none, HS256 with the public key
	Claims  func(map[string]any)    // changes what ID tokens claim
	Instead map[string]http.Handler // by path, answers there instead
	Methods []string                // by which it says clients may authenticate
}

// Client is who may ask the provider.
type Client struct {
	ID, Secret string // no secret: a public client
	Redirect   string // where people may be sent back
}

// Provider is a running provider: an http.Handler for its issuer's address.
type Provider struct {
	Issuer string
	client Client

	mu      sync.Mutex
	be      Behaviour
	keys    keys
	codes   map[string]grant
	secrets []string
	asked   map[string]int
}

// grant is what a code was handed out for.
type grant struct {
	challenge, nonce, redirect string
	person                     Person
}

// New makes a provider for one client. It is a good one until told otherwise.
func New(issuer string, client Client) *Provider {
	p := &Provider{Issuer: issuer, client: client, codes: map[string]grant{}, asked: map[string]int{}, keys: firstKeys()}
	p.secret(client.Secret)
	return p
}

// Be makes the provider act as told from now on.
func (p *Provider) Be(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.be = b
}

// Rotate gives the provider new keys; what the old ones signed is worth nothing
// from now on.
func (p *Provider) Rotate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = newKeys()
}

// Asked is how often a path was asked for.
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// Secrets are all that went through the provider and belongs into no log: the
// client's secret, codes, verifiers, states, nonces and tokens.
func (p *Provider) Secrets() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.secrets)
}

func (p *Provider) secret(s string) {
	if s != "" {
		p.secrets = append(p.secrets, s)
	}
}

// ServeHTTP answers one question.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	instead := p.be.Instead[r.URL.Path]
	p.mu.Unlock()
	if instead != nil {
		instead.ServeHTTP(w, r) // which may take its time
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET " + Discovery:
		p.discovery(w)
	case "GET " + Keys:
		tell(w, http.StatusOK, p.keys.public())
	case "GET " + Authorize:
		p.authorize(w, r)
	case "POST " + Token:
		p.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) discovery(w http.ResponseWriter) {
	about := map[string]any{
		"issuer":                                         p.Issuer,
		"authorization_endpoint":                         p.Issuer + Authorize,
		"token_endpoint":                                 p.Issuer + Token,
		"jwks_uri":                                       p.Issuer + Keys,
		"response_types_supported":                       []string{"code"},
		"subject_types_supported":                        []string{"public"},
		"code_challenge_methods_supported":               []string{"S256"},
		"id_token_signing_alg_values_supported":          []string{"RS256", "ES256", "HS256", "none"},
		"authorization_response_iss_parameter_supported": true,
	}
	if p.be.Methods != nil {
		about["token_endpoint_auth_methods_supported"] = p.be.Methods
	}
	tell(w, http.StatusOK, about)
}

// authorize sends the person back at once. It insists on everything that makes
// the flow safe.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.secret(q.Get("state"))
	p.secret(q.Get("nonce"))
	if q.Get("client_id") != p.client.ID || q.Get("redirect_uri") != p.client.Redirect {
		http.Error(w, "unknown client", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {p.Issuer}}
	switch {
	case p.be.Deny != "":
		back.Set("error", p.be.Deny)
		back.Set("error_description", "<b>"+p.be.Deny+"</b>")
	case q.Get("response_type") != "code" || q.Get("scope") != "openid email" || q.Get("state") == "" || q.Get("nonce") == "",
		q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		back.Set("error", "invalid_request")
	default:
		code := rand.Text()
		p.codes[code] = grant{q.Get("code_challenge"), q.Get("nonce"), q.Get("redirect_uri"), p.be.Person}
		p.secret(code)
		back.Set("code", code)
	}
	http.Redirect(w, r, p.client.Redirect+"?"+back.Encode(), http.StatusFound)
}

// token trades a code, once, for whoever has its verifier. Its errors repeat what
// it was sent, as those of some providers do.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	refuse := func(status int, code string) {
		tell(w, status, map[string]string{"error": code, "error_description": r.PostForm.Encode() + p.client.Secret})
	}
	if !p.authenticated(r) {
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	code, verifier := r.PostForm.Get("code"), r.PostForm.Get("code_verifier")
	g, known := p.codes[code]
	delete(p.codes, code)
	p.secret(verifier)
	sum := sha256.Sum256([]byte(verifier))
	if !known || r.PostForm.Get("grant_type") != "authorization_code" || r.PostForm.Get("redirect_uri") != g.redirect ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	claims := map[string]any{
		"iss": p.Issuer, "aud": p.client.ID, "sub": g.person.Subject, "nonce": g.nonce,
		"iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
		"email": g.person.Email, "email_verified": g.person.Verified,
	}
	if p.be.Claims != nil {
		p.be.Claims(claims)
	}
	access, id := rand.Text(), p.keys.sign(p.be.Signing, claims)
	p.secret(access)
	p.secret(id)
	tell(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": id})
}

// authenticated reports whether the client has proved who it is, in a way that
// the metadata name.
func (p *Provider) authenticated(r *http.Request) bool {
	allowed := func(method string) bool {
		return p.be.Methods == nil && method == "client_secret_basic" || slices.Contains(p.be.Methods, method)
	}
	if id, secret, ok := r.BasicAuth(); ok {
		return allowed("client_secret_basic") && id == p.client.ID && secret == p.client.Secret
	}
	method := "client_secret_post"
	if p.client.Secret == "" {
		method = "none"
	}
	return allowed(method) && r.PostForm.Get("client_id") == p.client.ID && r.PostForm.Get("client_secret") == p.client.Secret
}

func tell(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler) // whoever asked has left
	}
}
