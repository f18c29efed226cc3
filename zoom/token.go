package zoom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"souk"
)

const (
	spare      = time.Minute // before its end a token is fetched anew
	mostTokens = 4096        // that are kept
)

// tokens keeps the access tokens of webhooks whose owners run an authorization
// server of their own (docs/dialects/zoom.md, "Header options"). The zero value
// of all but post is ready. It is safe for concurrent use.
type tokens struct {
	post Poster

	mu sync.Mutex
	of map[souk.ID]*fetch
}

// fetch is a token that is there, or on its way.
type fetch struct {
	auth  souk.Auth // it was asked for with
	done  chan struct{}
	token string
	until time.Time
	err   error
}

// token finds the token for a webhook, or fetches it. Those who ask while it is
// on its way wait for the same answer. An answer without a token is nothing to
// keep: who asks later asks again.
func (t *tokens) token(ctx context.Context, hook souk.Webhook) (string, error) {
	t.mu.Lock()
	f := t.of[hook.ID]
	if f == nil || f.auth != hook.Auth || f.over(time.Now()) {
		f = &fetch{auth: hook.Auth, done: make(chan struct{})}
		t.keep(hook.ID, f)
		t.mu.Unlock()
		f.token, f.until, f.err = fetchToken(ctx, t.post, hook.Auth)
		close(f.done)
		return f.token, f.err
	}
	t.mu.Unlock()
	<-f.done
	return f.token, f.err
}

// over reports whether f has its answer, and that is of no use any more.
func (f *fetch) over(now time.Time) bool {
	select {
	case <-f.done:
		return !now.Before(f.until)
	default:
		return false
	}
}

// keep remembers f, and forgets what is of no use any more when that is much.
func (t *tokens) keep(hook souk.ID, f *fetch) {
	if t.of == nil || len(t.of) >= mostTokens {
		left := map[souk.ID]*fetch{}
		for id, had := range t.of {
			if !had.over(time.Now()) && len(left) < mostTokens/2 {
				left[id] = had
			}
		}
		t.of = left
	}
	t.of[hook] = f
}

var errNoToken = errors.New("no token for the receiver could be had")

// fetchToken asks a webhook's authorization server for a token, and answers how
// long it may be used.
func fetchToken(ctx context.Context, post Poster, a souk.Auth) (token string, until time.Time, err error) {
	began := time.Now()
	body, header, err := tokenRequest(a)
	if err != nil {
		return "", until, err
	}
	status, answer, err := post(ctx, a.TokenURL, header, body)
	switch {
	case errors.Is(err, souk.BlockedAddress):
		return "", until, fmt.Errorf("%w: %w", errNoToken, souk.BlockedAddress)
	case err != nil:
		return "", until, fmt.Errorf("%w: %w", errNoToken, err)
	case status != http.StatusOK:
		return "", until, fmt.Errorf("%w: it was answered with status %d", errNoToken, status)
	}
	var said struct {
		Token   string   `json:"access_token"`
		Expires lifetime `json:"expires_in"`
	}
	if err := json.Unmarshal(answer, &said); err != nil || !isToken(said.Token) {
		return "", until, fmt.Errorf("%w: there is none in the answer", errNoToken) // which may hold secrets
	}
	return said.Token, began.Add(time.Duration(said.Expires)*time.Second - spare), nil
}

// tokenRequest spells the question. A token URL that says grant_type itself says
// all of it.
func tokenRequest(a souk.Auth) (body []byte, header map[string]string, err error) {
	u, err := url.Parse(a.TokenURL)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: its URL is none", errNoToken)
	}
	header = map[string]string{
		"Content-Type": "application/x-www-form-urlencoded",
		"Accept":       "application/json",
		"User-Agent":   userAgent,
	}
	if !a.InBody {
		header["Authorization"] = basic(a.ClientID, a.ClientSecret)
	}
	if u.Query().Has("grant_type") && !a.InBody {
		return nil, header, nil
	}
	form := url.Values{}
	if !u.Query().Has("grant_type") {
		form.Set("grant_type", "client_credentials")
		for name, value := range map[string]string{"scope": a.Scope, "state": a.State} {
			if value != "" {
				form.Set(name, value)
			}
		}
	}
	if a.InBody {
		form.Set("client_id", a.ClientID)
		form.Set("client_secret", a.ClientSecret)
	}
	return []byte(form.Encode()), header, nil
}

// lifetime is a number of seconds, an hour at most, which some servers spell as
// text: one that the receiver took back early costs no more events than that. What
// is neither is none: the token is used once.
type lifetime int64

// UnmarshalJSON reads both spellings.
func (l *lifetime) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err == nil && n > 0 {
		*l = lifetime(min(n, time.Hour.Seconds()))
	}
	return nil
}

// isToken reports whether s can stand in a header.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
