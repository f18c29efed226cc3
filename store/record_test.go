package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

// attempts lists what was tried for a delivery.
func attempts(t *testing.T, db *store.DB, delivery souk.ID) (all []souk.Attempt) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Attempts(delivery)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func addPart(t *testing.T, db *store.DB, at time.Time) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error { return tx.AddPart(at) })
}

func TestRecord(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook, at := souk.NewID(), noon.Add(time.Second)
		var all []souk.Delivery
		for range 8 {
			all = append(all, due(hook, noon))
		}
		all[6].Status, all[6].NextAt, all[6].EndedAt, all[6].Note = souk.DeliveryCancelled, time.Time{}, noon, "uninstalled"
		enqueue(t, db, all...)
		stale := ends(all[5])
		stale.Delivery.Attempts = 3 // somebody else carried on
		gone := ends(due(hook, noon))
		held := store.Progress{Delivery: all[7], Status: souk.DeliveryHeld, NextAt: noon, Note: "the webhook is disabled"}
		moves := []store.Progress{
			ends(all[0]), ends(all[1]), fails(all[2], at, noon.Add(time.Minute)), fails(all[3], at, noon.Add(time.Hour)),
			skips(all[4]), stale, ends(all[6]), held, gone,
		}
		want := slices.Clone(all)
		for i := range want {
			p := moves[i]
			if i == 5 || i == 6 {
				continue
			}
			want[i].Status, want[i].Attempts, want[i].LastOutcome, want[i].NextAt, want[i].Note = p.Status, p.Attempts, p.Outcome, p.NextAt, p.Note
			if p.Attempt != nil {
				want[i].Entry, want[i].EntryAt = p.Entry, all[i].EntryAt
			}
			if !p.EntryAt.IsZero() {
				want[i].EntryAt = p.EntryAt
			}
			if p.Status != souk.DeliveryPending && p.Status != souk.DeliveryHeld {
				want[i].EndedAt = at
			}
		}
		want[6].Entry = souk.ID{} // its request was made after all
		want[7].NextAt = time.Time{}
		// Twice, as after a commit whose outcome is unknown; and once more when a part
		// of the log has begun.
		for i := range 3 {
			if i == 2 {
				addPart(t, db, at)
			}
			wantNext(t, record(t, db, at, moves...))
			for j, d := range all {
				if d := cmp.Diff(want[j], delivery(t, db, d.ID)); d != "" {
					t.Errorf("%d after %d (-want +got):\n%s", j, i, d)
				}
			}
			for j, p := range moves {
				var made []souk.Attempt
				if p.Attempt != nil {
					made = append(made, *p.Attempt)
				}
				got := attempts(t, db, p.Delivery.ID)
				if j == 5 && len(got) == 1 && got[0].ID != made[0].ID { // the entry is of the attempt to come
					made[0].ID, made[0].ListedAt = got[0].ID, made[0].StartedAt
				}
				if d := cmp.Diff(made, got); d != "" {
					t.Errorf("attempts of %d after %d (-want +got):\n%s", j, i, d)
				}
			}
		}
	})
}

// What was held while a request was on its way stays held, unless that was the
// last.
func TestRecordingWhatIsHeld(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		all := enqueue(t, db, due(hook, noon), due(hook, noon))
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Hold(hook, 10)
			return err
		})
		failed := fails(all[0], noon, noon.Add(time.Minute))
		record(t, db, noon.Add(time.Second), failed, ends(all[1]))
		want := all[0]
		want.Status, want.NextAt, want.Attempts, want.LastOutcome = souk.DeliveryHeld, time.Time{}, 1, souk.BadStatus
		want.Entry, want.EntryAt = failed.Entry, failed.EntryAt
		if d := cmp.Diff(want, delivery(t, db, all[0].ID)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if d := delivery(t, db, all[1].ID); d.Status != souk.DeliverySuccessful {
			t.Errorf("%+v", d)
		}
	})
}

// Many are recorded at once, with all that an attempt has.
func TestRecordMany(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		var all []souk.Delivery
		var moves []store.Progress
		for i := range 151 {
			d := due(souk.NewID(), noon)
			d.Resource, d.Attempts = fmt.Sprint(i%3), i%2
			all = append(all, d)
		}
		for i, d := range enqueue(t, db, all...) {
			p := ends(d)
			if i%5 == 0 {
				p = fails(d, noon, noon.Add(time.Duration(i)*time.Minute))
			}
			*p.Attempt = souk.Attempt{
				ID: d.Entry, Delivery: d.ID, Dialect: souk.Giosg, App: souk.NewID(), Webhook: d.Webhook,
				Channel: "/api/v5/orgs/1/chats", Action: souk.Removed, Resource: "7", Number: i, URL: "https://example.com/",
				Outcome: souk.BadStatus, Status: 500, Answer: "no", Headers: `{"A": "b"}`, Detail: "it said no", ListedAt: noon,
				StartedAt: noon.Add(time.Duration(i) * time.Second), Duration: 5 * time.Millisecond,
			}
			moves = append(moves, p)
		}
		record(t, db, noon.Add(time.Hour), moves...)
		for i, p := range moves {
			if d := cmp.Diff([]souk.Attempt{*p.Attempt}, attempts(t, db, p.Delivery.ID)); d != "" {
				t.Errorf("%d (-want +got):\n%s", i, d)
			}
			if d := delivery(t, db, p.Delivery.ID); d.Status != p.Status || !d.NextAt.Equal(p.NextAt) || d.Attempts != i%2+1 || d.Entry != p.Entry {
				t.Errorf("%d is %+v", i, d)
			}
		}
	})
}

// Who has lost an endpoint may have asked it all the same: that is written down,
// and the delivery and its entry are for the one to take that has it now.
func TestRecordingForAnother(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		d := enqueue(t, db, told(hook, "a", noon))[0]
		late := ends(d)
		late.Lost = true
		done := ends(d)
		done.Attempt.StartedAt = noon.Add(time.Second)
		want := func(want ...string) {
			t.Helper()
			var got []string
			ids := map[souk.ID]bool{}
			for _, e := range logPage(t, db, souk.LogFilter{App: hook.App}, noon, souk.Page{Size: 10}) {
				got = append(got, fmt.Sprint(e.Status, " ", e.ID == d.Entry))
				ids[e.ID] = true
			}
			slices.Sort(got)
			if d := cmp.Diff(want, got); d != "" || len(ids) != len(want) {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
		for range 2 {
			record(t, db, noon, late)
			want("pending true", "successful false")
			addPart(t, db, noon)
		}
		for range 2 {
			record(t, db, noon, done, late)
			want("successful false", "successful true")
			addPart(t, db, noon)
		}
	})
}

// Two processes may make the request of one entry. Both were requests, be they
// in one part of the log or in two.
func TestTwoRequestsOfOneEntry(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		for _, parts := range []bool{false, true} {
			d := enqueue(t, db, due(souk.NewID(), noon))[0]
			first, second := ends(d), fails(d, noon.Add(time.Second), noon.Add(time.Hour))
			first.Attempt.StartedAt = noon.Add(time.Minute)
			for range 2 { // as after a commit whose outcome is unknown
				record(t, db, noon.Add(2*time.Minute), first)
				if parts {
					addPart(t, db, noon.Add(2*time.Minute))
				}
				record(t, db, noon.Add(2*time.Minute), second, ends(enqueue(t, db, due(d.Webhook, noon))[0]))
			}
			got := attempts(t, db, d.ID)
			if len(got) != 2 || got[0].ID == d.Entry {
				t.Fatalf("attempts: %+v", got)
			}
			second.Attempt.ID, second.Attempt.ListedAt = got[0].ID, second.Attempt.StartedAt
			if d := cmp.Diff([]souk.Attempt{*second.Attempt, *first.Attempt}, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
	})
}

// A request that consumed no attempt has taken the entry all the same: who knows
// the delivery from before has lost it.
func TestRecordingWhatCostNoAttempt(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		d := enqueue(t, db, due(souk.NewID(), noon))[0]
		broken := fails(d, noon, noon.Add(time.Minute))
		broken.Attempts, broken.Attempt.Outcome = 0, souk.AttemptStopped
		record(t, db, noon.Add(time.Second), broken)
		late := fails(d, noon.Add(2*time.Second), noon.Add(time.Hour))
		for range 2 {
			addPart(t, db, noon.Add(time.Second))
			record(t, db, noon.Add(3*time.Second), late)
			record(t, db, noon.Add(3*time.Second), broken)
		}
		now := delivery(t, db, d.ID)
		if now.Entry != broken.Entry || now.Attempts != 0 || !now.NextAt.Equal(broken.NextAt) {
			t.Errorf("%+v", now)
		}
		// It succeeded after all: that counts.
		done := ends(d)
		done.Attempt.StartedAt = noon.Add(4 * time.Second)
		record(t, db, noon.Add(5*time.Second), done)
		var ids []souk.ID
		for _, a := range attempts(t, db, d.ID) {
			ids = append(ids, a.ID)
		}
		slices.SortFunc(ids, souk.ID.Compare)
		if n := len(slices.Compact(ids)); n != 3 {
			t.Errorf("%d attempts", n)
		}
		if now := delivery(t, db, d.ID); now.Status != souk.DeliverySuccessful {
			t.Errorf("%+v", now)
		}
	})
}

// How many ended how is counted by day, by whoever counts.
func TestCounts(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		all := []souk.Delivery{due(souk.NewID(), noon), due(souk.NewID(), noon), due(souk.NewID(), noon), due(souk.NewID(), noon)}
		skipped := due(souk.NewID(), noon)
		skipped.Status, skipped.EndedAt = souk.DeliverySkipped, noon
		for i := range all {
			all[i].App = souk.ID{15: 1}
			all[i].Body = make([]byte, 1000)
		}
		skipped.App = all[0].App
		enqueue(t, db, append(slices.Clone(all), skipped)...)
		record(t, db, noon, ends(all[0]), ends(all[1]), fails(all[2], noon, noon.Add(time.Minute)))
		record(t, db, noon.Add(12*time.Hour), ends(all[3]))
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.SettleWebhook(all[2].Webhook, 1, souk.DeliveryCancelled, "deleted", noon, 10)
			return err
		})
		if err := db.Read(t.Context(), func(tx *store.Tx) error {
			got, err := tx.Strings(`SELECT CAST(day AS TEXT) || ' ' || status || ' ' || CAST(sum(deliveries) AS TEXT)
				FROM delivery_counts GROUP BY day, status ORDER BY day, status`)
			day := noon.Unix() / (24 * 60 * 60)
			want := []string{
				fmt.Sprint(day, " cancelled 1"), fmt.Sprint(day, " skipped 1"), fmt.Sprint(day, " successful 2"), fmt.Sprint(day+1, " successful 1"),
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if err != nil {
				return err
			}
			parts, err := tx.Parts()
			// Four attempts, and five that ended.
			if len(parts) != 1 || parts[0].Entries != 9 || parts[0].Bytes < 4000 || parts[0].Bytes > 8000 {
				t.Errorf("parts: %+v", parts)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}
