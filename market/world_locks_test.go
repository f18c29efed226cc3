package market_test

import (
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

// A document locks the platform, the roots of all organizations that it leads
// to, and the apps it changes: who has them matters when somebody may lose
// them.
func TestApplyWorldLocks(t *testing.T) {
	tests := []struct{ name, document, roots, changed, read string }{
		{"nothing", `orgs: {}`, "platform", "", ""},
		{"what is new", `orgs: {new: {kind: workspace, name: New}}`, "platform", "", ""},
		{"a new workspace", `orgs: {new: {kind: workspace, name: New, enterprise: acme}}`, "acme platform", "", ""},
		{"a workspace", `orgs: {sales: {policy: open}}`, "acme platform", "", ""},
		{"a person", `users: {bo: {alias: Bo}}`, "acme platform", "", ""},
		{"a membership", `users: {new: {org: solo, email: n@solo.example, memberships: [{org: globex-plant}]}}`, "globex platform solo", "", ""},
		{"partners", `partnerships: [[vendor, solo]]`, "platform solo vendor", "", ""},
		{"partners no more", `partnerships: [{orgs: [vendor, solo], state: absent}]`, "globex platform solo vendor", "tips", ""},
		{"an app", `apps: {deploybot: {name: Bot}}`, "platform vendor", "deploybot", ""},
		{"an app that is public no more", `apps: {console: {listing: draft}}`, "acme globex platform solo vendor", "console", ""},
		{"a share", `apps: {lunch: {shares: [solo]}}`, "acme platform solo", "lunch", ""},
		{"a new app", `apps: {new: {owner: solo, name: New}}`, "platform solo", "", ""},
		{"an installation", `installations: {console@globex: {workspaces: []}}`, "globex platform vendor", "", "console"},
		{"a new installation", `installations: {new: {app: vault, org: labs, installed_by: cem}}`, "acme platform vendor", "", "vault"},
		{"a request", `requests: {asked: {status: declined}}`, "globex platform vendor", "", "tips"},
		{"an answer", `resolutions: [{app: vault, org: globex-plant, status: approved, by: gus}]`, "globex platform vendor", "", "vault"},
		{"a token", `tokens: {gus-admin: {kind: xoxp, user: gus, installation: console@globex}}`, "globex platform vendor", "", "console"},
		{"a token of an app", `tokens: {new: {kind: xapp, app: lunch}}`, "acme platform", "", "lunch"},
		{"a token of Zoom's wire", `tokens: {new: {kind: zoom, user: gus, installation: console@globex}}`, "globex platform vendor", "", "console"},
	}
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		c.Apply("version: 1\n" +
			"apps: {tips: {owner: vendor, name: Tips, is_available_to_partners: true, shares: [globex]}}\n" +
			"requests: {asked: {app: tips, user: pat, org: globex-plant}}")
		names := map[souk.ID]string{{}: "platform"}
		for _, o := range []string{"acme", "globex", "solo", "vendor"} {
			names[c.ID("orgs."+o)] = o
		}
		for _, a := range []string{"console", "deploybot", "vault", "lunch", "tips"} {
			names[c.ID("apps."+a)] = a
		}
		spell := func(ids []souk.ID) string {
			var all []string
			for _, id := range ids {
				all = append(all, names[id])
			}
			slices.Sort(all)
			return strings.Join(slices.Compact(all), " ")
		}
		for _, tt := range tests {
			w, err := world.Parse(world.File{Name: "test.yaml", Text: []byte("version: 1\n" + tt.document)})
			if err != nil {
				t.Fatal(err)
			}
			var locks store.Locks
			if err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
				locks, err = market.LocksOf(w, tx)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			got := []string{spell(locks.Roots), spell(locks.ExclusiveApps), spell(locks.Apps)}
			if diff := cmp.Diff([]string{tt.roots, tt.changed, tt.read}, got); diff != "" {
				t.Errorf("%s: roots, apps changed, apps read:\n%s", tt.name, diff)
			}
		}
	})
}
