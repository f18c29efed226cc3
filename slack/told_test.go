package slack

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

// subscribe gives an app a webhook for app_requested.
func (o *town) subscribe(t *testing.T, app souk.App) souk.ID {
	t.Helper()
	hook := store.SealedWebhook{Webhook: souk.Webhook{
		ID: souk.NewID(), App: app.ID, Dialect: souk.Slack, URL: "https://receiver.example/", Events: Wire(nil).Events,
		Status: souk.WebhookActive, CreatedAt: o.created, UpdatedAt: o.created,
	}}
	o.write(t, func(tx *store.Tx) error { return tx.PutWebhook(hook) })
	return hook.ID
}

// told are the deliveries for a webhook, as they go out.
func (o *town) told(t *testing.T, webhook souk.ID) []map[string]any {
	t.Helper()
	var found []souk.Delivery
	err := o.db.Read(t.Context(), func(tx *store.Tx) (err error) {
		found, err = souktest.Told(tx, webhook, "", souk.Page{Size: 100})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]map[string]any, len(found))
	for i, d := range found {
		sent, err := Prepare(souk.Outgoing{Delivery: d, Credentials: souk.Credentials{SlackSigningSecret: "s", SlackVerificationToken: "v"}, At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		out[i] = decoded(t, sent.Body)
	}
	return out
}

// A request is told to every app that subscribed and is installed there, in
// the words of the list that shows it; deciding about it is told to nobody.
func TestWhoIsToldOfARequest(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		orgWide, here := o.subscribe(t, o.console), o.subscribe(t, o.desk)
		elsewhere, nowhere := o.app(t, o.deploybot), o.app(t, o.deploybot)
		o.install(t, elsewhere, o.support, souk.OnWorkspace)
		deaf := []souk.ID{o.subscribe(t, elsewhere), o.subscribe(t, nowhere)}

		q := o.asks(t, o.bo, o.deploybot, o.sales)
		for _, webhook := range []souk.ID{orgWide, here} {
			got := o.told(t, webhook)
			if len(got) != 1 {
				t.Fatalf("%d deliveries", len(got))
			}
			listed := rows(t, o.call(t, o.admin(t, o.ada), openRequests, o.atSales()), "app_requests")[0]
			inner := got[0]["event"].(map[string]any)["app_request"].(map[string]any)
			for _, field := range []string{"id", "app", "user", "team", "scopes", "message", "is_user_app_collaborator", "date_created"} {
				if !cmp.Equal(inner[field], listed[field]) {
					t.Errorf("%s: told %v, listed %v", field, inner[field], listed[field])
				}
			}
			if _, there := inner["previous_resolution"]; there || inner["id"] != q.ID.Slack("Ar") {
				t.Errorf("told %v", inner)
			}
			if got[0]["token"] != "v" || got[0]["team_id"] != orgID(o.sales) || got[0]["enterprise_id"] != orgID(o.acme) {
				t.Errorf("wrapped in %v", got[0])
			}
		}
		if inOrg := o.told(t, orgWide)[0]; inOrg["context_team_id"] != nil || inOrg["context_enterprise_id"] != orgID(o.acme) || !isEnterpriseInstall(inOrg) {
			t.Errorf("org-wide: %v", inOrg)
		}
		if inTeam := o.told(t, here)[0]; inTeam["context_team_id"] != orgID(o.sales) || inTeam["context_enterprise_id"] != orgID(o.acme) || isEnterpriseInstall(inTeam) {
			t.Errorf("workspace: %v", inTeam)
		}
		for _, webhook := range deaf {
			if got := o.told(t, webhook); len(got) != 0 {
				t.Errorf("an app that is not installed there is told %v", got)
			}
		}

		token := o.admin(t, o.ada)
		want(t, "", o.call(t, token, "admin.apps.approve", requestArg(q).with(o.atSales())))
		want(t, "", o.call(t, token, "admin.apps.restrict", appArg(o.deploybot).with(o.atSales())))
		want(t, "", o.call(t, token, "admin.apps.clearResolution", appArg(o.deploybot).with(o.atSales())))
		if got := o.told(t, orgWide); len(got) != 1 {
			t.Errorf("deciding is told: %v", got)
		}

		o.asks(t, o.bo, o.deploybot, o.sales)
		got := o.told(t, orgWide)
		again := got[slices.IndexFunc(got, func(d map[string]any) bool {
			return d["event"].(map[string]any)["app_request"].(map[string]any)["id"] != q.ID.Slack("Ar")
		})]
		previous := again["event"].(map[string]any)["app_request"].(map[string]any)["previous_resolution"].(map[string]any)
		if previous["status"] != "restricted" {
			t.Errorf("the earlier answer is %v", previous)
		}
	})
}

// A request for the whole enterprise reaches only who is installed on all of it.
func TestWhoIsToldOfAnEnterprisesRequest(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		orgWide, here := o.subscribe(t, o.console), o.subscribe(t, o.desk)
		o.asks(t, o.bo, o.deploybot, o.acme)
		got := o.told(t, orgWide)
		if len(got) != 1 || len(o.told(t, here)) != 0 {
			t.Fatalf("%d deliveries org-wide, %d to a workspace", len(got), len(o.told(t, here)))
		}
		inner := got[0]["event"].(map[string]any)["app_request"].(map[string]any)
		if inner["team"] != nil || inner["enterprise"].(map[string]any)["id"] != orgID(o.acme) || got[0]["team_id"] != nil {
			t.Errorf("told %v", got[0])
		}
	})
}

func isEnterpriseInstall(wrapper map[string]any) bool {
	return wrapper["authorizations"].([]any)[0].(map[string]any)["is_enterprise_install"] == true
}
