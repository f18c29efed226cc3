package courier

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/store"
)

// triggered makes the world's app one that is called at its trigger URL, and a
// call of it that is due now.
func (w *world) triggered() souk.Delivery {
	w.t.Helper()
	w.app.TriggerURL = "http://receiver.example/trigger?key=1"
	w.write(func(tx *store.Tx) error { return tx.PutApp(w.app) })
	return w.draft(souk.Webhook{ID: w.app.ID, Dialect: souk.TriggerCall})
}

// calling has a courier sign addresses as the dialect of triggers does.
func (w world) calling(client *Client, log io.Writer) *Courier {
	c := w.courierTo(client)
	c.config.Log = slog.New(slog.NewTextHandler(log, nil))
	c.config.Prepare = map[souk.Dialect]Prepare{souk.TriggerCall: func(o souk.Outgoing) (souk.Prepared, error) {
		return souk.Prepared{
			URL:    fmt.Sprintf("%s&token=hidden%d", o.Webhook.URL, o.Number),
			Body:   []byte("of no use"),
			Header: map[string]string{"User-Agent": "Souk"},
		}, nil
	}}
	return c
}

// asked is a request as the receiver saw it.
type asked struct {
	Method, URI, Body string
	Length            []string
}

func TestCourierCallsTriggerURLs(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var log bytes.Buffer
		var seen []asked
		var at []time.Time
		c := w.calling(serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			seen = append(seen, asked{r.Method, r.RequestURI, readRequest(r).Body, r.Header["Content-Length"]})
			at = append(at, time.Now())
			if len(seen) < 3 {
				rw.WriteHeader(http.StatusInternalServerError)
			}
			fmt.Fprint(rw, r.RequestURI) // as an error page does
		})), &log)
		d := w.triggered()
		w.put(d)
		stop := start(c)
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		want := []asked{
			{Method: "GET", URI: "/trigger?key=1&token=hidden0"},
			{Method: "GET", URI: "/trigger?key=1&token=hidden1"},
			{Method: "GET", URI: "/trigger?key=1&token=hidden2"},
		}
		if d := cmp.Diff(want, seen); d != "" {
			t.Fatalf("the receiver saw (-want +got):\n%s", d)
		}
		for i, least := range []time.Duration{4 * time.Second, 24 * time.Second} {
			if pause := at[i+1].Sub(at[i]); pause < least || pause > least*3/2+2*time.Second {
				t.Errorf("retry %d came after %s", i+1, pause)
			}
		}
		got, attempts := w.delivery(d.ID)
		if got.Status != souk.DeliverySuccessful || got.Attempts != 3 {
			t.Errorf("the delivery is %s after %d attempts", got.Status, got.Attempts)
		}
		for i, a := range attempts {
			if a.URL != w.app.TriggerURL || a.Answer != "" || a.Headers != "" || a.Webhook != w.app.ID || a.Number != i {
				t.Errorf("attempt %d: %+v", i, a)
			}
		}
		if len(attempts) != 3 || strings.Contains(fmt.Sprintf("%+v", attempts), "hidden") {
			t.Errorf("attempts %+v", attempts)
		}
		if !strings.Contains(log.String(), "outcome=ok") || strings.Contains(log.String(), "hidden") {
			t.Errorf("the log says:\n%s", log.String())
		}
	})
}

func TestTriggerProfile(t *testing.T) {
	tests := []struct {
		name    string
		answer  http.HandlerFunc
		outcome souk.Outcome
		status  souk.DeliveryStatus
	}{
		{"redirect", func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/elsewhere?"+r.URL.RawQuery, http.StatusFound)
		}, souk.TooManyMoves, souk.DeliveryPending},
		{"timeout", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, souk.HeaderTimeout, souk.DeliveryPending},
		{"gone", func(rw http.ResponseWriter, r *http.Request) {
			http.Error(rw, r.RequestURI, http.StatusGone)
		}, souk.BadStatus, souk.DeliveryExhausted},
		{"no HTTP", func(rw http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "%s\r\n\r\n", r.RequestURI)
		}, souk.BadAnswer, souk.DeliveryPending},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w world) {
				var log bytes.Buffer
				var elsewhere atomic.Int64
				c := w.calling(serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/trigger" {
						elsewhere.Add(1)
					}
					tt.answer(rw, r)
				})), &log)
				d := w.triggered()
				w.put(d)
				stop := start(c)
				time.Sleep(13 * time.Second)
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				got, attempts := w.delivery(d.ID)
				if got.Status != tt.status || len(attempts) == 0 || attempts[0].Outcome != tt.outcome {
					t.Fatalf("the delivery is %s: %+v", got.Status, attempts)
				}
				if n := elsewhere.Load(); n != 0 {
					t.Errorf("another address was asked %d times", n)
				}
				if rows := fmt.Sprintf("%+v", attempts); strings.Contains(rows+log.String(), "hidden") {
					t.Errorf("kept %s\nlogged %s", rows, log.String())
				}
			})
		})
	}
}

// No call starts that has become pointless, and the last one outlives what it
// tells the end of.
func TestCourierLooksBeforeItCalls(t *testing.T) {
	withdraw := func(tx *store.Tx, w world, _ souk.Webhook) error {
		w.app.TriggerURL = ""
		return tx.PutApp(w.app)
	}
	tests := []struct {
		name   string
		change func(tx *store.Tx, w world, _ souk.Webhook) error
		final  bool
		status souk.DeliveryStatus
		note   string
	}{
		{"uninstalled", uninstall, false, souk.DeliveryCancelled, "the installation ended"},
		{"uninstalled, final", uninstall, true, souk.DeliverySuccessful, ""},
		{"deleted", deleteApp, false, souk.DeliveryCancelled, "the app was deleted"},
		{"deleted, final", deleteApp, true, souk.DeliverySuccessful, ""},
		{"suspended, final", suspend, true, souk.DeliverySkipped, "the app is suspended"},
		{"without a trigger URL, final", withdraw, true, souk.DeliveryCancelled, "the app has no trigger URL any more"},
		{"unsubscribed", unsubscribe, false, souk.DeliverySkipped, "the organization has no subscription"},
	}
	bubble(t, func(t *testing.T, first world) {
		for _, tt := range tests {
			w := newWorld(t, first.db, first.address)
			var calls atomic.Int64
			c := w.calling(serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) })), io.Discard)
			d := w.triggered()
			d.Final = tt.final
			w.put(d)
			w.write(func(tx *store.Tx) error { return tt.change(tx, w, souk.Webhook{}) })
			stop := start(c)
			time.Sleep(time.Second)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if got, _ := w.delivery(d.ID); got.Status != tt.status || got.Note != tt.note {
				t.Errorf("%s: %s, %q", tt.name, got.Status, got.Note)
			}
			if n := calls.Load(); (n > 0) != (tt.status == souk.DeliverySuccessful) {
				t.Errorf("%s: %d calls", tt.name, n)
			}
		}
	})
}

// What is saved may be as long as a webhook's URL, and what is asked longer.
func TestDoAsksLongAddresses(t *testing.T) {
	c := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for length, want := range map[int]souk.Outcome{souk.MaxURL + 1: souk.OK, maxAddress: souk.OK, maxAddress + 1: souk.Blocked} {
		url := "http://receiver.example/?"
		r := c.Do(t.Context(), Request{Method: http.MethodGet, URL: url + strings.Repeat("x", length-len(url)), Timeout: 10 * time.Second})
		if r.Outcome != want {
			t.Errorf("%d bytes: %s, %v", length, r.Outcome, r.Err)
		}
	}
}

// No error repeats an address, wherever an exchange fails.
func TestDoTellsNoAddress(t *testing.T) {
	c := NewClient(ClientOptions{})
	defer c.Close()
	c.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: net.ErrClosed}
	}
	for _, url := range []string{"http://receiver.example/?hidden", "http://receiver.example:99999/?hidden", "http://%zz/?hidden", "ftp://x/?hidden"} {
		if r := c.Do(t.Context(), Request{Method: http.MethodGet, URL: url, Timeout: 10 * time.Second}); r.Err == nil || strings.Contains(r.Err.Error(), "hidden") {
			t.Errorf("%s: %v", url, r.Err)
		}
	}
}
