package main

import (
	"context"
	"fmt"

	"souk"
	"souk/souktest"
	"souk/store"
)

// tenant is one root org as the benchmark needs it: an enterprise with a
// workspace, an admin with a token, and pending requests.
type tenant struct {
	Enterprise, Workspace souk.Org
	Token                 string
	Requests              []souk.ID
}

// seed writes a marketplace for the benchmark straight into a database: tenants
// with so many pending requests each, every one for an app of its own, and two
// native webhooks per tenant that hear of each decision at sink.
func seed(ctx context.Context, db *store.DB, key souk.Key, tenants, requests int, sink string) ([]tenant, error) {
	var made []tenant
	for i := range tenants {
		var t tenant
		err := souktest.Seed(ctx, db, key, func(s *souktest.Seeder) { t = newTenant(s, fmt.Sprintf("Tenant %d", i), sink) })
		if err != nil {
			return nil, err
		}
		const chunk = 1000
		for from := 0; from < requests; from += chunk {
			var ids []souk.ID
			err := souktest.Seed(ctx, db, key, func(s *souktest.Seeder) { ids = t.ask(s, from, min(from+chunk, requests)) })
			if err != nil {
				return nil, err
			}
			t.Requests = append(t.Requests, ids...)
		}
		made = append(made, t)
	}
	return made, nil
}

func newTenant(s *souktest.Seeder, name, sink string) (t tenant) {
	t.Enterprise = s.Org(souk.Enterprise, souk.Org{}, name)
	t.Workspace = s.Org(souk.Workspace, t.Enterprise, name+" Sales")
	admin := s.Person(t.Enterprise, "Ada", souk.Admin)
	console := s.App(souk.App{Owner: t.Enterprise.ID, Name: "Console", UserScopes: souk.NewScopes("admin.apps:read", "admin.apps:write")})
	t.Token = s.UserToken(s.Install(console, t.Enterprise, admin, t.Workspace), admin)
	listener := s.App(souk.App{Owner: t.Enterprise.ID, Name: "Listener", BotScopes: souk.NewScopes(souk.MarketplaceRead)})
	s.Install(listener, t.Enterprise, admin, t.Workspace)
	for range 2 {
		s.Webhook(souk.Webhook{
			App: listener.ID, Dialect: souk.Native, URL: sink, Events: []string{string(souk.CaseApproved)},
			Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		})
	}
	return t
}

// ask files requests of one member, for an app each.
func (t tenant) ask(s *souktest.Seeder, from, to int) (ids []souk.ID) {
	member := s.Person(t.Workspace, fmt.Sprintf("Bo %d", from), souk.Member)
	for i := range to - from {
		app := s.App(souk.App{
			Owner: t.Enterprise.ID, Name: fmt.Sprintf("App %d", from+i), Description: "Ships things to where they are needed.",
			BotScopes: souk.NewScopes("users:read"),
		})
		ids = append(ids, s.Request(app, t.Workspace, member).ID)
	}
	return ids
}
