package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"souk"
	"souk/souktest"
	"souk/store"
)

// zoomed is an attempt of a delivery to a Zoom webhook, with what it sent.
func zoomed(d souk.Delivery, event string, outcome souk.Outcome, at time.Time) souk.Attempt {
	a := tried(d, d.Attempts, outcome, at)
	a.Dialect, a.Channel, a.Action = souk.Zoom, "", ""
	a.Sent = &souk.Sent{Event: event, Headers: `{"Authorization":"********"}`, Retry: d.Attempts - d.Base}
	return a
}

func exchanges(t *testing.T, db *store.DB, f souk.ExchangeFilter, page souk.Page) (found []souk.Exchange) {
	t.Helper()
	if f.Until.IsZero() {
		f.Until = noon.AddDate(1, 0, 0)
	}
	if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
		found, err = tx.Exchanges(f, page)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// What was sent to a Zoom webhook is listed with what came back, wherever the
// delivery has got to, and once.
func TestExchanges(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook, other := listening(t, db), listening(t, db)
		failing, fine, foreign := due(hook.ID, noon), due(hook.ID, noon), due(other.ID, noon)
		for _, d := range []*souk.Delivery{&failing, &fine, &foreign} {
			d.Dialect, d.App, d.Body = souk.Zoom, hook.App, []byte(`{"event":"e & <é>"}`)
		}
		foreign.App = other.App
		enqueue(t, db, failing, fine, foreign)
		second := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
		step := func(d souk.Delivery, event string, outcome souk.Outcome, n int) {
			t.Helper()
			p := ends(d)
			if outcome != souk.OK {
				p = fails(d, second(n), second(n+60))
			}
			a := zoomed(d, event, outcome, second(n))
			p.Attempt = &a
			record(t, db, second(n), p)
			record(t, db, second(n), p) // as after a commit of unknown outcome
		}
		step(failing, "app_deauthorized", souk.BadStatus, 1)
		step(fine, "app.authorization_request_approved", souk.OK, 2)
		step(foreign, "app_deauthorized", souk.OK, 2)
		addPart(t, db, second(3))
		step(delivery(t, db, failing.ID), "app_deauthorized", souk.HeaderTimeout, 4)
		step(delivery(t, db, failing.ID), "app_deauthorized", souk.OK, 5)
		addPart(t, db, second(6))

		one, three := 1, 3
		for _, tt := range []struct {
			name string
			f    souk.ExchangeFilter
			want []int // when they began
		}{
			{"all", souk.ExchangeFilter{}, []int{5, 4, 2, 1}},
			{"failed", souk.ExchangeFilter{Outcome: souk.FailedExchange}, []int{4, 1}},
			{"successful", souk.ExchangeFilter{Outcome: souk.SuccessfulExchange}, []int{5, 2}},
			{"one event", souk.ExchangeFilter{Event: "app_deauthorized"}, []int{5, 4, 1}},
			{"no such event", souk.ExchangeFilter{Event: "app"}, nil},
			{"the first retry", souk.ExchangeFilter{Retry: &one}, []int{4}},
			{"the last retry", souk.ExchangeFilter{Retry: &three}, nil},
			{"since", souk.ExchangeFilter{From: second(2)}, []int{5, 4, 2}},
			{"until", souk.ExchangeFilter{Until: second(5)}, []int{4, 2, 1}},
			{"between", souk.ExchangeFilter{From: second(2), Until: second(5), Outcome: souk.FailedExchange}, []int{4}},
		} {
			tt.f.App = hook.App
			var got []int
			for _, e := range exchanges(t, db, tt.f, souk.Page{Size: 10}) {
				got = append(got, int(e.StartedAt.Sub(noon)/time.Second))
				if string(e.Body) != `{"event":"e & <é>"}` {
					t.Errorf("%s: body %q", tt.name, e.Body)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
		last := exchanges(t, db, souk.ExchangeFilter{App: hook.App}, souk.Page{Size: 1})
		want := zoomed(failing, "app_deauthorized", souk.OK, second(5))
		want.Number, want.Sent.Retry, want.ID = 2, 2, last[0].ID
		want.ListedAt = last[0].ListedAt
		if d := cmp.Diff(want, last[0].Attempt); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got := exchanges(t, db, souk.ExchangeFilter{App: souk.NewID()}, souk.Page{Size: 9}); len(got) != 0 {
			t.Errorf("of no app: %+v", got)
		}
	})
}

// Whoever installed is told, of a delivery that an installation justifies.
func TestExchangeTellsTheInstaller(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		i := souk.Installation{
			ID: souk.NewID(), App: hook.App, Kind: souk.OnWorkspace, Status: souk.InstallationActive, CreatedAt: noon, UpdatedAt: noon,
		}
		write(t, db, func(tx *store.Tx) error {
			app, err := tx.App(hook.App)
			if err != nil {
				return err
			}
			u := souk.User{ID: souk.NewID(), Org: app.Owner, Email: "ada@vendor.example", CreatedAt: noon}
			i.Org, i.InstalledBy = app.Owner, u.ID
			return errors.Join(tx.PutUser(u, app.Owner), tx.PutInstallation(i))
		})
		d := due(hook.ID, noon)
		d.Dialect, d.App, d.Installation = souk.Zoom, hook.App, i.ID
		enqueue(t, db, d)
		p, a := fails(d, noon, noon.Add(time.Minute)), zoomed(d, "e", souk.BadStatus, noon)
		p.Attempt = &a
		record(t, db, noon, p)
		got := exchanges(t, db, souk.ExchangeFilter{App: hook.App}, souk.Page{Size: 9})
		if len(got) != 1 || got[0].Installation != i.ID || got[0].Installer != i.InstalledBy || string(got[0].Body) != string(d.Body) {
			t.Errorf("%+v", got)
		}
	})
}

// Pages of exchanges, over parts, meet each once and in order.
func TestPagesOfExchanges(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		var want []string
		for i := range 40 {
			d := due(hook.ID, noon)
			d.Dialect, d.App = souk.Zoom, hook.App
			enqueue(t, db, d)
			at := noon.Add(time.Duration(i/3) * time.Minute)
			p, a := ends(d), zoomed(d, fmt.Sprint(i), []souk.Outcome{souk.OK, souk.BadStatus}[i%2], at)
			p.Attempt = &a
			record(t, db, at, p)
			if i == 12 || i == 25 {
				addPart(t, db, at)
			}
			want = append(want, a.StartedAt.String()+a.ID.String())
		}
		slices.Sort(want)
		slices.Reverse(want)
		rapid.Check(t, func(rt *rapid.T) {
			page := souk.Page{Size: rapid.IntRange(1, 15).Draw(rt, "size")}
			var got []string
			for {
				some := exchanges(t, db, souk.ExchangeFilter{App: hook.App, From: noon}, page)
				for _, e := range some {
					got = append(got, e.StartedAt.String()+e.ID.String())
					page.After = souk.Position{At: e.StartedAt, ID: e.ID}
				}
				if len(some) < page.Size {
					break
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				rt.Errorf("(-want +got):\n%s", d)
			}
		})
	})
}

// A node of an earlier version goes on beside others for a while: what it begins
// gets what it lacks once there is something to put there.
func TestPartsOfAnEarlierVersion(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		addPart(t, db, noon)
		write(t, db, func(tx *store.Tx) error {
			if _, err := tx.Exec(`DROP TABLE sent_2`); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE log_parts SET has_sent = FALSE WHERE number = 2`)
			return err
		})
		page := souk.Page{Size: 9}
		if got := exchanges(t, db, souk.ExchangeFilter{App: hook.App}, page); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		for want := 1; want < 3; want++ {
			d := due(hook.ID, noon)
			d.Dialect, d.App = souk.Zoom, hook.App
			enqueue(t, db, d)
			p, a := ends(d), zoomed(d, "e", souk.OK, noon)
			p.Attempt = &a
			record(t, db, noon, p)
			if got := exchanges(t, db, souk.ExchangeFilter{App: hook.App}, page); len(got) != want {
				t.Errorf("%d: %+v", want, got)
			}
		}
		addPart(t, db, noon)
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec(`DROP TABLE sent_1`)
			return err
		})
		for _, want := range []int64{1, 2} {
			settled(t, db, want, func(tx *store.Tx) (int64, error) { return tx.DropPart() })
		}
	})
}

// The parts that were there before the log had it get what was sent to Zoom
// webhooks, be they full, empty or written to.
func TestMigratingTheLogOfZoom(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		empty(t, address)
		db, err := store.OpenWith(t.Context(), address, schemaBefore(t, "0010"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, db, func(tx *store.Tx) error {
			for _, n := range []string{"2", "7"} {
				if _, err := tx.Exec(`INSERT INTO log_parts (number, since) VALUES (` + n + `, 3)`); err != nil {
					return err
				}
				for _, table := range []string{"attempts_", "ended_"} {
					if _, err := tx.Exec(`CREATE TABLE ` + table + n + ` AS SELECT * FROM ` + table + `1`); err != nil {
						return err
					}
				}
			}
			return nil
		})
		shut(t, db)
		db = openFile(t, address)
		defer shut(t, db)
		hook := listening(t, db)
		d := due(hook.ID, noon)
		d.Dialect, d.App = souk.Zoom, hook.App
		write(t, db, func(tx *store.Tx) error {
			for _, part := range []string{"1", "2", "7"} {
				a := zoomed(d, "e", souk.OK, noon)
				if _, err := tx.Exec(`INSERT INTO sent_`+part+` (delivery_id, id, app_id, failed, at, event, retry, headers)
					VALUES ($1, $2, $3, FALSE, 4, 'e', 0, '{}')`, a.Delivery, a.ID, a.App); err != nil {
					return err
				}
			}
			return nil
		})
		for _, want := range []int64{1, 2} {
			settled(t, db, want, func(tx *store.Tx) (int64, error) { return tx.DropPart() })
		}
	})
}
