package souktest

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"souk"
	"souk/store"
)

// Seeder writes what a test needs before it begins straight into a database:
// nothing is checked, nobody is told and nothing is audited. Its methods fill
// in what nobody said and answer with the row as it is stored. After the first
// error they do nothing more, and Seed answers with it.
type Seeder struct {
	tx  *store.Tx
	key souk.Key
	at  time.Time
	err error
}

// Seed runs fn in one transaction. Like any transaction's function fn may run
// again, so it must set what it hands out, not add to it.
func Seed(ctx context.Context, db *store.DB, key souk.Key, fn func(*Seeder)) error {
	return db.Write(ctx, nil, func(tx *store.Tx) error {
		s := &Seeder{tx: tx, key: key, at: time.Now().UTC().Truncate(time.Microsecond).Add(-time.Hour)}
		fn(s)
		return s.err
	})
}

// tick gives every row its own time, as real ones have.
func (s *Seeder) tick() time.Time {
	s.at = s.at.Add(time.Microsecond)
	return s.at
}

func (s *Seeder) do(steps ...func() error) {
	for _, step := range steps {
		if s.err == nil {
			s.err = step()
		}
	}
}

// Org adds an enterprise, a workspace under one, or, below no org, a workspace
// that stands alone. Whoever is its member asks for apps.
func (s *Seeder) Org(kind souk.OrgKind, above souk.Org, name string) souk.Org {
	o := souk.Org{
		ID: souk.NewID(), Kind: kind, Enterprise: above.ID, Name: name, Domain: domain(name), Policy: souk.Approval,
		Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: s.tick(),
	}
	s.do(func() error { return s.tx.PutOrg(o) })
	return o
}

func domain(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "-")) }

// Person adds a user with a role at their home.
func (s *Seeder) Person(home souk.Org, name string, role souk.Role) souk.User {
	u := souk.User{
		ID: souk.NewID(), Org: home.ID, Email: domain(name) + "@" + home.Domain + ".example", FirstName: name, CreatedAt: s.tick(),
	}
	m := souk.Membership{User: u.ID, Org: home.ID, Role: role, CreatedAt: s.tick()}
	s.do(
		func() error { return s.tx.PutUser(u, home.Root()) },
		func() error { return s.tx.PutMembership(m) },
	)
	return u
}

// App adds an app with the right of its owner to it, and of everyone if it is
// public. It needs an owner and a name.
func (s *Seeder) App(a souk.App) souk.App {
	a.ID, a.CreatedAt = souk.NewID(), s.tick()
	a.UpdatedAt = a.CreatedAt
	if a.Kind == "" {
		a.Kind = souk.ThirdParty
	}
	if a.Listing == "" {
		a.Listing = souk.Listed
	}
	s.do(
		func() error { return s.tx.PutApp(a) },
		func() error { return s.right(a, souk.ToOwner) },
		func() error {
			if !a.IsPublic() {
				return nil
			}
			return s.right(a, souk.ToEveryone)
		},
	)
	return a
}

func (s *Seeder) right(a souk.App, to souk.Grantee) error {
	_, err := s.tx.PutRight(souk.Right{App: a.ID, To: to, Org: a.Owner}, a.CreatedAt)
	return err
}

// Credentials adds an app's secrets; those that are empty it does not have.
func (s *Seeder) Credentials(c souk.Credentials) {
	s.do(func() error { return s.tx.PutCredentials(store.SealCredentials(s.key, c)) })
}

// Install puts an app into effect at an org with all that it asks for, and
// grants it to workspaces below. It brings no app user.
func (s *Seeder) Install(a souk.App, at souk.Org, by souk.User, workspaces ...souk.Org) souk.Installation {
	i := souk.Installation{
		ID: souk.NewID(), App: a.ID, Org: at.ID, Kind: souk.OnWorkspace, Status: souk.InstallationActive,
		Scopes: a.Asks(), InstalledBy: by.ID, CreatedAt: s.tick(),
	}
	if at.Kind == souk.Enterprise {
		i.Kind = souk.OrgWide
	}
	i.UpdatedAt = i.CreatedAt
	s.do(func() error { return s.tx.PutInstallation(i) })
	for _, o := range append([]souk.Org{at}, workspaces...) {
		s.do(func() error {
			_, err := s.tx.Reach(i, o.ID, i.CreatedAt)
			return err
		})
	}
	return i
}

// Token adds a token and answers with its secret.
func (s *Seeder) Token(t souk.Token) (secret string) {
	secret = string(t.Kind) + "-" + rand.Text()
	t.ID, t.Hash, t.CreatedAt = souk.NewID(), s.key.Hash(secret), s.tick()
	s.do(func() error { return s.tx.PutToken(t) })
	return secret
}

// UserToken adds the token of a user's for an installed app.
func (s *Seeder) UserToken(i souk.Installation, u souk.User) (secret string) {
	return s.Token(souk.Token{Kind: souk.UserToken, User: u.ID, Installation: i.ID, App: i.App, Org: i.Org, Scopes: i.Scopes})
}

// Webhook adds a webhook that is active. It needs an app, a dialect, a URL,
// events and, if it is native, a secret.
func (s *Seeder) Webhook(w souk.Webhook) souk.Webhook {
	w.ID, w.Status, w.CreatedAt = souk.NewID(), souk.WebhookActive, s.tick()
	w.UpdatedAt = w.CreatedAt
	s.do(func() error { return s.tx.PutWebhook(store.SealWebhook(s.key, w)) })
	return w
}

// Request adds a request that is pending, in a case of its own.
func (s *Seeder) Request(a souk.App, at souk.Org, by souk.User) souk.Request {
	c := souk.Case{ID: souk.NewID(), App: a.ID, Root: at.Root(), OpenedAt: s.tick()}
	q := souk.Request{
		ID: souk.NewID(), Case: c.ID, App: a.ID, Org: at.ID, User: by.ID, FiledBy: by.ID,
		Scopes: a.Asks(), Reason: "For the next release.", Status: souk.Pending, CreatedAt: s.tick(),
	}
	s.do(
		func() error { return s.tx.OpenCase(c) },
		func() error { return s.tx.InsertRequest(q) },
	)
	return q
}
