package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"souk"
	"souk/souktest"
	"souk/store"
)

// carry has what is open lie in the newest part, as Market.KeepLog does.
func carry(t interface {
	Helper()
	Fatal(...any)
}, db *store.DB) {
	t.Helper()
	if err := db.Record(context.Background(), func(tx *store.Tx) error {
		parts, err := tx.Parts()
		for _, p := range parts {
			for after := (souk.ID{}); err == nil; {
				var some []souk.ID
				if some, err = tx.OpenIn(p.Number, after, 2); err != nil || len(some) == 0 {
					break
				}
				after = some[len(some)-1]
				if err = tx.Carry(p.Number, some); p.Until.IsZero() {
					break
				}
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// lying lists the bodies of a part, in their order.
func lying(t *testing.T, db *store.DB, part int) (all []string) {
	t.Helper()
	write(t, db, func(tx *store.Tx) (err error) {
		text := `CAST(body AS TEXT)`
		if tx.SkipLocked() != "" {
			text = `convert_from(body, 'UTF8')`
		}
		all, err = tx.Strings(fmt.Sprintf(`SELECT %s FROM bodies_%d ORDER BY 1`, text, part))
		return err
	})
	return all
}

func wantBodies(t *testing.T, db *store.DB, part int, want string) {
	t.Helper()
	if got := strings.Join(lying(t, db, part), " "); got != want {
		t.Errorf("in part %d lie %q, want %q", part, got, want)
	}
}

// telling is a delivery of an event that tells something.
func telling(event souk.ID, body string) souk.Delivery {
	d := due(souk.NewID(), noon)
	d.Event, d.Body = event, []byte(body)
	return d
}

// Who tells the same bytes of the same event shares them, be it open or over, and
// whatever becomes of the others.
func TestBodiesAreShared(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		one, other := souk.NewID(), souk.NewID()
		all := []souk.Delivery{
			telling(one, "same"), telling(one, "else"), telling(one, "same"), telling(one, "same"),
			telling(other, "same"), telling(one, "same"), // no more behind another event's
			telling(other, "size"), telling(other, ""), telling(other, ""),
		}
		all[3].Status, all[3].NextAt, all[3].EndedAt = souk.DeliverySkipped, time.Time{}, noon
		enqueue(t, db, all...)
		wantBodies(t, db, 1, " else same same same size")
		for _, d := range all {
			if got := delivery(t, db, d.ID); string(got.Body) != string(d.Body) {
				t.Errorf("%q is told as %q", d.Body, got.Body)
			}
		}
		record(t, db, noon, ends(all[0]))
		for _, d := range all {
			if got := delivery(t, db, d.ID); string(got.Body) != string(d.Body) {
				t.Errorf("%q is told as %q when another has ended", d.Body, got.Body)
			}
		}
		record(t, db, noon, ends(all[1]), ends(all[2]), ends(all[4]), ends(all[5]), ends(all[6]), ends(all[7]), ends(all[8]))
		wantBodies(t, db, 1, " else same same same size")
	})
}

// A body that is shared adds to the log what it takes.
func TestSharedBodiesCountOnce(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		size := func() (n int64) {
			t.Helper()
			write(t, db, func(tx *store.Tx) error {
				parts, err := tx.Parts()
				for _, p := range parts {
					n += p.Bytes
				}
				return err
			})
			return n
		}
		event, body := souk.NewID(), strings.Repeat("b", 10_000)
		all := []souk.Delivery{telling(event, body), telling(event, body), telling(event, body), telling(event, body[1:])}
		all[1].Status, all[1].NextAt, all[1].EndedAt = souk.DeliverySkipped, time.Time{}, noon
		within := func(what string, from, to int64) {
			t.Helper()
			if n := size(); n < from || n > to {
				t.Errorf("%s: the log has %d bytes, want %d to %d", what, n, from, to)
			}
		}
		enqueue(t, db, all...)
		within("what is skipped counts, and shares", 0, 1_000)
		record(t, db, noon, ends(all[2]))
		within("what ended shares", 0, 3_000)
		record(t, db, noon, ends(all[0]))
		within("one counts", 10_000, 14_000)
		write(t, db, func(tx *store.Tx) error {
			return dropped(tx.SettleWebhook(all[3].Webhook, 1, souk.DeliveryCancelled, "", noon, 9))
		})
		within("and one is another", 20_000, 24_000)
		reopen(t, db, all[0].ID)
		record(t, db, noon, ends(delivery(t, db, all[0].ID)))
		within("it lies where it lay", 20_000, 26_000)
		addPart(t, db, noon)
		reopen(t, db, all[0].ID)
		record(t, db, noon, ends(delivery(t, db, all[0].ID)))
		within("it lies in two parts", 30_000, 36_000)
	})
}

// reopen has a delivery made again, and answers with it.
func reopen(t *testing.T, db *store.DB, id souk.ID) (d souk.Delivery) {
	t.Helper()
	write(t, db, func(tx *store.Tx) (err error) {
		if d, err = tx.Delivery(id); err == nil {
			d.Body = nil // as a list has it
			d, err = tx.Reopen(d, noon)
		}
		return err
	})
	return d
}

// A body is there as long as somebody is to be told or the log has who was, through
// all that a delivery and the log go through.
func TestBodiesThroughTheParts(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		drop := func(want int64) {
			t.Helper()
			settled(t, db, want, func(tx *store.Tx) (int64, error) { return tx.DropPart() })
		}
		event := souk.NewID()
		all := []souk.Delivery{telling(event, "a"), telling(event, "a"), telling(event, "b"), telling(event, "c"), telling(event, "d")}
		enqueue(t, db, all...)
		record(t, db, noon, ends(all[0]), ends(all[2]), fails(all[1], noon, noon.Add(time.Minute)))
		addPart(t, db, noon)
		wantBodies(t, db, 2, "")
		drop(0) // some are open
		// What ended, what is asked for again and what was given up takes its body along.
		record(t, db, noon, ends(delivery(t, db, all[1].ID)))
		wantBodies(t, db, 2, "a")
		if d := reopen(t, db, all[0].ID); string(d.Body) != "a" {
			t.Errorf("again: %+v", d)
		}
		wantBodies(t, db, 2, "a")
		if d := reopen(t, db, all[2].ID); string(d.Body) != "b" {
			t.Errorf("again: %+v", d)
		}
		wantBodies(t, db, 2, "a b")
		write(t, db, func(tx *store.Tx) error {
			return dropped(tx.SettleWebhook(all[3].Webhook, 1, souk.DeliveryCancelled, "", noon, 9))
		})
		wantBodies(t, db, 2, "a b c")
		drop(0)
		carry(t, db)
		wantBodies(t, db, 2, "a b c d")
		drop(1)
		for _, d := range all {
			if got := delivery(t, db, d.ID); string(got.Body) != string(d.Body) {
				t.Errorf("%s %q is %q", got.Status, d.Body, got.Body)
			}
		}
		for _, n := range []int64{2, 3, 4} { // and on
			addPart(t, db, noon)
			carry(t, db)
			drop(n)
		}
		wantBodies(t, db, 5, "a b d")
		for _, i := range []int{0, 2, 4} {
			if due := dueTo(t, db, all[i].Webhook, noon.Add(time.Hour)); len(due) != 1 || string(due[0].Body) != string(all[i].Body) {
				t.Errorf("due: %+v", due)
			}
		}
		for _, i := range []int{1, 3} {
			if err := db.Read(t.Context(), func(tx *store.Tx) error { return dropped(tx.Delivery(all[i].ID)) }); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("of a part that was dropped: %v", err)
			}
		}
	})
}

// Whatever is done in whichever order, no body is lost.
func TestNoBodyIsLost(t *testing.T) {
	souktest.Few(t, 10)
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			all := map[souk.ID]souk.Delivery{} // those that must be there
			ended := map[souk.ID]int64{}       // in which part
			do := func(fn func(*store.Tx) error) {
				rt.Helper()
				if err := db.Record(context.Background(), fn); err != nil {
					rt.Fatal(err)
				}
			}
			newest := func() (n int64) {
				do(func(tx *store.Tx) error { return tx.Row(`SELECT max(number) FROM log_parts`).Scan(&n) })
				return n
			}
			do(func(tx *store.Tx) error { // those of the run before
				_, err := tx.Exec(`DELETE FROM deliveries`)
				for n := int64(1); err == nil && n > 0; {
					n, err = tx.DropPart()
				}
				return err
			})
			defer func() { do(func(tx *store.Tx) error { return dropped(tx.Exec(`DELETE FROM deliveries`)) }) }()
			some := func(rt *rapid.T, over bool) (ids []souk.ID) {
				for _, d := range inOrder(all) {
					if (ended[d.ID] > 0) == over && rapid.Bool().Draw(rt, "this") {
						ids = append(ids, d.ID)
					}
				}
				return ids
			}
			parts := 0
			rt.Repeat(map[string]func(*rapid.T){
				"insert": func(rt *rapid.T) {
					var told []souk.Delivery
					event := souk.NewID()
					for range rapid.IntRange(1, 4).Draw(rt, "n") {
						d := telling(event, rapid.SampledFrom([]string{"a", "b", "cc"}).Draw(rt, "body"))
						told = append(told, d)
						all[d.ID] = d
					}
					do(func(tx *store.Tx) error { return dropped(tx.InsertDeliveries(told)) })
				},
				"end": func(rt *rapid.T) {
					var moves []store.Progress
					in := newest()
					for _, id := range some(rt, false) {
						moves = append(moves, ends(delivery(t, db, id)))
						ended[id] = in
					}
					do(func(tx *store.Tx) error { return dropped(tx.Record(souk.ID{}, noon, moves)) })
				},
				"settle": func(rt *rapid.T) {
					in := newest()
					for _, id := range some(rt, false) {
						do(func(tx *store.Tx) error {
							return dropped(tx.SettleWebhook(all[id].Webhook, 1, souk.DeliveryCancelled, "", noon, 9))
						})
						ended[id] = in
					}
				},
				"hold": func(rt *rapid.T) {
					for _, id := range some(rt, false) {
						do(func(tx *store.Tx) error { return dropped(tx.Hold(all[id].Webhook, 9)) })
						do(func(tx *store.Tx) error { return dropped(tx.Release(all[id].Webhook, time.Time{}, noon, 9)) })
					}
				},
				"reopen": func(rt *rapid.T) {
					for _, id := range some(rt, true) {
						if d := reopen(t, db, id); string(d.Body) != string(all[id].Body) {
							rt.Fatalf("again %q, want %q", d.Body, all[id].Body)
						}
						delete(ended, id)
					}
				},
				"part": func(rt *rapid.T) {
					if parts++; parts > 3 {
						rt.Skip("enough") // another step is drawn instead
					}
					do(func(tx *store.Tx) error { return tx.AddPart(noon) })
				},
				"drop": func(rt *rapid.T) {
					if rapid.Bool().Draw(rt, "carry") {
						carry(rt, db)
					}
					var gone int64
					do(func(tx *store.Tx) (err error) { gone, err = tx.DropPart(); return err })
					for id, in := range ended {
						if in == gone {
							delete(ended, id)
							delete(all, id)
						}
					}
				},
				"": func(rt *rapid.T) {
					for _, d := range inOrder(all) {
						if got := delivery(t, db, d.ID); string(got.Body) != string(d.Body) {
							rt.Fatalf("%s is told %q, want %q", d.ID, got.Body, d.Body)
						}
					}
				},
			})
		})
	})
}

// Who is about to commit something that is to be told when its part is dropped has
// it kept, be it new or asked for again: the part stays until it was carried.
func TestDroppingAPartThatIsWrittenTo(t *testing.T) {
	db := openFile(t, souktest.Postgres(t))
	defer shut(t, db)
	for name, late := range map[string]func(*store.Tx, souk.Delivery) (souk.Delivery, error){
		"insert": func(tx *store.Tx, _ souk.Delivery) (souk.Delivery, error) {
			stored, err := tx.InsertDeliveries([]souk.Delivery{telling(souk.NewID(), "late")})
			return stored[0], err
		},
		"reopen": func(tx *store.Tx, over souk.Delivery) (souk.Delivery, error) { return tx.Reopen(over, noon) },
	} {
		over := telling(souk.NewID(), "over")
		enqueue(t, db, over)
		record(t, db, noon, ends(over))
		var d souk.Delivery
		dropped := make(chan int64, 1)
		write(t, db, func(tx *store.Tx) (err error) {
			if d, err = late(tx, over); err != nil {
				return err
			}
			addPart(t, db, noon)
			go func() {
				n := int64(-1)
				if err := db.Write(context.Background(), nil, func(tx *store.Tx) (err error) {
					n, err = tx.DropPart()
					return err
				}); err != nil {
					t.Error(err)
				}
				dropped <- n
			}()
			waiting := 0
			for began := time.Now(); err == nil && waiting == 0 && time.Since(began) < time.Minute; {
				err = db.Record(t.Context(), func(tx *store.Tx) error {
					return tx.Row(`SELECT count(*) FROM pg_locks WHERE NOT granted
						AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting)
				})
			}
			if waiting == 0 {
				t.Errorf("%s: nobody waits", name)
			}
			return err
		})
		if n := <-dropped; n != 0 {
			t.Errorf("%s: part %d was dropped, and something is to be told of it", name, n)
		}
		if got := delivery(t, db, d.ID); string(got.Body) != string(d.Body) {
			t.Errorf("%s: %q, want %q", name, got.Body, d.Body)
		}
		carry(t, db)
		write(t, db, func(tx *store.Tx) error {
			n, err := tx.DropPart()
			if n == 0 {
				t.Errorf("%s: what was carried keeps the part", name)
			}
			return err
		})
		if got := delivery(t, db, d.ID); string(got.Body) != string(d.Body) || len(d.Body) == 0 {
			t.Errorf("%s: %q, want %q", name, got.Body, d.Body)
		}
		record(t, db, noon, ends(delivery(t, db, d.ID)))
	}
}

// Who comes to write to a part that was dropped since it was looked up does so anew,
// to another.
func TestWritingToAPartThatIsGone(t *testing.T) {
	db := openFile(t, souktest.Postgres(t))
	defer shut(t, db)
	d, runs := telling(souk.NewID(), "late"), 0
	write(t, db, func(tx *store.Tx) error {
		if runs++; runs == 1 {
			if _, err := tx.Parts(); err != nil {
				return err
			}
			addPart(t, db, noon)
			settled(t, db, 1, func(tx *store.Tx) (int64, error) { return tx.DropPart() })
		}
		return dropped(tx.InsertDeliveries([]souk.Delivery{d}))
	})
	if got := delivery(t, db, d.ID); string(got.Body) != "late" || runs != 2 {
		t.Errorf("%q after %d runs", got.Body, runs)
	}
	wantBodies(t, db, 2, "late")
}

// What was to be told, and what the log has, is told as it was when bodies lay with
// their deliveries.
func TestMigratingBodies(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		empty(t, address)
		db, err := store.OpenWith(t.Context(), address, schemaBefore(t, "0014"))
		if err != nil {
			t.Fatal(err)
		}
		hook := souk.NewID()
		all := []souk.Delivery{due(hook, noon), due(hook, noon), due(hook, noon)}
		write(t, db, func(tx *store.Tx) error {
			for _, table := range []string{"attempts_", "ended_", "sent_"} {
				if _, err := tx.Exec(`CREATE TABLE ` + table + `3 AS SELECT * FROM ` + table + `1`); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(`INSERT INTO log_parts (number, since, sent) VALUES (3, 5, TRUE)`); err != nil {
				return err
			}
			for i, into := range []string{"deliveries", "ended_1", "ended_3"} {
				d := &all[i]
				d.Body = []byte(into)
				column, status := `ended_at`, souk.DeliverySuccessful
				if i == 0 {
					column, status = `next_at`, souk.DeliveryPending
				} else {
					d.NextAt, d.EndedAt = time.Time{}, noon
				}
				d.Status = status
				if _, err := tx.Exec(`INSERT INTO `+into+` (id, event_id, webhook_id, app_id, dialect, final, epoch, channel, action, resource, trace,
						status, attempts, base, last_outcome, entry_id, entry_at, created_at, note, body, `+column+`)
					VALUES ($1, $2, $3, $4, $5, FALSE, 0, '', '', '', '', $6, 0, 0, '', $7, $8, $8, '', $9, $8)`,
					d.ID, d.Event, hook, d.App, string(d.Dialect), string(status), d.Entry, noon.UnixMicro(), d.Body); err != nil {
					return err
				}
			}
			return nil
		})
		shut(t, db)
		db = openFile(t, address)
		defer shut(t, db)
		for _, d := range all {
			if diff := cmp.Diff(d, delivery(t, db, d.ID)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		wantBodies(t, db, 1, "ended_1")
		wantBodies(t, db, 3, "deliveries ended_3")
		if again := reopen(t, db, all[1].ID); string(again.Body) != "ended_1" {
			t.Errorf("again: %+v", again)
		}
		settled(t, db, 1, func(tx *store.Tx) (int64, error) { return tx.DropPart() })
		for _, d := range all {
			if got := delivery(t, db, d.ID); string(got.Body) != string(d.Body) {
				t.Errorf("%q, want %q", got.Body, d.Body)
			}
		}
		record(t, db, noon, skips(all[0]))
		write(t, db, func(tx *store.Tx) error {
			parts, err := tx.Parts()
			if len(parts) != 1 || parts[0].Bytes < 300+int64(len("deliveries")) {
				t.Errorf("%+v", parts)
			}
			return err
		})
	})
}
