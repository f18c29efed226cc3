package zoom

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/souktest/zoomwire"
	"souk/store"
)

// governed is a company whose console hears of requests and decisions.
type governed struct {
	*company
	hook souk.ID
	seen map[souk.ID]bool
}

func govern(t *testing.T, o *company) *governed {
	o.Market.Wires = map[souk.Dialect]market.Wire{souk.Zoom: Wire(nil)}
	hook := store.SealedWebhook{Webhook: souk.Webhook{
		ID: souk.NewID(), App: o.ID("apps.console"), Dialect: souk.Zoom, URL: "https://receiver.example/",
		Events: []string{approvedName, requestedName, declinedName}, Status: souk.WebhookActive, Reach: souk.MasterReach, Source: souk.FromPeople,
		CreatedAt: time.Now().UTC(), UpdatedAt: time.Now().UTC(),
	}}
	o.write(t, func(tx *store.Tx) error {
		i, err := tx.Installation(o.ID("installations.console@acme"))
		if err != nil {
			return err
		}
		i.Scopes = i.Scopes.Union(souk.NewScopes("marketplace_app:read:admin"))
		if err := tx.PutInstallation(i); err != nil {
			return err
		}
		return tx.PutWebhook(hook)
	})
	return &governed{o, hook.ID, map[souk.ID]bool{}}
}

// news are the bodies that came since it was asked last, in order. Every one is
// held to its schemas and bytes.
func (g *governed) news(t *testing.T) (bodies []map[string]any) {
	t.Helper()
	var found []souk.Delivery
	err := g.db.Read(t.Context(), func(tx *store.Tx) (err error) {
		found, err = souktest.Told(tx, g.hook, "", souk.Page{Size: 100})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(found) // newest first
	for _, d := range found {
		if g.seen[d.ID] {
			continue
		}
		g.seen[d.ID] = true
		for _, layer := range []func([]byte) error{zoomwire.Published, zoomwire.Strict, zoomwire.Bytes} {
			if err := layer(d.Body); err != nil {
				t.Errorf("%v\n%s", err, d.Body)
			}
		}
		var body map[string]any
		if err := json.Unmarshal(d.Body, &body); err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// told compares the news with lines such as "…_declined specific_users bo@…".
func (g *governed) told(t *testing.T, what string, want ...string) (bodies []map[string]any) {
	t.Helper()
	bodies = g.news(t)
	var got []string
	for _, b := range bodies {
		payload := b["payload"].(map[string]any)
		words := []string{strings.TrimPrefix(b["event"].(string), "app.authorization_request_"), fmt.Sprint(payload["app_status"])}
		if scope, ok := payload["scope"]; ok {
			words = append(words, scope.(string), payload["reviewer_email"].(string))
		} else {
			words = append(words, payload["requester_name"].(string))
		}
		if reviewed, ok := payload["reviewed_requests"]; ok {
			for _, r := range reviewed.([]any) {
				words = append(words, r.(map[string]any)["requester_email"].(string))
			}
		}
		got = append(got, strings.Join(words, " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: told %q, want %q", what, got, want)
	}
	return bodies
}

// Each request and each decision is told once, whichever face it was made
// through, with exactly those whom it was about.
func TestWhatGovernanceAppsAreTold(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		g := govern(t, o)
		acme, ada := o.ID("orgs.acme"), o.As("ada")
		done := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		approve := func(app string, users ...string) {
			t.Helper()
			in := market.Decision{App: o.ID("apps." + app), At: acme}
			for _, u := range users {
				in.Audiences = append(in.Audiences, souk.Audience{User: o.ID("users." + u)})
			}
			_, err := o.Market.Approve(t.Context(), ada, in)
			done(err)
		}

		asked := o.asks(t, "bo", "notes", "sales")
		got := g.told(t, "asking", "created published Bo Lind")
		o.asks(t, "bo", "notes", "sales")
		g.told(t, "asking again")
		o.asks(t, "cem", "notes", "labs")
		o.asks(t, "mo", "notes", "sales")
		o.asks(t, "mo", "notes", "labs")
		g.told(t, "others asking", "created published Cem Kaya", "created published Momo")
		payload := got[0]["payload"].(map[string]any)
		for _, key := range []string{"request_id", "app_id", "account_id", "requester_email", "requester_department"} {
			if value, there := payload[key]; there {
				t.Errorf("a request tells %s: %v", key, value)
			}
		}
		if payload["app_name"] != "Notes & <more>" || payload["request_reason"] != "because" || payload["app_type"] != "Zoom App" {
			t.Errorf("a request tells %v", payload)
		}

		approve("notes", "bo", "cem")
		got = g.told(t, "approving two", "approved published specific_users ada@acme.example bo@acme.example cem@acme.example")
		if id := got[0]["payload"].(map[string]any)["request_id"]; id != asked.Case.Zoom() {
			t.Errorf("request_id is %v, want %s", id, asked.Case.Zoom())
		}
		approve("notes", "bo")
		g.told(t, "approving again")
		approve("notes")
		g.told(t, "approving all", "approved published all_users_on_account ada@acme.example mo@acme.example")
		approve("notes")
		g.told(t, "approving all again")
		_, err := o.Market.DeclineAll(t.Context(), ada, o.ID("apps.notes"), acme)
		done(err)
		g.told(t, "declining all", "declined published all_users_on_account ada@acme.example")

		o.asks(t, "liv", "warden", "labs")
		g.told(t, "asking for another", "created published Liv Bø")
		_, err = o.Market.CancelRequests(t.Context(), ada, o.ID("apps.warden"), acme, []souk.ID{o.ID("users.liv")})
		done(err)
		g.told(t, "cancelling")
		_, err = o.Market.Decline(t.Context(), ada, market.Decision{Request: o.asks(t, "liv", "bench", "labs").ID, At: acme})
		done(err)
		g.told(t, "declining one", "created development Liv Bø", "declined unpublished specific_users ada@acme.example liv@acme.example")

		approve("warden")
		g.told(t, "approving what nobody waits for", "approved published all_users_on_account ada@acme.example")
		approve("deploybot")
		g.told(t, "approving what nobody asked for")
		q := o.asks(t, "cem", "bench", "labs")
		_, err = o.Market.Restrict(t.Context(), o.As("olga"), market.Decision{Request: q.ID, At: acme})
		done(err)
		g.told(t, "restricting elsewhere", "created development Cem Kaya", "declined unpublished all_users_on_account olga@acme.example cem@acme.example")
	})
}
