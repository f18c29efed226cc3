package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"souk"
	"souk/store"
)

// A server dies while the receiver of a new webhook looks at the challenge, or
// right after it answered. The webhook is there or is not, and is there when
// that was answered.
func killHandshake(h *house) {
	answers := h.chance.IntN(2) == 0
	asked := make(chan struct{}, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var told struct {
			Challenge string `json:"challenge"`
		}
		if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
			return
		}
		if answers {
			_, _ = io.WriteString(w, told.Challenge) // whoever asked may be dead
			_ = http.NewResponseController(w).Flush()
		}
		asked <- struct{}{}
		if !answers {
			select {
			case <-h.dead:
			case <-r.Context().Done():
			}
		}
	}))
	defer receiver.Close()
	hooks := "/apps/" + h.bot.ID.String() + "/webhooks"
	var made souk.ID // that was answered
	var calling sync.WaitGroup
	calling.Go(func() {
		a, err := h.on.native(h.t, h.operator, "POST", hooks, fmt.Sprintf(`{"dialect": "slack", "url": %q, "events": ["app_requested"]}`, receiver.URL))
		if err != nil {
			return
		}
		var said struct {
			ID souk.ID `json:"id"`
		}
		if err := json.Unmarshal(a.body, &said); err != nil || a.status != http.StatusCreated {
			h.t.Errorf("a webhook got %d %s", a.status, a.body)
		}
		made = said.ID
	})
	h.wait(asked)
	h.moment(4 * time.Millisecond)
	h.server.kill(h.t)
	calling.Wait()
	h.killed()
	h.after = func() {
		a, err := h.on.native(h.t, h.operator, "GET", hooks, "")
		if err != nil || a.status != http.StatusOK {
			h.t.Fatal(err, unexpected{a})
		}
		var found struct {
			Items []struct {
				ID     souk.ID
				URL    string
				Status souk.WebhookStatus
			}
		}
		if err := json.Unmarshal(a.body, &found); err != nil {
			h.t.Fatal(err)
		}
		for _, w := range found.Items {
			if w.URL != receiver.URL || w.Status != souk.WebhookActive || !answers {
				h.t.Errorf("the webhook is there as %+v, and was answered: %t", w, answers)
			}
			if a, err := h.on.native(h.t, h.operator, "DELETE", hooks+"/"+w.ID.String(), ""); err != nil || a.status != http.StatusNoContent {
				h.t.Errorf("deleting it got %v, %v", err, unexpected{a})
			}
		}
		h.shaken += len(found.Items)
		if len(found.Items) > 1 || !made.IsZero() && (len(found.Items) == 0 || found.Items[0].ID != made) {
			h.t.Errorf("webhook %s was answered, and there is %+v", made, found.Items)
		}
	}
}

// checkHandshakes holds the webhooks that there were against what is told and
// audited of them.
func (h *house) checkHandshakes(tx *store.Tx) error {
	events, err := tx.EventsOf(h.org.ID)
	if err != nil {
		return err
	}
	told, audited := 0, 0
	for _, e := range events {
		if e.Kind == souk.WebhookAdded {
			told++
		}
	}
	audit, err := tx.AuditOf(h.org.ID)
	for _, a := range audit {
		if a.Verb == "PutWebhook" {
			audited++
		}
	}
	if told != h.shaken || audited != h.shaken {
		h.t.Errorf("%d webhooks, %d events, %d audited", h.shaken, told, audited)
	}
	return err
}
