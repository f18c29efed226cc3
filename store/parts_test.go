package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"souk"
	"souk/souktest"
	"souk/store"
)

// shape spells the columns and indexes of the tables of a part as the database
// knows them, without its number.
func shape(t *testing.T, db *store.DB, part int) (all []string) {
	t.Helper()
	query := `SELECT sql FROM sqlite_master WHERE tbl_name IN ($1, $2, $3, $4) AND sql IS NOT NULL`
	write(t, db, func(tx *store.Tx) (err error) {
		if tx.SkipLocked() != "" {
			query = `SELECT table_name || ' ' || CAST(row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position) AS TEXT)
					|| ' ' || column_name || ' ' || data_type || ' ' || is_nullable
					FROM information_schema.columns WHERE table_name IN ($1, $2, $3, $4)
				UNION ALL SELECT indexdef FROM pg_indexes WHERE tablename IN ($1, $2, $3, $4)
				UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE CAST(CAST(conrelid AS regclass) AS TEXT) IN ($1, $2, $3, $4)`
		}
		all, err = tx.Strings(query, fmt.Sprint("attempts_", part), fmt.Sprint("ended_", part), fmt.Sprint("sent_", part), fmt.Sprint("bodies_", part))
		return err
	})
	for i := range all {
		// A column that was added later stands on no line of its own.
		all[i] = strings.Join(strings.Fields(strings.NewReplacer(fmt.Sprint("_", part), "_N", ",", " , ", ")", " ) ").Replace(all[i])), " ")
	}
	slices.Sort(all)
	return all
}

// What begins a part makes it like the first one, which a migration made.
func TestPartsAreAlike(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		addPart(t, db, noon)
		first := shape(t, db, 1)
		if d := cmp.Diff(first, shape(t, db, 2)); d != "" || len(first) < 11 {
			t.Errorf("(-first +second):\n%s", d)
		}
	})
}

func TestParts(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		parts := func() (all []store.Part) {
			t.Helper()
			if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
				all, err = tx.Parts()
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for i := range all {
				all[i].Bytes = min(all[i].Bytes, 1)
			}
			return all
		}
		drop := func(want int64) {
			t.Helper()
			carry(t, db)
			settled(t, db, want, func(tx *store.Tx) (int64, error) { return tx.DropPart() })
		}
		epoch := time.UnixMicro(0).UTC()
		drop(0) // never the newest
		hook := souk.NewID()
		all := enqueue(t, db, due(hook, noon), due(hook, noon), due(hook, noon))
		record(t, db, noon, ends(all[0]), fails(all[1], noon, noon.Add(time.Hour)))
		addPart(t, db, noon.Add(time.Minute))
		last := ends(delivery(t, db, all[1].ID))
		last.Attempt.StartedAt = noon.Add(2 * time.Minute)
		record(t, db, noon.Add(2*time.Minute), last)
		addPart(t, db, noon.Add(time.Hour))
		want := []store.Part{
			{Number: 1, Since: epoch, Until: noon.Add(time.Minute), Entries: 3, Bytes: 1},
			{Number: 2, Since: noon.Add(time.Minute), Until: noon.Add(time.Hour), Entries: 2, Bytes: 1},
			{Number: 3, Since: noon.Add(time.Hour)},
		}
		if d := cmp.Diff(want, parts()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if made := attempts(t, db, all[1].ID); len(made) != 2 {
			t.Errorf("attempts: %+v", made)
		}
		drop(1)
		if d := cmp.Diff(want[1:], parts()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if made := attempts(t, db, all[1].ID); len(made) != 1 || made[0].ID != last.Attempt.ID {
			t.Errorf("attempts: %+v", made)
		}
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Delivery(all[0].ID)
			return err
		})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what was dropped: %v", err)
		}
		drop(2)
		drop(0)
		if d := delivery(t, db, all[2].ID); d.Status != souk.DeliveryPending {
			t.Errorf("what is open has become %+v", d)
		}
		record(t, db, noon.Add(2*time.Hour), ends(all[2]))
		if d := delivery(t, db, all[2].ID); d.Status != souk.DeliverySuccessful {
			t.Errorf("%+v", d)
		}
	})
}

// Nodes that find out at the same time that a part should begin, or go, agree on
// one.
func TestPartsOfManyNodes(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		for want := 2; want < 5; want++ {
			var seen, all sync.WaitGroup
			seen.Add(3)
			for range 3 {
				all.Go(func() {
					looked := sync.OnceFunc(seen.Done)
					if err := db.Write(context.Background(), nil, func(tx *store.Tx) error {
						parts, err := tx.Parts()
						if looked(); tx.SkipLocked() != "" {
							seen.Wait() // they have all looked before any acts
						}
						if err != nil || parts[len(parts)-1].Number >= int64(want) {
							return err
						}
						if err := tx.AddPart(noon.Add(time.Duration(want) * time.Minute)); err != nil || len(parts) < 2 {
							return err
						}
						_, err = tx.DropPart()
						return err
					}); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if err := db.Read(t.Context(), func(tx *store.Tx) error {
				parts, err := tx.Parts()
				if len(parts) != 2 || parts[1].Number != int64(want) {
					t.Errorf("%d: %+v", want, parts)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Who reads goes on while a part is dropped, be it one that began to read before
// or while that happened.
func TestReadingWhileAPartIsDropped(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		all := enqueue(t, db, told(hook, "a", noon), told(hook, "b", noon))
		record(t, db, noon, ends(all[0]))
		addPart(t, db, noon)
		record(t, db, noon, ends(all[1]))
		page := func(tx *store.Tx) (int, error) {
			entries, err := tx.LogPage(souk.LogFilter{App: hook.App}, noon, souk.Page{Size: 10})
			return len(entries), err
		}
		dropped, began := make(chan error, 1), make(chan struct{})
		drop := func() {
			close(began)
			dropped <- db.Write(context.Background(), nil, func(tx *store.Tx) error {
				_, err := tx.DropPart()
				return err
			})
		}
		if err := db.Read(t.Context(), func(before *store.Tx) error {
			if n, err := page(before); n != 2 || err != nil {
				return fmt.Errorf("%d entries: %w", n, err)
			}
			go drop()
			<-began
			// One that has seen the list of parts, and will read them when one is gone.
			return db.Read(t.Context(), func(meanwhile *store.Tx) error {
				if _, err := meanwhile.Strings(`SELECT CAST(number AS TEXT) FROM log_parts`); err != nil {
					return err
				}
				n, err := page(before)
				if n != 2 && err == nil {
					err = fmt.Errorf("%d entries", n)
				}
				return err
			})
		}); err != nil {
			t.Fatal(err)
		}
		if err := <-dropped; err != nil {
			t.Fatal(err)
		}

		// One whose moment is before the drop, and who reads after it.
		addPart(t, db, noon)
		began = make(chan struct{})
		if err := db.Read(t.Context(), func(late *store.Tx) error {
			if _, err := late.Strings(`SELECT CAST(number AS TEXT) FROM log_parts`); err != nil {
				return err
			}
			go drop()
			if err := <-dropped; err != nil {
				return err
			}
			n, err := page(late)
			if err == nil && n > 1 { // SQLite still shows what was there at that moment
				err = fmt.Errorf("%d entries", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever has become of deliveries, in whichever part of the log: pages show
// them in their order, once each.
func TestPagesOverParts(t *testing.T) {
	souktest.Few(t, 50)
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			write(t, db, func(tx *store.Tx) error { // those of the run before
				if _, err := tx.Exec(`DELETE FROM deliveries`); err != nil {
					return err
				}
				for {
					if n, err := tx.DropPart(); err != nil || n == 0 {
						return err
					}
				}
			})
			hook, at := souk.NewID(), noon
			parts := rapid.IntRange(0, 3).Draw(rt, "parts") // making one takes longer than all else
			all := map[souk.ID]souk.Delivery{}
			pick := func(rt *rapid.T, open bool) (some []souk.Delivery) {
				for _, d := range inOrder(all) {
					if (d.Status == souk.DeliveryPending || d.Status == souk.DeliveryHeld) == open && rapid.Bool().Draw(rt, "this") {
						some = append(some, d)
					}
				}
				return some
			}
			do := func(rt *rapid.T, fn func(*store.Tx) error) {
				if err := db.Record(context.Background(), fn); err != nil {
					rt.Fatal(err)
				}
			}
			rt.Repeat(map[string]func(*rapid.T){
				"insert": func(rt *rapid.T) {
					at = at.Add(time.Duration(rapid.IntRange(0, 90).Draw(rt, "minutes")) * time.Minute)
					d := due(hook, at)
					d.Epoch = int64(rapid.IntRange(0, 2).Draw(rt, "epoch"))
					switch rapid.IntRange(0, 3).Draw(rt, "status") {
					case 0:
						d.Status, d.NextAt = souk.DeliveryHeld, time.Time{}
					case 1:
						d.Status, d.NextAt, d.EndedAt = souk.DeliverySkipped, time.Time{}, at
					}
					all[d.ID] = d
					do(rt, func(tx *store.Tx) error { return dropped(tx.InsertDeliveries([]souk.Delivery{d})) })
				},
				"end": func(rt *rapid.T) {
					var moves []store.Progress
					for _, d := range pick(rt, true) {
						p := ends(d)
						if rapid.Bool().Draw(rt, "skip") {
							p = skips(d)
						}
						moves = append(moves, p)
						d.Status, d.Attempts, d.LastOutcome, d.NextAt, d.Note, d.EndedAt = p.Status, p.Attempts, p.Outcome, time.Time{}, p.Note, at
						d.Aside = false
						if p.Attempt != nil {
							d.Entry = souk.ID{}
						}
						all[d.ID] = d
					}
					do(rt, func(tx *store.Tx) error { return dropped(tx.Record(souk.ID{}, at, moves)) })
				},
				"reopen": func(rt *rapid.T) {
					for _, d := range pick(rt, false) {
						do(rt, func(tx *store.Tx) (err error) {
							all[d.ID], err = tx.Reopen(d, at)
							return err
						})
					}
				},
				"part": func(rt *rapid.T) {
					if parts++; parts > 1 {
						rt.Skip("enough") // another step is drawn instead
					}
					do(rt, func(tx *store.Tx) error { return tx.AddPart(at) })
				},
				"list": func(rt *rapid.T) {
					status := rapid.SampledFrom(append([]souk.DeliveryStatus{""}, souk.DeliveryStatuses...)).Draw(rt, "status")
					var want, ended []souk.Delivery
					from, until := noon.Add(30*time.Minute), at.Add(-30*time.Minute)
					for _, d := range inOrder(all) {
						if status == "" || d.Status == status {
							want = append(want, d)
						}
						if !d.EndedAt.IsZero() && !d.CreatedAt.Before(from) && d.CreatedAt.Before(until) {
							ended = append(ended, d)
						}
					}
					for _, listed := range [][]souk.Delivery{want, ended} {
						for i := range listed {
							listed[i].Body = nil
						}
					}
					slices.Reverse(want)
					var got, between []souk.Delivery
					if err := db.Read(context.Background(), func(tx *store.Tx) error {
						for page := (souk.Page{Size: 3}); ; {
							some, err := tx.DeliveriesPage(hook, status, page)
							if err != nil {
								return err
							}
							got = append(got, some...)
							if len(some) < page.Size {
								break
							}
							page.After = souk.Position{At: some[2].CreatedAt, ID: some[2].ID}
						}
						for after := (souk.Position{}); ; {
							some, err := tx.EndedBetween(hook, from, until, after, 3)
							between = append(between, some...)
							if err != nil || len(some) < 3 {
								return err
							}
							after = souk.Position{At: some[2].CreatedAt, ID: some[2].ID}
						}
					}); err != nil {
						rt.Fatal(err)
					}
					if d := cmp.Diff(want, got); d != "" {
						rt.Errorf("%q (-want +got):\n%s", status, d)
					}
					if d := cmp.Diff(ended, between); d != "" {
						rt.Errorf("ended (-want +got):\n%s", d)
					}
				},
			})
		})
	})
}
