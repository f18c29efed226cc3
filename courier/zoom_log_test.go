package courier

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"souk"
	"souk/store"
	"souk/zoom"
)

// A receiver that always fails has a row in the log for each attempt, all of one
// request id, with the bytes that came, the headers that came, and nothing that
// proves who sends.
func TestZoomLog(t *testing.T) {
	var came []http.Header
	paths := map[string]http.HandlerFunc{"/fails": func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusServiceUnavailable)
		came = append(came, r.Header.Clone())
	}}
	zoomBubble(t, paths, func(t *testing.T, w zoomWorld) {
		came = nil
		hook := w.hookAt("http://receiver.example/fails", souk.Zoom)
		hook.Auth = souk.Auth{Kind: souk.CustomAuth, Key: "X-Own", Value: "own secret"}
		w.write(func(tx *store.Tx) error { return tx.PutWebhook(store.SealWebhook(key, hook)) })
		d := w.ended(hook, 1)[0]
		stop := start(w.courier())
		time.Sleep(2 * time.Hour)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		var rows []souk.Exchange
		if err := w.db.Read(t.Context(), func(tx *store.Tx) (err error) {
			rows, err = tx.Exchanges(souk.ExchangeFilter{
				App: w.app.ID, From: d.CreatedAt, Until: time.Now(), Outcome: souk.FailedExchange,
			}, souk.Page{Size: 10})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(rows) != 4 || len(came) != 4 {
			t.Fatalf("%d rows of %d requests", len(rows), len(came))
		}
		for i, e := range rows {
			n := 3 - i
			var sent map[string]string
			if err := json.Unmarshal([]byte(e.Sent.Headers), &sent); err != nil {
				t.Fatal(err)
			}
			if e.Delivery != d.ID || e.Sent.Retry != n || e.Sent.Event != "app_deauthorized" || zoom.LoggedStatus(e.Attempt) != 503 || e.Installer != w.in.InstalledBy {
				t.Errorf("%d: %+v", n, e)
			}
			if string(e.Body) != string(d.Body) {
				t.Errorf("%d: body %s, want %s", n, e.Body, d.Body)
			}
			for name, value := range sent {
				want := came[n].Get(name)
				if name == "X-Own" {
					want = souk.Masked
				}
				if value != want {
					t.Errorf("%d: %s is %q, want %q", n, name, value, want)
				}
			}
			if len(sent) != 9 || sent["X-Zm-Signature"] == "" || sent["X-Own"] == "" {
				t.Errorf("%d: %v", n, sent)
			}
		}
	})
}
