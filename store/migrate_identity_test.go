package store_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"souk"
	"souk/souktest"
	"souk/store"
)

// schemaBefore is this binary's schema up to a step, and without that.
func schemaBefore(t *testing.T, step string) fs.FS {
	t.Helper()
	files := schemaWith(t, nil).(fstest.MapFS)
	for name := range files {
		if name >= step {
			delete(files, name)
		}
	}
	return files
}

// empty takes a database back to before it was migrated.
func empty(t *testing.T, address string) {
	t.Helper()
	if !strings.HasPrefix(address, "postgres") {
		if err := os.Remove(address); err != nil {
			t.Fatal(err)
		}
		return
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database that was in use before people signed in has lost nothing by it:
// tokens speak for the same people, nobody runs the platform yet, and what was
// decided has no reason.
func TestMigratingToIdentities(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		empty(t, address)
		db, err := store.OpenWith(t.Context(), address, schemaBefore(t, "0003"))
		if err != nil {
			t.Fatal(err)
		}
		org := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: "hq", Domain: "hq", Entitlements: souk.DefaultEntitlements, Switches: souk.DefaultSwitches, CreatedAt: noon}
		app := souk.App{ID: souk.NewID(), Owner: org.ID, Name: "Bot", Kind: souk.ThirdParty, Listing: souk.Draft, CreatedAt: noon, UpdatedAt: noon}
		user, decided, hash := souk.NewID(), souk.NewID(), "$argon2id$of-jane"
		token := souk.Token{ID: souk.NewID(), Hash: []byte("hash"), Kind: souk.PersonToken, User: user, CreatedAt: noon}
		revoked := token
		revoked.ID, revoked.Hash, revoked.RevokedAt = souk.NewID(), []byte("another"), noon
		write(t, db, func(tx *store.Tx) error {
			if err := errors.Join(tx.PutOrg(org), tx.PutApp(app)); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO users (id, org_id, root_id, is_bot, email, first_name, last_name, alias, department, second_factor, created_at)
				VALUES ($1, $2, $2, FALSE, 'jane@town.example', 'Jane', '', '', '', FALSE, $3)`, user, org.ID, store.Micros(noon)); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO resolutions (id, app_id, org_id, audience, status, scopes, by_id, created_at)
				VALUES ($1, $2, $3, 'everyone', 'restricted', '', $4, $5)`, decided, app.ID, org.ID, user, store.Micros(noon)); err != nil {
				return err
			}
			for _, t := range []souk.Token{token, revoked} {
				var ended any
				if !t.RevokedAt.IsZero() {
					ended = store.Micros(t.RevokedAt)
				}
				if _, err := tx.Exec(`INSERT INTO tokens (id, hash, kind, user_id, scopes, description, networks, created_at, revoked_at)
					VALUES ($1, $2, $3, $4, '', '', '', $5, $6)`, t.ID, t.Hash, t.Kind, user, store.Micros(noon), ended); err != nil {
					return err
				}
			}
			return tx.PutPassword(user, hash, noon)
		})
		shut(t, db)

		for range 2 { // the second time there is nothing to do
			db = openFile(t, address)
			write(t, db, func(tx *store.Tx) error {
				logins, err := tx.Logins("jane@town.example", 8)
				if err != nil {
					return err
				}
				if len(logins) != 1 || logins[0].User.ID != user || logins[0].User.Operator || logins[0].Password != hash {
					t.Errorf("jane is %+v", logins)
				}
				tokens, err := tx.TokensOfUser(user, souk.PersonToken, noon)
				if err != nil {
					return err
				}
				if len(tokens) != 1 || tokens[0].ID != token.ID || string(tokens[0].Hash) != "hash" {
					t.Errorf("her tokens are %+v", tokens)
				}
				standing, err := tx.StandingResolutions(app.ID, org.ID)
				if err != nil {
					return err
				}
				if len(standing) != 1 || standing[0].ID != decided || standing[0].Reason != "" {
					t.Errorf("what stands is %+v", standing)
				}
				ever, _, err := tx.Operators()
				if ever != 0 {
					t.Error("somebody runs the platform")
				}
				return err
			})
			shut(t, db)
		}
	})
}
