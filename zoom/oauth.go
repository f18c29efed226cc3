package zoom

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"souk"
	"souk/market"
	"souk/web"
)

// mountOAuth puts the addresses into mux where apps get tokens and give them back
// (docs/dialects/zoom.md, "Tokens (OAuth)").
func (h *Handler) mountOAuth(mux *http.ServeMux) {
	mux.Handle("/oauth/authorize", h.oauth(http.MethodGet, h.authorize))
	mux.Handle("/oauth/token", h.oauth(http.MethodPost, h.token))
	mux.Handle("/oauth/revoke", h.oauth(http.MethodPost, h.revoke))
	mux.Handle("/oauth/data/compliance", h.oauth(http.MethodPost, h.comply))
	mux.Handle("/oauth/", h.oauth("", nil)) // nothing is there
}

// oauthFailure is a failure outside of the REST API: in Zoom's own shape, with
// OAuth's words.
type oauthFailure struct {
	status int
	body   oauthError
	wait   time.Duration // 0: none is told
}

type oauthError struct {
	Reason string `json:"reason"` // for people
	Error  string `json:"error"`  // OAuth's word
}

func (f *oauthFailure) Error() string { return f.body.Error + ": " + f.body.Reason }

// OAuth's words, and how the status of each reads.
const (
	invalidRequest  = "invalid_request"
	invalidClient   = "invalid_client"
	invalidGrant    = "invalid_grant"
	unsupportedType = "unsupported_grant_type"
	temporarily     = "temporarily_unavailable"
	ourFault        = "server_error"
)

func badOAuth(word, reason string) *oauthFailure {
	return &oauthFailure{status: http.StatusBadRequest, body: oauthError{reason, word}}
}

// What is told of what can be wrong with a client, a code or a token.
var (
	wrongClient  = &oauthFailure{status: http.StatusUnauthorized, body: oauthError{"Invalid client_id or client_secret", invalidClient}}
	wrongAccount = badOAuth(invalidRequest, "Invalid account_id: the app is not installed in it, or it is none.")
	wrongToken   = badOAuth(invalidGrant, "Invalid Token!")
	wrongCode    = badOAuth(invalidGrant, "Invalid authorization code")
	oldCode      = badOAuth(invalidGrant, "The authorization code has expired.")
	wrongReturn  = badOAuth(invalidGrant, "The redirect_uri is not the one that the code was asked with.")
	noGrant      = badOAuth(invalidGrant, "Nobody who may let the app act lets it any more.")
	overGrant    = badOAuth(invalidGrant, "The app, its installation, the user or the account is not active any more.")
	noAddress    = &oauthFailure{status: http.StatusNotFound, body: oauthError{"There is nothing at this address.", invalidRequest}}
	badForm      = badOAuth(invalidRequest, "The parameters cannot be read.")
	twice        = badOAuth(invalidRequest, "A parameter is there twice, with different values.")
	twoClients   = badOAuth(invalidRequest, "The client is named in two ways.")
	notAForm     = badOAuth(invalidRequest, "The body must be a form.")
	tooBigAForm  = &oauthFailure{status: http.StatusRequestEntityTooLarge, body: oauthError{"The request body is too large.", invalidRequest}}
	oauthAway    = &oauthFailure{http.StatusServiceUnavailable, oauthError{"The service is temporarily unavailable.", temporarily}, outage}
	oauthFault   = &oauthFailure{status: http.StatusInternalServerError, body: oauthError{"Internal server error.", ourFault}}
)

// oauthRefusals spell what the market says of clients, codes and tokens.
var oauthRefusals = map[souk.Refusal]*oauthFailure{
	souk.WrongSecret:         wrongClient,
	souk.UnknownInstallation: wrongAccount,
	souk.NotAuthorized:       noGrant,
	souk.SpentCode:           wrongToken,
	souk.ExpiredCode:         wrongToken,
}

// codeRefusals spell what it says of codes otherwise.
var codeRefusals = map[souk.Refusal]*oauthFailure{
	souk.SpentCode:   wrongCode,
	souk.ExpiredCode: oldCode,
	souk.BadRedirect: wrongReturn,
}

// oauth answers one address outside of the REST API, by one method.
func (h *Handler) oauth(method string, run func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		web.Note(ctx, "face", face)
		web.Note(ctx, "call", method+" "+r.Pattern)
		header := w.Header()
		header.Set("X-Zm-Trackingid", trackingID(r))
		header.Set("Cache-Control", "no-store")
		header.Set("Pragma", "no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		c := &call{ctx: ctx, request: r, writer: w, handler: h, market: h.market}
		body, err := h.attempt(w, r, method, run)
		if err != nil {
			h.send(c, h.refuseOAuth(c, err))
			return
		}
		if to, ok := body.(seeOther); ok {
			header.Set("Location", string(to))
			h.send(c, answer{status: http.StatusFound})
			return
		}
		h.send(c, shown(body))
	}
}

// seeOther is the answer that leads to another address.
type seeOther string

// attempt runs what an address is for, and makes a fault of that an error.
func (h *Handler) attempt(w http.ResponseWriter, r *http.Request, method string, run func(http.ResponseWriter, *http.Request) (any, error)) (body any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	switch {
	case web.Draining(r.Context()):
		return nil, oauthAway
	case run == nil:
		return nil, noAddress
	case r.Method == method, r.Method == http.MethodHead && method == http.MethodGet:
		return run(w, r)
	}
	allow := method
	if method == http.MethodGet {
		allow += ", " + http.MethodHead
	}
	w.Header().Set("Allow", allow)
	return nil, &oauthFailure{status: http.StatusMethodNotAllowed, body: oauthError{"This address answers " + allow + " only.", invalidRequest}}
}

// refuseOAuth spells why a call failed. A client that did not prove who it is,
// and one that guesses codes and tokens, is counted by its address; beyond what
// may come from there it is told to wait, which tells it nothing else.
func (h *Handler) refuseOAuth(c *call, err error) answer {
	f := spellOAuth(err)
	if f.body.Error == invalidClient || f.body.Error == invalidGrant {
		if ok, wait := h.limiter.failed.Allow(web.ClientAddress(c.ctx)); !ok {
			f = &oauthFailure{http.StatusTooManyRequests, oauthError{"Too many failures from this address.", temporarily}, wait}
		}
	}
	web.Note(c.ctx, "refused", f.body.Error)
	if f.status == http.StatusInternalServerError && c.ctx.Err() == nil {
		h.log.ErrorContext(c.ctx, "zoom call failed", "call", c.request.Pattern, "err", err)
	}
	if f.status == http.StatusUnauthorized {
		c.writer.Header().Set("WWW-Authenticate", `Basic realm="Souk"`)
	}
	if f.wait > 0 {
		c.writer.Header().Set("Retry-After", web.RetryAfter(f.wait))
	}
	return answer{f.status, f.body}
}

// respelled replaces a refusal that one address spells in its own way.
func respelled(err error, own map[souk.Refusal]*oauthFailure) error {
	var no souk.Refusal
	if errors.As(err, &no) && own[no] != nil {
		return own[no]
	}
	return err
}

func spellOAuth(err error) *oauthFailure {
	var own *oauthFailure
	var no souk.Refusal
	var bad souk.Invalid
	var dead souk.Dead
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &no) && oauthRefusals[no] != nil:
		return oauthRefusals[no]
	case errors.As(err, &bad):
		return badOAuth(invalidRequest, bad.Error())
	case errors.As(err, &dead):
		return overGrant
	case market.FaultOf(err) == market.Unavailable:
		return oauthAway
	}
	return oauthFault
}

// maxForm bounds a body, in bytes.
const maxForm = 64 << 10

// readOAuth reads the body of a call outside of the REST API.
func readOAuth(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := web.ReadBody(w, r, maxForm)
	switch {
	case errors.Is(err, web.ErrBodyTooLarge):
		return nil, tooBigAForm
	case errors.Is(err, web.ErrBusy):
		return nil, oauthAway
	case err != nil:
		return nil, badForm
	}
	return body, nil
}

// form is what a call says, each word once.
type form map[string]string

// readForm reads the parameters of a call, in its body or in its address. A
// secret of the client's is not read from the address, which proxies write down.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	body, err := readOAuth(w, r)
	if err != nil {
		return nil, err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if len(body) > 0 && (err != nil || kind != "application/x-www-form-urlencoded") {
		return nil, notAForm
	}
	written, badBody := url.ParseQuery(string(body))
	query, badQuery := url.ParseQuery(r.URL.RawQuery)
	if badBody != nil || badQuery != nil {
		return nil, badForm
	}
	query.Del("client_secret")
	f := form{}
	for _, values := range []url.Values{written, query} {
		for name, all := range values {
			for _, value := range all {
				if err := f.add(name, value); err != nil {
					return nil, err
				}
			}
		}
	}
	return f, nil
}

// add takes a word down. The same word twice says no more than once.
func (f form) add(name, value string) error {
	if said, is := f[name]; is && said != value {
		return twice
	}
	if !speakable(name + value) {
		return badForm
	}
	f[name] = value
	return nil
}

// speakable reports whether a database can be asked for a text.
func speakable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// client is the app that a call comes from, by what stands in the header for it or
// in the form. What stands in the header is taken as it is, as Zoom does.
func (f form) client(r *http.Request) (c market.ZoomClient, err error) {
	c = market.ZoomClient{ID: f["client_id"], Secret: f["client_secret"], Face: face, From: web.ClientAddress(r.Context())}
	if id, secret, ok := r.BasicAuth(); ok {
		if c.Secret != "" || c.ID != "" && c.ID != id {
			return c, twoClients
		}
		c.ID, c.Secret = id, secret
	}
	if c.ID == "" || c.Secret == "" || !speakable(c.ID+c.Secret) {
		return c, wrongClient
	}
	web.Note(r.Context(), "client", c.ID)
	return c, nil
}

// readClient reads what a call says, and whose it is.
func readClient(w http.ResponseWriter, r *http.Request) (f form, c market.ZoomClient, err error) {
	if f, err = readForm(w, r); err != nil {
		return f, c, err
	}
	c, err = f.client(r)
	return f, c, err
}
