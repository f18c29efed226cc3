package store_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// asked fills a database with an enterprise of 40 workspaces, a stranger, and
// requests among which many are of one moment.
func asked(t *testing.T, db *store.DB) (enterprise souk.ID, orgs map[souk.ID]souk.Org, apps map[souk.ID]souk.App, all []souk.Request) {
	dawn := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	draw := rand.New(rand.NewPCG(1, 2))
	enterprise, orgs, apps = souk.NewID(), map[souk.ID]souk.Org{}, map[souk.ID]souk.App{}
	write(t, db, func(tx *store.Tx) error {
		var failed []error
		did := func(err error) { failed = append(failed, err) }
		org := func(id souk.ID, kind souk.OrgKind, under souk.ID) souk.ID {
			o := souk.Org{ID: id, Kind: kind, Enterprise: under, Switches: souk.DefaultSwitches, CreatedAt: dawn}
			orgs[id] = o
			did(tx.PutOrg(o))
			return id
		}
		places := []souk.ID{org(enterprise, souk.Enterprise, souk.ID{}), org(souk.NewID(), souk.Workspace, souk.ID{})}
		for range 40 {
			places = append(places, org(souk.NewID(), souk.Workspace, enterprise))
		}
		var users []souk.ID
		for i := range 9 {
			u := souk.User{ID: souk.NewID(), Org: enterprise, Email: fmt.Sprint(i), CreatedAt: dawn}
			users = append(users, u.ID)
			did(tx.PutUser(u, enterprise))
		}
		for i := range 3 {
			a := souk.App{ID: souk.NewID(), Owner: enterprise, Kind: souk.ThirdParty, Listing: souk.Draft, Certified: i == 0, CreatedAt: dawn, UpdatedAt: dawn}
			c := souk.Case{ID: souk.NewID(), App: a.ID, Root: enterprise, OpenedAt: dawn}
			apps[a.ID] = a
			did(errors.Join(tx.PutApp(a), tx.OpenCase(c)))
			for _, u := range users {
				for range 8 {
					q := souk.Request{
						ID: souk.NewID(), Case: c.ID, App: a.ID, User: u, FiledBy: u, Scopes: souk.NewScopes("users"), Reason: "why", Status: souk.RequestDeclined,
						Org: places[draw.IntN(6)], CreatedAt: dawn.Add(time.Duration(draw.IntN(9)) * time.Second),
					}
					if draw.IntN(3) > 0 {
						q.Org = places[draw.IntN(len(places))]
					}
					if !slices.ContainsFunc(all, func(o souk.Request) bool { return o.App == q.App && o.Org == q.Org && o.User == u }) {
						q.Status = souk.Pending
					} else {
						q.SettledAt, q.SettledBy, q.Note = dawn.Add(time.Hour), u, "no"
					}
					all = append(all, q)
					did(tx.InsertRequest(q))
				}
			}
		}
		return errors.Join(failed...)
	})
	return enterprise, orgs, apps, all
}

// Every list of requests is held against the plainest way to make it, page
// after page.
func TestListsOfRequests(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		enterprise, orgs, apps, all := asked(t, db)
		slices.SortFunc(all, func(a, b souk.Request) int {
			return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(b.ID[:], a.ID[:]))
		})
		yes, no := true, false
		found := 0
		for _, at := range []souk.ID{enterprise, all[0].Org, all[1].Org, souk.NewID()} {
			for _, below := range []bool{true, false} {
				for _, status := range []souk.RequestStatus{"", souk.Pending, souk.RequestDeclined, souk.RequestVoid} {
					for _, certified := range []*bool{nil, &yes, &no} {
						for _, user := range []souk.ID{{}, all[0].User}[:min(2, 1+len(status))] {
							f := souk.RequestFilter{At: at, Below: below, Status: status, Certified: certified, User: user}
							want := slices.DeleteFunc(slices.Clone(all), func(q souk.Request) bool {
								return q.Org != at && !(below && orgs[q.Org].Enterprise == at) || status != "" && q.Status != status ||
									certified != nil && apps[q.App].Certified != *certified || !user.IsZero() && q.User != user
							})
							got := walk(t, db, f, 60)
							if !slices.EqualFunc(got, want, sameRequest) {
								t.Fatalf("%+v: %d requests, want %d, or another order", f, len(got), len(want))
							}
							found += len(got)
						}
					}
				}
			}
		}
		if found < 1000 {
			t.Errorf("all lists together had %d requests", found)
		}
	})
}

func sameRequest(a, b souk.Request) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// walk reads a list page by page.
func walk(t *testing.T, db *store.DB, f souk.RequestFilter, size int) (all []souk.Request) {
	t.Helper()
	page := souk.Page{Size: size}
	for {
		var rows []souk.Request
		err := db.Read(context.Background(), func(tx *store.Tx) (err error) {
			rows, err = tx.RequestsPage(f, page)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
		if len(rows) < size {
			return all
		}
		last := rows[len(rows)-1]
		page.After = souk.Position{At: last.CreatedAt, ID: last.ID}
	}
}
