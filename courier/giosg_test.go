package courier

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/store"
)

// entries spells a log: "retry status outcome response".
func entries(log []souk.LogEntry) (lines []string) {
	for _, e := range log {
		lines = append(lines, fmt.Sprintf("%d %s %s%s %d", e.Retry, e.Status, e.Outcome, e.Dropped, e.ResponseStatus))
	}
	return lines
}

func TestCourierLogsEachRequest(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var statuses []int
		c := w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			readRequest(r)
			rw.Header()["X-Twice"] = []string{"a\xff", `"b"`}
			rw.Header().Set("Date", "now")
			statuses = append(statuses, []int{500, 500, 200}[len(statuses)])
			rw.WriteHeader(statuses[len(statuses)-1])
			fmt.Fprint(rw, "answer")
		}))
		hook := w.hook("receiver", souk.Giosg)
		began := time.Now()
		d := w.about(hook, "a", "body")
		w.put(d)
		if log := w.log(); len(log) != 1 || log[0].ID != d.Entry || log[0].Status != souk.LogPending || log[0].URL != hook.URL {
			t.Errorf("at first the log shows %+v", log)
		}
		stop := start(c)
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff([]string{"0 failed status 500", "1 pending  0"}, entries(w.log())); diff != "" {
			t.Errorf("after the first request (-want +got):\n%s", diff)
		}
		next := w.log()[1].ID
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		log := w.log()
		if diff := cmp.Diff([]string{"0 failed status 500", "1 failed status 500", "2 successful ok 200"}, entries(log)); diff != "" {
			t.Fatalf("in the end (-want +got):\n%s", diff)
		}
		if log[0].ID != d.Entry || log[1].ID != next {
			t.Error("entries have changed their ids")
		}
		want := souk.LogEntry{
			ID: d.Entry, CreatedAt: d.EntryAt, App: w.app.ID, Webhook: hook.ID, URL: hook.URL, Channel: d.Channel, Action: souk.Changed,
			Resource: "a", Status: souk.LogFailed, Outcome: souk.BadStatus, ResponseStatus: 500, Answer: "answer",
			Headers:     `{"Content-Length":"6","Content-Type":"text/plain; charset=utf-8","Date":"now","X-Twice":"a` + "\uFFFD" + `, \"b\""}`,
			CompletedAt: began.UTC(),
		}
		if diff := cmp.Diff(want, log[0]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !log[1].CreatedAt.Equal(log[0].CompletedAt) || log[1].CompletedAt.Sub(began) < 4*time.Second {
			t.Errorf("the retry was listed at %s and made at %s", log[1].CreatedAt, log[1].CompletedAt)
		}
	})
}

func TestGiosgProfile(t *testing.T) {
	tests := []struct {
		name     string
		answer   http.HandlerFunc
		outcome  souk.Outcome
		response int
		took     time.Duration
		status   souk.DeliveryStatus
	}{
		{"redirect", func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/elsewhere", http.StatusFound)
		}, souk.TooManyMoves, 302, 0, souk.DeliveryPending},
		{"not modified", func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusNotModified)
		}, souk.TooManyMoves, 304, 0, souk.DeliveryPending},
		{"timeout", func(_ http.ResponseWriter, r *http.Request) {
			readRequest(r)
			<-r.Context().Done()
		}, souk.HeaderTimeout, 0, 10 * time.Second, souk.DeliveryPending},
		{"gone", func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusGone)
		}, souk.BadStatus, 410, 0, souk.DeliveryExhausted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w world) {
				var elsewhere atomic.Int64
				stop := start(w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/hook" {
						elsewhere.Add(1)
					}
					tt.answer(rw, r)
				})))
				d := w.about(w.hook("receiver", souk.Giosg), "a", "body")
				w.put(d)
				time.Sleep(13 * time.Second)
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				log := w.log()
				if e := log[0]; e.Status != souk.LogFailed || e.Outcome != tt.outcome || e.ResponseStatus != tt.response ||
					e.Duration != tt.took || e.CompletedAt.IsZero() {
					t.Errorf("the log shows %+v", e)
				}
				if got, _ := w.delivery(d.ID); got.Status != tt.status {
					t.Errorf("the delivery is %s", got.Status)
				}
				if n := elsewhere.Load(); n != 0 {
					t.Errorf("another address was asked %d times", n)
				}
			})
		})
	}
}

// A receiver that hangs is asked by four attempts at once and no more.
func TestCourierAsksAGiosgReceiverFourTimesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var mu sync.Mutex
		now, most := 0, 0
		stop := start(w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			readRequest(r)
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
		})))
		hook := w.hook("receiver", souk.Giosg)
		var all []souk.Delivery
		for i := range 12 {
			all = append(all, w.about(hook, fmt.Sprint(i), "body"))
		}
		w.put(all...)
		time.Sleep(10 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := w.count(all)[souk.DeliverySuccessful]; most != 4 || n != 12 {
			t.Errorf("%d at once, %d successful", most, n)
		}
	})
}

// An attempt carries the token of an app user as long as they may speak.
func TestCourierTellsWhoSpeaks(t *testing.T) {
	tests := []struct {
		name   string
		change func(tx *store.Tx, w world, hook souk.Webhook) error
		speaks bool
		sent   bool
	}{
		{"active", nil, true, true},
		{"uninstalled", uninstall, false, true},
		{"without an app user", func(tx *store.Tx, w world, _ souk.Webhook) error {
			w.in.AppUser = souk.ID{}
			return tx.PutInstallation(w.in)
		}, false, true},
		{"of a suspended app", suspend, false, true},
		{"of a deleted app", deleteApp, false, false},
		{"suspended", func(tx *store.Tx, w world, _ souk.Webhook) error {
			w.in.Status = souk.InstallationSuspended
			return tx.PutInstallation(w.in)
		}, false, true},
	}
	bubble(t, func(t *testing.T, first world) {
		for _, tt := range tests {
			w := newWorld(t, first.db, first.address)
			w.in.AppUser = w.in.InstalledBy
			w.write(func(tx *store.Tx) error { return tx.PutInstallation(w.in) })
			var speakers []souk.Speaker
			var in inbox
			c := w.courier(&in)
			c.config.Prepare = map[souk.Dialect]Prepare{souk.Giosg: func(o souk.Outgoing) (souk.Prepared, error) {
				speakers = append(speakers, o.Speaker)
				return prepare(o)
			}}
			hook := w.hook("receiver", souk.Giosg)
			d := w.about(hook, "a", "body")
			d.Installation, d.Speaker = souk.ID{}, w.in.ID // of the app's own channel
			w.put(d)
			if tt.change != nil {
				w.write(func(tx *store.Tx) error { return tt.change(tx, w, hook) })
			}
			stop := start(c)
			time.Sleep(time.Second)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			var want []souk.Speaker
			if tt.speaks {
				want = []souk.Speaker{{Installation: w.in.ID, App: w.app.ID, Org: w.in.Org, User: w.in.AppUser}}
			} else if tt.sent {
				want = []souk.Speaker{{}}
			}
			if d := cmp.Diff(want, speakers); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, d)
			}
		}
	})
}

// Whoever cannot be connected to is given up before one who does not answer.
func TestDoConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClient(ClientOptions{})
		defer c.Close()
		c.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		r := c.Do(t.Context(), Request{URL: "http://receiver.example/", Timeout: 10 * time.Second, Connect: 5 * time.Second})
		if r.Outcome != souk.HeaderTimeout || r.Duration != 5*time.Second {
			t.Errorf("%s after %s: %v", r.Outcome, r.Duration, r.Err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			readRequest(r)
			time.Sleep(7 * time.Second)
		}))
		r := c.Do(t.Context(), Request{URL: "http://receiver.example/", Timeout: 10 * time.Second, Connect: 5 * time.Second})
		if r.Outcome != souk.OK || r.Duration != 7*time.Second {
			t.Errorf("%s after %s: %v", r.Outcome, r.Duration, r.Err)
		}
	})
}

func TestHeadersText(t *testing.T) {
	long := strings.Repeat("\x01", 2000) // 12,000 bytes of JSON
	tests := []struct {
		name string
		h    http.Header
		want string
	}{
		{"no answer", nil, ""},
		{"none", http.Header{}, "{}"},
		{"some", http.Header{"B": {"1", "2"}, "A": {"<\x00\">"}}, `{"A":"\u003c` + "\uFFFD" + `\"\u003e","B":"1, 2"}`},
		{"one too long", http.Header{"A": {"1"}, "B": {long}, "C": {"2"}}, `{"A":"1","C":"2"}`},
	}
	for _, tt := range tests {
		if got := headersText(tt.h); got != tt.want || got != "" && !json.Valid([]byte(got)) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	many := http.Header{}
	for i := range 1000 {
		many.Set(fmt.Sprintf("X-%04d", i), "value")
	}
	if got := headersText(many); len(got) > maxHeadersText || len(got) < maxHeadersText-20 || !json.Valid([]byte(got)) {
		t.Errorf("%d bytes: %.40s…", len(got), got)
	}
}
