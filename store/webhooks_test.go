package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

// A webhook comes back as it was put, with both of its secrets, neither of which
// opens in the other's place.
func TestWebhookRests(t *testing.T) {
	key := souk.NewKey([souk.KeySize]byte{1})
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		w := listening(t, db)
		w.ID, w.Dialect, w.Events = souk.NewID(), souk.Native, []string{"installation.created"}
		for _, change := range []func(){
			func() { w.Secret = "whsec_1" },
			func() {
				w.Secret, w.OldSecret, w.OldUntil, w.Epoch = "whsec_2", "whsec_1", noon.Add(time.Hour), 3
				w.Status, w.DisabledAt, w.DisabledWhy = souk.WebhookDisabled, noon, "it is gone"
			},
			func() {
				w.OldSecret, w.OldUntil, w.Status, w.DisabledAt, w.DisabledWhy = "", time.Time{}, souk.WebhookActive, time.Time{}, ""
			},
			func() {
				w.Name, w.Reach, w.Environment, w.Source, w.Extended = "Requests", souk.AccountReach, souk.Production, souk.FromAPI, true
				w.Accounts = []souk.ID{souk.NewID(), souk.NewID()}
				w.Auth = souk.Auth{Kind: souk.OAuthAuth, ClientID: "me", ClientSecret: "s3cret", TokenURL: "https://id.example/", InBody: true}
			},
			func() { w.Accounts, w.Auth = nil, souk.Auth{} },
		} {
			change()
			write(t, db, func(tx *store.Tx) error {
				sealed := store.SealWebhook(key, w)
				if sealed.Secret != "" || sealed.OldSecret != "" || sealed.Auth != (souk.Auth{}) || bytes.Contains(sealed.SealedAuth, []byte("s3cret")) {
					t.Error("a secret rests open")
				}
				if err := tx.PutWebhook(sealed); err != nil {
					return err
				}
				found, err := tx.Webhook(w.ID)
				if err != nil {
					return err
				}
				got, err := found.Open(key)
				if d := cmp.Diff(w, got); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				if found.Sealed, found.SealedOld = found.SealedOld, found.Sealed; w.OldSecret != "" {
					if _, err := found.Open(key); err == nil {
						t.Error("secrets can swap places")
					}
				}
				return err
			})
		}
	})
}

// A disabled webhook is found with those that are told, so that somebody can
// decide what becomes of it; one that is paused or was never verified is not.
func TestWhoIsTold(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		base := listening(t, db)
		var want []string
		write(t, db, func(tx *store.Tx) error {
			app, err := tx.App(base.App)
			if err != nil {
				return err
			}
			owner, err := tx.Org(app.Owner)
			owner.HasActiveSubscription = true
			user := souk.User{ID: souk.NewID(), Org: owner.ID, Email: "u@example.org", CreatedAt: noon}
			in := souk.Installation{ID: souk.NewID(), App: app.ID, Org: owner.ID, Kind: souk.OnWorkspace, Status: souk.InstallationActive,
				InstalledBy: user.ID, CreatedAt: noon, UpdatedAt: noon}
			failed := []error{err, tx.PutOrg(owner), tx.PutUser(user, owner.ID), tx.PutInstallation(in)}
			_, err = tx.Reach(in, owner.ID, noon)
			failed = append(failed, err)
			for i, status := range []souk.WebhookStatus{souk.WebhookActive, souk.WebhookDisabled, souk.WebhookPaused, souk.WebhookUnverified} {
				for j, dialect := range []souk.Dialect{souk.Native, souk.Slack, souk.Giosg} {
					w := souk.Webhook{ID: souk.NewID(), App: app.ID, Dialect: dialect, URL: "https://bot.example/", Status: status, Epoch: int64(10*i + j),
						Events: []string{"e"}, CreatedAt: noon, UpdatedAt: noon}
					if dialect == souk.Giosg {
						w.Events = nil
						w.Channels = []souk.Subscription{{Pattern: "/api/v5/orgs/*/chats", Additions: true}, {Pattern: souk.OwnInstallations, Additions: true}}
					}
					failed = append(failed, tx.PutWebhook(store.SealedWebhook{Webhook: w}))
					if i < 2 {
						want = append(want, fmt.Sprint(dialect, " ", status, " ", w.Epoch))
					}
				}
			}
			return errors.Join(failed...)
		})
		slices.Sort(want)
		var got []string
		tell := func(w souk.Webhook) { got = append(got, fmt.Sprint(w.Dialect, " ", w.Status, " ", w.Epoch)) }
		if err := db.Read(t.Context(), func(tx *store.Tx) error {
			app, err := tx.App(base.App)
			if err != nil {
				return err
			}
			subscribers, err := tx.Subscribers(app.Owner, app.ID, []string{"e"})
			for _, s := range subscribers {
				tell(s.Webhook)
			}
			if err != nil {
				return err
			}
			listeners, err := tx.Listeners(app.Owner, []string{"chats"})
			for _, l := range listeners {
				tell(l.Webhook)
			}
			if err != nil {
				return err
			}
			own, err := tx.OwnListeners(app.ID)
			if len(own) != 2 {
				t.Errorf("%d listen to their own installations", len(own))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}
