package main

import (
	"context"

	"souk"
	"souk/souktest"
	"souk/store"
)

// company is an organization that publishes or installs apps through the giosg
// face, with somebody who may.
type company struct {
	org   souk.Org
	admin souk.User
	token string
}

// companies seeds some. Nobody has to approve what they install.
func companies(ctx context.Context, db *store.DB, key souk.Key, names ...string) (made []company, err error) {
	err = souktest.Seed(ctx, db, key, func(s *souktest.Seeder) {
		made = nil
		for _, name := range names {
			c := company{org: s.Org(souk.Workspace, souk.Org{}, name)}
			c.admin = s.Person(c.org, "Ada", souk.Admin)
			c.token = s.Token(souk.Token{Kind: souk.PersonToken, User: c.admin.ID})
			made = append(made, c)
		}
	})
	if err != nil {
		return nil, err
	}
	return made, db.Record(ctx, func(tx *store.Tx) error {
		for _, c := range made {
			c.org.Policy = souk.Open
			if err := tx.PutOrg(c.org); err != nil {
				return err
			}
		}
		return nil
	})
}

// path is an address below the company's.
func (c company) path(rest string) string { return "/api/v5/orgs/" + c.org.ID.String() + "/" + rest }

// publish seeds a public app of the company's with an app user, and a webhook
// that is told at sink of each of its installations.
func (c company) publish(s *souktest.Seeder, name, sink string) souk.App {
	app := s.App(souk.App{
		Owner: c.org.ID, Name: name, Description: "Answers what customers ask at night.",
		IsAvailableToAnyone: true, IsAppUserRequired: true, AppUser: souk.AppUserNames{FirstName: "Night", LastName: "Owl"},
		Links:          souk.Links{TermsOfService: "https://owl.example/terms", PrivacyPolicy: "https://owl.example/privacy"},
		RequiredScopes: souk.NewScopes(string(souk.CanReports), string(souk.CanUsers)),
		CreatedBy:      c.admin.ID, UpdatedBy: c.admin.ID,
	})
	s.Credentials(credentials(app.ID))
	s.Webhook(souk.Webhook{
		App: app.ID, Dialect: souk.Giosg, URL: sink,
		Channels: []souk.Subscription{{Pattern: souk.OwnInstallations, Additions: true, Changes: true, Removals: true}},
	})
	return app
}

// credentials are those of an app that only the giosg face serves.
func credentials(app souk.ID) souk.Credentials {
	return souk.Credentials{
		App: app, GiosgSecret: "0123456789abcdef0123456789abcdef01234567",
		SlackClientID: "slack-" + app.Zoom(), ZoomClientID: app.Zoom(),
	}
}
