package market_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/market"
	"souk/store"
)

// logged puts a giosg webhook of an app into the database, with n requests that
// succeeded at a time and as many notifications that were cancelled then.
func (w *town) logged(app string, n int, at time.Time) souk.Webhook {
	w.t.Helper()
	at = at.UTC().Truncate(time.Microsecond)
	hook := souk.Webhook{
		ID: souk.NewID(), App: w.app[app], Dialect: souk.Giosg, URL: "https://" + app + ".example/hook",
		Status: souk.WebhookActive, CreatedAt: at, UpdatedAt: at,
	}
	w.write(func(tx *store.Tx) error {
		if err := tx.PutWebhook(store.SealedWebhook{Webhook: hook}); err != nil {
			return err
		}
		var cancelled []souk.Delivery
		var made []store.Progress
		for i := range n {
			cancelled = append(cancelled, souk.Delivery{
				ID: souk.NewID(), Event: souk.NewID(), Webhook: hook.ID, App: hook.App, Dialect: souk.Giosg, Body: []byte("{}"),
				Resource: fmt.Sprint(i), Status: souk.DeliveryCancelled, Entry: souk.NewID(), EntryAt: at, CreatedAt: at, EndedAt: at,
			})
			made = append(made, store.Progress{Delivery: souk.Delivery{ID: souk.NewID()}, Attempt: &souk.Attempt{
				ID: souk.NewID(), Delivery: souk.NewID(), Dialect: souk.Giosg, App: hook.App, Webhook: hook.ID, URL: hook.URL,
				Outcome: souk.OK, Status: 200, ListedAt: at, StartedAt: at,
			}})
			if _, err := tx.PutAnswer([]byte(fmt.Sprint(hook.ID, i)), []byte("input"), "{}", at); err != nil {
				return err
			}
		}
		if _, err := tx.InsertDeliveries(cancelled); err != nil {
			return err
		}
		return drop(tx.Record(souk.ID{}, at, made))
	})
	return hook
}

func TestWebhookLog(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hook := w.logged("chat", 3, time.Now())
		other := w.logged("files", 1, time.Now())
		page := souk.Page{Size: 10}
		list := func(f souk.LogFilter) []souk.LogEntry {
			t.Helper()
			return must(w.m.WebhookLog(ctx, w.as("vic"), w.vendor, w.app["chat"], f, page))(t)
		}
		if all := list(souk.LogFilter{}); len(all) != 6 {
			t.Errorf("%d entries", len(all))
		}
		for _, e := range list(souk.LogFilter{Webhook: hook.ID, Status: souk.LogFailed}) {
			if e.Dropped != souk.DeliveryCancelled || e.ResponseStatus != 0 || e.CompletedAt.IsZero() {
				t.Errorf("failed: %+v", e)
			}
		}
		if some := list(souk.LogFilter{Webhook: other.ID}); len(some) != 0 {
			t.Errorf("%d entries of another app's webhook", len(some))
		}
		read := func(who string, org, app souk.ID) error {
			return drop(w.m.WebhookLog(ctx, w.as(who), org, app, souk.LogFilter{}, page))
		}
		wantRefusal(t, "somebody else's app", read("gus", w.globex, w.app["chat"]), souk.UnknownApp)
		wantRefusal(t, "an app that is not there", read("gus", w.globex, souk.NewID()), souk.UnknownApp)
		wantRefusal(t, "somebody else's organization", read("gus", w.vendor, w.app["chat"]), souk.UnknownOrg)
		wantRefusal(t, "without the right", read("val", w.vendor, w.app["chat"]), souk.NotAllowed)
	})
}

// What is a day old is dropped bit by bit when it is what publications were
// answered under keys.
func TestTidy(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		const many = 450
		w.logged("chat", many, time.Now().Add(-25*time.Hour))
		w.logged("chat", 3, time.Now())
		count := func() int { return w.count(`SELECT count(*) FROM idempotency`) }
		for before, more := count(), true; more; before = count() {
			more = must(w.m.Tidy(ctx))(t)
			if n := before - count(); n > 200 || more && n == 0 {
				t.Fatalf("a step dropped %d rows", n)
			}
		}
		if n := count(); n != 3 {
			t.Errorf("%d answers are left", n)
		}
	})
}

// The log is dropped in whole parts, by age and by size, and what is still to be
// told outlives them.
func TestKeepLog(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hook := w.subscribe("tool", souk.Native, string(souk.RequestCreated)).Webhook
		w.ask("jane", "tool", w.hq)
		due := func() (d souk.Delivery) {
			w.read(func(tx *store.Tx) error {
				all, err := tx.DueDeliveries(hook.ID, time.Now(), store.Due{}, 2)
				if len(all) != 1 || err != nil {
					return fmt.Errorf("%d are due: %w", len(all), err)
				}
				d = all[0]
				return nil
			})
			return d
		}
		first := due()
		if len(first.Body) == 0 {
			t.Errorf("told nothing: %+v", first)
		}
		parts := func() (all []store.Part) {
			w.read(func(tx *store.Tx) (err error) { all, err = tx.Parts(); return err })
			return all
		}
		keep := func() {
			for more := true; more; {
				more = must(w.m.KeepLog(ctx))(t)
			}
		}
		keep()
		if all := parts(); len(all) != 1 {
			t.Errorf("%d parts, and nothing was recorded", len(all))
		}
		w.logged("chat", 5, time.Now().Add(-souk.LogKept-time.Minute))
		keep()
		w.logged("chat", 3, time.Now())
		keep()
		if all := parts(); len(all) != 2 || all[0].Entries != 10 || all[1].Entries != 6 || !all[0].Until.Equal(all[1].Since) {
			t.Errorf("a part of a day and one of the next: %+v", all)
		}
		if n := w.count(`SELECT count(*) FROM ended_1`); n != 5 {
			t.Errorf("the first part has %d deliveries", n)
		}

		for _, tt := range []struct {
			keep  market.Keeping
			parts int
			why   string
		}{
			{market.Keeping{}, 2, "a week"},
			{market.Keeping{For: time.Nanosecond}, 1, "no time at all: the part that is written to stays"},
		} {
			w.m.Keep = tt.keep
			keep()
			if all := parts(); len(all) != tt.parts || all[len(all)-1].Number != 2 {
				t.Errorf("kept for %s: %+v", tt.why, all)
			}
		}
		if entries := must(w.m.WebhookLog(ctx, w.as("vic"), w.vendor, w.app["chat"], souk.LogFilter{}, souk.Page{Size: 100}))(t); len(entries) != 6 {
			t.Errorf("%d entries are left", len(entries))
		}

		w.m.Keep = market.Keeping{Bytes: 16 << 10}
		for range 40 {
			w.logged("chat", 10, time.Now())
			keep()
		}
		all, size := parts(), int64(0)
		for _, p := range all {
			size += p.Bytes
		}
		if len(all) < 3 || size > 20<<10 || all[0].Number < 10 {
			t.Errorf("of 16 KiB there are %d bytes in %d parts, the oldest is %d", size, len(all), all[0].Number)
		}
		wantList(t, "still to be told", w.told(), "tool native request.created")
		if diff := cmp.Diff(first, due()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
