package zoom

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/souktest/zoomwire"
	"souk/store"
)

// An administrator who removes an app for all is told to it once for each whose
// authorization ends, apart from one another, and to nobody else. An app without a
// URL for it is removed just as well.
func TestGoodbyesAreApart(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		governs := govern(t, o)
		const url = "https://notes.example/gone"
		people := []string{"bo", "mo", "sue"}
		var hook souk.ID
		for _, app := range []string{"notes", "warden"} {
			i := souk.Installation{
				ID: souk.NewID(), App: o.ID("apps." + app), Org: o.ID("orgs.sales"), Kind: souk.OnWorkspace, Status: souk.InstallationActive,
				InstalledBy: o.ID("users.bo"),
				CreatedAt:   time.Now().UTC(), UpdatedAt: time.Now().UTC(),
			}
			o.write(t, func(tx *store.Tx) error {
				if err := tx.PutInstallation(i); err != nil {
					return err
				}
				if _, err := tx.Reach(i, i.Org, i.CreatedAt); err != nil {
					return err
				}
				for _, name := range people {
					g := souk.Grant{ID: souk.NewID(), User: o.ID("users." + name), Installation: i.ID, Org: i.Org, Status: souk.GrantActive, CreatedAt: i.CreatedAt}
					if err := tx.PutGrant(g); err != nil {
						return err
					}
				}
				return nil
			})
			if app == "notes" {
				saved, err := o.Market.PutWebhook(t.Context(), o.As("vic"), market.Hook{
					App: i.App, Dialect: souk.Zoom, URL: url, Listening: market.Listening{Source: souk.Deauthorization},
				})
				if err != nil {
					t.Fatal(err)
				}
				hook = saved.ID
			}
		}
		for _, app := range []string{"notes", "warden"} {
			ended, err := o.Market.Uninstall(t.Context(), o.As("sue"), market.Uninstalling{App: o.ID("apps." + app), From: []souk.ID{o.ID("orgs.sales")}})
			if err != nil || len(ended) != 1 {
				t.Fatalf("%s: %d ended, %v", app, len(ended), err)
			}
		}

		var told []souk.Delivery
		o.write(t, func(tx *store.Tx) (err error) {
			told, err = souktest.Told(tx, hook, "", souk.Page{Size: 100})
			return err
		})
		users, signatures := []string{}, map[string]bool{}
		for _, d := range told {
			for name, layer := range map[string]func([]byte) error{"Zoom's schema": zoomwire.Published, "the strict schema": zoomwire.Strict, "the bytes": zoomwire.Bytes} {
				if err := layer(d.Body); err != nil {
					t.Errorf("by %s: %v\n%s", name, err, d.Body)
				}
			}
			payload := zoomwire.Request{Body: d.Body}.Payload()
			users = append(users, fmt.Sprint(payload["user_id"]))
			signatures[fmt.Sprint(payload["signature"])] = true
		}
		var want []string
		for _, name := range people {
			want = append(want, o.ID("users."+name).Zoom())
		}
		slices.Sort(users)
		slices.Sort(want)
		if !slices.Equal(users, want) || len(signatures) != len(want) {
			t.Errorf("told of %q with %d signatures, want %q", users, len(signatures), want)
		}
		if got := governs.news(t); len(got) > 0 {
			t.Errorf("who governs is told %v", got)
		}
	})
}
