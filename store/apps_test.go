package store_test

import (
	"slices"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// A list is as long when it is read as when it was written, whatever its words
// hold: nothing but the space between them ends one.
func TestListsOfAnApp(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		dawn := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		org := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Switches: souk.DefaultSwitches, CreatedAt: dawn}
		uris := []string{"https://a.example/\u2003javascript:x", "https://b.example/\u00a0c", "https://c.example/"}
		app := souk.App{
			ID: souk.NewID(), Owner: org.ID, Kind: souk.ThirdParty, Listing: souk.Draft,
			Triggers: []string{"install", "setup"}, RedirectURIs: uris, CreatedAt: dawn, UpdatedAt: dawn,
		}
		bare := souk.App{ID: souk.NewID(), Owner: org.ID, Kind: souk.ThirdParty, Listing: souk.Draft, CreatedAt: dawn, UpdatedAt: dawn}
		write(t, db, func(tx *store.Tx) error {
			if err := tx.PutOrg(org); err != nil {
				return err
			}
			if err := tx.PutApp(app); err != nil {
				return err
			}
			return tx.PutApp(bare)
		})
		write(t, db, func(tx *store.Tx) error {
			found, err := tx.Apps([]souk.ID{app.ID, bare.ID})
			if got := found[app.ID]; !slices.Equal(got.RedirectURIs, uris) || !slices.Equal(got.Triggers, app.Triggers) {
				t.Errorf("read %q and %q", got.RedirectURIs, got.Triggers)
			}
			if got := found[bare.ID]; len(got.RedirectURIs)+len(got.Triggers) > 0 {
				t.Errorf("of nothing read %q and %q", got.RedirectURIs, got.Triggers)
			}
			return err
		})
	})
}
