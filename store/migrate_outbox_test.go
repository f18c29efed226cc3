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

// What was in the outbox of an earlier version is still to be delivered, in
// line, and what had ended is in the log, with all that was tried.
func TestMigratingTheOutbox(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		for _, step := range []string{"0004", "0005"} {
			empty(t, address)
			db, err := store.OpenWith(t.Context(), address, schemaBefore(t, step))
			if err != nil {
				t.Fatal(err)
			}
			hook := souk.NewID()
			all := []souk.Delivery{about(hook, "chat", noon), about(hook, "chat", noon.Add(time.Second)), due(hook, noon)}
			for i, status := range []souk.DeliveryStatus{souk.DeliverySuccessful, souk.DeliveryExhausted, souk.DeliveryCancelled, souk.DeliverySkipped} {
				d := about(hook, "chat", noon.Add(-time.Duration(i)*time.Second))
				d.Status, d.NextAt, d.EndedAt, d.Note = status, time.Time{}, noon, string(status)
				all = append(all, d)
			}
			all[1].NextAt = time.Time{} // it waits
			var tries []souk.Attempt
			for i := range all {
				d := &all[i]
				d.Installation, d.Speaker, d.Attempts, d.LastOutcome, d.Final = souk.NewID(), souk.NewID(), i, souk.BadStatus, i%2 == 0
				d.Channel, d.Action = "c", souk.Changed
				a := tried(*d, i, souk.BadStatus, noon)
				a.ID = souk.NewID()
				tries = append(tries, a)
			}
			write(t, db, func(tx *store.Tx) error {
				for _, d := range all {
					if _, err := tx.Exec(`INSERT INTO deliveries (id, event_id, webhook_id, app_id, installation_id, dialect, final, body,
							channel, action, resource, speaker_id, status, attempts, last_outcome, next_at, claimed_at, entry_id, entry_at, created_at, ended_at, note)
						VALUES (`+store.Placeholders(1, 22)+`)`, d.ID, d.Event, d.Webhook, d.App, d.Installation, d.Dialect, d.Final, d.Body,
						string(d.Channel), d.Action, d.Resource, d.Speaker, d.Status, d.Attempts, string(d.LastOutcome), store.Micros(d.NextAt),
						store.Micros(d.NextAt), d.Entry, store.Micros(d.EntryAt), store.Micros(d.CreatedAt), store.Micros(d.EndedAt), d.Note); err != nil {
						return err
					}
				}
				for _, a := range tries {
					if _, err := tx.Exec(`INSERT INTO attempts (id, delivery_id, dialect, app_id, webhook_id, channel, action, resource, number, url,
							outcome, status, answer, headers, detail, listed_at, started_at, duration) VALUES (`+store.Placeholders(1, 18)+`)`,
						a.ID, a.Delivery, a.Dialect, a.App, a.Webhook, string(a.Channel), a.Action, a.Resource, a.Number, a.URL, string(a.Outcome),
						a.Status, a.Answer, a.Headers, a.Detail, store.Micros(a.ListedAt), store.Micros(a.StartedAt), a.Duration.Microseconds()); err != nil {
						return err
					}
				}
				_, err := tx.Exec(`INSERT INTO jobs (id, kind, verb, face, platform, created_at, next_at) VALUES ($1, 'wishes', 'Approve', '', FALSE, 1, 2)`, hook)
				return err
			})
			shut(t, db)

			db = openFile(t, address)
			for i, d := range all {
				if diff := cmp.Diff(d, delivery(t, db, d.ID)); diff != "" {
					t.Errorf("%d from before %s (-want +got):\n%s", i, step, diff)
				}
				if diff := cmp.Diff([]souk.Attempt{tries[i]}, attempts(t, db, d.ID)); diff != "" {
					t.Errorf("%d from before %s (-want +got):\n%s", i, step, diff)
				}
			}
			wantNext(t, dueTo(t, db, hook, noon.Add(time.Hour)), all[0], all[2])
			wantNext(t, record(t, db, noon.Add(time.Second), ends(all[0])), all[1])
			write(t, db, func(tx *store.Tx) error {
				jobs, err := tx.Strings(`SELECT kind FROM jobs`)
				if fmt.Sprint(jobs) != "[wishes]" {
					t.Errorf("jobs: %v", jobs)
				}
				return err
			})
			shut(t, db)
		}
	})
}
