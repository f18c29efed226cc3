package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// Who hears of a change of an app is found by the subscriptions: where it is
// installed costs nothing when nobody listens, and little when few do.
func TestListeningToAPopularApp(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		const many = 1500
		hook := listening(t, db)
		app := souk.App{ID: souk.NewID(), Name: "Popular", Kind: souk.ThirdParty, Listing: souk.Draft, CreatedAt: noon, UpdatedAt: noon}
		var orgs []souk.ID
		write(t, db, func(tx *store.Tx) error {
			ear, err := tx.App(hook.App)
			app.Owner = ear.Owner
			user := souk.User{ID: souk.NewID(), Org: ear.Owner, Email: "u@example.org", CreatedAt: noon}
			failed := []error{err, tx.PutApp(app), tx.PutUser(user, ear.Owner)}
			for i := range many {
				o := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: "o", Domain: fmt.Sprint("o", i), Switches: souk.DefaultSwitches, CreatedAt: noon}
				failed = append(failed, tx.PutOrg(o))
				orgs = append(orgs, o.ID)
				for _, a := range []souk.ID{app.ID, hook.App} {
					if a == hook.App && i != 7 && i != many-1 {
						continue // which is installed at two of them
					}
					in := souk.Installation{ID: souk.NewID(), App: a, Org: o.ID, Kind: souk.OnWorkspace, Status: souk.InstallationActive, InstalledBy: user.ID, CreatedAt: noon, UpdatedAt: noon}
					failed = append(failed, tx.PutInstallation(in))
					_, err := tx.Reach(in, o.ID, noon)
					failed = append(failed, err)
				}
			}
			return errors.Join(failed...)
		})
		find := func(of souk.ID, want ...souk.ID) []string {
			t.Helper()
			var plans []string
			write(t, db, func(tx *store.Tx) (err error) {
				var got []souk.ID
				if got, err = tx.OrgsListening(of, "installed_apps", souk.ID{}, 21); err != nil {
					return err
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("heard at %d orgs, want %d", len(got), len(want))
				}
				plans, err = tx.Explained(func(tx *store.Tx) error {
					_, err := tx.OrgsListening(of, "installed_apps", souk.ID{}, 21)
					return err
				})
				return err
			})
			return plans
		}
		if plans := find(app.ID); len(plans) != 1 || strings.Contains(plans[0], "reach") {
			t.Errorf("finds that nobody listens by\n%s", strings.Join(plans, "\n"))
		}
		write(t, db, func(tx *store.Tx) error {
			hook.Channels = []souk.Subscription{{Pattern: "/api/v5/orgs/{organization_id}/installed_apps", Additions: true}}
			return tx.PutWebhook(store.SealedWebhook{Webhook: hook})
		})
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec("ANALYZE")
			return err
		})
		for _, plan := range find(app.ID, orgs[7], orgs[many-1]) {
			if !strings.Contains(plan, "channel_subscriptions") || strings.Contains(plan, "SCAN r") {
				t.Errorf("finds who listens by\n%s", plan)
			}
		}
	})
}
