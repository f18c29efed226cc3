package conformance

import (
	"fmt"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

func seedCompany(t *testing.T, database string, key souk.Key) (c company) {
	t.Helper()
	db, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	if err := souktest.Seed(t.Context(), db, key, func(s *souktest.Seeder) { c = build(s) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

func build(s *souktest.Seeder) company {
	c := company{Orgs: map[string]object{}, Users: map[string]object{}, Apps: map[string]object{}, Tokens: map[string]object{}}
	org := func(kind souk.OrgKind, above souk.Org, key, name string) souk.Org {
		o := s.Org(kind, above, name)
		prefix := "T"
		if kind == souk.Enterprise {
			prefix = "E"
		}
		c.Orgs[key] = object{ID: o.ID.String(), SlackID: o.ID.Slack(prefix)}
		return o
	}
	none := souk.Org{}
	acme := org(souk.Enterprise, none, "acme", "Acme")
	sales, support := org(souk.Workspace, acme, "sales", "Sales"), org(souk.Workspace, acme, "support", "Support")
	org(souk.Workspace, acme, "labs", "Labs")
	vendor := org(souk.Workspace, none, "vendor", "Vendor")
	rival := org(souk.Enterprise, none, "rival", "Rival")
	org(souk.Workspace, rival, "rivals", "Rivals")

	person := func(home souk.Org, key, name string, role souk.Role) souk.User {
		u := s.Person(home, name, role)
		c.Users[key] = object{ID: u.ID.String(), SlackID: u.ID.Slack("U")}
		return u
	}
	olga, ada, bo := person(acme, "olga", "olga", souk.Owner), person(acme, "ada", "ada", souk.Admin), person(acme, "bo", "bo", souk.Member)
	bot := person(sales, "bot", "deploy.bot", souk.Member)

	app := func(key string, a souk.App) souk.App {
		a = s.App(a)
		c.Apps[key] = object{ID: a.ID.String(), SlackID: a.ID.Slack("A")}
		return a
	}
	both := souk.NewScopes("admin.apps:read", "admin.apps:write")
	reads, people := souk.NewScopes("team:read"), souk.NewScopes("users:read")
	console := app("console", souk.App{Owner: acme.ID, Name: "App console", UserScopes: both})
	made := c.Apps["console"]
	made.Credentials.Slack.SigningSecret = "0123456789abcdef0123456789abcdef"
	made.Credentials.Slack.VerificationToken = "abcdefghijklmnopqrstuvwx"
	c.Apps["console"] = made
	s.Credentials(souk.Credentials{App: console.ID, SlackClientID: "1.2", SlackSigningSecret: made.Credentials.Slack.SigningSecret, SlackVerificationToken: made.Credentials.Slack.VerificationToken})
	desk := app("desk", souk.App{Owner: acme.ID, Name: "Desk", UserScopes: both})
	deploybot := app("deploybot", souk.App{Owner: vendor.ID, Name: "Deploybot", IsAvailableToAnyone: true, BotScopes: reads, UserScopes: people})
	wide := app("wide", souk.App{Owner: vendor.ID, Name: "Wide", IsAvailableToAnyone: true, BotScopes: reads})
	app("badge", souk.App{Owner: vendor.ID, Name: "Badge", IsAvailableToAnyone: true, Certified: true, BotScopes: reads})
	app("gadget", souk.App{Owner: sales.ID, Name: "Gadget", Kind: souk.CustomIntegration, Listing: souk.Draft, BotScopes: reads})
	for n := range 7 {
		app(fmt.Sprintf("poll-%d", n+1), souk.App{Owner: vendor.ID, Name: fmt.Sprintf("Poll %d", n+1), IsAvailableToAnyone: true, BotScopes: reads, UserScopes: people})
	}

	consoleAt, deskAt := s.Install(console, acme, olga, sales, support), s.Install(desk, sales, olga)
	deploysAt := s.Install(deploybot, sales, bo)
	s.Install(wide, acme, olga, support)

	token := func(key string, kind souk.TokenKind, u souk.User, i souk.Installation, scopes souk.Scopes, change ...func(*souk.Token)) {
		k := souk.Token{Kind: kind, User: u.ID, Installation: i.ID, App: i.App, Org: i.Org, Scopes: scopes}
		for _, f := range change {
			f(&k)
		}
		c.Tokens[key] = object{Token: s.Token(k)}
	}
	revoked := func(k *souk.Token) { k.RevokedAt = time.Now() }
	token("ada", souk.UserToken, ada, consoleAt, both)
	token("ada-reads", souk.UserToken, ada, consoleAt, souk.NewScopes("admin.apps:read"))
	token("ada-revoked", souk.UserToken, ada, consoleAt, both, revoked)
	token("ada-expired", souk.UserToken, ada, consoleAt, both, func(k *souk.Token) { k.ExpiresAt = time.Now() })
	token("ada-desk", souk.UserToken, ada, deskAt, both)
	token("bo", souk.UserToken, bo, consoleAt, both)
	token("bo-deploys", souk.UserToken, bo, deploysAt, people)
	token("bot", souk.BotToken, bot, deploysAt, reads)
	token("bot-revoked", souk.BotToken, bot, deploysAt, reads, revoked)
	token("app-level", souk.AppToken, souk.User{}, souk.Installation{App: deploybot.ID, Org: vendor.ID}, souk.NewScopes("authorizations:read"))
	token("bo-api", souk.PersonToken, bo, souk.Installation{}, nil)
	token("olga-api", souk.PersonToken, olga, souk.Installation{}, nil)
	return c
}
