package store_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// scanned finds what a plan of either engine reads from end to end: a table, or
// an index of PostgreSQL's without a condition on it. An index of just those
// rows that are asked for may be read so.
var scanned = regexp.MustCompile(`\bSCAN (?:\w+ USING (?:COVERING )?INDEX )?(\w+)|Seq Scan on (\w+)|(?:Scan using|Index Scan on) (\w+)(?: on [^\n]*|  \([^\n]*)\n\s*(?:->|Filter|Output|\n|$)`)

// scans lists what plans read whole, as the statements call it, beside what a
// statement makes up itself.
func scans(plans []string) (all []string) {
	for _, plan := range plans {
		for _, m := range scanned.FindAllStringSubmatch(plan, -1) {
			name := m[1] + m[2] + m[3]
			if !slices.Contains([]string{"CONSTANT", "users_operators", "tokens_of_platform"}, name) && !strings.Contains(plan, "CO-ROUTINE "+name+"\n") {
				all = append(all, name)
			}
		}
	}
	return all
}

// crowd is a marketplace in which many people have many tokens.
type crowd struct {
	org          souk.Org
	app          souk.ID
	user         souk.ID
	installation souk.ID
}

func crowded(t *testing.T, db *store.DB) (c crowd) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error {
		var failed error
		did := func(err error) {
			if failed == nil {
				failed = err
			}
		}
		top := souk.Org{ID: souk.NewID(), Kind: souk.Enterprise, Name: "top", Domain: "top", Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: noon}
		did(tx.PutOrg(top))
		var apps []souk.ID
		for n := range 600 {
			a := souk.App{ID: souk.NewID(), Owner: top.ID, Name: fmt.Sprint(n), Kind: souk.ThirdParty, Listing: souk.Draft,
				TriggerURL: "https://app.example/", Triggers: []string{"manual_nav", "chat_start"}, CreatedAt: noon, UpdatedAt: noon}
			apps = append(apps, a.ID)
			did(tx.PutApp(a))
		}
		for n := range 1500 { // that nobody here belongs to
			did(tx.PutOrg(souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: fmt.Sprint(n), Domain: fmt.Sprint("x", n),
				Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: noon}))
		}
		for n := range 120 {
			org := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Enterprise: top.ID, Name: fmt.Sprint(n), Domain: fmt.Sprint("w", n),
				Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: noon}
			did(tx.PutOrg(org))
			for m := range 10 {
				u := souk.User{ID: souk.NewID(), Org: org.ID, Email: fmt.Sprintf("u%d@w%d.example", m, n), CreatedAt: noon, UpdatedAt: noon}
				did(tx.PutUser(u, top.ID))
				did(tx.PutMembership(souk.Membership{User: u.ID, Org: org.ID, Role: souk.Admin, CreatedAt: noon}))
				did(tx.PutPassword(u.ID, "hash", noon))
				i := souk.Installation{ID: souk.NewID(), App: apps[(n+m)%len(apps)], Org: org.ID, Kind: souk.OnWorkspace, Status: souk.InstallationActive,
					InstalledBy: u.ID, CreatedAt: noon, UpdatedAt: noon}
				did(tx.PutInstallation(i))
				_, err := tx.Reach(i, org.ID, noon)
				did(err)
				did(tx.PutGrant(souk.Grant{ID: souk.NewID(), User: u.ID, Installation: i.ID, Status: souk.GrantActive, CreatedAt: noon}))
				for _, token := range []souk.Token{
					{Kind: souk.PersonToken, User: u.ID}, {Kind: souk.PersonToken, User: u.ID, Installation: i.ID, App: i.App, Org: i.Org},
					{Kind: souk.ConsoleSession, User: u.ID, ExpiresAt: noon}, {Kind: souk.PersonToken, User: u.ID, Installation: i.ID, RevokedAt: noon},
				} {
					token.ID, token.CreatedAt = souk.NewID(), noon
					token.Hash = token.ID[:]
					did(tx.PutToken(token))
				}
				_, err = tx.UseCode(souk.NewID(), noon.Add(time.Duration(n)*time.Minute))
				did(err)
				c = crowd{org, i.App, u.ID, i.ID}
			}
		}
		return failed
	})
	return c
}

// What is asked of people, their tokens and what they let apps do is found where
// it lies, however many there are; and so is what is forgotten.
func TestPlansOfIdentities(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := crowded(t, db)
		var all []souk.Delivery
		for n := range 3000 {
			d := due(c.app, noon.Add(time.Duration(n)*time.Second))
			d.Installation = []souk.ID{c.installation, souk.NewID()}[min(n, 1)]
			all = append(all, d)
		}
		enqueue(t, db, all...)
		write(t, db, func(tx *store.Tx) error { // as the server does by itself
			_, err := tx.Exec("ANALYZE")
			return err
		})
		later := noon.Add(time.Minute)
		forget := func(drop func(*store.Tx) func(time.Time, int) (int64, error)) func(*store.Tx) error {
			return func(tx *store.Tx) error {
				n, err := drop(tx)(later, 5)
				if err == nil && n != 5 {
					err = fmt.Errorf("forgot %d", n)
				}
				return err
			}
		}
		for _, tt := range []struct {
			name string
			fn   func(*store.Tx) error
		}{
			{"who may be meant by an e-mail", func(tx *store.Tx) error { return dropped(tx.Logins("u3@w7.example", 8)) }},
			{"how many operators there are", func(tx *store.Tx) error {
				_, _, err := tx.Operators()
				return err
			}},
			{"where somebody has an app", func(tx *store.Tx) error { return dropped(tx.ReachedAmong(c.app, []souk.ID{c.user, c.app})) }},
			{"tokens like one", func(tx *store.Tx) error {
				return dropped(tx.TokensLike(souk.Token{Kind: souk.PersonToken, User: c.user, Installation: c.installation}, noon, 100))
			}},
			{"an app user's tokens", func(tx *store.Tx) error {
				return dropped(tx.AppUserTokens(souk.Installation{ID: c.installation, AppUser: c.user}, noon))
			}},
			{"somebody's tokens", func(tx *store.Tx) error { return dropped(tx.TokensOfUser(c.user, souk.PersonToken, noon)) }},
			{"an installation's tokens", func(tx *store.Tx) error { return dropped(tx.TokensOfInstallation(c.installation, noon, 100)) }},
			{"the platform's tokens", func(tx *store.Tx) error { return dropped(tx.PlatformTokens(noon)) }},
			{"an app's own tokens", func(tx *store.Tx) error { return dropped(tx.TokensOfApp(c.app, noon, 100)) }},
			{"ending what renewed one another", func(tx *store.Tx) error { return dropped(tx.RevokeFamily(c.user, noon)) }},
			{"ending all that did", func(tx *store.Tx) error { return dropped(tx.RevokeFamilies(c.user, c.installation, noon)) }},
			{"forgetting tokens", func(tx *store.Tx) error { return dropped(tx.DropTokens(noon, 5)) }},
			{"ending somebody's tokens", func(tx *store.Tx) error {
				return dropped(tx.RevokeTokens(c.user, souk.PersonToken, c.installation, noon))
			}},
			{"what is triggered at an org", func(tx *store.Tx) error {
				found, err := tx.TriggeredAt(c.org.ID, souk.ID{}, "chat_start", 100)
				if err == nil && len(found) != 10 {
					err = fmt.Errorf("triggered %d", len(found))
				}
				return err
			}},
			{"whether one is", func(tx *store.Tx) error { return dropped(tx.TriggeredAt(c.org.ID, c.app, "chat_start", 100)) }},
			{"what is triggered for somebody", func(tx *store.Tx) error {
				found, err := tx.TriggeredFor(c.user, souk.OnNavigation, 100)
				if err == nil && len(found) != 10 {
					err = fmt.Errorf("triggered %d", len(found))
				}
				return err
			}},
			{"who decides", func(tx *store.Tx) error {
				found, err := tx.Deciders(c.org, 5)
				if err == nil && len(found) != 5 {
					err = fmt.Errorf("%d decide", len(found))
				}
				return err
			}},
			{"what an end stops", func(tx *store.Tx) error {
				s, err := tx.StopsOf(c.installation, noon)
				if err == nil && (s.Tokens != 0 || s.Grants != 1 || s.Pending != 1) { // revoked above
					err = fmt.Errorf("stops %+v", s)
				}
				return err
			}},
			{"forgetting codes", forget(func(tx *store.Tx) func(time.Time, int) (int64, error) { return tx.DropCodes })},
		} {
			write(t, db, func(tx *store.Tx) error {
				if tx.SkipLocked() != "" {
					// So few rows are read whole for a pastime; what matters is what could be
					// done with more.
					if _, err := tx.Exec("SET LOCAL enable_seqscan = off"); err != nil {
						return err
					}
				}
				plans, err := tx.Explained(tt.fn)
				if err != nil {
					return fmt.Errorf("%s: %w", tt.name, err)
				}
				if found := scans(plans); len(plans) == 0 || len(found) > 0 {
					t.Errorf("%s: reads all of %q\n%s", tt.name, found, strings.Join(plans, "\n"))
				}
				return nil
			})
		}
	})
}

// dropped forgets what a read found.
func dropped[T any](_ T, err error) error { return err }
