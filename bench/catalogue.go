package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

const (
	apps        = 1_000_000
	ownedEvery  = 10    // one app of so many belongs to the organization that asks
	otherOwners = 1_000 // the others are theirs
	countRows   = 4     // over how many rows the installations of an app are counted
)

// ownedApps measures pages of owned_apps: apps with their secrets and the counts
// of their installations.
func (s *subject) ownedApps(ctx context.Context, p plan) error {
	n := p.times(apps)
	rows, others := spread(1, n, 300*24*time.Hour), spread(2, otherOwners, 300*24*time.Hour)
	var owner, stranger company
	var model souk.App
	if err := s.open(ctx, func(db *store.DB) error {
		made, err := companies(ctx, db, s.key, "Owner", "Stranger")
		if err != nil {
			return err
		}
		owner, stranger = made[0], made[1]
		if err := souktest.Seed(ctx, db, s.key, func(to *souktest.Seeder) { model = stranger.publish(to, "Model", s.sink.url) }); err != nil {
			return err
		}
		return db.Record(ctx, func(tx *store.Tx) error { return tx.CountInstallation(model.ID, stranger.org.ID, 3) })
	}); err != nil {
		return err
	}
	if err := s.directly(ctx, func(d *direct) error {
		return d.copy(ctx, copies{table: "orgs", key: "id", of: stranger.org.ID, set: map[string]string{"id": s.on.id(others, "i")}}, 0, otherOwners)
	}); err != nil {
		return err
	}
	owned := func(mine, theirs string) string {
		return fmt.Sprintf("CASE WHEN i %% %d = 0 THEN %s ELSE %s END", ownedEvery, mine, theirs)
	}
	return s.pages(ctx, p, paged{
		token: owner.token,
		rows:  rows, n: n,
		like: copies{table: "apps", key: "id", of: model.ID, set: map[string]string{
			"id": s.on.id(rows, "i"), "name": "'App ' || i", "created_at": rows.atSQL("i"), "updated_at": rows.atSQL("i"),
			"owner_id":   owned(s.on.is(owner.org.ID), s.on.id(others, fmt.Sprintf("(i %% %d)", otherOwners))),
			"created_by": owned(s.on.is(owner.admin.ID), "t.created_by"), "updated_by": owned(s.on.is(owner.admin.ID), "t.updated_by"),
		}},
		lists: []list{{name: "owned_apps", path: owner.path("owned_apps?"), step: ownedEvery}},
		also:  func() error { return s.ownApps(ctx, model, rows, n) },
	})
}

// ownApps gives apps their secrets, and the owner's the counts of their
// installations.
func (s *subject) ownApps(ctx context.Context, model souk.App, rows series, n int) error {
	var own []souk.ID
	for i := 0; i < n; i += ownedEvery {
		own = append(own, rows.id(i))
	}
	if err := s.directly(ctx, func(d *direct) error {
		// Sealed for another app: nobody opens those of the others.
		err := d.copy(ctx, copies{table: "credentials", key: "app_id", of: model.ID, set: map[string]string{
			"app_id": s.on.id(rows, "i"), "slack_client_id": "'slack-' || i", "zoom_client_id": "'zoom-' || i",
		}, where: fmt.Sprintf("i %% %d <> 0", ownedEvery)}, 0, n)
		if err != nil {
			return err
		}
		return d.copy(ctx, copies{table: "installation_counts", key: "app_id", of: model.ID, set: map[string]string{
			"app_id": s.on.id(rows, fmt.Sprintf("(i / %d * %d)", countRows, ownedEvery)), "part": fmt.Sprintf("i %% %d", countRows),
		}}, 0, len(own)*countRows)
	}); err != nil {
		return err
	}
	return s.open(ctx, func(db *store.DB) error {
		for some := range slices.Chunk(own, 1000) {
			err := souktest.Seed(ctx, db, s.key, func(to *souktest.Seeder) {
				for _, id := range some {
					to.Credentials(credentials(id))
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
