package giosg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"souk"
	"souk/market"
	"souk/web"
)

// oauthError is the body of a failure outside of the API, where OAuth's words
// are spoken (docs/dialects/giosg.md, "Identity").
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// OAuth's words. Every failure of a caller's is 400: giosg's clients read the
// body of no other.
const (
	invalidRequest  = "invalid_request"
	invalidClient   = "invalid_client"
	invalidGrant    = "invalid_grant"
	unsupportedType = "unsupported_grant_type"
	accessDenied    = "access_denied"
	temporarily     = "temporarily_unavailable"
	ourFault        = "server_error"
)

func oauthRefusal(word, text string) *failure {
	return &failure{status: http.StatusBadRequest, body: oauthError{word, text}}
}

func denied(text string) *failure {
	return &failure{status: http.StatusForbidden, body: oauthError{accessDenied, text}}
}

// wrongClient is told to whoever is not the app that they say they are.
var wrongClient = oauthRefusal(invalidClient, "The client credentials are not valid.")

// oauth answers one address outside of the API, by one method. no spells the
// refusals that it can meet.
func (h *Handler) oauth(method string, no map[souk.Refusal]*failure, run func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		web.Note(ctx, "face", face)
		web.Note(ctx, "call", method+" "+r.Pattern)
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Pragma", "no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		var body any
		var err error
		switch {
		case web.Draining(ctx):
			err = unavailable
		case r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead):
			allow := method
			if method == http.MethodGet {
				allow += ", " + http.MethodHead
			}
			header.Set("Allow", allow)
			err = &failure{status: http.StatusMethodNotAllowed, body: oauthError{invalidRequest, "This address answers " + allow + " only."}}
		default:
			body, err = attempt(w, r, run)
		}
		if err == nil {
			err = h.send(w, r, shown(body))
		}
		if err != nil {
			header.Set("Cache-Control", "no-store")
			h.fail(w, r, spellOAuth(err, no), err)
		}
	}
}

// attempt makes a fault of run an error.
func attempt(w http.ResponseWriter, r *http.Request, run func(http.ResponseWriter, *http.Request) (any, error)) (body any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	return run(w, r)
}

// spellOAuth spells an error in OAuth's words.
func spellOAuth(err error, no map[souk.Refusal]*failure) *failure {
	var own *failure
	var refused souk.Refusal
	var bad souk.Invalid
	var dead souk.Dead
	switch {
	case errors.As(err, &own):
	case errors.As(err, &refused) && no[refused] != nil:
		return no[refused]
	case errors.As(err, &bad):
		return oauthRefusal(invalidRequest, bad.Error())
	case errors.As(err, &dead):
		return oauthRefusal(invalidGrant, "The app, its installation or the user is not active any more.")
	default:
		own = faultAnswers[market.FaultOf(err)]
	}
	if said, ok := own.body.(detail); ok {
		word := temporarily
		if own.status == http.StatusInternalServerError {
			word = ourFault
		}
		return &failure{own.status, oauthError{word, said.Detail}, own.wait}
	}
	return own
}

// proven counts failures to prove something, by address, as refused tokens are
// counted, and answers err or that there were too many.
func (h *Handler) proven(r *http.Request, no map[souk.Refusal]*failure, err error) error {
	if err == nil {
		return nil
	}
	said, ok := spellOAuth(err, no).body.(oauthError)
	if ok && (said.Error == invalidClient || said.Error == invalidGrant || said.Error == accessDenied) {
		return h.limits.failedToken(web.ClientAddress(r.Context()), err)
	}
	return err
}

// Bounds of a form of words: its bytes, and the parts of one in parts.
const (
	maxWords     = 64 << 10
	maxWordParts = 50
)

// form is what was filled in, each word once.
type form map[string]string

// errForm refuses what cannot be read as a form.
var (
	errForm       = oauthRefusal(invalidRequest, "The form cannot be read.")
	errFormTwice  = oauthRefusal(invalidRequest, "A parameter is there more than once.")
	errFormKind   = oauthRefusal(invalidRequest, "The body must be a form.")
	errFormTooBig = &failure{status: http.StatusRequestEntityTooLarge, body: oauthError{invalidRequest, "Request body too large."}}
)

// readForm reads the body of a request as a form of words, in either of the two
// spellings that a form has.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data" {
		return nil, errFormKind
	}
	body, err := web.ReadBody(w, r, maxWords)
	switch {
	case errors.Is(err, web.ErrBodyTooLarge):
		return nil, errFormTooBig
	case errors.Is(err, web.ErrBusy):
		return nil, unavailable
	case err != nil:
		return nil, errForm
	}
	if kind == "multipart/form-data" {
		return readParts(body, parameters["boundary"])
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errForm
	}
	f := form{}
	for name, all := range values {
		for _, value := range all {
			if err := f.add(name, value); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func readParts(body []byte, boundary string) (form, error) {
	f := form{}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxWordParts {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) && len(f) > 0 {
			return f, nil
		}
		if err != nil || part.FileName() != "" {
			return nil, errForm
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, errForm
		}
		if err := f.add(part.FormName(), string(value)); err != nil {
			return nil, err
		}
	}
	return nil, errForm
}

// add takes a word down. What has no text counts as not filled in.
func (f form) add(name, value string) error {
	if _, twice := f[name]; twice {
		return errFormTwice
	}
	if !utf8.ValidString(name+value) || strings.Contains(value, "\x00") {
		return errForm
	}
	f[name] = value
	return nil
}

// client is the app that a form comes from, by what it says in the form or in
// the header for it, and its secret.
func (f form) client(r *http.Request) (app souk.ID, secret string, err error) {
	name, secret := f["client_id"], f["client_secret"]
	if user, password, ok := r.BasicAuth(); ok {
		// There they are spelled as in a form.
		user, badUser := url.QueryUnescape(user)
		password, badPassword := url.QueryUnescape(password)
		if secret != "" || name != "" && name != user || badUser != nil || badPassword != nil {
			return app, "", oauthRefusal(invalidRequest, "The client is named in two ways.")
		}
		name, secret = user, password
	}
	app, ok := parseID(name)
	if !ok {
		return app, "", wrongClient
	}
	return app, secret, nil
}
