package main

import (
	"bytes"
	"encoding/json"
	"slices"

	"souk"
	"souk/souktest"
	"souk/store"
)

// reckon holds what was published against the database, and the database
// against what came, while no server has it:
//
//   - what was told is there, once, and what nobody ever had is not;
//   - what was published in one call is there for each webhook, or not at all;
//   - all of it was delivered, with the bytes that were to be delivered;
//   - nothing came that is not there;
//   - nothing came twice but what was on its way when a server was killed, or
//     was asked for by an answer that says so;
//   - what is about one resource came in its order.
func (h *house) reckon() {
	h.t.Helper()
	h.site.read(h.t, func(tx *store.Tx) error {
		receipts := h.box.receipts()
		came := map[string][]receipt{} // by notification
		for _, r := range receipts {
			if r.N > 0 { // the rest was not published
				came[r.id] = append(came[r.id], r)
			}
		}
		there := map[news]souk.ID{} // events
		for i, w := range h.hooks {
			all, err := souktest.Told(tx, w.ID, "", souk.Page{Size: 1 << 20})
			if err != nil {
				return err
			}
			also := map[news]souk.ID{}
			for _, d := range all {
				n := newsIn(d.Body)
				if _, twice := also[n]; twice {
					h.t.Errorf("%s is there more than once", n)
				}
				also[n] = d.Event
				attempts, err := tx.Attempts(d.ID)
				if err != nil {
					return err
				}
				h.reckonDelivery(d, n, attempts, came[d.ID.String()])
				delete(came, d.ID.String())
			}
			if i == 0 {
				there = also
			}
			h.reckonHalves(w, there, also)
		}
		for id, got := range came {
			h.t.Errorf("%s came about %s, which the database lacks", id, got[0].news)
		}
		h.reckonFates(there)
		h.reckonOrder(receipts)
		return nil
	})
}

// newsIn is what a notification tells.
func newsIn(body []byte) news {
	var told struct {
		ResourceID string `json:"resource_id"`
		Resource   struct {
			N int `json:"n"`
		} `json:"resource"`
	}
	if json.Unmarshal(body, &told) != nil {
		return news{}
	}
	return news{told.ResourceID, told.Resource.N}
}

// reckonFates holds what is there against what those who published know.
func (h *house) reckonFates(there map[news]souk.ID) {
	for n, f := range h.fates {
		_, is := there[n]
		if f == told && !is {
			h.t.Errorf("%s is lost: it was told and is not there", n)
		}
		if f == never && is {
			h.t.Errorf("%s is there, and nobody had all of the call", n)
		}
	}
	for n := range there {
		if _, known := h.fates[n]; !known {
			h.t.Errorf("%s is there, and nobody published it", n)
		}
	}
	for _, call := range h.calls {
		is := 0
		for _, n := range call {
			if _, ok := there[n]; ok {
				is++
			}
		}
		if is > 0 && is < len(call) {
			h.t.Errorf("of %v there are %d", call, is)
		}
	}
}

// reckonHalves looks for what is to be told on one webhook alone.
func (h *house) reckonHalves(w souk.Webhook, there, also map[news]souk.ID) {
	for n, event := range there {
		if also[n] != event {
			h.t.Errorf("%s is event %s, and %s to %s", n, event, also[n], w.URL)
		}
	}
	for n := range also {
		if _, ok := there[n]; !ok {
			h.t.Errorf("%s is to be told to %s alone", n, w.URL)
		}
	}
}

func (h *house) reckonDelivery(d souk.Delivery, n news, attempts []souk.Attempt, came []receipt) {
	if d.Status != souk.DeliverySuccessful || len(came) == 0 {
		h.t.Errorf("%s is lost: delivery %s is %s (%s) and came %d times", n, d.ID, d.Status, d.Note, len(came))
	}
	for _, r := range came {
		if !bytes.Equal(r.body, d.Body) {
			h.t.Errorf("%s came as %s and is %s", n, r.body, d.Body)
		}
	}
	ok, requests := 0, 0
	for _, a := range attempts {
		if a.Outcome == souk.OK {
			ok++
		}
		if a.Status != 0 || a.Outcome == souk.AttemptStopped {
			requests++
		}
	}
	if ok != 1 {
		h.t.Errorf("%s was delivered %d times, says the log of %s", n, ok, d.ID)
	}
	if len(came) < 2 && slices.Contains(h.twice, n) {
		h.t.Errorf("%s did not come again, and nobody wrote down that it came", n)
	}
	if lost := len(came) - requests; lost > h.excuses[n] {
		h.t.Errorf("%s came %d times, %d of them are in the log of %s, and it was on its way at %d kills",
			n, len(came), requests, d.ID, h.excuses[n])
	}
}

// reckonOrder looks for what came before its turn: before all that is older
// about its resource was answered well, or after something newer.
func (h *house) reckonOrder(receipts []receipt) {
	type line struct{ path, resource string }
	at, done := map[line]int{}, map[line]bool{}
	for _, r := range receipts {
		if r.N == 0 {
			continue // nothing that was published
		}
		l := line{r.path, r.Resource}
		if at[l] == 0 {
			at[l] = 1
		}
		switch {
		case r.N == at[l]+1 && done[l]:
			at[l], done[l] = r.N, false
		case r.N != at[l]:
			h.t.Errorf("%s came to %s after %s/%d, well answered: %t", r.news, r.path, r.Resource, at[l], done[l])
		}
		if r.status == 200 {
			done[l] = true
		}
	}
}
