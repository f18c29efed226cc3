package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

const (
	holders   = 50_000           // organizations that have the app that is deleted
	quietTime = 10 * time.Second // before that
	jobTime   = 5 * time.Minute  // after which nobody waits for the rest of its installations to end
)

// writer is one who writes a little at a time, a call after the other.
type writer struct {
	name  string
	calls func(context.Context, *http.Client) ([]time.Duration, error) // some, and how long each took
}

// delete measures how those fare who write a little while an app with very many
// installations is deleted.
func (s *subject) delete(ctx context.Context, p plan) error {
	n := p.times(holders)
	var owner, customer, holder company
	var doomed, patched, tried souk.App
	if err := s.open(ctx, func(db *store.DB) error {
		made, err := companies(ctx, db, s.key, "Owner", "Customer", "Holder")
		if err != nil {
			return err
		}
		owner, customer, holder = made[0], made[1], made[2]
		return souktest.Seed(ctx, db, s.key, func(to *souktest.Seeder) {
			doomed, patched = owner.publish(to, "Doomed", s.sink.url), owner.publish(to, "Patched", s.sink.url)
			tried = owner.publish(to, "Tried", s.sink.url)
		})
	}); err != nil {
		return err
	}
	if err := s.hold(ctx, doomed, holder, n); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	writers := []writer{
		{"PATCH owned_apps, one client", s.patching(owner, patched)},
		{"POST and DELETE app_installations, one client", s.comingAndGoing(customer, tried)},
	}
	nothing := func(ctx context.Context) error {
		select {
		case <-time.After(time.Duration(p.times(int(quietTime)))):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if _, err := writing(ctx, writers, nothing); err != nil { // the first calls have statements to compile
		return err
	}
	quiet, err := writing(ctx, writers, nothing)
	if err != nil {
		return err
	}
	var d deletion
	busy, err := writing(ctx, writers, func(ctx context.Context) (err error) {
		d, err = s.deleteApp(ctx, owner, doomed)
		return err
	})
	if err != nil {
		return err
	}
	for i, w := range writers {
		fmt.Println(quiet[i].row(s.engine+": "+w.name, "the two clients, and nobody else"))
		fmt.Println(busy[i].row(s.engine+": the same while an app is deleted", fmt.Sprintf(
			"answered in %s, %d of its %d installations ended within %.1f s", brief(d.answered), n-d.left, n, d.took.Seconds())))
	}
	return nil
}

// deletion is how an app was deleted: how soon that was answered, and when its
// installations had ended, all or but for some.
type deletion struct {
	answered, took time.Duration
	left           int
}

func (s *subject) deleteApp(ctx context.Context, owner company, app souk.App) (d deletion, err error) {
	client, done := newClient(1)
	defer done()
	began := time.Now()
	if _, err := call(ctx, client, giosgCall(http.MethodDelete, s.server.base+owner.path("owned_apps/"+app.ID.String()), owner.token, "")); err != nil {
		return d, err
	}
	d.answered = time.Since(began)
	return d, s.directly(ctx, func(db *direct) error {
		_, err := waitFor(ctx, jobTime, func() (bool, error) {
			jobs, err := db.count(ctx, "SELECT count(*) FROM jobs")
			return jobs == 0, err
		})
		late := errors.Is(err, context.DeadlineExceeded)
		if err != nil && !late {
			return err
		}
		d.took = time.Since(began)
		d.left, err = db.count(ctx, "SELECT count(*) FROM installations WHERE app_id = $1 AND status <> 'ended'", app.ID)
		if err == nil && d.left > 0 && !late {
			err = fmt.Errorf("%d installations are left and no job", d.left)
		}
		return err
	})
}

// patching changes an app again and again.
func (s *subject) patching(owner company, app souk.App) func(context.Context, *http.Client) ([]time.Duration, error) {
	n := 0
	return func(ctx context.Context, client *http.Client) ([]time.Duration, error) {
		n++
		began := time.Now()
		_, err := call(ctx, client, giosgCall(http.MethodPatch, s.server.base+owner.path("owned_apps/"+app.ID.String()), owner.token,
			fmt.Sprintf(`{"description":"Version %d."}`, n)))
		return []time.Duration{time.Since(began)}, err
	}
}

// comingAndGoing installs an app and uninstalls it.
func (s *subject) comingAndGoing(at company, app souk.App) func(context.Context, *http.Client) ([]time.Duration, error) {
	return func(ctx context.Context, client *http.Client) ([]time.Duration, error) {
		began := time.Now()
		body, err := call(ctx, client, s.installing(at, app))
		if err != nil {
			return nil, err
		}
		installed := time.Now()
		var i struct{ ID string }
		if err := json.Unmarshal(body, &i); err != nil {
			return nil, err
		}
		_, err = call(ctx, client, giosgCall(http.MethodDelete, s.server.base+at.path("app_installations/"+i.ID), at.token, ""))
		return []time.Duration{installed.Sub(began), time.Since(installed)}, err
	}
}

// writing has writers write side by side while something happens, and tells how
// each fared.
func writing(ctx context.Context, writers []writer, happens func(context.Context) error) ([]figures, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var over atomic.Bool
	var wait sync.WaitGroup
	took, began := make([][]time.Duration, len(writers)), time.Now()
	for i, w := range writers {
		wait.Go(func() {
			client, done := newClient(1)
			defer done()
			for !over.Load() {
				some, err := w.calls(ctx, client)
				if err != nil {
					cancel(fmt.Errorf("%s: %w", w.name, err))
					return
				}
				took[i] = append(took[i], some...)
			}
		})
	}
	err := happens(ctx)
	over.Store(true)
	wait.Wait()
	all := time.Since(began)
	if err := errors.Join(err, context.Cause(ctx)); err != nil {
		return nil, err
	}
	fared := make([]figures, len(writers))
	for i := range writers {
		if fared[i], err = sum(took[i], all); err != nil {
			return nil, err
		}
	}
	return fared, nil
}

// hold has n organizations like holder install an app, each with an admin and an
// app user of its own.
func (s *subject) hold(ctx context.Context, app souk.App, holder company, n int) error {
	var model souk.Installation
	bot := souk.User{
		ID: souk.NewID(), Org: holder.org.ID, IsBot: true, CreatedAt: app.CreatedAt,
		FirstName: app.AppUser.FirstName, LastName: app.AppUser.LastName,
	}
	orgs, admins, bots := spread(1, n, time.Hour), spread(2, n, time.Hour), spread(3, n, time.Hour)
	installations, grants := spread(4, n, time.Hour), spread(5, n, time.Hour)
	if err := s.open(ctx, func(db *store.DB) error {
		if err := souktest.Seed(ctx, db, s.key, func(to *souktest.Seeder) { model = to.Install(app, holder.org, holder.admin) }); err != nil {
			return err
		}
		return db.Record(ctx, func(tx *store.Tx) error {
			if err := tx.PutUser(bot, holder.org.ID); err != nil {
				return err
			}
			if err := tx.PutMembership(souk.Membership{User: bot.ID, Org: holder.org.ID, Role: souk.Member, CreatedAt: bot.CreatedAt}); err != nil {
				return err
			}
			with := model
			with.AppUser = bot.ID
			if err := tx.PutInstallation(with); err != nil {
				return err
			}
			if err := tx.PutGrant(souk.Grant{
				ID: souk.NewID(), User: holder.admin.ID, Installation: model.ID, Scopes: model.Scopes, Status: souk.GrantActive, CreatedAt: model.CreatedAt,
			}); err != nil {
				return err
			}
			counted := map[byte]int{} // by what tells the part, the last byte of the root
			for i := range n {
				id := orgs.id(i)
				counted[id[len(id)-1]]++
			}
			for last, live := range counted {
				if err := tx.CountInstallation(app.ID, souk.ID{15: last}, live); err != nil {
					return err
				}
			}
			return nil
		})
	}); err != nil {
		return err
	}
	org, admin, user, installation := s.on.id(orgs, "i"), s.on.id(admins, "i"), s.on.id(bots, "i"), s.on.id(installations, "i")
	return s.directly(ctx, func(d *direct) error {
		for _, c := range []copies{
			{table: "orgs", key: "id", of: holder.org.ID, set: map[string]string{"id": org, "created_at": orgs.atSQL("i")}},
			{table: "users", key: "id", of: holder.admin.ID, set: map[string]string{"id": admin, "org_id": org, "root_id": org}},
			{table: "users", key: "id", of: bot.ID, set: map[string]string{"id": user, "org_id": org, "root_id": org}},
			{table: "memberships", key: "user_id", of: holder.admin.ID, set: map[string]string{"user_id": admin, "org_id": org}},
			{table: "memberships", key: "user_id", of: bot.ID, set: map[string]string{"user_id": user, "org_id": org}},
			{table: "installations", key: "id", of: model.ID, set: map[string]string{
				"id": installation, "org_id": org, "installed_by": admin, "app_user_id": user, "created_at": installations.atSQL("i"),
			}},
			{table: "reach", key: "installation_id", of: model.ID, set: map[string]string{"installation_id": installation, "org_id": org}},
			{table: "grants", key: "installation_id", of: model.ID, set: map[string]string{
				"id": s.on.id(grants, "i"), "user_id": admin, "installation_id": installation,
			}},
		} {
			if err := d.copy(ctx, c, 1, n); err != nil {
				return err
			}
		}
		return d.rest(ctx)
	})
}
