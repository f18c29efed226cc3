package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/souktest/zoomwire"
	"souk/store"
)

// One story over all faces: what is asked for through one is decided through
// another, told to the receivers of a third, and seen by all.
func TestOneStoryOverAllFaces(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		o := newFaces(t, address)
		o.askedNatively(t)
		o.askedOverZoom(t)
		o.sound()
	})
}

// next waits for the next event that the warden is told, and holds it against
// paths into it and their values.
func (o *faces) next(t *testing.T, n int, want ...string) {
	t.Helper()
	o.until(fmt.Sprintf("event %d (%s)", n, want), func() bool { return len(o.told()) >= n })
	if got := o.told()[n-1]; check(got.Body, want) != nil {
		t.Errorf("event %d: %v in %s", n, check(got.Body, want), got.Body)
	}
	if len(o.told()) > n {
		t.Errorf("more than %d events: %s", n, o.told()[n].Body)
	}
}

// lists holds the values of a list against what they are to be, in any order.
func lists(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	got = slices.Sorted(slices.Values(got))
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// overSlack are the values that one of Slack's lists has at a path.
func (o *faces) overSlack(method, list, path, org string) []string {
	name, id := o.at(org)
	answer, _ := o.govern("olga", method, name, id)
	return texts(answer, list, path)
}

func (o *faces) standing(org, status string) []string {
	return texts(o.native(200, "olga", "GET /orgs/"+o.ID("orgs."+org).String()+"/resolutions?status="+status, ""), "items", "app_name")
}

func (o *faces) installedOverGiosg(org string) []string {
	return texts(o.giosg(200, "olga", "GET /orgs/"+o.ID("orgs."+org).String()+"/app_installations", ""), "results", "app.name")
}

func (o *faces) overZoom(list, path string) []string {
	return texts(o.zoom(200, "GET /apps?type="+list, ""), "apps", path)
}

// asked natively, decided over Slack, installed over giosg, removed over Slack.
func (o *faces) askedNatively(t *testing.T) {
	const notes = "Notes & <more>"
	app, sales := o.ID("apps.notes"), o.ID("orgs.sales").String()
	asked := o.native(201, "bo", "POST /orgs/"+sales+"/requests", `{"app":"`+app.String()+`","reason":"For \"us\"\n& <you> 🚒"}`)
	request, aCase := find(asked, "request.slack_id"), find(asked, "request.case.zoom_id")
	o.next(t, 1, "event="+zoomwire.Requested, "payload.app_name="+notes, "payload.requester_name=Bo Lind",
		"payload.request_reason=For \"us\"\n& <you> 🚒", "payload.request_id=", "payload.app_id=")
	o.native(201, "liv", "POST /orgs/"+o.ID("orgs.labs").String()+"/requests", `{"app":"`+app.String()+`"}`)
	o.next(t, 2, "event="+zoomwire.Requested, "payload.requester_name=Liv Bø", "payload.requester_user_groups.0=crew", "payload.request_reason=")
	o.until("app_requested twice", func() bool { return len(o.slack.heard()) == 2 })
	lists(t, "asked, in Slack's words", o.slack.heard(), "bo@acme.example "+notes, "liv@acme.example "+notes)
	if got := o.zoom(200, "GET /apps", ""); check(got, []string{"apps.0.request_id=" + aCase, "apps.0.request_pending_number=2", "apps.1="}) != nil {
		t.Errorf("active: %s", got)
	}

	// Decided for one workspace, it is told with those whom it settles, and no more.
	if _, refused := o.govern("ada", "admin.apps.approve", "request_id", request, "team_id", o.ID("orgs.sales").Slack("T")); refused != "" {
		t.Fatal(refused)
	}
	o.next(t, 3, "event="+zoomwire.Approved, "payload.request_id="+aCase, "payload.scope=specific_users", "payload.reviewer_email=ada@acme.example",
		"payload.reviewed_requests.0.requester_email=bo@acme.example", "payload.reviewed_requests.1=")
	lists(t, "pending, over Slack", o.overSlack("admin.apps.requests.list", "app_requests", "user.email", "acme"), "liv@acme.example")
	lists(t, "approved, over Slack", o.overSlack("admin.apps.approved.list", "approved_apps", "app.name", "sales"), notes)
	lists(t, "approved askers, over Zoom", texts(o.zoom(200, "GET /apps/"+app.Zoom()+"/requests?status=approved", ""), "requests", "request_user_email"), "bo@acme.example")

	// And now for the whole enterprise.
	name, id := o.at("acme")
	if _, refused := o.govern("ada", "admin.apps.approve", "app_id", app.Slack("A"), name, id); refused != "" {
		t.Fatal(refused)
	}
	o.next(t, 4, "event="+zoomwire.Approved, "payload.request_id="+aCase, "payload.scope=all_users_on_account", "payload.reviewer_email=ada@acme.example",
		"payload.reviewed_requests.0.requester_email=liv@acme.example", "payload.reviewed_requests.1=")
	past := o.zoom(200, "GET /apps?type=past_requests", "")
	if err := check(past, []string{"apps.0.request_id=" + aCase, "apps.0.request_approved_number=2", "apps.0.request_pending_number=0", "apps.1="}); err != nil {
		t.Errorf("past: %v in %s", err, past)
	}
	lists(t, "approved, natively", o.standing("acme", "approved"), notes)
	lists(t, "approved, over Zoom", o.overZoom("approved_apps", "app_name"), notes)
	lists(t, "active, over Zoom", o.overZoom("active_requests", "app_name"))
	made := o.giosg(201, "sue", "POST /orgs/"+sales+"/app_installations", `{"app_id":"`+app.String()+`","is_terms_accepted":true}`)
	if find(made, "app.name") != notes {
		t.Errorf("installed: %s", made)
	}
	lists(t, "installed, over giosg", o.installedOverGiosg("sales"), notes)
	if !slices.Contains(o.overZoom("account_added", "app_name"), notes) {
		t.Errorf("Zoom does not show what is installed")
	}

	// It is removed.
	if _, refused := o.govern("olga", "admin.apps.uninstall", "app_id", app.Slack("A"), "team_ids", o.ID("orgs.sales").Slack("T")); refused != "" {
		t.Fatal(refused)
	}
	o.until(zoomwire.Deauthorized, func() bool { return len(o.gone["notes"].Got()) > 0 })
	gone := o.gone["notes"].Got()
	if err := check(gone[0].Body, []string{"event=" + zoomwire.Deauthorized, "payload.account_id=" + o.ID("orgs.acme").Zoom(), "payload.user_id=" + o.ID("users.sue").Zoom()}); err != nil || len(gone) != 1 {
		t.Errorf("%d told: %v in %s", len(gone), err, gone[0].Body)
	}
	lists(t, "installed, over giosg", o.installedOverGiosg("sales"))
	if slices.Contains(o.overZoom("account_added", "app_name"), notes) {
		t.Errorf("Zoom shows what is gone")
	}
	o.next(t, 4, "payload.scope=all_users_on_account")
}

// asked, approved and declined over Zoom.
func (o *faces) askedOverZoom(t *testing.T) {
	app, labs := o.ID("apps.plans"), o.ID("orgs.labs").String()
	requests := " /apps/" + app.Zoom() + "/requests"
	user := func(name string) string { return `"` + o.ID("users."+name).Zoom() + `"` }
	o.zoom(201, "POST"+requests, `{"action":"add_user","user_ids":[`+user("cem")+`]}`)
	o.next(t, 5, "event="+zoomwire.Requested, "payload.app_name=Plans", "payload.requester_name=Cem Kaya")
	o.zoom(201, "POST"+requests, `{"action":"add_group","group_ids":["`+o.group(t, "crew", "labs").Zoom()+`"]}`)
	o.next(t, 6, "event="+zoomwire.Requested, "payload.requester_name=Liv Bø")
	o.zoom(201, "POST"+requests, `{"action":"add_user","user_ids":[`+user("bo")+`]}`)
	o.next(t, 7, "event="+zoomwire.Requested, "payload.requester_name=Bo Lind")
	o.until("app_requested", func() bool { return len(o.slack.heard()) == 5 })
	lists(t, "asked, in Slack's words", o.slack.heard()[2:], "bo@acme.example Plans", "cem@acme.example Plans", "liv@acme.example Plans")
	pending := func() []string { return o.overSlack("admin.apps.requests.list", "app_requests", "user.email", "acme") }
	natively := func(status string) []string {
		var all []string
		for _, org := range []string{"acme", "sales", "labs"} {
			answer := o.native(200, "olga", "GET /orgs/"+o.ID("orgs."+org).String()+"/requests?status="+status, "")
			for i, item := range texts(answer, "items", "app_name") {
				if mail := texts(answer, "items", "user_email")[i]; item == "Plans" && !slices.Contains(all, mail) {
					all = append(all, mail)
				}
			}
		}
		return all
	}
	lists(t, "pending, over Slack", pending(), "bo@acme.example", "cem@acme.example", "liv@acme.example")
	lists(t, "pending, natively", natively("pending"), "bo@acme.example", "cem@acme.example", "liv@acme.example")

	o.zoom(204, "PATCH"+requests, `{"action":"approve","request_user_ids":[`+user("cem")+`]}`)
	o.next(t, 8, "event="+zoomwire.Approved, "payload.scope=specific_users", "payload.reviewer_email=olga@acme.example",
		"payload.reviewed_requests.0.requester_email=cem@acme.example", "payload.reviewed_requests.1=")
	o.zoom(204, "PATCH"+requests, `{"action":"decline","request_user_ids":[`+user("liv")+`]}`)
	o.next(t, 9, "event="+zoomwire.Declined, "payload.scope=specific_users", "payload.reviewed_requests.0.requester_email=liv@acme.example", "payload.reviewed_requests.1=")
	lists(t, "pending, over Slack", pending(), "bo@acme.example")
	lists(t, "approved for everyone, over Slack", o.overSlack("admin.apps.approved.list", "approved_apps", "app.name", "acme"), "Notes & <more>")
	lists(t, "approved, natively", natively("approved"), "cem@acme.example")
	lists(t, "declined, natively", natively("declined"), "liv@acme.example")
	for who, verdict := range map[string]string{"cem": "approved", "liv": "requestable"} {
		if why := o.native(200, who, "GET /orgs/"+labs+"/apps/"+app.String()+"/explanation", ""); find(why, "verdict") != verdict {
			t.Errorf("%s: %s", who, why)
		}
	}

	o.zoom(204, "PATCH"+requests, `{"action":"approve_all"}`)
	o.next(t, 10, "event="+zoomwire.Approved, "payload.scope=all_users_on_account", "payload.reviewed_requests.0.requester_email=bo@acme.example", "payload.reviewed_requests.1=")
	o.zoom(204, "PATCH"+requests, `{"action":"approve_all"}`) // again: nothing changes, nothing is told
	lists(t, "approved, over Slack", o.overSlack("admin.apps.approved.list", "approved_apps", "app.name", "acme"), "Notes & <more>", "Plans")
	lists(t, "approved, natively", o.standing("acme", "approved"), "Notes & <more>", "Plans")

	made := o.giosg(201, "lu", "POST /orgs/"+labs+"/app_installations", `{"app_id":"`+app.String()+`","is_terms_accepted":true}`)
	installation := find(made, "id")
	bot := o.wakeBot(t, app, installation)
	if find(o.wanted(200, "GET /api/v5/users/me", "Token "+bot.giosg, "", ""), "full_name") != "Plan Bot" {
		t.Error("the bot's token says nothing")
	}
	if answer := o.wanted(200, "POST /api/auth.test", "Bearer "+bot.slack, "", ""); find(answer, "ok") != "true" {
		t.Errorf("the bot's token on Slack's wire: %s", answer)
	}

	o.zoom(204, "PATCH"+requests, `{"action":"decline_all"}`)
	o.next(t, 11, "event="+zoomwire.Declined, "payload.scope=all_users_on_account", "payload.reviewer_email=olga@acme.example", "payload.reviewed_requests=")
	lists(t, "approved, over Slack", o.overSlack("admin.apps.approved.list", "approved_apps", "app.name", "acme"), "Notes & <more>")
	lists(t, "declined, natively", natively("declined"), "bo@acme.example", "cem@acme.example", "liv@acme.example")
	lists(t, "rejected, over Zoom", texts(o.zoom(200, "GET"+requests+"?status=rejected", ""), "requests", "request_user_email"),
		"bo@acme.example", "cem@acme.example", "liv@acme.example")
	if got := o.native(200, "lu", "GET /orgs/"+labs+"/apps/"+app.String()+"/installation", ""); find(got, "status") != "suspended" {
		t.Errorf("installed: %s", got)
	}
	lists(t, "installed, over giosg", o.installedOverGiosg("labs"), "Plans")
	if status, answer := o.ask("GET /api/v5/users/me", "Token "+bot.giosg, "", ""); status != 401 {
		t.Errorf("the bot's token: %d %s", status, answer)
	}
	if answer := o.wanted(0, "POST /api/auth.test", "Bearer "+bot.slack, "", ""); find(answer, "ok") != "false" {
		t.Errorf("the bot's token on Slack's wire: %s", answer)
	}

	// What Slack restricts, Zoom lists as restricted; to clear is told to nobody.
	name, id := o.at("acme")
	if _, refused := o.govern("olga", "admin.apps.restrict", "app_id", app.Slack("A"), name, id); refused != "" {
		t.Fatal(refused)
	}
	o.next(t, 12, "event="+zoomwire.Declined, "payload.scope=all_users_on_account", "payload.reviewed_requests=")
	lists(t, "restricted, over Zoom", o.overZoom("restricted_apps", "app_name"), "Plans")
	if _, refused := o.govern("olga", "admin.apps.clearResolution", "app_id", app.Slack("A"), name, id); refused != "" {
		t.Fatal(refused)
	}
	lists(t, "restricted, over Zoom", o.overZoom("restricted_apps", "app_name"))
	o.native(201, "mo", "POST /orgs/"+o.ID("orgs.sales").String()+"/requests", `{"app":"`+app.String()+`"}`)
	o.next(t, 13, "event="+zoomwire.Requested, "payload.requester_name=Mo")
	if len(o.gone["plans"].Got()) > 0 {
		t.Error("an app was told that it was removed")
	}
}

// wokenBot is a bot with tokens of two faces.
type wokenBot struct{ giosg, slack string }

func (o *faces) wakeBot(t *testing.T, app souk.ID, installation string) (b wokenBot) {
	t.Helper()
	made := o.native(201, "vic", "POST /apps/"+app.String()+"/installations/"+installation+"/tokens", `{"description":"for the test"}`)
	b.giosg = find(made, "secret")
	b.slack = "xoxb-" + strings.ReplaceAll(installation, "-", "")
	id, err := souk.ParseID(installation)
	if err != nil {
		t.Fatal(err)
	}
	o.write(t, func(tx *store.Tx) error {
		i, err := tx.Installation(id)
		if err != nil {
			return err
		}
		return tx.PutToken(souk.Token{
			ID: souk.NewID(), Kind: souk.BotToken, User: i.AppUser, Installation: i.ID, App: i.App, Org: i.Org, Scopes: i.Scopes,
			Hash: souktest.Key.Hash(b.slack), CreatedAt: i.CreatedAt,
		})
	})
	return b
}

func (o *faces) write(t *testing.T, fn func(*store.Tx) error) {
	t.Helper()
	none := func(*store.Tx) (store.Locks, error) { return store.Locks{}, nil }
	if err := o.node.db.Write(t.Context(), none, fn); err != nil {
		t.Fatal(err)
	}
}

// group finds a group by its name and its org.
func (o *faces) group(t *testing.T, name, org string) (id souk.ID) {
	t.Helper()
	if err := o.node.db.Read(t.Context(), func(tx *store.Tx) error {
		for _, user := range []string{"liv", "mo"} {
			groups, err := tx.Groups(o.ID("users." + user))
			if err != nil {
				return err
			}
			for _, g := range groups {
				if g.Name == name && g.Org == o.ID("orgs."+org) {
					id = g.ID
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return id
}
