package market_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"souk"
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
		var made []souk.Attempt
		for i := range n {
			cancelled = append(cancelled, souk.Delivery{
				ID: souk.NewID(), Event: souk.NewID(), Webhook: hook.ID, App: hook.App, Dialect: souk.Giosg, Body: []byte("{}"),
				Resource: fmt.Sprint(i), Status: souk.DeliveryCancelled, Entry: souk.NewID(), EntryAt: at, CreatedAt: at, EndedAt: at,
			})
			made = append(made, souk.Attempt{
				ID: souk.NewID(), Delivery: souk.NewID(), Dialect: souk.Giosg, App: hook.App, Webhook: hook.ID, URL: hook.URL,
				Outcome: souk.OK, Status: 200, ListedAt: at, StartedAt: at,
			})
			if _, err := tx.PutAnswer([]byte(fmt.Sprint(hook.ID, i)), []byte("input"), "{}", at); err != nil {
				return err
			}
		}
		if err := tx.InsertDeliveries(cancelled); err != nil {
			return err
		}
		return tx.InsertAttempts(made)
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

// What is a week old is listed no longer, and dropped bit by bit; keys of
// publications after a day.
func TestTidy(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		const many = 150
		w.logged("chat", many, time.Now().Add(-souk.LogKept-time.Minute))
		w.logged("chat", 2, time.Now().Add(-souk.LogKept+time.Hour))
		w.logged("chat", 3, time.Now())
		w.subscribe("tool", souk.Native, string(souk.RequestCreated))
		w.ask("jane", "tool", w.hq)
		entries := must(w.m.WebhookLog(ctx, w.as("vic"), w.vendor, w.app["chat"], souk.LogFilter{}, souk.Page{Size: 100}))(t)
		if len(entries) != 10 {
			t.Errorf("%d entries before tidying", len(entries))
		}
		count := func() int {
			return w.count(`SELECT (SELECT count(*) FROM attempts) + (SELECT count(*) FROM deliveries WHERE dialect = 'giosg')
				+ (SELECT count(*) FROM idempotency)`)
		}
		for before, more := count(), true; more; before = count() {
			more = must(w.m.Tidy(ctx))(t)
			if n := before - count(); n > 200 || more && n == 0 {
				t.Fatalf("a step dropped %d rows", n)
			}
		}
		for query, want := range map[string]int{
			`SELECT count(*) FROM attempts`:                            5,
			`SELECT count(*) FROM deliveries WHERE dialect = 'giosg'`:  5,
			`SELECT count(*) FROM deliveries WHERE dialect = 'native'`: 1,
			`SELECT count(*) FROM idempotency`:                         3,
		} {
			if n := w.count(query); n != want {
				t.Errorf("%s: %d, want %d", query, n, want)
			}
		}
	})
}
