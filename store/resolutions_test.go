package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// What stands for one user is found by whom it is for, and not by reading what
// stands for thousands of others.
func TestStandingForSome(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		hook := listening(t, db)
		app := hook.App
		var owner souk.ID
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(db.Read(t.Context(), func(tx *store.Tx) error {
			a, err := tx.App(app)
			owner = a.Owner
			return err
		}))
		by := souk.User{ID: souk.NewID(), Org: owner, FirstName: "By", Email: "by@store.example", CreatedAt: noon}
		workspace := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: "ws", Domain: souk.NewID().String(), Switches: souk.DefaultSwitches, CreatedAt: noon}
		user, group := souk.Audience{User: souk.NewID()}, souk.Audience{Group: souk.NewID()}
		at := func(org souk.ID, whom souk.Audience, status souk.ResolutionStatus) souk.Resolution {
			return souk.Resolution{ID: souk.NewID(), App: app, Org: org, Audience: whom, Status: status, By: by.ID, CreatedAt: noon}
		}
		ended := at(owner, user, souk.Restricted)
		ended.EndedAt = noon
		stand := []souk.Resolution{at(owner, souk.Everyone, souk.Approved), at(owner, group, souk.Restricted), at(workspace.ID, user, souk.Approved)}
		write(t, db, func(tx *store.Tx) error {
			err := errors.Join(tx.PutOrg(workspace), tx.PutUser(by, owner))
			for _, r := range append(slices.Clone(stand), ended) {
				err = errors.Join(err, tx.InsertResolution(r))
			}
			for range 1000 {
				err = errors.Join(err, tx.InsertResolution(at(owner, souk.Audience{User: souk.NewID()}, souk.Approved)),
					tx.InsertResolution(at(workspace.ID, souk.Audience{Group: souk.NewID()}, souk.Restricted)))
			}
			if err == nil && tx.SkipLocked() != "" {
				_, err = tx.Exec("ANALYZE resolutions") // as PostgreSQL does by itself
			}
			return err
		})
		whom := []souk.Audience{souk.Everyone, user, group}
		look := func(tx *store.Tx) ([]souk.Resolution, error) { return tx.StandingFor(app, whom, owner, workspace.ID) }
		must(db.Read(t.Context(), func(tx *store.Tx) error {
			found, err := look(tx)
			if len(found) != len(stand) || !slices.EqualFunc(found, stand, func(a, b souk.Resolution) bool { return a.ID == b.ID }) {
				t.Errorf("found %v, want %v", found, stand)
			}
			if all, failed := tx.StandingResolutions(app, owner, workspace.ID); failed != nil || len(all) != len(stand)+2000 {
				t.Errorf("%d stand, %v", len(all), failed)
			}
			others := []souk.Audience{user, {User: souk.NewID()}}
			if none, failed := tx.StandingFor(app, others, owner); failed != nil || len(none) != 0 {
				t.Errorf("found %v, %v", none, failed)
			}
			for range 40_000 { // more than one statement takes
				others = append(others, souk.Audience{Group: souk.NewID()})
			}
			if one, failed := tx.StandingFor(app, append(others[1:], whom...), owner, workspace.ID); failed != nil || len(one) != len(stand) {
				t.Errorf("found %v, %v", one, failed)
			}
			plans, failed := tx.Explained(func(tx *store.Tx) error { return dropped(look(tx)) })
			if plan := strings.Join(plans, "\n"); failed != nil || !readsAudience(plan) {
				t.Errorf("read by %s, %v", plan, failed)
			}
			return err
		}))
	})
}

// readsAudience reports whether a plan of either engine looks audiences up by an
// index instead of reading rows and looking at theirs.
func readsAudience(plan string) bool {
	if strings.Contains(plan, "SEARCH") {
		return strings.Contains(plan, "app_id=? AND org_id=? AND audience=?")
	}
	_, after, found := strings.Cut(plan, "Index Cond")
	line, _, _ := strings.Cut(after, "\n")
	return found && strings.Contains(line, "audience")
}
