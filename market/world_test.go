package market_test

import (
	"errors"
	"net/netip"
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

// applying applies a document to a company and tells what came of it.
func applying(t *testing.T, c *souktest.Company, document string, how market.How) (market.Applied, error) {
	t.Helper()
	w, err := world.Parse(world.File{Name: "test.yaml", Text: []byte("version: 1\n" + document)})
	if err != nil {
		t.Fatal(err)
	}
	return c.Market.ApplyWorld(t.Context(), souk.Operator("test"), w, how)
}

// steps spells a plan for a test.
func steps(plan []market.Step) (all []string) {
	for _, s := range plan {
		line := string(s.Do) + " " + s.Section + "." + s.Key
		if len(s.Fields) > 0 {
			line += ": " + strings.Join(s.Fields, " ")
		}
		all = append(all, line)
	}
	return all
}

// What must always hold, and what a document cannot say, is refused with its
// place, all of it at once, and changes nothing.
func TestApplyWorldRefuses(t *testing.T) {
	tests := []struct{ name, document, want string }{
		{"a scope with a slip", `apps: {deploybot: {bot_scopes: [files:read, chat:wirte]}}`,
			`apps.deploybot.bot_scopes[1]: scope "chat:wirte" is not in the catalogue (did you mean "chat:write"?)`},
		{"a reference with a slip", `apps: {x: {owner: vendr, name: X}}`, `apps.x.owner: nothing is called "vendr" in orgs`},
		{"a reference near one of the document", "orgs: {shop: {kind: workspace, name: Shop}}\napps: {x: {owner: shpo, name: X}}",
			`apps.x.owner: nothing is called "shpo" in orgs (did you mean "shop"?)`},
		{"a reference to an unknown id", `apps: {x: {owner: 0198c0de-0000-7000-8000-00000000dead, name: X}}`,
			`apps.x.owner: there is no 0198c0de-0000-7000-8000-00000000dead in orgs`},
		{"all problems at once, and none of what follows from them", "orgs: {x: {kind: workspace}}\nusers: {y: {org: x, email: y}}\ntokens: {z: {kind: token, user: y}}",
			`orgs.x.name: is required; users.y.email: must be an e-mail address`},
		{"another id", `orgs: {acme: {id: 0198c0de-0000-7000-8000-00000000dead}}`, `orgs.acme.id: is ID already`},
		{"another kind", `orgs: {acme: {kind: workspace}}`, `orgs.acme.kind: cannot be changed: it is enterprise`},
		{"a workspace that moves", `orgs: {solo: {enterprise: acme}}`, `orgs.solo.enterprise: cannot be given any more: there is none`},
		{"a workspace under a workspace", `orgs: {x: {kind: workspace, name: X, enterprise: solo}}`, `orgs.x.enterprise: solo is no enterprise`},
		{"an enterprise under one", `orgs: {x: {kind: enterprise, name: X, enterprise: acme}}`, `orgs.x.enterprise: an enterprise does not lie under another`},
		{"an organization that goes", `orgs: {acme: {state: absent}}`, `orgs.acme.state: an organization cannot be removed by a document`},
		{"a scope that goes", `scopes: {chat:write: {state: absent}}`, `scopes.chat:write.state: a scope cannot be removed: apps may ask for it`},
		{"a scope that is built in", `scopes: {admin: {description: Mine}}`, `scopes.admin: is built in`},
		{"an app that goes", `apps: {deploybot: {state: absent}}`, `apps.deploybot.state: an app cannot be removed by a document`},
		{"a request that goes", `requests: {x: {app: deploybot, user: bo, org: sales, state: absent}}`, `requests.x.state: a request cannot be removed: write status: cancelled`},
		{"one's own partner", `partnerships: [[acme, acme]]`, `partnerships[0]: needs two different organizations`},
		{"an e-mail twice", `users: {x: {org: labs, email: BO@acme.example}}`, `users.x.email: is taken by user ID`},
		{"an empty password", `users: {bo: {password: ""}}`, `users.bo.password: must not be empty`},
		{"the last owner", `users: {olga: {memberships: [{org: acme, role: admin}]}}`, `users.olga.memberships[0]: is the organization's last owner`},
		{"the last owner's membership", `users: {olga: {memberships: [{org: acme, state: absent}]}}`, `users.olga.memberships[0]: is the organization's last owner`},
		{"the last owner's end", `users: {olga: {state: absent}}`, `users.olga.state: last owner`},
		{"a member from elsewhere", `users: {bo: {memberships: [{org: solo}]}}`, `users.bo.memberships[0].org: belongs to another root organization than the user`},
		{"a taken client id", `apps: {x: {owner: vendor, name: X, credentials: {slack: {client_id: "1234567890.1234567890"}}}}`, `apps.x.credentials: another app has this client_id`},
		{"a client id of another shape", `apps: {x: {owner: vendor, name: X, credentials: {slack: {client_id: abc}}}}`, `apps.x.credentials.slack.client_id: must be digits, a dot and digits, at most 32 characters`},
		{"a redirect with another behind a wide space", `apps: {deploybot: {redirect_uris: ["https://x.example/\u2003javascript:x"]}}`,
			`apps.deploybot.redirect_uris[0]: must be an http or https URL without a user`},
		{"a URL of no web", `apps: {deploybot: {links: {homepage: "ftp://x"}, webhooks: {slack: {url: "https://u:p@x/"}}}}`,
			`apps.deploybot.links.homepage: must be an http or https URL without a user`},
		{"a webhook without events", `apps: {deploybot: {webhooks: {x: {dialect: native, url: "https://x.example"}}}}`, `apps.deploybot.webhooks.x.events: is required`},
		{"a webhook's other dialect", `apps: {deploybot: {webhooks: {slack: {dialect: native}}}}`, `apps.deploybot.webhooks.slack.dialect: cannot be changed: it is slack`},
		{"a giosg webhook with events", `apps: {deploybot: {webhooks: {x: {dialect: giosg, url: "https://x.example", events: [app_requested], verified: false}}}}`,
			`apps.deploybot.webhooks.x.channels: is required; apps.deploybot.webhooks.x.events: a giosg webhook has channels instead; apps.deploybot.webhooks.x.verified: a giosg webhook has no handshake to wait for`},
		{"channels that are none", `apps: {deploybot: {webhooks: {x: {dialect: giosg, url: "https://x.example", channels: [{pattern: /api/v5/orgs}, {pattern: "/api/v5/orgs/{organization_id}/users"}, {pattern: "/api/v5/orgs/{organization_id}/users"}]}}}}`,
			`apps.deploybot.webhooks.x.channels[0].pattern: is no channel pattern; apps.deploybot.webhooks.x.channels[2].pattern: is there already`},
		{"too many channels", `apps: {deploybot: {webhooks: {x: {dialect: giosg, url: "https://x.example", channels: [` + strings.Repeat(`{pattern: x}, `, market.MaxSubscriptions+1) + `]}}}}`,
			`apps.deploybot.webhooks.x.channels: must be at most 50`},
		{"channels of Slack's", `apps: {deploybot: {webhooks: {slack: {channels: []}}}}`, `apps.deploybot.webhooks.slack.channels: only a giosg webhook has channels`},
		{"a contact of nobody", `orgs: {solo: {contact: {email: solo, country: FI, city: ` + strings.Repeat("x", 201) + `}}}`,
			`orgs.solo.contact.city: must be at most 200 bytes long; orgs.solo.contact.email: must be an e-mail address; orgs.solo.contact.country: must be two lower-case letters`},
		{"a name of Slack's", `apps: {deploybot: {webhooks: {slack: {name: x}}}}`, `apps.deploybot.webhooks.slack.name: only a zoom webhook has one`},
		{"a header without its secret", `apps: {deploybot: {webhooks: {x: {dialect: zoom, url: "https://x.example", events: [x], auth: {kind: basic, username: u}}}}}`,
			`apps.deploybot.webhooks.x.auth.password: is required`},
		{"a header of another kind", `apps: {deploybot: {webhooks: {x: {dialect: zoom, url: "https://x.example", events: [x], auth: {kind: oauth, client_id: c, client_secret: s, token_url: "ftp://x", key: k}}}}}`, `apps.deploybot.webhooks.x.auth.kind: has members that are another kind's; apps.deploybot.webhooks.x.auth.token_url: must be an http or https URL without a user`},
		{"a header of Slack's", `apps: {deploybot: {webhooks: {slack: {auth: {kind: basic, username: u, password: p}}}}}`, `apps.deploybot.webhooks.slack.auth: only a zoom webhook has one`},
		{"a verification token of two words", `apps: {deploybot: {credentials: {zoom: {verification_token: "a b"}}}}`, `apps.deploybot.credentials.zoom.verification_token: must be a text without spaces`},
		{"a deauthorization URL of no web", `apps: {deploybot: {deauthorization_url: "ftp://x"}}`, `apps.deploybot.deauthorization_url: must be an http or https URL without a user`},
		{"a secret of Slack's", `apps: {deploybot: {webhooks: {slack: {secret: x}}}}`, `apps.deploybot.webhooks.slack.secret: only a native webhook has one of its own`},
		{"a short secret", `apps: {deploybot: {webhooks: {native: {secret: whsec_AAAA}}}}`, `apps.deploybot.webhooks.native.secret: must be whsec_ and the base64 of 24 to 64 bytes`},
		{"an app without a right", `installations: {x: {app: lunch, org: solo, installed_by: solveig}}`,
			`installations.x.app: the organization has no right to it: it is not public, shared, a partner's or its own`},
		{"an app of a workspace at its enterprise", `installations: {x: {app: lunch, org: acme, installed_by: olga}}`,
			`installations.x.app: the organization has no right to it: it is not public, shared, a partner's or its own`},
		{"an installation beside a grant", `installations: {x: {app: console, org: sales, installed_by: bo}}`, `installations.x.org: is reached by installation ID of this app already`},
		{"two installations at one place", `installations: {x: {app: vault, org: solo, installed_by: solveig}, y: {app: vault, org: solo, installed_by: solveig}}`,
			`installations.y.org: is reached by installation ID of this app already`},
		{"a grant beside an installation", `installations: {a: {app: vault, org: sales, installed_by: bo}, b: {app: vault, org: acme, installed_by: olga, workspaces: all}}`,
			`installations.b.workspaces: ID is reached by another installation of this app already`},
		{"a grant of another's workspace", `installations: {console@acme: {workspaces: [solo]}}`, `installations.console@acme.workspaces[0]: does not lie under the enterprise`},
		{"workspaces of a workspace", `installations: {x: {app: vault, org: solo, installed_by: solveig, workspaces: []}}`, `installations.x.workspaces: only an installation on an enterprise is granted workspaces`},
		{"another's installer", `installations: {x: {app: vault, org: solo, installed_by: bo}}`, `installations.x.installed_by: belongs to another root organization`},
		{"an installation that moves", `installations: {console@solo: {org: sales}}`, `installations.console@solo.org: cannot be changed: it is ID; installations.console@solo.org: is reached by installation ID of this app already`},
		{"a kind that does not fit", `installations: {x: {app: vault, org: solo, kind: org_wide, installed_by: solveig}}`, `installations.x.kind: must be workspace at solo`},
		{"an answer under a restriction", `resolutions: [{app: vault, org: sales, status: approved, by: ada}, {app: vault, org: acme, status: restricted, by: ada}]`,
			`resolutions[0].status: the enterprise restricts the app for everyone, so no workspace below approves it`},
		{"an answer for no group", `resolutions: [{app: vault, org: sales, audience: "group:sales", status: approved, by: ada}]`, `resolutions[0].audience: there is no group "sales" at the organization or above it`},
		{"an answer with much to say", `resolutions: [{app: vault, org: sales, status: approved, by: ada, reason: ` + strings.Repeat("x", souk.MaxReason+1) + `}]`,
			`resolutions[0].reason: must be at most 1000 bytes long`},
		{"an answer for a stranger", `resolutions: [{app: vault, org: sales, audience: "user:gus", status: approved, by: ada}]`, `resolutions[0].audience: belongs to another root organization`},
		{"an answer for nobody", `resolutions: [{app: vault, org: sales, audience: us, status: approved, by: ada}]`, `resolutions[0].audience: must be everyone, group:<name> or user:<key>`},
		{"two pending requests of one person", `requests: {a: {app: vault, user: bo, org: sales}, b: {app: vault, user: bo, org: sales}}`, `requests.b.user: has request ID pending for this app and organization`},
		{"a request without a right", `requests: {a: {app: lunch, user: nils, org: solo}}`, `requests.a.app: the organization has no right to it, so nobody there can ask for it`},
		{"a token of another's secret", `tokens: {x: {kind: token, user: bo, token: xoxp-souk-company-ada}}`, `tokens.x.token: is that of token ID`},
		{"a short token", `tokens: {x: {kind: token, user: bo, token: short}}`, `tokens.x.token: must be at least 16 bytes long`},
		{"a token of nobody", `tokens: {x: {kind: xoxp, installation: console@acme, app: console}}`, `tokens.x.user: is required of a xoxp token; tokens.x.app: is nothing that a xoxp token has`},
		{"a token through another's installation", `tokens: {x: {kind: xoxp, user: gus, installation: console@acme}}`, `tokens.x.user: belongs to another root organization`},
	}
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				_, err := applying(t, c, tt.document, market.How{})
				var invalid souk.Invalid
				if !errors.As(err, &invalid) {
					t.Fatalf("%v, want %s", err, tt.want)
				}
				if got := withoutIDs(err.Error()); got != tt.want {
					t.Errorf("%s\nwant %s", got, tt.want)
				}
			})
		}
		if again, err := c.Market.ApplyWorld(t.Context(), souk.Operator("test"), companyWorld(t), market.How{DryRun: true}); err != nil || len(again.Plan) > 0 {
			t.Errorf("what was refused changed something: %v, %v", steps(again.Plan), err)
		}
		if _, err := c.Market.ApplyWorld(t.Context(), c.As("olga"), market.World{}, market.How{}); err != souk.NotAllowed {
			t.Errorf("an owner applies a world: %v", err)
		}
	})
}

// companyWorld is the company as it was applied.
func companyWorld(t *testing.T) market.World {
	t.Helper()
	w, err := world.Parse(world.File{Name: "company", Text: souktest.CompanyDocument})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// withoutIDs replaces what differs from run to run.
func withoutIDs(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" :;", r) })
	for _, w := range words {
		if _, err := souk.ParseID(w); err == nil && !strings.HasPrefix(w, "0198c0de") {
			s = strings.ReplaceAll(s, w, "ID")
		}
	}
	return s
}

// Each document changes what it says and nothing else, and nothing when it is
// applied again.
func TestApplyWorldChanges(t *testing.T) {
	tests := []struct {
		name, document string
		want           []string
	}{
		{"a scope", `scopes: {chat:write: {sensitive: true}}`, []string{"change scopes.chat:write: sensitive"}},
		{"an organization", `orgs: {solo: {name: Solo AG, policy: closed, switches: {owners_only: [clear], moving: readable}, entitlements: {has_apps_feature: false}}}`,
			[]string{"change orgs.solo: entitlements.has_apps_feature name policy switches.moving switches.owners_only"}},
		{"a contact", `orgs: {solo: {contact: {email: hi@solo.example, phone: "+1", street: S, postal_code: "1", city: C, country: fi, business_id: B}}}`,
			[]string{"change orgs.solo: contact.business_id contact.city contact.country contact.email contact.phone contact.postal_code contact.street"}},
		{"a contact that goes", `orgs: {solo: {contact: {phone: null}}}`, []string{"change orgs.solo: contact.phone"}},
		{"a policy that is inherited", `orgs: {solo: {policy: null}}`, []string{"change orgs.solo: policy"}},
		{"a person", `users: {bo: {alias: bobo, groups: [sellers], password: secret words, memberships: [{org: labs, role: admin}, {org: sales, state: absent}]}}`,
			[]string{"change users.bo: alias groups memberships[0] memberships[1] password"}},
		{"an operator's account", `users: {bo: {operator: true}}`, []string{"change users.bo: operator"}},
		{"an operator's account that goes", `users: {bo: {operator: false}}`, []string{"change users.bo: operator"}},
		{"an owner's successor", `users: {ada: {memberships: [{org: acme, role: owner}]}, olga: {memberships: [{org: acme, role: admin}]}}`,
			[]string{"change users.ada: memberships[0]", "change users.olga: memberships[0]"}},
		{"an app", `apps: {deploybot: {description: Ships more., bot_scopes: [chat:write, files:read], suspended: true, shares: [sales], credentials: {giosg: {secret: abc}}}}`,
			[]string{"change apps.deploybot: bot_scopes credentials.giosg.secret description shares suspended"}},
		{"a webhook's new address", `apps: {deploybot: {webhooks: {slack: {url: "https://new.example/"}}}}`, []string{"change webhooks.deploybot.slack: url verified"}},
		{"a webhook that was verified", `apps: {deploybot: {webhooks: {slack: {verified: true}}}}`, []string{"change webhooks.deploybot.slack: verified"}},
		{"a giosg webhook", `apps: {deploybot: {webhooks: {chats: {dialect: giosg, url: "https://x.example/", channels: [{pattern: "/api/v5/orgs/{organization_id}/users", added: true}]}}}}`,
			[]string{"create webhooks.deploybot.chats"}},
		{"a giosg webhook's address and channels", `apps: {deploybot: {webhooks: {chats: {url: "https://y.example/", verified: true, channels: [{pattern: "/api/v5/orgs/{organization_id}/users", added: true, removed: true}]}}}}`,
			[]string{"change webhooks.deploybot.chats: channels url"}},
		{"a zoom webhook", `apps: {deploybot: {webhooks: {zoom: {dialect: zoom, url: "https://x.example/", events: [app.authorization_request_created], verified: true, auth: {kind: basic, username: u, password: p}}}}}`,
			[]string{"create webhooks.deploybot.zoom"}},
		{"a zoom webhook's header", `apps: {deploybot: {webhooks: {zoom: {name: Requests, reach: account, environment: production, extended: true, auth: {kind: custom, key: x-k, value: v}}}}}`,
			[]string{"change webhooks.deploybot.zoom: auth environment extended name reach"}},
		{"a zoom webhook's header that is the same", `apps: {deploybot: {webhooks: {zoom: {auth: {kind: custom, key: x-k, value: v}}}}}`, nil},
		{"a zoom webhook's header that goes", `apps: {deploybot: {webhooks: {zoom: {environment: null, auth: null}}}}`, []string{"change webhooks.deploybot.zoom: auth environment"}},
		{"a deauthorization URL", `apps: {deploybot: {deauthorization_url: "https://x.example/bye", credentials: {zoom: {verification_token: abc}}}}`,
			[]string{"change apps.deploybot: credentials.zoom.verification_token deauthorization_url"}},
		{"another deauthorization URL", `apps: {deploybot: {deauthorization_url: "https://x.example/goodbye"}}`, []string{"change apps.deploybot: deauthorization_url"}},
		{"the same deauthorization URL", `apps: {deploybot: {deauthorization_url: "https://x.example/goodbye"}}`, nil},
		{"a deauthorization URL that goes", `apps: {deploybot: {deauthorization_url: null}}`, []string{"change apps.deploybot: deauthorization_url"}},
		{"workspaces", `installations: {console@acme: {workspaces: [sales], scopes: [admin.apps:read], status: suspended}}`, []string{"change installations.console@acme: scopes status workspaces"}},
		{"an answer", `resolutions: [{app: vault, org: acme, status: approved, by: ada}, {app: vault, org: acme, audience: "group:security", status: restricted, by: ada}]`,
			[]string{"create resolutions.vault@acme everyone", "create resolutions.vault@acme group:security"}},
		{"another answer", `resolutions: [{app: vault, org: acme, status: approved, scopes: [], by: ada}]`, []string{"change resolutions.vault@acme everyone: scopes"}},
		{"an answer for one", `resolutions: [{app: vault, org: acme, audience: "user:bo", status: restricted, scopes: [], by: ada}]`, []string{"create resolutions.vault@acme user:bo"}},
		{"another answer for one", `resolutions: [{app: vault, org: acme, audience: "user:bo", status: approved, scopes: [], by: ada}]`, []string{"change resolutions.vault@acme user:bo: status"}},
		{"an answer for one that goes", `resolutions: [{app: vault, org: acme, audience: "user:bo", state: absent}]`, []string{"remove resolutions.vault@acme user:bo"}},
		{"an answer's reason", `resolutions: [{app: vault, org: acme, status: approved, scopes: [], by: ada, reason: Reviewed}]`, []string{"change resolutions.vault@acme everyone: reason"}},
		{"an answer whose reason is not mentioned", `resolutions: [{app: vault, org: acme, status: approved, scopes: [], by: ada}]`, nil},
		{"an answer's other reason", `resolutions: [{app: vault, org: acme, status: restricted, scopes: [], by: ada, reason: It leaks}]`, []string{"change resolutions.vault@acme everyone: status reason"}},
		{"a decided request", `requests: {old: {app: vault, user: bo, org: sales, status: declined, settled_by: ada}, new: {app: vault, user: bo, org: sales}}`,
			[]string{"create requests.new", "create requests.old"}},
		{"a request that is settled", `requests: {new: {status: approved}}`, []string{"change requests.new: status"}},
		{"a request that was settled since", `requests: {new: {status: pending}}`, nil},
		{"a token", `tokens: {ada: {kind: token, user: ada, networks: [192.0.2.0/24], died: expired}}`, []string{"change tokens.ada: died networks"}},
	}
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		for _, tt := range tests {
			planned, err := applying(t, c, tt.document, market.How{DryRun: true})
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			done, err := applying(t, c, tt.document, market.How{})
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if diff := cmp.Diff(tt.want, steps(done.Plan)); diff != "" {
				t.Errorf("%s:\n%s", tt.name, diff)
			}
			if diff := cmp.Diff(steps(planned.Plan), steps(done.Plan)); diff != "" {
				t.Errorf("%s: planned and done:\n%s", tt.name, diff)
			}
			if again, err := applying(t, c, tt.document, market.How{}); err != nil || len(again.Plan) > 0 {
				t.Errorf("%s again: %v, %v", tt.name, steps(again.Plan), err)
			}
		}
	})
}

// What is removed ends as the verbs end it, and what hangs on it too.
func TestApplyWorldRemoves(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		c.Apply(`
version: 1
apps: {lunch: {shares: [labs]}, private: {owner: vendor, name: Private, is_available_to_partners: true}}
partnerships: [[vendor, solo]]
resolutions: [{app: vault, org: acme, status: approved, by: ada}]
installations:
  lunch@labs: {app: lunch, org: labs, installed_by: cem}
  lunch@sales: {app: lunch, org: sales, installed_by: sue}
  private@solo: {app: private, org: solo, installed_by: solveig}
requests:
  share: {app: lunch, user: cem, org: labs}
  partner: {app: private, user: nils, org: solo}
  bo: {app: vault, user: bo, org: sales}
tokens: {lunch: {kind: xoxb, installation: lunch@labs}}
`)
		tests := []struct {
			document string
			want     []string
		}{
			{`apps: {lunch: {shares: [{org: labs, state: absent}]}}`, []string{"change apps.lunch: shares"}},
			{`partnerships: [{orgs: [solo, vendor], state: absent}]`, []string{"remove partnerships.solo vendor"}},
			{`apps: {deploybot: {webhooks: {slack: {state: absent}}}}`, []string{"remove webhooks.deploybot.slack"}},
			{`resolutions: [{app: vault, org: acme, state: absent}]`, []string{"remove resolutions.vault@acme everyone"}},
			{`installations: {lunch@sales: {state: absent}}`, []string{"remove installations.lunch@sales"}},
			{`tokens: {ada-admin: {state: absent}}`, []string{"remove tokens.ada-admin"}},
			{`users: {bo: {state: absent}}`, []string{"remove users.bo"}},
		}
		for _, tt := range tests {
			done, err := applying(t, c, tt.document, market.How{})
			if err != nil {
				t.Fatalf("%s: %v", tt.document, err)
			}
			if diff := cmp.Diff(tt.want, steps(done.Plan)); diff != "" {
				t.Errorf("%s:\n%s", tt.document, diff)
			}
			if again, err := applying(t, c, tt.document, market.How{}); err != nil || len(again.Plan) > 0 {
				t.Errorf("%s again: %v, %v", tt.document, steps(again.Plan), err)
			}
		}

		for _, key := range []string{"lunch", "ada-admin", "bo"} {
			var dead souk.Dead
			if _, err := c.Market.Authenticate(t.Context(), c.Token(key), "test", netip.Addr{}); !errors.As(err, &dead) {
				t.Errorf("token %s: %v, want it dead", key, err)
			}
		}
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			for _, key := range []string{"lunch@labs", "lunch@sales", "private@solo"} {
				i, err := tx.Installation(c.ID("installations." + key))
				if err != nil {
					return err
				}
				if i.Live() {
					t.Errorf("installation %s is %s", key, i.Status)
				}
			}
			for key, want := range map[string]souk.RequestStatus{"share": souk.RequestVoid, "partner": souk.RequestVoid, "bo": souk.RequestCancelled} {
				q, err := tx.Request(c.ID("requests." + key))
				if err != nil {
					return err
				}
				if q.Status != want {
					t.Errorf("request %s is %s, want %s", key, q.Status, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}

		// What was uninstalled comes back as another installation, and so do
		// its tokens, with the secret they bring.
		before := c.ID("installations.lunch@sales")
		c.Apply(`{version: 1, installations: {lunch@sales: {app: lunch, org: sales, installed_by: sue}}}`)
		if c.ID("installations.lunch@sales") == before {
			t.Error("an installation that ended came back")
		}
		if _, err := applying(t, c, `users: {bo: {alias: Bo}}`, market.How{}); err == nil {
			t.Error("a person who was deactivated came back")
		}
	})
}

// Quiet events are recorded and nobody is told; others are told.
func TestApplyWorldQuietly(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		told := 0
		c := souktest.World(t, db, map[souk.Dialect]market.Wire{souk.Native: {
			Name:   func(k souk.EventKind) string { return string(k) },
			Encode: func(e souk.Event, _ souk.Endpoint) ([]byte, error) { return []byte(e.Kind), nil },
			Events: []string{string(souk.RequestCreated), string(souk.ResolutionApproved)},
		}})
		c.Market.Told = func([]souk.Delivery) { told++ }
		for _, quiet := range []bool{true, false} {
			document := `requests: {quiet: {app: deploybot, user: bo, org: sales}}`
			if !quiet {
				document = `requests: {loud: {app: deploybot, user: cem, org: labs}}`
			}
			if _, err := applying(t, c, document, market.How{QuietEvents: quiet}); err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 0, false: 1}[quiet]; told != want {
				t.Errorf("quiet %t: the courier was woken %d times, want %d", quiet, told, want)
			}
		}
		_, err := applying(t, c, `apps: {deploybot: {webhooks: {native: {events: [request.craeted]}}}}`, market.How{})
		const want = `apps.deploybot.webhooks.native.events[0]: "request.craeted" is not an event of the native dialect (did you mean "request.created"?)`
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

func TestNearest(t *testing.T) {
	known := []string{"apps", "orgs", "requests", "resolutions", "chat:write"}
	for word, want := range map[string]string{
		"app": "apps", "orsg": "orgs", "reqests": "requests", "chat:wirte": "chat:write", "zebra": "", "": "", strings.Repeat("x", 300): "",
	} {
		if got, found := market.Nearest(word, slices.Values(known)); got != want || found != (want != "") {
			t.Errorf("nearest to %q: %q, want %q", word, got, want)
		}
	}
}

func TestPassword(t *testing.T) {
	hash := market.HashPassword("correct horse")
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", hash)
	}
	if hash == market.HashPassword("correct horse") {
		t.Error("two hashes have one salt")
	}
	for secret, want := range map[string]bool{"correct horse": true, "correct horse ": false, "": false} {
		if market.IsPassword(secret, hash) != want {
			t.Errorf("%q: %t", secret, !want)
		}
	}
	for _, bad := range []string{"", "x", hash[:len(hash)-1], strings.Replace(hash, "t=2", "t=1", 1), strings.Replace(hash, "$argon2id$", "$argon2id!", 1)} {
		if market.IsPassword("correct horse", bad) {
			t.Errorf("%q is taken for a hash", bad)
		}
	}
}
