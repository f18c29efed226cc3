package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"souk"
	"souk/store"
)

// about is a delivery to hook about a resource.
func about(hook souk.ID, resource string, at time.Time) souk.Delivery {
	d := due(hook, at)
	d.Dialect, d.Resource = souk.Giosg, resource
	return d
}

// on is a delivery to hook about a resource of one channel.
func on(hook souk.ID, channel souk.Channel, resource string, at time.Time) souk.Delivery {
	d := about(hook, resource, at)
	d.Channel = channel
	return d
}

// ends is how a delivery leaves its line.
func ends(d souk.Delivery) store.Progress {
	a := tried(d, d.Attempts, souk.OK, noon)
	return store.Progress{Delivery: d, Attempt: &a, Attempts: d.Attempts + 1, Outcome: souk.OK, Status: souk.DeliverySuccessful}
}

// fails is how it keeps its place until a time, with the entry of the request to come.
func fails(d souk.Delivery, at, next time.Time) store.Progress {
	a := tried(d, d.Attempts, souk.BadStatus, at)
	return store.Progress{
		Delivery: d, Attempt: &a, Attempts: d.Attempts + 1, Outcome: souk.BadStatus, Status: souk.DeliveryPending, NextAt: next,
		Entry: souk.NewID(), EntryAt: at,
	}
}

// skips is how it leaves without a request.
func skips(d souk.Delivery) store.Progress {
	return store.Progress{Delivery: d, Attempts: d.Attempts, Outcome: d.LastOutcome, Status: souk.DeliverySkipped, Note: "paused"}
}

// record writes down how far deliveries came, and answers with who goes on.
func record(t *testing.T, db *store.DB, at time.Time, all ...store.Progress) (next []souk.Delivery) {
	t.Helper()
	if err := db.Record(t.Context(), func(tx *store.Tx) (err error) {
		next, err = tx.Record(souk.ID{1}, at, all)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return next
}

// schedule tells when each of some deliveries is due, in seconds after noon;
// "waits" and how it ended for those that are not.
func schedule(t *testing.T, db *store.DB, all ...souk.Delivery) (when []string) {
	t.Helper()
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		when = nil
		for _, d := range all {
			now, err := tx.Delivery(d.ID)
			switch {
			case errors.Is(err, store.ErrNotFound):
				when = append(when, "gone")
			case err != nil:
				return err
			case now.Status != souk.DeliveryPending:
				when = append(when, string(now.Status))
			case now.NextAt.IsZero():
				when = append(when, "waits")
			default:
				when = append(when, fmt.Sprint(now.NextAt.Sub(noon).Seconds()))
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return when
}

func wantSchedule(t *testing.T, db *store.DB, all []souk.Delivery, want ...string) {
	t.Helper()
	if d := gocmp.Diff(want, schedule(t, db, all...)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// wantNext compares who leads.
func wantNext(t *testing.T, next []souk.Delivery, want ...souk.Delivery) {
	t.Helper()
	var got, ids []souk.ID
	for _, d := range next {
		got = append(got, d.ID)
	}
	for _, d := range want {
		ids = append(ids, d.ID)
	}
	slices.SortFunc(got, souk.ID.Compare)
	slices.SortFunc(ids, souk.ID.Compare)
	if d := gocmp.Diff(ids, got); d != "" {
		t.Errorf("who goes on (-want +got):\n%s", d)
	}
}
