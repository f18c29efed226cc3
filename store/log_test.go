package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

// logPage reads a page of a log.
func logPage(t *testing.T, db *store.DB, f souk.LogFilter, at time.Time, page souk.Page) (entries []souk.LogEntry) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
		entries, err = tx.LogPage(f, at, page)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return entries
}

// told is a delivery to hook that its log lists.
func told(hook souk.Webhook, resource string, at time.Time) souk.Delivery {
	d := about(hook.ID, resource, at)
	d.App, d.Channel, d.Action = hook.App, "/api/v5/orgs/1/chats", souk.Changed
	return d
}

// tried is the attempt of a delivery's entry, which took a second.
func tried(d souk.Delivery, number int, outcome souk.Outcome, at time.Time) souk.Attempt {
	return souk.Attempt{
		ID: d.Entry, Delivery: d.ID, Dialect: souk.Giosg, App: d.App, Webhook: d.Webhook, Channel: d.Channel, Action: d.Action,
		Resource: d.Resource, Number: number, URL: "https://then.example/", Outcome: outcome, Status: 500, Answer: "no", Headers: `{"A":"b"}`,
		ListedAt: d.EntryAt, StartedAt: at, Duration: time.Second,
	}
}

// A request has one entry from the moment it is decided to the end.
func TestLogPage(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook, foreign := listening(t, db), listening(t, db)
		goes, waits, dropped, other := told(hook, "a", noon), told(hook, "a", noon), told(hook, "b", noon), told(foreign, "a", noon)
		enqueue(t, db, goes, waits, dropped, other)
		lines := func(at time.Time, f souk.LogFilter) (lines []string) {
			t.Helper()
			f.App = hook.App
			name := map[souk.ID]string{goes.Entry: "goes", waits.Entry: "waits", dropped.Entry: "dropped"}
			for _, e := range logPage(t, db, f, at, souk.Page{Size: 10, Order: souk.OldestFirst}) {
				if name[e.ID] == "" {
					name[e.ID] = "again"
				}
				lines = append(lines, fmt.Sprint(name[e.ID], " ", e.Retry, " ", e.Status, e.Outcome, e.Dropped, " ", e.ResponseStatus, " ",
					e.Duration, " ", !e.CompletedAt.IsZero()))
			}
			return lines
		}
		check := func(what string, got []string, want ...string) {
			t.Helper()
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", what, d)
			}
		}
		at := noon
		check("at first", lines(at, souk.LogFilter{}), "goes 0 pending 0 0s false", "waits 0 pending 0 0s false", "dropped 0 pending 0 0s false")

		settled(t, db, 3, func(tx *store.Tx) (int64, error) { return tx.Hold(hook.ID, 9) })
		check("held", lines(at, souk.LogFilter{Status: souk.LogPending}), "goes 0 pending 0 0s false", "waits 0 pending 0 0s false", "dropped 0 pending 0 0s false")
		settled(t, db, 3, func(tx *store.Tx) (int64, error) { return tx.Release(hook.ID, time.Time{}, noon, 9) })

		at = noon.Add(time.Second)
		record(t, db, at, skips(dropped))
		mark := func(d souk.Delivery) {
			t.Helper()
			write(t, db, func(tx *store.Tx) error { return tx.MarkStarted([]souk.ID{d.ID, souk.NewID(), waits.ID}, at) })
		}
		mark(goes)
		at = at.Add(time.Second)
		check("started", lines(at, souk.LogFilter{Status: souk.LogStarted}), "goes 0 started 0 0s false")
		check("started, of the webhook", lines(at, souk.LogFilter{Status: souk.LogStarted, Webhook: hook.ID}), "goes 0 started 0 0s false")
		check("not started", lines(at, souk.LogFilter{Status: souk.LogPending}), "waits 0 pending 0 0s false")
		check("whose process has ended", lines(at.Add(time.Minute), souk.LogFilter{Status: souk.LogPending}),
			"goes 0 pending 0 0s false", "waits 0 pending 0 0s false")

		failed := fails(goes, noon.Add(time.Second), at.Add(5*time.Second))
		failed.EntryAt = at
		record(t, db, at, failed)
		check("after a failure", lines(at, souk.LogFilter{}), "goes 0 failedstatus 500 1s true", "waits 0 pending 0 0s false",
			"dropped 0 failedskipped 0 0s true", "again 1 pending 0 0s false")
		check("failures", lines(at, souk.LogFilter{Status: souk.LogFailed}), "goes 0 failedstatus 500 1s true", "dropped 0 failedskipped 0 0s true")
		check("of a webhook of another app", lines(at, souk.LogFilter{Webhook: foreign.ID}))
		check("of no webhook", lines(at, souk.LogFilter{Webhook: souk.NewID()}))

		// What was under way when it was cancelled is listed as what came of it.
		last := delivery(t, db, goes.ID)
		mark(last)
		addPart(t, db, at.Add(3*time.Second))
		settled(t, db, 2, func(tx *store.Tx) (int64, error) {
			return tx.SettleWebhook(hook.ID, 1, souk.DeliveryCancelled, "deleted", at.Add(6*time.Second), 9)
		})
		check("cancelled", lines(at, souk.LogFilter{Status: souk.LogFailed, Webhook: hook.ID}), "goes 0 failedstatus 500 1s true",
			"waits 0 failedcancelled 0 0s true", "dropped 0 failedskipped 0 0s true", "again 1 failedcancelled 0 0s true")
		done := ends(last)
		done.Attempt.StartedAt = at.Add(5 * time.Second)
		for range 2 {
			record(t, db, at.Add(7*time.Second), done)
			addPart(t, db, at.Add(7*time.Second))
		}
		check("in the end", lines(at, souk.LogFilter{}), "goes 0 failedstatus 500 1s true", "waits 0 failedcancelled 0 0s true",
			"dropped 0 failedskipped 0 0s true", "again 1 successfulok 500 1s true")

		first := logPage(t, db, souk.LogFilter{App: hook.App}, at, souk.Page{Size: 1, Order: souk.OldestFirst})
		want := []souk.LogEntry{{
			ID: goes.Entry, CreatedAt: noon, App: hook.App, Webhook: hook.ID, URL: "https://then.example/", Channel: goes.Channel,
			Action: souk.Changed, Resource: "a", Status: souk.LogFailed, Outcome: souk.BadStatus, ResponseStatus: 500, Answer: "no",
			Headers: `{"A":"b"}`, Duration: time.Second, CompletedAt: noon.Add(2 * time.Second),
		}}
		if d := cmp.Diff(want, first); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if e := logPage(t, db, souk.LogFilter{App: foreign.App}, noon, souk.Page{Size: 1}); len(e) != 1 || e[0].URL != foreign.URL {
			t.Errorf("to come: %+v", e)
		}
	})
}

// Whoever pages through the log while it is written, and while parts of it
// begin, meets each entry once.
func TestLogPagesMeetEveryEntryOnce(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		var all []souk.Delivery
		for i := range 60 {
			all = append(all, told(hook, fmt.Sprint(i), noon.Add(time.Duration(i/7)*time.Minute)))
		}
		enqueue(t, db, all...)
		for _, order := range []souk.Order{souk.NewestFirst, souk.OldestFirst} {
			seen := map[souk.ID]int{}
			at, now := souk.Position{}, noon.Add(time.Hour)
			for step := 0; ; step++ {
				entries := logPage(t, db, souk.LogFilter{App: hook.App}, now, souk.Page{Size: 7, After: at, Order: order})
				for _, e := range entries {
					seen[e.ID]++
					at = souk.Position{At: e.CreatedAt, ID: e.ID}
				}
				if len(entries) < 7 {
					break
				}
				if step%3 == 0 {
					addPart(t, db, now)
				}
				var moves []store.Progress
				for i := step; i < len(all); i += 5 { // some are tried, some for good
					if d := delivery(t, db, all[i].ID); d.Status == souk.DeliveryPending {
						p := fails(d, now, now)
						if i%2 == 0 {
							p = ends(d)
						}
						moves = append(moves, p)
					}
				}
				record(t, db, now, moves...)
			}
			for _, d := range all {
				if seen[d.Entry] != 1 {
					t.Errorf("%q: %s was met %d times", order, d.Entry, seen[d.Entry])
				}
			}
		}
	})
}
