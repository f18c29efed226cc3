package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

// What is to be told may be a webhook, or an app by its trigger URL.
func TestLiveWebhooks(t *testing.T) {
	key := souk.NewKey([souk.KeySize]byte{1})
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		owner := souk.Org{
			ID: souk.NewID(), Kind: souk.Workspace, Name: "Vendor", Domain: "vendor", Switches: souk.DefaultSwitches, CreatedAt: noon,
		}
		owner.HasActiveSubscription = true
		app := func(name, trigger string, suspended bool, deletedAt time.Time) souk.App {
			return souk.App{
				ID: souk.NewID(), Owner: owner.ID, Name: name, Kind: souk.ThirdParty, Listing: souk.Draft,
				TriggerURL: trigger, Suspended: suspended, CreatedAt: noon, UpdatedAt: noon, DeletedAt: deletedAt,
			}
		}
		caller := app("Caller", "https://caller.example/trigger?key=1", false, time.Time{})
		silent := app("Silent", "", true, time.Time{})
		gone := app("Gone", "https://gone.example/", false, noon)
		hook := souk.Webhook{
			ID: souk.NewID(), App: caller.ID, Dialect: souk.Native, URL: "https://caller.example/hook",
			Status: souk.WebhookDisabled, CreatedAt: noon, UpdatedAt: noon, Epoch: 7, OldUntil: noon.Add(time.Hour),
			DisabledAt: noon.Add(time.Minute), DisabledWhy: "it is gone",
		}
		write(t, db, func(tx *store.Tx) error {
			err := errors.Join(tx.PutOrg(owner), tx.PutApp(caller), tx.PutApp(silent), tx.PutApp(gone),
				tx.PutWebhook(store.SealedWebhook{Webhook: hook}))
			for _, a := range []souk.App{caller, silent, gone} {
				err = errors.Join(err, tx.PutCredentials(store.SealCredentials(key, souk.Credentials{
					App: a.ID, GiosgSecret: a.Name, SlackClientID: a.ID.String(), ZoomClientID: a.ID.Zoom(),
				})))
			}
			return err
		})

		asked := []souk.ID{hook.ID, caller.ID, silent.ID, gone.ID, souk.NewID()}
		var found map[souk.ID]store.LiveWebhook
		if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
			found, err = tx.LiveWebhooks(asked)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		secrets := map[souk.ID]string{hook.ID: "Caller", caller.ID: "Caller", silent.ID: "Silent", gone.ID: "Gone"}
		for id, w := range found {
			with, err := w.Credentials.Open(key)
			if err != nil || with.GiosgSecret != secrets[id] {
				t.Errorf("%s has the secret %q, want %q: %v", w.URL, with.GiosgSecret, secrets[id], err)
			}
			w.Credentials = store.SealedCredentials{}
			found[id] = w
		}
		live := func(a souk.App) store.LiveWebhook {
			return store.LiveWebhook{
				SealedWebhook: store.SealedWebhook{Webhook: souk.Webhook{
					ID: a.ID, App: a.ID, Dialect: souk.TriggerCall, URL: a.TriggerURL, Status: souk.WebhookActive,
				}},
				AppSuspended: a.Suspended, AppDeleted: !a.DeletedAt.IsZero(), OwnerServed: true,
			}
		}
		want := map[souk.ID]store.LiveWebhook{
			hook.ID:   {SealedWebhook: store.SealedWebhook{Webhook: hook}, OwnerServed: true},
			caller.ID: live(caller), silent.ID: live(silent), gone.ID: live(gone),
		}
		if d := cmp.Diff(want, found); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}
