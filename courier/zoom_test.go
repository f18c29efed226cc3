package courier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
	"souk/souktest/zoomwire"
	"souk/store"
	"souk/zoom"
)

// zoomWorld is a world in our days, as receivers expect times of now, with an
// app of Zoom's wire.
type zoomWorld struct {
	world
	receiver *zoomwire.Receiver
	secret   *atomic.Value
	client   *Client
}

// zoomBubble runs test on both databases in virtual time. Receivers at paths of
// their own are before the strict one.
func zoomBubble(t *testing.T, paths map[string]http.HandlerFunc, test func(t *testing.T, w zoomWorld)) {
	t.Helper()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(26 * 365 * 24 * time.Hour)
			db := must(store.Open(t.Context(), address))
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			w := zoomWorld{world: newWorld(t, db, address), secret: new(atomic.Value)}
			w.receiver = &zoomwire.Receiver{Secret: func() string { return w.secret.Load().(string) }}
			w.client = serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if own := paths[r.URL.Path]; own != nil {
					readRequest(r)
					own(rw, r)
					return
				}
				w.receiver.ServeHTTP(rw, r)
			}))
			w.sign("first secret")
			test(t, w)
			for _, fault := range w.receiver.Faults() {
				t.Error(fault)
			}
		})
	})
}

// sign gives the app a webhook secret.
func (w zoomWorld) sign(secret string) {
	w.write(func(tx *store.Tx) error {
		return tx.PutCredentials(store.SealCredentials(key, souk.Credentials{
			App: w.app.ID, SlackClientID: w.app.ID.String(), ZoomClientID: w.app.ID.Zoom(), ZoomWebhookSecret: secret,
		}))
	})
	w.secret.Store(secret)
}

func (w zoomWorld) courier() *Courier {
	c := w.courierTo(w.client)
	c.config.Prepare[souk.Zoom] = zoom.Prepare(w.post)
	return c
}

// post asks as main has it asked.
func (w zoomWorld) post(ctx context.Context, url string, header map[string]string, body []byte) (int, []byte, error) {
	r := w.client.Do(ctx, Request{URL: url, Header: headerOf(header, ""), Body: body, Timeout: zoom.AttemptTime, Redirects: RefuseRedirects})
	if r.Status == 0 {
		return 0, nil, errors.New(string(r.Outcome))
	}
	return r.Status, r.Excerpt, nil
}

// ended puts deliveries for a webhook into the outbox that tell of an
// authorization which ended just now.
func (w zoomWorld) ended(hook souk.Webhook, n int) []souk.Delivery {
	all := make([]souk.Delivery, n)
	for i := range all {
		all[i] = w.draft(hook)
		e := souk.Event{ID: souk.NewID(), Kind: souk.GrantWasRevoked, Root: w.in.Org, Org: w.in.Org, App: w.app.ID, At: time.Now(), Data: &souk.EventData{
			App: &w.app, Grant: &souk.Grant{User: souk.NewID()},
		}}
		all[i].Body = must(zoom.Encode(e, souk.Endpoint{Webhook: hook}))
	}
	w.put(all...)
	return all
}

// schedule spells a delivery: what came of each attempt, when it began after the
// first, and what became of the delivery.
func (w zoomWorld) schedule(d souk.Delivery) (lines []string) {
	now, attempts := w.delivery(d.ID)
	for _, a := range attempts {
		lines = append(lines, fmt.Sprintf("%s %d %d %s", a.Outcome, zoom.LoggedStatus(a), zoom.FailedReason(a), a.StartedAt.Sub(d.CreatedAt).Round(time.Minute)))
	}
	return append(lines, string(now.Status))
}

// What is final and what is tried again, and when.
func TestZoomOutcomes(t *testing.T) {
	var moved atomic.Int64
	status := func(code int) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", "/moved")
			rw.WriteHeader(code)
		}
	}
	late := func(after time.Duration) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) { time.Sleep(after) }
	}
	four := func(first string) []string {
		return []string{first + " 0s", first + " 5m0s", first + " 25m0s", first + " 1h25m0s", "exhausted"}
	}
	paths := map[string]http.HandlerFunc{
		"/moved": func(http.ResponseWriter, *http.Request) { moved.Add(1) },
		"/hang":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/3100":  late(3100 * time.Millisecond), "/2900": late(2900 * time.Millisecond),
	}
	want := map[string][]string{
		"/3100": four("header_timeout -1 1"), "/2900": {"ok 200 0 0s", "successful"}, "/hang": four("closed -1 7"),
	}
	for _, code := range []int{200, 201, 204} {
		want[fmt.Sprintf("/%d", code)] = []string{fmt.Sprintf("ok %d 0 0s", code), "successful"}
	}
	for _, code := range []int{301, 302, 307} {
		want[fmt.Sprintf("/%d", code)] = []string{fmt.Sprintf("redirect %d 0 0s", code), "exhausted"}
	}
	for _, code := range []int{400, 401, 404, 410, 422, 429} {
		reason := 0
		if code == http.StatusTooManyRequests {
			reason = 16
		}
		want[fmt.Sprintf("/%d", code)] = []string{fmt.Sprintf("status %d %d 0s", code, reason), "exhausted"}
	}
	for _, code := range []int{500, 502, 503} {
		want[fmt.Sprintf("/%d", code)] = four(fmt.Sprintf("status %d 0", code))
	}
	for path := range want {
		var code int
		if n, _ := fmt.Sscanf(path, "/%d", &code); n == 1 && code < 1000 {
			paths[path] = status(code)
		}
	}
	zoomBubble(t, paths, func(t *testing.T, w zoomWorld) {
		sent := map[string]souk.Delivery{}
		for path := range want {
			sent[path] = w.ended(w.hookAt("http://receiver.example"+path, souk.Zoom), 1)[0]
		}
		stop := start(w.courier())
		time.Sleep(5 * time.Hour)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for path, lines := range want {
			if got := w.schedule(sent[path]); !slices.Equal(got, lines) {
				t.Errorf("%s: %q, want %q", path, got, lines)
			}
		}
		if n := moved.Load(); n != 0 {
			t.Errorf("redirects were followed %d times", n)
		}
	})
}

// A retry has the same body and the same id, and all else anew: with the secret
// that the app has by then, and after a restart.
func TestZoomRetries(t *testing.T) {
	zoomBubble(t, nil, func(t *testing.T, w zoomWorld) {
		w.receiver.Answers = func(before int) int { return []int{503, 500, 200}[before] }
		d := w.ended(w.hook("receiver", souk.Zoom), 1)[0]
		stop := start(w.courier())
		time.Sleep(time.Minute)
		w.sign("second secret")
		time.Sleep(5 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		stop = start(w.courier())
		time.Sleep(time.Hour)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got, want := w.schedule(d), []string{"status 503 0 0s", "status 500 0 5m0s", "ok 200 0 25m0s", "successful"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		got := w.receiver.Got()
		for i, r := range got {
			first := got[0]
			if !bytes.Equal(r.Body, d.Body) || r.Header.Get("X-Zm-Request-Id") != first.Header.Get("X-Zm-Request-Id") {
				t.Errorf("attempt %d is another: %v %s", i, r.Header, r.Body)
			}
			for _, name := range []string{"X-Zm-Request-Timestamp", "X-Zm-Signature", "X-Zm-Trackingid"} {
				if i > 0 && r.Header.Get(name) == first.Header.Get(name) {
					t.Errorf("attempt %d has the %s of the first", i, name)
				}
			}
		}
	})
}

// Webhooks have requests of their own, and a dead one does not hold up another.
func TestZoomSubscriptionsStandAlone(t *testing.T) {
	dead := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	zoomBubble(t, map[string]http.HandlerFunc{"/dead": dead}, func(t *testing.T, w zoomWorld) {
		good, other, down := w.hookAt("http://a.example/good", souk.Zoom), w.hookAt("http://b.example/good", souk.Zoom), w.hookAt("http://c.example/dead", souk.Zoom)
		w.ended(down, 20)
		w.ended(good, 20)
		w.ended(other, 20)
		stop := start(w.courier())
		time.Sleep(time.Second)
		got := w.receiver.Got()
		ids := map[string]bool{}
		for _, r := range got {
			ids[r.Header.Get("X-Zm-Request-Id")] = true
		}
		if len(got) != 40 || len(ids) != 40 {
			t.Errorf("%d requests with %d ids within a second", len(got), len(ids))
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// Without a token nothing is sent, and the attempt counts; with one, it is used
// again.
func TestZoomWaitsForItsToken(t *testing.T) {
	var mu sync.Mutex
	var asked int
	server := func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked <= 2 {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(rw, `{"access_token":"granted","token_type":"bearer","expires_in":"3599"}`)
	}
	zoomBubble(t, map[string]http.HandlerFunc{"/token": server}, func(t *testing.T, w zoomWorld) {
		asked = 0
		w.receiver.Wants = func(r zoomwire.Request) error {
			if got := r.Header.Get("Authorization"); got != "Bearer granted" {
				return fmt.Errorf("authorized by %q", got)
			}
			return nil
		}
		hook := w.hook("receiver", souk.Zoom)
		hook.Auth = souk.Auth{Kind: souk.OAuthAuth, TokenURL: "http://auth.example/token", ClientID: "c", ClientSecret: "s"}
		w.write(func(tx *store.Tx) error { return tx.PutWebhook(store.SealWebhook(key, hook)) })
		d := w.ended(hook, 1)[0]
		stop := start(w.courier())
		time.Sleep(20 * time.Minute)
		if n := len(w.receiver.Got()); n != 0 {
			t.Errorf("%d requests without a token", n)
		}
		time.Sleep(10 * time.Minute)
		w.ended(hook, 3)
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got, want := w.schedule(d), []string{"token -1 7 0s", "token -1 7 5m0s", "ok 200 0 25m0s", "successful"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if n := len(w.receiver.Got()); n != 4 || asked != 3 {
			t.Errorf("%d requests with %d questions for a token", n, asked)
		}
	})
}
