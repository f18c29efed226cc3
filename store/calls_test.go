package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// What an app called is listed by day tables as if they were one, and days go
// whole.
func TestCalls(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		app, other := souk.NewID(), souk.NewID()
		day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
		call := func(app souk.ID, at time.Time, method, pattern string, status int) souk.Call {
			return souk.Call{ID: souk.NewID(), App: app, At: at, Method: method, Pattern: pattern, Status: status, Trace: "v=2.0;clid=souk"}
		}
		all := []souk.Call{
			call(app, day(0), "GET", "/v2/a", 200), call(app, day(0), "GET", "/v2/b", 404), call(app, day(-1), "PATCH", "/v2/b", 204),
			call(app, day(-40), "GET", "/v2/a", 200), call(other, day(0), "GET", "/v2/a", 200), call(app, day(-3), "GET", "/v2/a", 200),
		}
		list := func(f souk.CallFilter, page souk.Page) (calls []souk.Call) {
			t.Helper()
			if f.App.IsZero() {
				f.App = app
			}
			if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
				calls, err = tx.Calls(f, page)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return calls
		}
		if got := list(souk.CallFilter{}, souk.Page{Size: 9}); len(got) != 0 {
			t.Errorf("when nobody has called: %+v", got)
		}
		write(t, db, func(tx *store.Tx) error { return tx.InsertCalls(all[:2]) })
		write(t, db, func(tx *store.Tx) error { return tx.InsertCalls(all[2:]) })
		for _, tt := range []struct {
			f    souk.CallFilter
			want []int
		}{
			{souk.CallFilter{}, []int{1, 0, 2, 5, 3}},
			{souk.CallFilter{From: day(-7)}, []int{1, 0, 2, 5}},
			{souk.CallFilter{From: day(0)}, []int{1, 0}},
			{souk.CallFilter{Method: "PATCH"}, []int{2}},
			{souk.CallFilter{Status: 404}, []int{1}},
			{souk.CallFilter{Patterns: []string{"/v2/b", "/v2/c"}}, []int{1, 2}},
			{souk.CallFilter{Patterns: []string{}}, nil},
			{souk.CallFilter{App: other}, []int{4}},
		} {
			var want []souk.Call
			for _, n := range tt.want {
				want = append(want, all[n])
			}
			for size := 1; size < 7; size++ {
				var got []souk.Call
				for page := (souk.Page{Size: size}); ; {
					some := list(tt.f, page)
					got = append(got, some...)
					if len(some) < size {
						break
					}
					page.After = souk.Position{At: some[size-1].At, ID: some[size-1].ID}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%+v, %d at a time: %+v, want %+v", tt.f, size, got, want)
				}
			}
		}
		tables := func(want int) {
			t.Helper()
			if err := db.Read(t.Context(), func(tx *store.Tx) error {
				days, err := tx.Strings(`SELECT CAST(day AS TEXT) FROM call_days`)
				for _, d := range days {
					if _, err := tx.Strings(`SELECT method FROM calls_` + d); err != nil {
						return err
					}
				}
				if len(days) != want {
					t.Errorf("there are %d days, want %d", len(days), want)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		tables(4)
		for _, tt := range []struct{ before, left int }{{-39, 4}, {-38, 3}, {-2, 3}, {-1, 2}, {2, 0}} {
			write(t, db, func(tx *store.Tx) error { return tx.DropCalls(day(tt.before)) })
			tables(tt.left)
		}
		write(t, db, func(tx *store.Tx) error { return tx.InsertCalls(all[:1]) })
		if got := list(souk.CallFilter{}, souk.Page{Size: 9}); len(got) != 1 {
			t.Errorf("on a day that was dropped before: %+v", got)
		}
	})
}

// Nodes that begin and drop a day at the same time agree.
func TestCallDaysOfManyNodes(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		app := souk.NewID()
		var all sync.WaitGroup
		for n := range 4 {
			all.Go(func() {
				for i := range 5 {
					at := noon.AddDate(0, 0, i)
					if err := db.Write(t.Context(), nil, func(tx *store.Tx) error {
						return tx.InsertCalls([]souk.Call{{ID: souk.NewID(), App: app, At: at, Method: "GET", Pattern: fmt.Sprint(n), Status: 200}})
					}); err != nil {
						t.Error(err)
					}
					if err := db.Write(t.Context(), nil, func(tx *store.Tx) error { return tx.DropCalls(noon.AddDate(0, 0, -1)) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		for range 3 {
			all.Go(func() {
				if err := db.Write(t.Context(), nil, func(tx *store.Tx) error { return tx.DropCalls(noon.AddDate(0, 0, 4)) }); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := db.Read(t.Context(), func(tx *store.Tx) error {
			calls, err := tx.Calls(souk.CallFilter{App: app}, souk.Page{Size: 100})
			if len(calls) != 8 {
				t.Errorf("%d calls", len(calls))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}
