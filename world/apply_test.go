package world_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
	"souk/world"
)

// example is the document that docs/world.md shows.
func example(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("../docs/world.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, begins := bytes.Cut(text, []byte("```yaml\n"))
	text, _, ends := bytes.Cut(text, []byte("```\n"))
	if !begins || !ends {
		t.Fatal("docs/world.md shows no example")
	}
	return text
}

func parse(t testing.TB, text []byte) market.World {
	t.Helper()
	w, err := world.Parse(world.File{Name: "test.yaml", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var operator = souk.Operator("test")

// traces counts everything that applying leaves behind.
func traces(t testing.TB, db *store.DB, applied market.Applied) (audit, events int) {
	t.Helper()
	roots := []souk.ID{{}}
	for _, o := range applied.Objects {
		if o.Section == "orgs" {
			roots = append(roots, o.ID)
		}
	}
	err := db.Read(t.Context(), func(tx *store.Tx) error {
		audit, events = 0, 0
		for _, root := range roots {
			entries, err := tx.AuditOf(root)
			if err != nil {
				return err
			}
			last := souk.AuditEntry{}
			for _, e := range entries {
				if !e.Follows(last) {
					t.Errorf("audit entry %d of %s does not follow", e.Number, root)
				}
				last = e
			}
			told, err := tx.EventsOf(root)
			if err != nil {
				return err
			}
			audit, events = audit+len(entries), events+len(told)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return audit, events
}

func TestExampleApplies(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		m := &market.Market{DB: db, Key: souktest.Key}
		w := parse(t, example(t))
		apply := func(how market.How) market.Applied {
			t.Helper()
			done, err := m.ApplyWorld(t.Context(), operator, w, how)
			if err != nil {
				t.Fatal(err)
			}
			return done
		}

		planned := apply(market.How{DryRun: true})
		if len(planned.Objects) > 0 {
			t.Errorf("a dry run hands out %d objects that do not exist", len(planned.Objects))
		}
		first := apply(market.How{})
		if diff := cmp.Diff(planned.Plan, first.Plan); diff != "" {
			t.Errorf("what was planned and what was done differ:\n%s", diff)
		}
		for _, s := range first.Plan {
			if s.Do != market.Create {
				t.Errorf("on an empty marketplace: %+v", s)
			}
		}
		audit, events := traces(t, db, first)
		if audit < len(first.Plan) || events == 0 {
			t.Errorf("%d steps left %d audit entries and %d events", len(first.Plan), audit, events)
		}

		again := apply(market.How{})
		if len(again.Plan) > 0 {
			t.Errorf("applied again it changes %+v", again.Plan)
		}
		if a, e := traces(t, db, first); a != audit || e != events {
			t.Errorf("applied again it left %d audit entries and %d events, before %d and %d", a, e, audit, events)
		}
		ids := func(a market.Applied) (all []string) {
			for _, o := range a.Objects {
				all = append(all, o.Section+"."+o.Key+" "+o.ID.String())
			}
			slices.Sort(all)
			return all
		}
		if diff := cmp.Diff(ids(first), ids(again)); diff != "" {
			t.Errorf("applied again it finds other objects:\n%s", diff)
		}

		out := world.Report(first)
		if got := out.Orgs["vendor"].ID; got != "0198c0de-0000-7000-8000-000000000001" {
			t.Errorf("the vendor brought its id and has %s", got)
		}
		for key, token := range out.Tokens {
			_, err := m.Authenticate(t.Context(), token.Token, "test", netip.Addr{})
			if dead := key == "gone"; dead != (err != nil) {
				t.Errorf("token %s: %v", key, err)
			}
		}
	})
}

// The output is the same JSON for the same world, ids and secrets aside.
func TestReport(t *testing.T) {
	id, err := souk.ParseID("0198c0de-0000-7000-8000-000000000001")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(world.Report(market.Applied{
		Objects: []market.Object{
			{Section: "orgs", Key: "acme", ID: id, Kind: souk.Enterprise},
			{Section: "orgs", Key: "a", ID: id, Kind: souk.Workspace},
			{Section: "apps", Key: "bot", ID: id, Credentials: souk.Credentials{App: id, GiosgSecret: "s"}},
			{Section: "apps", Key: "old", ID: id, Credentials: souk.Credentials{App: id}},
			{Section: "webhooks", Key: "bot.log", ID: id, WebhookSecret: "whsec_x"},
			{Section: "requests", Key: "please", ID: id},
			{Section: "tokens", Key: "ada", ID: id, Secret: "xoxp"},
		},
		Plan: []market.Step{
			{Section: "orgs", Key: "acme", Do: market.Create},
			{Section: "users", Key: "ada", Do: market.Change, Fields: []string{"alias", "email"}},
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("\n", "", "ID", `"id":"`+id.String()+`"`, "ZOOM", `"zoom_id":"`+id.Zoom()+`"`, "BODY", id.Slack("")).Replace(
		`{"orgs":{"a":{ID,"slack_id":"TBODY",ZOOM},"acme":{ID,"slack_id":"EBODY",ZOOM}},
"apps":{"bot":{ID,"slack_id":"ABODY",ZOOM,"credentials":{"giosg":{"secret":"s"}}},"old":{ID,"slack_id":"ABODY",ZOOM}},
"webhooks":{"bot.log":{ID,ZOOM,"secret":"whsec_x"}},
"requests":{"please":{ID,"slack_id":"ArBODY",ZOOM}},
"tokens":{"ada":{ID,ZOOM,"token":"xoxp"}},
"plan":[{"object":"orgs.acme","do":"create"},{"object":"users.ada","do":"change","fields":["alias","email"]}]}`)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}
