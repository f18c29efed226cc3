package market_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

func (w *town) askForMany(name string, in market.AskingForMany) market.AskedForMany {
	w.t.Helper()
	return must(w.m.RequestForMany(context.Background(), w.as(name), in))(w.t)
}

// pending spells who waits for an answer about an app: "name org".
func (w *town) pending(app string) []string {
	w.t.Helper()
	return w.rows(`SELECT u.first_name || ' ' || o.name FROM requests q JOIN users u ON u.id = q.user_id JOIN orgs o ON o.id = q.org_id
		WHERE q.app_id = $1 AND q.status = 'pending'`, w.app[app])
}

func TestAskingForMany(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		chat := w.app["chat"]
		w.setPolicy(w.acme, souk.Approval)
		w.ask("jane", "chat", w.hq)
		w.approveFor("ada", "chat", w.acme, w.people("joe")...)
		ops := w.group(w.hq, "ops", "una", "jane", "val")
		// Those are passed over who asked already or may have it; each asks at home.
		asked := w.askForMany("ada", market.AskingForMany{App: chat, At: w.acme, Users: w.ids("lee", "joe", "una"), Groups: []souk.ID{ops}})
		if asked.Filed != 2 || asked.Later {
			t.Errorf("asked: %+v", asked)
		}
		wantList(t, "pending", w.pending("chat"), "jane hq", "lee lab", "una hq")
		if n := w.count(`SELECT count(*) FROM events WHERE kind = 'request.created'`); n != 3 {
			t.Errorf("%d requests were told", n)
		}
		if n := w.count(`SELECT count(*) FROM requests WHERE filed_by = $1`, w.user["ada"]); n != 2 {
			t.Errorf("ada filed %d", n)
		}
		if again := w.askForMany("ada", market.AskingForMany{App: chat, At: w.acme, Users: w.ids("lee", "una")}); again.Filed != 0 {
			t.Errorf("again: %+v", again)
		}
		// At a workspace everybody is its members, and they ask there.
		if asked := w.askForMany("max", market.AskingForMany{App: w.app["files"], At: w.hq, Everyone: true}); asked.Filed != 6 {
			t.Errorf("at hq: %+v", asked)
		}
		wantList(t, "pending at hq", w.pending("files"), "jane hq", "joe hq", "max hq", "olga hq", "sid hq", "una hq")
		if asked := w.askForMany("ada", market.AskingForMany{App: w.app["files"], At: w.acme, Everyone: true}); asked.Filed != 5 {
			t.Errorf("at acme: %+v", asked)
		}
		// What a workspace forbids is not asked there, and keeps nobody else from it.
		w.restrict("max", "manager", w.hq)
		w.askForMany("ada", market.AskingForMany{App: w.app["manager"], At: w.acme, Everyone: true})
		wantList(t, "where it is not forbidden", w.pending("manager"), "ada acme", "eve acme", "lee lab", "liz lab", "sam acme")

		var invalid souk.Invalid
		before := w.digest()
		if _, err := w.m.RequestForMany(context.Background(), w.as("ada"), market.AskingForMany{App: chat, At: w.acme}); !errors.As(err, &invalid) || w.digest() != before {
			t.Errorf("for nobody: %v", err)
		}
		w.checkAudit()
	})
}

func TestAskingForManyByJobs(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		const many = 60
		w.setPolicy(w.acme, souk.Approval)
		var crowd []souk.ID
		w.write(func(tx *store.Tx) (err error) {
			group, err := tx.GroupNamed(w.lab, "crowd", dawn)
			for n := range many {
				u := souk.User{ID: souk.NewID(), Org: w.lab, Email: fmt.Sprintf("%d@crowd.example", n), CreatedAt: dawn}
				crowd = append(crowd, u.ID)
				err = errors.Join(err, tx.PutUser(u, w.acme),
					tx.PutMembership(souk.Membership{User: u.ID, Org: w.lab, Role: souk.Member, CreatedAt: dawn}),
					drop(tx.JoinGroup(group.ID, u.ID)))
			}
			return err
		})
		for name, tt := range map[string]struct {
			app   string
			in    market.AskingForMany
			filed int
		}{
			"everybody":    {"chat", market.AskingForMany{Everyone: true}, many + 11},
			"a group":      {"files", market.AskingForMany{Groups: []souk.ID{w.group(w.lab, "crowd")}}, many},
			"those named":  {"tool", market.AskingForMany{Users: crowd}, many},
			"a bit of all": {"manager", market.AskingForMany{Users: crowd[:51], Groups: []souk.ID{w.group(w.lab, "crowd")}}, many},
		} {
			tt.in.App, tt.in.At = w.app[tt.app], w.acme
			if asked := w.askForMany("ada", tt.in); !asked.Later || asked.Filed != 0 || len(w.pending(tt.app)) != 0 {
				t.Errorf("%s: %+v", name, asked)
			}
			w.finish()
			if got := len(w.pending(tt.app)); got != tt.filed || len(w.events(tt.app)) != tt.filed {
				t.Errorf("%s: %d are pending, want %d; told %d", name, got, tt.filed, len(w.events(tt.app)))
			}
		}
		if n := w.count(`SELECT count(*) FROM jobs`); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
		w.checkAudit()
	})
}
