package main

import (
	"context"
	"fmt"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// tenant is one root org as the benchmark needs it: an enterprise with a
// workspace, an admin with a token, and pending requests.
type tenant struct {
	Enterprise, Workspace souk.ID
	Admin                 souk.ID
	Token                 string
	Requests              []souk.ID
}

// seed writes a marketplace for the benchmark straight into a database: tenants
// with so many pending requests each, every one for an app of its own, and two
// native webhooks per tenant that hear of each decision at sink.
func seed(ctx context.Context, db *store.DB, key souk.Key, tenants, requests int, sink string) ([]tenant, error) {
	s := &seeder{key: key, at: time.Now().UTC().Truncate(time.Microsecond).Add(-time.Hour), sink: sink}
	var made []tenant
	for i := range tenants {
		var t tenant
		if err := db.Record(ctx, func(tx *store.Tx) (err error) {
			t, err = s.tenant(tx, i)
			return err
		}); err != nil {
			return nil, err
		}
		const chunk = 1000
		for len(t.Requests) < requests {
			var ids []souk.ID
			if err := db.Record(ctx, func(tx *store.Tx) (err error) {
				ids, err = s.requests(tx, t, len(t.Requests), min(chunk, requests-len(t.Requests)))
				return err
			}); err != nil {
				return nil, err
			}
			t.Requests = append(t.Requests, ids...)
		}
		made = append(made, t)
	}
	return made, nil
}

type seeder struct {
	key  souk.Key
	at   time.Time
	sink string
}

// tick gives every row its own time, as real ones have.
func (s *seeder) tick() time.Time {
	s.at = s.at.Add(time.Microsecond)
	return s.at
}

func (s *seeder) org(kind souk.OrgKind, enterprise souk.ID, name string) souk.Org {
	return souk.Org{
		ID: souk.NewID(), Kind: kind, Enterprise: enterprise, Name: name, Domain: name, Policy: souk.Approval,
		Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: s.tick(),
	}
}

func (s *seeder) tenant(tx *store.Tx, n int) (t tenant, err error) {
	enterprise := s.org(souk.Enterprise, souk.ID{}, fmt.Sprintf("enterprise-%d", n))
	workspace := s.org(souk.Workspace, enterprise.ID, fmt.Sprintf("workspace-%d", n))
	admin := souk.User{ID: souk.NewID(), Org: enterprise.ID, Email: fmt.Sprintf("admin-%d@bench.example", n), FirstName: "Ada", LastName: "Virtanen", CreatedAt: s.tick()}
	t = tenant{Enterprise: enterprise.ID, Workspace: workspace.ID, Admin: admin.ID, Token: market.NewSecret(souk.UserToken)}

	console := s.app(enterprise.ID, "Console")
	console.UserScopes = souk.NewScopes("admin.apps:read", "admin.apps:write")
	listener := s.app(enterprise.ID, "Listener")
	listener.BotScopes = souk.NewScopes(souk.MarketplaceRead)
	for _, step := range []func() error{
		func() error { return tx.PutOrg(enterprise) },
		func() error { return tx.PutOrg(workspace) },
		func() error { return tx.PutUser(admin, enterprise.ID) },
		func() error {
			return tx.PutMembership(souk.Membership{User: admin.ID, Org: enterprise.ID, Role: souk.Admin, CreatedAt: s.tick()})
		},
		func() error { return s.install(tx, console, enterprise, workspace, admin, t.Token) },
		func() error { return s.install(tx, listener, enterprise, workspace, admin, "") },
		func() error { return s.webhook(tx, listener) },
		func() error { return s.webhook(tx, listener) },
	} {
		if err := step(); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (s *seeder) app(owner souk.ID, name string) souk.App {
	at := s.tick()
	return souk.App{
		ID: souk.NewID(), Owner: owner, Name: name, Description: "Ships things to where they are needed.",
		Kind: souk.ThirdParty, Listing: souk.Listed, BotScopes: souk.NewScopes("users:read"),
		CreatedAt: at, UpdatedAt: at,
	}
}

// put writes an app with the right of its owner to it.
func (s *seeder) put(tx *store.Tx, a souk.App) error {
	if err := tx.PutApp(a); err != nil {
		return err
	}
	_, err := tx.PutRight(souk.Right{App: a.ID, To: souk.ToOwner, Org: a.Owner}, a.CreatedAt)
	return err
}

// install puts an app org-wide, with a user's token when secret is not empty.
func (s *seeder) install(tx *store.Tx, a souk.App, enterprise, workspace souk.Org, by souk.User, secret string) error {
	if err := s.put(tx, a); err != nil {
		return err
	}
	at := s.tick()
	i := souk.Installation{
		ID: souk.NewID(), App: a.ID, Org: enterprise.ID, Kind: souk.OrgWide, Status: souk.InstallationActive,
		Scopes: a.Asks(), InstalledBy: by.ID, CreatedAt: at, UpdatedAt: at,
	}
	if err := tx.PutInstallation(i); err != nil {
		return err
	}
	for _, o := range []souk.Org{enterprise, workspace} {
		if _, err := tx.Reach(i, o.ID, at); err != nil {
			return err
		}
	}
	if secret == "" {
		return nil
	}
	return tx.PutToken(souk.Token{
		ID: souk.NewID(), Hash: s.key.Hash(secret), Kind: souk.UserToken, User: by.ID, Installation: i.ID,
		App: a.ID, Org: enterprise.ID, Scopes: a.Asks(), CreatedAt: at,
	})
}

func (s *seeder) webhook(tx *store.Tx, a souk.App) error {
	at := s.tick()
	return tx.PutWebhook(store.SealWebhook(s.key, souk.Webhook{
		ID: souk.NewID(), App: a.ID, Dialect: souk.Native, URL: s.sink, Events: []string{string(souk.CaseApproved)},
		Status: souk.WebhookActive, Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", CreatedAt: at, UpdatedAt: at,
	}))
}

// requests files pending requests of one member each, for an app each.
func (s *seeder) requests(tx *store.Tx, t tenant, from, n int) (ids []souk.ID, err error) {
	asker := souk.User{ID: souk.NewID(), Org: t.Workspace, Email: fmt.Sprintf("member-%s@bench.example", souk.NewID()), FirstName: "Bo", CreatedAt: s.tick()}
	if err := tx.PutUser(asker, t.Enterprise); err != nil {
		return nil, err
	}
	if err := tx.PutMembership(souk.Membership{User: asker.ID, Org: t.Workspace, Role: souk.Member, CreatedAt: s.tick()}); err != nil {
		return nil, err
	}
	for i := range n {
		a := s.app(t.Enterprise, fmt.Sprintf("App %d", from+i))
		if err := s.put(tx, a); err != nil {
			return nil, err
		}
		c := souk.Case{ID: souk.NewID(), App: a.ID, Root: t.Enterprise, OpenedAt: s.tick()}
		if err := tx.OpenCase(c); err != nil {
			return nil, err
		}
		q := souk.Request{
			ID: souk.NewID(), Case: c.ID, App: a.ID, Org: t.Workspace, User: asker.ID, FiledBy: asker.ID,
			Scopes: a.Asks(), Reason: "For the next release.", Status: souk.Pending, CreatedAt: s.tick(),
		}
		if err := tx.InsertRequest(q); err != nil {
			return nil, err
		}
		ids = append(ids, q.ID)
	}
	return ids, nil
}
