package store_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// standing is the plainest way to say which request of a user counts.
func standing(all []souk.Request, of, user souk.ID) (counts souk.Request, ok bool) {
	for _, q := range all {
		if q.Case != of || q.User != user || q.Status == souk.RequestCancelled || q.Status == souk.RequestVoid {
			continue
		}
		before := func(a, b souk.Request) int {
			if a.Status == souk.Pending || b.Status == souk.Pending {
				rank := func(q souk.Request) int { return slices.Index([]bool{true, false}, q.Status == souk.Pending) }
				return cmp.Or(rank(a)-rank(b), a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID[:], b.ID[:]))
			}
			return cmp.Or(b.SettledAt.Compare(a.SettledAt), bytes.Compare(b.ID[:], a.ID[:]))
		}
		if !ok || before(q, counts) < 0 {
			counts, ok = q, true
		}
	}
	return counts, ok
}

// Who asked in a case, and what somebody asked for, is held against the plainest
// way to say it.
func TestAskers(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		enterprise, _, apps, all := asked(t, db)
		statuses := []souk.RequestStatus{souk.RequestDeclined, souk.RequestApproved, souk.RequestRestricted, souk.RequestCancelled}
		write(t, db, func(tx *store.Tx) error {
			for i := range all {
				q := &all[i]
				if q.Status == souk.Pending && i%17 == 0 { // some keep waiting
					continue
				}
				q.Status, q.SettledAt = statuses[i%len(statuses)], q.CreatedAt.Add(time.Duration(i%7)*time.Minute)
				if _, err := tx.Exec(`UPDATE requests SET status = $1, settled_at = $2, settled_by = $3 WHERE id = $4`, q.Status, q.SettledAt.UnixMicro(), q.User, q.ID); err != nil {
					return err
				}
			}
			return nil
		})
		write(t, db, func(tx *store.Tx) error {
			var cases []souk.ID
			users := map[souk.ID]bool{}
			for _, q := range all {
				users[q.User] = true
				if !slices.Contains(cases, q.Case) {
					cases = append(cases, q.Case)
				}
			}
			tallies, err := tx.Tallies(cases)
			if err != nil {
				return err
			}
			if len(cases) != len(apps) {
				t.Errorf("%d cases", len(cases))
			}
			var seen store.Tally
			for _, c := range cases {
				want := store.Tally{}
				seen.Pending, seen.Approved, seen.Declined = seen.Pending+tallies[c].Pending, seen.Approved+tallies[c].Approved, seen.Declined+tallies[c].Declined
				lists := map[souk.RequestStatus][]souk.Request{}
				for u := range users {
					q, ok := standing(all, c, u)
					if !ok {
						continue
					}
					status := q.Status
					if status == souk.RequestRestricted {
						status = souk.RequestDeclined
					}
					lists[status] = append(lists[status], q)
					want.Total++
				}
				want.Pending, want.Approved, want.Declined = len(lists[souk.Pending]), len(lists[souk.RequestApproved]), len(lists[souk.RequestDeclined])
				got := tallies[c]
				for _, q := range all {
					if q.Case != c || q.Status == souk.RequestCancelled {
						continue
					}
					if q.CreatedAt.After(want.LatestAt) {
						want.LatestAt = q.CreatedAt
					}
					if q.Status != souk.Pending && q.SettledAt.After(want.ReviewedAt) {
						want.ReviewedAt = q.SettledAt
					}
				}
				if want.ReviewedBy = got.ReviewedBy; got != want || got.ReviewedBy.IsZero() {
					t.Errorf("%+v, want %+v", got, want)
				}
				for status, wanted := range lists {
					slices.SortFunc(wanted, func(a, b souk.Request) int {
						return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(b.ID[:], a.ID[:]))
					})
					var found []souk.Request
					for page := (souk.Page{Size: 2}); ; {
						some, err := tx.AskersOfCase(c, status, page)
						if err != nil {
							return err
						}
						if found = append(found, some...); len(some) < page.Size {
							break
						}
						last := some[len(some)-1]
						page.After = souk.Position{At: last.CreatedAt, ID: last.ID}
					}
					same := slices.EqualFunc(found, wanted, func(a, b souk.Request) bool { return a.ID == b.ID })
					if !same {
						t.Errorf("%s: %d found, want %d", status, len(found), len(wanted))
					}
				}
			}
			if seen.Pending == 0 || seen.Approved == 0 || seen.Declined == 0 {
				t.Errorf("it tells little: %+v", seen)
			}
			for u := range users {
				for _, pending := range []bool{true, false} {
					found, err := tx.AskedBy(u, enterprise, pending, souk.Page{Size: 300})
					if err != nil {
						return err
					}
					n := 0
					for _, c := range cases {
						if q, ok := standing(all, c, u); ok && pending == (q.Status == souk.Pending) {
							n++
							if !slices.ContainsFunc(found, func(f souk.Request) bool { return f.ID == q.ID }) {
								t.Errorf("pending %t: %s is missing", pending, q.ID)
							}
						}
					}
					if len(found) != n {
						t.Errorf("pending %t: %d, want %d", pending, len(found), n)
					}
				}
			}
			return nil
		})
	})
}

// Cases and who asked in them are found where they lie: nothing is read whole.
func TestPlansOfCases(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		enterprise, _, apps, all := asked(t, db)
		var app souk.ID
		for id := range apps {
			app = id
		}
		page := souk.Page{Size: 31, After: souk.Position{At: time.Now(), ID: souk.NewID()}}
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec("ANALYZE")
			return err
		})
		for name, fn := range map[string]func(*store.Tx) error{
			"open cases":     func(tx *store.Tx) error { return dropped(tx.OpenCases(enterprise, page)) },
			"reviewed cases": func(tx *store.Tx) error { return dropped(tx.ReviewedCases(enterprise, page)) },
			"latest cases":   func(tx *store.Tx) error { return dropped(tx.LatestCases([]souk.ID{app}, enterprise)) },
			"who waits":      func(tx *store.Tx) error { return dropped(tx.AskersOfCase(all[0].Case, souk.Pending, page)) },
			"who got it":     func(tx *store.Tx) error { return dropped(tx.AskersOfCase(all[0].Case, souk.RequestApproved, page)) },
			"who did not":    func(tx *store.Tx) error { return dropped(tx.AskersOfCase(all[0].Case, souk.RequestDeclined, page)) },
			"asked by":       func(tx *store.Tx) error { return dropped(tx.AskedBy(all[0].User, enterprise, false, page)) },
			"waits for":      func(tx *store.Tx) error { return dropped(tx.AskedBy(all[0].User, enterprise, true, page)) },
			"restricted":     func(tx *store.Tx) error { return dropped(tx.RestrictedAt(enterprise, page)) },
		} {
			write(t, db, func(tx *store.Tx) error {
				if tx.SkipLocked() != "" {
					if _, err := tx.Exec("SET LOCAL enable_seqscan = off"); err != nil {
						return err
					}
				}
				plans, err := tx.Explained(fn)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				var whole []string
				for _, s := range scans(plans) {
					// What a statement made itself is read whole: a page, or one case's requests.
					if !slices.Contains([]string{"c", "asked", "kind", "found", "r", "n", "l", "o"}, s) {
						whole = append(whole, s)
					}
				}
				if len(whole) > 0 {
					t.Errorf("%s: reads all of %q\n%s", name, whole, strings.Join(plans, "\n"))
				}
				return nil
			})
		}
	})
}
