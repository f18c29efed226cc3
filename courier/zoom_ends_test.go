package courier

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"souk"
	"souk/store"
)

// Receivers that cannot be reached are tried again, but for those that Souk does
// not send to.
func TestZoomWithoutAnswers(t *testing.T) {
	four := func(first string) []string {
		return []string{first + " 0s", first + " 5m0s", first + " 25m0s", first + " 1h25m0s", "exhausted"}
	}
	want := map[string][]string{
		"http://refused.example/": four("connect -1 2"),
		"http://lost.example/":    four("dns -1 13"),
		"http://private.example/": {"blocked -1 6 0s", "exhausted"},
	}
	zoomBubble(t, nil, func(t *testing.T, w zoomWorld) {
		w.client.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			switch host, _, _ := strings.Cut(address, ":"); host {
			case "refused.example":
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			case "lost.example":
				time.Sleep(time.Second)
				return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
			}
			return nil, fmt.Errorf("%w: 10.0.0.1", ErrAddress) // as the guard says when it dials
		}
		sent := map[string]souk.Delivery{}
		for url := range want {
			sent[url] = w.ended(w.hookAt(url, souk.Zoom), 1)[0]
		}
		stop := start(w.courier())
		time.Sleep(2 * time.Hour)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for url, lines := range want {
			if got := w.schedule(sent[url]); !slices.Equal(got, lines) {
				t.Errorf("%s: %q, want %q", url, got, lines)
			}
		}
	})
}

// Without trust nothing is tried again: a certificate does not mend itself within
// the hour, and a receiver that it is not meant for is another.
func TestZoomWithoutTrust(t *testing.T) {
	for outcome, want := range map[souk.Outcome]souk.DeliveryStatus{
		souk.BadCertificate: souk.DeliveryExhausted, souk.WrongHost: souk.DeliveryExhausted, souk.BadTLS: souk.DeliveryExhausted,
		souk.Blocked: souk.DeliveryExhausted, souk.BadName: souk.DeliveryPending, souk.NoConnection: souk.DeliveryPending,
		souk.HeaderTimeout: souk.DeliveryPending, souk.HungUp: souk.DeliveryPending, souk.NoToken: souk.DeliveryPending,
	} {
		if got := Profiles[souk.Zoom].judge(Result{Outcome: outcome}, 1, time.Now(), 0.5).status; got != want {
			t.Errorf("%s: %s, want %s", outcome, got, want)
		}
	}
}

// What is given up is that event: the webhook stays, and hears of the next.
func TestZoomGivesUpOneEvent(t *testing.T) {
	zoomBubble(t, nil, func(t *testing.T, w zoomWorld) {
		w.receiver.Answers = func(before int) int {
			if before < 4 {
				return http.StatusServiceUnavailable
			}
			return http.StatusNoContent
		}
		hook := w.hook("receiver", souk.Zoom)
		first := w.ended(hook, 1)[0]
		stop := start(w.courier())
		time.Sleep(2 * time.Hour)
		next := w.ended(hook, 1)[0]
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := w.schedule(first); len(got) != 5 || got[4] != "exhausted" {
			t.Errorf("the first: %q", got)
		}
		if got, want := w.schedule(next), []string{"ok 204 0 0s", "successful"}; !slices.Equal(got, want) {
			t.Errorf("the next: %q, want %q", got, want)
		}
		err := w.db.Read(t.Context(), func(tx *store.Tx) error {
			now, err := tx.Webhook(hook.ID)
			if now.Status != souk.WebhookActive {
				t.Errorf("the webhook is %s", now.Status)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
