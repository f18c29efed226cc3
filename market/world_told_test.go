package market_test

import (
	"slices"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// told applies a document and answers with the events that it made.
func told(t *testing.T, c *souktest.Company, db *store.DB, document string, roots ...string) (events []souk.Event) {
	t.Helper()
	read := func() (all []souk.Event) {
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			for _, root := range roots {
				of, err := tx.EventsOf(c.ID("orgs." + root))
				if err != nil {
					return err
				}
				all = append(all, of...)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := read()
	if _, err := applying(t, c, document, market.How{}); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return slices.DeleteFunc(read(), func(e souk.Event) bool {
		return slices.ContainsFunc(before, func(had souk.Event) bool { return had.ID == e.ID })
	})
}

// only is the one event of a kind that happened at an org.
func only(t *testing.T, events []souk.Event, kind souk.EventKind, org souk.ID) souk.Event {
	t.Helper()
	var found []souk.Event
	for _, e := range events {
		if e.Kind == kind && e.Org == org {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d events %s at %s among %d", len(found), kind, org, len(events))
	}
	return found[0]
}

// What a document changes is told together with what it was, so that whoever is
// told the difference can be.
func TestApplyWorldTellsWhatWas(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		vendor, acme, sales := c.ID("orgs.vendor"), c.ID("orgs.acme"), c.ID("orgs.sales")

		c.Apply(`{version: 1, apps: {deploybot: {webhooks: {chats: {dialect: giosg, url: "https://x.example/", channels: []}}}}}`)
		events := told(t, c, db, `
orgs: {sales: {name: Acme Sells}}
users: {bo: {alias: bobo, memberships: [{org: sales, role: admin}]}}
apps:
  deploybot:
    description: Ships more.
    webhooks: {chats: {channels: [{pattern: "/api/v5/orgs/{organization_id}/users", added: true}]}}
installations: {console@acme: {workspaces: [sales]}}
`, "vendor", "acme")

		if e := only(t, events, souk.OrgChanged, sales); e.Data.Before.Org.Name != "Acme Sales" || e.Data.Org.Name != "Acme Sells" || !e.Data.Org.UpdatedAt.Equal(e.At) {
			t.Errorf("the organization: %+v", e.Data)
		}
		if e := only(t, events, souk.UserChanged, acme); e.Data.Before.User.Alias != "" || e.Data.User.Alias != "bobo" || !e.Data.User.UpdatedAt.Equal(e.At) {
			t.Errorf("the user: %+v", e.Data)
		}
		if e := only(t, events, souk.MembershipChanged, sales); e.Data.Before.Membership.Role != souk.Member || e.Data.Membership.Role != souk.Admin {
			t.Errorf("the membership: %+v", e.Data)
		}
		if e := only(t, events, souk.AppChanged, vendor); e.Data.Before.App.Description != "Ships things." || e.Data.App.Description != "Ships more." {
			t.Errorf("the app: %+v", e.Data)
		}
		if e := only(t, events, souk.WebhookChanged, vendor); len(e.Data.Before.Webhook.Channels) != 0 || len(e.Data.Webhook.Channels) != 1 || e.Data.Webhook.Status != souk.WebhookActive {
			t.Errorf("the webhook: %+v", e.Data)
		}
		if e := only(t, events, souk.InstallationChanged, acme); len(e.Data.Before.Workspaces) != 2 || len(e.Data.Workspaces) != 1 || e.Data.Before.Installation.ID != e.Subject {
			t.Errorf("the installation: %+v", e.Data)
		}

		events = told(t, c, db, `users: {bo: {memberships: [{org: acme, permissions: [settings]}]}}`, "acme")
		if e := only(t, events, souk.MembershipChanged, acme); len(e.Data.Before.Membership.Permissions) != 0 || e.Data.Before.Membership.Org != acme {
			t.Errorf("a new membership: %+v", e.Data.Before)
		}
	})
}

// Partnerships and shares are told with both organizations, and with a
// partnership end the shares between the two and what they gave a right to.
func TestApplyWorldTellsOfPartners(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		vendor, solo := c.ID("orgs.vendor"), c.ID("orgs.solo")
		events := told(t, c, db, `
partnerships: [[vendor, solo]]
apps:
  private: {owner: vendor, name: Private, shares: [solo, labs]}
  offered: {owner: vendor, name: Offered, is_available_to_partners: true}
installations:
  private@solo: {app: private, org: solo, installed_by: solveig}
  private@labs: {app: private, org: labs, installed_by: cem}
  offered@solo: {app: offered, org: solo, installed_by: solveig}
`, "vendor", "solo", "acme")
		for at, other := range map[souk.ID]souk.ID{vendor: solo, solo: vendor} {
			if e := only(t, events, souk.PartnershipAdded, at); e.Subject != other || e.Data.Other.ID != other || e.Data.Partnership == nil {
				t.Errorf("the partnership at %s: %+v", at, e.Data)
			}
		}
		shared := slices.DeleteFunc(events, func(e souk.Event) bool { return e.Kind != souk.ShareAdded || e.Subject != solo })
		e := only(t, shared, souk.ShareAdded, vendor)
		if e.Data.Other.ID != solo || e.Data.Share.Org != solo || e.Data.Share.App != e.App {
			t.Errorf("the share: %+v", e.Data)
		}
		share := e.Data.Share.ID

		events = told(t, c, db, `partnerships: [{orgs: [solo, vendor], state: absent}]`, "vendor", "solo", "acme")
		for at, other := range map[souk.ID]souk.ID{vendor: solo, solo: vendor} {
			if e := only(t, events, souk.PartnershipRemoved, at); e.Subject != other || e.Data.Other.ID != other || e.Data.Partnership == nil {
				t.Errorf("the partnership's end at %s: %+v", at, e.Data)
			}
		}
		if e := only(t, events, souk.ShareRemoved, vendor); e.Data.Share.ID != share || e.Data.Other.ID != solo {
			t.Errorf("the share's end: %+v", e.Data)
		}
		var ended []string
		for _, e := range events {
			if e.Kind == souk.InstallationRemoved {
				ended = append(ended, e.Data.App.Name+" at "+e.Data.Org.Name)
			}
		}
		slices.Sort(ended)
		wantList(t, "ended", ended, "Offered at Solo", "Private at Solo")
		if again := told(t, c, db, `partnerships: [{orgs: [vendor, solo], state: absent}]`, "vendor", "solo"); len(again) > 0 {
			t.Errorf("told again: %+v", again)
		}
	})
}

// An app that a document takes from the public, or from partners, ends where
// nothing else gives a right to it, and stays where something does.
func TestApplyWorldTakesPublicityBack(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		c := souktest.World(t, db, nil)
		c.Apply(`
version: 1
partnerships: [[vendor, solo]]
apps:
  offered: {owner: vendor, name: Offered, is_available_to_partners: true}
  vault: {shares: [labs]}
installations:
  vault@solo: {app: vault, org: solo, installed_by: solveig}
  vault@labs: {app: vault, org: labs, installed_by: cem}
  offered@solo: {app: offered, org: solo, installed_by: solveig}
  offered@vendor: {app: offered, org: vendor, installed_by: vic}
requests: {vault: {app: vault, user: bo, org: sales}}
`)
		events := told(t, c, db, `apps: {vault: {is_available_to_anyone: false}, offered: {is_available_to_partners: false}}`, "vendor", "solo", "acme")
		var ended []string
		for _, e := range events {
			if e.Kind == souk.InstallationRemoved || e.Kind == souk.RequestVoided {
				ended = append(ended, string(e.Kind)+" "+e.Data.App.Name+" at "+e.Data.Org.Name)
			}
		}
		slices.Sort(ended)
		wantList(t, "ended", ended, "installation.removed Offered at Solo", "installation.removed Vault at Solo", "request.voided Vault at Acme Sales")
	})
}
