package store_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// listening is a giosg webhook of an app.
func listening(t *testing.T, db *store.DB) souk.Webhook {
	t.Helper()
	org := souk.Org{
		ID: souk.NewID(), Kind: souk.Workspace, Name: "Vendor", Domain: souk.NewID().String(),
		Switches: souk.DefaultSwitches, CreatedAt: noon,
	}
	app := souk.App{
		ID: souk.NewID(), Owner: org.ID, Name: "Bot", Kind: souk.ThirdParty, Listing: souk.Draft, CreatedAt: noon, UpdatedAt: noon,
	}
	hook := souk.Webhook{
		ID: souk.NewID(), App: app.ID, Dialect: souk.Giosg, URL: "https://bot.example/hook",
		Status: souk.WebhookActive, CreatedAt: noon, UpdatedAt: noon,
	}
	write(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.PutOrg(org), tx.PutApp(app), tx.PutWebhook(store.SealedWebhook{Webhook: hook}))
	})
	return hook
}

// read finds what a plan of either engine reads of the outbox and the log, and
// how.
var read = regexp.MustCompile(`(?:SEARCH|SCAN) (?:deliveries|attempts|[delnw])\b(?: USING (?:COVERING )?INDEX (\w+))?` +
	`|using (\w+) on (?:deliveries|attempts)|Seq Scan on (?:deliveries|attempts)`)

// indexes lists the indexes that plans read by, and whatever else they read.
func indexes(plans []string) (all []string) {
	for _, m := range read.FindAllStringSubmatch(strings.Join(plans, "\n"), -1) {
		name := m[1] + m[2]
		switch {
		case name == "":
			name = m[0]
		case strings.Contains(name, "autoindex"), strings.HasSuffix(name, "pkey"):
			continue
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Every page of the log, and every step of a line, is read from where it lies,
// however much lies there.
func TestPlans(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		for i := range 10 {
			var all []souk.Delivery
			var tries []souk.Attempt
			for j := range 300 {
				d := on(hook.ID, "c", fmt.Sprint((i*300+j)/2), noon.Add(time.Duration(i)*time.Second))
				d.App = hook.App
				all = append(all, d)
				tries = append(tries, souk.Attempt{
					ID: souk.NewID(), Delivery: souk.NewID(), Dialect: souk.Giosg, App: hook.App, Webhook: hook.ID, URL: hook.URL,
					Outcome: []souk.Outcome{souk.OK, souk.BadStatus}[j%2], ListedAt: d.EntryAt, StartedAt: d.EntryAt,
				})
			}
			enqueue(t, db, all...)
			write(t, db, func(tx *store.Tx) error { return tx.InsertAttempts(tries) })
		}
		write(t, db, func(tx *store.Tx) error { // as the server does by itself
			_, err := tx.Exec("ANALYZE")
			return err
		})
		page := func(status souk.LogStatus, webhook souk.ID, order souk.Order) func(*store.Tx) error {
			return func(tx *store.Tx) error {
				_, err := tx.LogPage(souk.LogFilter{App: hook.App, Webhook: webhook, Status: status}, noon,
					souk.Page{Size: 25, Order: order, After: souk.Position{At: noon.Add(5 * time.Second), ID: hook.ID}})
				return err
			}
		}
		tests := []struct {
			name string
			fn   func(*store.Tx) error
			want string
		}{
			{"all", page("", souk.ID{}, souk.NewestFirst), "attempts_failed attempts_successful deliveries_claimed deliveries_listed"},
			{"all, oldest first", page("", souk.ID{}, souk.OldestFirst), "attempts_failed attempts_successful deliveries_claimed deliveries_listed"},
			{"pending", page(souk.LogPending, souk.ID{}, souk.NewestFirst), "deliveries_listed"},
			{"started", page(souk.LogStarted, souk.ID{}, souk.NewestFirst), "deliveries_claimed"},
			{"successful", page(souk.LogSuccessful, souk.ID{}, souk.NewestFirst), "attempts_successful"},
			{"failed", page(souk.LogFailed, souk.ID{}, souk.NewestFirst), "attempts_failed deliveries_listed"},
			{"of a webhook", page("", hook.ID, souk.NewestFirst),
				"attempts_failed_by_webhook attempts_successful_by_webhook deliveries_claimed deliveries_listed_by_webhook"},
			{"failed of a webhook", page(souk.LogFailed, hook.ID, souk.NewestFirst), "attempts_failed_by_webhook deliveries_listed_by_webhook"},
			{"lines", func(tx *store.Tx) error {
				_, err := tx.LeadLines(noon, store.Line{Webhook: hook.ID, Channel: "c", Resource: "100"}, 4)
				return err
			}, "deliveries_leading deliveries_waiting"},
			{"joining a line", func(tx *store.Tx) error {
				return tx.InsertDeliveries([]souk.Delivery{on(hook.ID, "c", "1", noon), on(hook.ID, "c", "2", noon)})
			}, "deliveries_leading deliveries_waiting"},
			{"leaving a line", func(tx *store.Tx) error {
				return tx.AdvanceDeliveries(noon, []store.Progress{ends(on(hook.ID, "c", "1", noon))})
			}, "deliveries_leading deliveries_waiting"},
		}
		for _, tt := range tests {
			write(t, db, func(tx *store.Tx) error {
				plans, err := tx.Explained(tt.fn)
				if got := strings.Join(indexes(plans), " "); err == nil && got != tt.want {
					t.Errorf("%s: reads by %s, want %s\n%s", tt.name, got, tt.want, strings.Join(plans, "\n"))
				}
				return err
			})
		}
	})
}

// A look at lines costs what it looks at, however many wait.
func TestLeadLinesAmongMany(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := souk.NewID()
		id := `decode(lpad(to_hex(i), 32, '0'), 'hex')`
		write(t, db, func(tx *store.Tx) error {
			if tx.SkipLocked() == "" {
				id = `unhex(printf('%032x', i))`
			}
			// Of six in a row, three on either channel, one leads and two wait.
			_, err := tx.Exec(`INSERT INTO deliveries (id, event_id, webhook_id, app_id, dialect, final, body, channel, action, resource,
					status, attempts, last_outcome, next_at, entry_id, entry_at, created_at, note)
				WITH RECURSIVE many (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM many WHERE i < 99999)
				SELECT `+id+`, `+id+`, $1, $1, 'giosg', FALSE, `+id+`, CAST(i % 2 AS TEXT), '', CAST(i / 6 AS TEXT),
					'pending', 0, '', CASE WHEN i % 6 < 2 THEN 1 END, `+id+`, i, i, '' FROM many`, hook)
			return err
		})
		best := time.Hour
		var last store.Line
		for range 5 {
			began := time.Now()
			err := db.Record(t.Context(), func(tx *store.Tx) (err error) {
				last, err = tx.LeadLines(noon, last, 256)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(began))
		}
		if last.Webhook != hook || best > 100*time.Millisecond {
			t.Errorf("a look took %s, up to %v", best, last)
		}
	})
}
