package native

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// tokensOf lists the tokens at an address.
func tokensOf(t *testing.T, o *company, who, path string) (ids []string) {
	t.Helper()
	for _, k := range into[listing[heldTokenObject]](t, o.call(t, who, "GET "+path, ""), 200).Items {
		ids = append(ids, k.ID)
	}
	return ids
}

const (
	ofNotes = "/apps/{notes}/installations/{notebot}/tokens"
	atAcme  = "/orgs/{acme}/installations/{notebot}/tokens"
)

// An app's owner finds an installation, makes a token for its app user, puts
// another in its place and ends that; the installer sees all of it.
func TestAppUserTokens(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		found := into[listing[providedObject]](t, o.call(t, "vic", "GET /apps/{notes}/installations", ""), 200).Items
		if len(found) != 1 || found[0].ID != o.notebot.ID.String() || found[0].Org.SlackID != o.acme.ID.Slack("E") || found[0].OrgName != "Acme" ||
			found[0].AppUser == nil || found[0].AppUser.ID != o.notebot.AppUser.String() || !found[0].AppUser.IsBot {
			t.Fatalf("installations: %+v", found)
		}
		made := o.call(t, "notes", "POST "+ofNotes, `{"description":"worker-7","expires_in":3600}`)
		first := into[mintedObject](t, made, http.StatusCreated)
		if first.Description != "worker-7" || first.Kind != souk.PersonToken || first.User.ID != o.notebot.AppUser.String() || !slices.Equal(first.Scopes, []string{"team:read", "users:read"}) {
			t.Errorf("made: %s", made.body)
		}
		expires, err := time.Parse(time.RFC3339, *first.ExpiresAt)
		created, none := time.Parse(time.RFC3339, first.CreatedAt)
		if err != nil || none != nil || expires.Sub(created) != time.Hour {
			t.Errorf("made %s, expires %s", first.CreatedAt, *first.ExpiresAt)
		}
		o.tokens["first"] = first.Secret
		if me := into[meObject](t, o.call(t, "first", "GET /me", ""), 200); !me.User.IsBot || me.Token.ID != first.ID {
			t.Errorf("it speaks for %+v", me.User)
		}
		held := o.held.ID.String()
		if seen := tokensOf(t, o, "olga", atAcme); !slices.Equal(seen, []string{first.ID, held}) || !slices.Equal(seen, tokensOf(t, o, "vic", ofNotes)) {
			t.Errorf("tokens: %v", seen)
		}

		second := into[mintedObject](t, o.call(t, "vic", "POST "+ofNotes+"/"+first.ID+"/rotate", `{"overlap":600}`), http.StatusCreated)
		o.tokens["second"] = second.Secret
		if second.Secret == first.Secret || second.Description != "worker-7" || !slices.Equal(second.Scopes, first.Scopes) || second.ExpiresAt == nil {
			t.Errorf("in its place: %+v", second)
		}
		for _, name := range []string{"first", "second"} {
			into[meObject](t, o.call(t, name, "GET /me", ""), 200)
		}
		third := into[mintedObject](t, o.call(t, "notes", "POST "+ofNotes+"/"+second.ID+"/rotate", `{"overlap":0}`), http.StatusCreated)
		o.tokens["third"] = third.Secret
		if got := o.call(t, "second", "GET /me", ""); got.problem() != "dead-token" {
			t.Errorf("replaced at once: %s", got.body)
		}

		// The installer revokes what the owner made.
		if got := o.call(t, "olga", "DELETE "+atAcme+"/"+third.ID, ""); got.status != http.StatusNoContent {
			t.Errorf("revoked: %s", got.body)
		}
		if got := o.call(t, "third", "GET /me", ""); got.problem() != "dead-token" {
			t.Errorf("revoked by the installer: %s", got.body)
		}
		if got := o.call(t, "vic", "DELETE "+ofNotes+"/"+first.ID, ""); got.status != http.StatusNoContent {
			t.Errorf("revoked by the owner: %s", got.body)
		}
		for _, who := range []string{"vic", "notes"} {
			if got := o.call(t, who, "DELETE "+ofNotes+"/"+first.ID, ""); got.problem() != "no-such-token" {
				t.Errorf("%s revokes again: %s", who, got.body)
			}
		}
		if left := tokensOf(t, o, "operator", ofNotes); !slices.Equal(left, []string{held}) {
			t.Errorf("left: %v", left)
		}

		// They end with the installation.
		into[endedObject](t, o.call(t, "olga", "DELETE /orgs/{acme}/apps/{notes}/installation", ""), 200)
		if got := o.call(t, "notebot", "GET /me", ""); got.problem() != "dead-token" {
			t.Errorf("uninstalled: %s", got.body)
		}
		if got := o.call(t, "vic", "POST "+ofNotes, `{"description":"late"}`); got.problem() != "unknown-installation" {
			t.Errorf("uninstalled: %s", got.body)
		}
		if left := into[listing[providedObject]](t, o.call(t, "vic", "GET /apps/{notes}/installations", ""), 200).Items; len(left) != 0 {
			t.Errorf("uninstalled: %+v", left)
		}
	})
}

// A secret is in the answer that makes its token and nowhere else.
func TestSecretsAreToldOnce(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		names, err := json.Marshal(Wire().Events)
		must(err)
		into[savedObject](t, o.call(t, "vic", "POST /apps/{notes}/webhooks", `{"dialect":"native","url":"https://all.example/","events":`+string(names)+`}`), 201)
		first := into[mintedObject](t, o.call(t, "vic", "POST "+ofNotes, `{"description":"one"}`), 201)
		second := into[mintedObject](t, o.call(t, "vic", "POST "+ofNotes+"/"+first.ID+"/rotate", `{"overlap":60}`), 201)
		o.tokens["second"] = second.Secret
		var told strings.Builder
		for _, c := range []struct{ who, call string }{
			{"vic", "GET " + ofNotes}, {"olga", "GET " + atAcme}, {"vic", "GET /apps/{notes}/installations"}, {"second", "GET /me"},
			{"vic", "DELETE " + ofNotes + "/" + first.ID}, {"olga", "DELETE " + atAcme + "/" + second.ID},
		} {
			told.Write(o.call(t, c.who, c.call, "").body)
		}
		told.WriteString(o.log.String())
		must(o.db.Read(t.Context(), func(tx *store.Tx) error {
			for _, root := range []souk.ID{o.acme.ID, o.vendor.ID} {
				entries, err := tx.AuditOf(root)
				if err != nil {
					return err
				}
				events, err := tx.EventsOf(root)
				if err != nil {
					return err
				}
				text, err := json.Marshal([]any{entries, events})
				if err != nil {
					return err
				}
				told.Write(text)
				for _, e := range entries {
					told.WriteString(e.Verb + string(e.Before) + string(e.After) + "\n")
				}
			}
			hooks, err := tx.WebhooksOf(o.notes.ID)
			if err != nil {
				return err
			}
			for _, h := range hooks {
				sent, err := souktest.Told(tx, h.ID, "", souk.Page{Size: 100})
				if err != nil {
					return err
				}
				for _, d := range sent {
					told.Write(d.Body)
				}
			}
			return nil
		}))
		for _, secret := range []string{first.Secret, second.Secret} {
			if strings.Contains(told.String(), secret) {
				t.Error("a secret was told twice")
			}
		}
		for _, verb := range []string{"MintToken", "RotateToken", "RevokeToken"} {
			if !strings.Contains(told.String(), verb) {
				t.Errorf("no trace of %s", verb)
			}
		}
	})
}

// What is somebody else's is refused in the very bytes in which what does not
// exist is.
func TestTheTenantWall(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		legal := into[installationView](t, o.call(t, "mo", "GET /orgs/{sales}/apps/{legal}/installation", ""), 200).ID
		const mint, rotate, set = `{"description":"d"}`, `{"overlap":0}`, `{"permissions":[]}`
		for _, c := range []struct{ who, call, body string }{
			{"rita", "GET /apps/*/installations", ""},
			{"rita", "GET /apps/*/installations/{notebot}/tokens", ""},
			{"rita", "POST /apps/*/installations/{notebot}/tokens", mint},
			{"rita", "POST /apps/*/installations/{notebot}/tokens/{held}/rotate", rotate},
			{"rita", "DELETE /apps/*/installations/{notebot}/tokens/{held}", ""},
			{"deploy", "GET /apps/*/installations/{notebot}/tokens", ""},
			{"deploy", "POST /apps/*/installations/{notebot}/tokens", mint},
			{"deploy", "DELETE /apps/*/installations/{notebot}/tokens/{held}", ""},
			{"rita", "GET /apps/*/trigger/deliveries", ""},
			{"rita", "GET /apps/*/trigger/deliveries/{heard}/attempts", ""},
			{"notes", "GET /apps/{notes}/trigger/deliveries/*/attempts", ""},
			{"notes", "GET /apps/{notes}/installations/*/tokens", ""},
			{"notes", "POST /apps/{notes}/installations/*/tokens", mint},
			{"notes", "POST /apps/{notes}/installations/*/tokens/{held}/rotate", rotate},
			{"notes", "DELETE /apps/{notes}/installations/*/tokens/{held}", ""},
			{"olga", "GET /orgs/*/installations/{notebot}/tokens", ""},
			{"olga", "DELETE /orgs/*/installations/{notebot}/tokens/{held}", ""},
			{"olga", "GET /orgs/{acme}/installations/*/tokens", ""},
			{"olga", "DELETE /orgs/{acme}/installations/*/tokens/{held}", ""},
			{"olga", "DELETE /orgs/{acme}/installations/{notebot}/tokens/*", ""},
			{"vic", "DELETE /apps/{notes}/installations/{notebot}/tokens/*", ""},
			{"vic", "POST /apps/{notes}/installations/{notebot}/tokens/*/rotate", rotate},
			{"olga", "GET /orgs/*/users/{rita}/permissions", ""},
			{"olga", "PUT /orgs/*/users/{rita}/permissions", set},
			{"olga", "GET /orgs/{acme}/users/*/permissions", ""},
			{"olga", "PUT /orgs/{acme}/users/*/permissions", set},
		} {
			theirs := map[string]string{
				"/apps/*": "{notes}", "/orgs/*": "{rival}", "/users/*": "{rita}", "/deliveries/*": "{delivery}",
				"/installations/*": legal, "/tokens/*": o.strangersToken(t),
			}
			before, _, _ := strings.Cut(c.call, "*")
			place := "/" + strings.Split(before, "/")[strings.Count(before, "/")-1] + "/*"
			there := o.call(t, c.who, strings.Replace(c.call, "*", theirs[place], 1), c.body)
			nowhere := o.call(t, c.who, strings.Replace(c.call, "*", "{nothing}", 1), c.body)
			if there.status != http.StatusNotFound || withoutRequest(there) != withoutRequest(nowhere) {
				t.Errorf("%s %s: %d %s, of nothing %s", c.who, c.call, there.status, there.body, nowhere.body)
			}
		}
		if left := tokensOf(t, o, "vic", ofNotes); !slices.Contains(left, o.held.ID.String()) {
			t.Error("somebody got through")
		}
	})
}

// strangersToken makes a token that is nobody's here to name.
func (o *company) strangersToken(t *testing.T) string {
	t.Helper()
	k := souk.Token{ID: souk.NewID(), Kind: souk.PersonToken, User: o.rita.ID, Org: o.rival.ID, CreatedAt: o.at}
	k.Hash = o.market.Key.Hash(k.ID.String())
	o.put(t, func(tx *store.Tx) error { return tx.PutToken(k) })
	return k.ID.String()
}

// withoutRequest is a body without the one thing that differs between two equal
// refusals.
func withoutRequest(r reply) string {
	return strings.ReplaceAll(string(r.body), r.header.Get("X-Request-Id"), "")
}

// Permissions are read and given as a whole, app users' too, and an app user's
// token carries them as far as was granted.
func TestPermissions(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		for _, c := range []struct {
			who, at, body string
			want          []string
		}{
			{"bo", "/orgs/{sales}/users/{mo}/permissions", "", []string{"settings"}},
			{"sal", "/orgs/{sales}/users/{mo}/permissions", `{"permissions":["reports","users","reports"]}`, []string{"reports", "users"}},
			{"mo", "/orgs/{sales}/users/{bo}/permissions", `{"permissions":["reports"]}`, []string{"reports"}}, // who holds users now
			{"sal", "/orgs/{sales}/users/{mo}/permissions", `{"permissions":[]}`, []string{}},
			{"olga", "/orgs/{sales}/users/{sal}/permissions", `{"permissions":[]}`, []string{"reports", "settings", "users"}}, // an admin
			{"operator", "/orgs/{sales}/users/{bot}/permissions", `{"permissions":["settings"]}`, []string{"settings"}},
			{"mo", "/orgs/{sales}/users/{bot}/permissions", "", []string{"settings"}},
		} {
			method := "PUT "
			if c.body == "" {
				method = "GET "
			}
			got := o.call(t, c.who, method+c.at, c.body)
			if v := into[permittedObject](t, got, 200); !slices.Equal(v.Permissions, c.want) || !strings.Contains(o.fill(c.at), v.ID) {
				t.Errorf("%s %s: %s, want %v", c.who, c.at, got.body, c.want)
			}
		}
	})
}
