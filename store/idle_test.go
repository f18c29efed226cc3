package store_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"souk"
	"souk/souktest"
	"souk/store"
)

// buffers finds how many pages a plan says that a statement looked at.
var buffers = regexp.MustCompile(`Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?`)

// pages runs fn and tells of each of its statements how many pages it looked at,
// planning excepted: what a plan says first is of the whole.
func pages(t *testing.T, db *store.DB, fn func(*store.Tx) error) (most int) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error {
		plans, err := tx.Analyzed(fn)
		for _, plan := range plans {
			found := buffers.FindStringSubmatch(plan)
			if found == nil {
				continue // it looked at none
			}
			n := 0
			for _, s := range found[1:] {
				i, _ := strconv.Atoi(s) // "" is 0
				n += i
			}
			if strings.Contains(plan, "Seq Scan on deliveries") {
				t.Errorf("the whole outbox was read:\n%s", plan)
			}
			most = max(most, n)
		}
		return err
	})
	return most
}

// As long as somebody's transaction is left open what ended lies in the way, and
// cannot be vacuumed. The courier's questions pass it by all the same.
func TestOutboxOfTheDead(t *testing.T) {
	address := souktest.Postgres(t)
	db, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, db)
	idle, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close(t.Context())
	if _, err := idle.Exec(t.Context(), "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM deliveries"); err != nil {
		t.Fatal(err)
	}
	const hooks = 50
	listed := listening(t, db)
	hook := func(i int) souk.ID {
		if i%hooks == 3 {
			return listed.ID
		}
		return souk.ID{1, 15: byte(i % hooks)}
	}
	// What is asked is asked often, and planned when there was little.
	ask := map[string]func(*store.Tx) error{
		"webhooks": func(tx *store.Tx) error {
			return dropped(tx.DueWebhooks(noon.Add(time.Hour-10*time.Second), noon.Add(time.Hour), souk.ID{}, 100))
		},
		"deliveries": func(tx *store.Tx) error {
			return dropped(tx.DueDeliveries(hook(1), noon.Add(time.Hour), store.Due{At: noon.Add(time.Hour - 1)}, 256))
		},
		"all deliveries": func(tx *store.Tx) error { // which is asked once a minute
			return dropped(tx.DueDeliveries(hook(1), noon.Add(time.Hour), store.Due{}, 256))
		},
		"next": func(tx *store.Tx) error { return dropped(tx.NextDue(noon.Add(time.Hour))) },
		// A page of what ended is there: before it, nothing is looked for.
		"webhook's": func(tx *store.Tx) error {
			return dropped(tx.DeliveriesPage(listed.ID, "", souk.Page{Size: 25}))
		},
		"app's log": func(tx *store.Tx) error {
			return dropped(tx.LogPage(souk.LogFilter{App: listed.App}, noon.Add(time.Hour), souk.Page{Size: 25}))
		},
		"ends": func(tx *store.Tx) error {
			d := about(hook(2), "new", noon.Add(time.Hour))
			if _, err := tx.InsertDeliveries([]souk.Delivery{d}); err != nil {
				return err
			}
			return dropped(tx.Record(souk.ID{1}, noon.Add(time.Hour), []store.Progress{ends(d)}))
		},
	}
	enqueue(t, db, about(hook(1), "", noon.Add(time.Hour)))
	write(t, db, func(tx *store.Tx) error { return dropped(tx.Exec("ANALYZE deliveries")) })
	for name, fn := range ask {
		write(t, db, func(tx *store.Tx) error {
			for range 6 { // from the sixth time on the plan is kept
				if err := fn(tx); err != nil {
					return err
				}
			}
			var whole int
			err := tx.Row("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'deliveries'").Scan(&whole)
			if whole > 0 {
				t.Errorf("%s: the whole outbox was read %d times", name, whole)
			}
			return err
		})
	}
	// 20,000 come and go, a second's worth of them after the other.
	const dead, atOnce = 20_000, 500
	for i := 0; i < dead; i += atOnce {
		all := make([]souk.Delivery, atOnce)
		at := noon.Add(time.Duration(i) * time.Millisecond)
		for k := range all {
			all[k] = about(hook(k), fmt.Sprint(i+k), at)
			all[k].App = listed.App
		}
		enqueue(t, db, all...)
		write(t, db, func(tx *store.Tx) error { return dropped(tx.Exec("DELETE FROM deliveries")) })
	}
	enqueue(t, db, about(hook(1), "", noon.Add(time.Hour)))
	for range 25 {
		d := about(listed.ID, "", noon.Add(time.Hour))
		d.App, d.Status, d.EndedAt = listed.App, souk.DeliverySkipped, d.CreatedAt
		enqueue(t, db, d)
	}
	for name, most := range map[string]int{
		"webhooks": 20, "next": 20, "ends": 100, "webhook's": 60, "app's log": 60,
		"deliveries": 3 * dead / hooks, "all deliveries": 3 * dead / hooks, // of the one webhook
	} {
		if n := pages(t, db, ask[name]); n > most {
			t.Errorf("%s: %d pages", name, n)
		}
	}
}
