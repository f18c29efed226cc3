package native

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// refusedMany are those of what is decided for some, asked for many and taken
// from all.
func refusedMany() (rows []refused) {
	add := func(who, call, body, problem string) { rows = append(rows, refused{who, call, body, problem, nil}) }
	for _, verb := range []string{"decline-all", "requests", "requests/cancel", "users/{bo}/disable", "users/{bo}/enable"} {
		body := ""
		if strings.HasPrefix(verb, "requests") {
			body = `{"users":["{bo}"]}`
		}
		call := func(org, app string) string { return "POST /orgs/" + org + "/apps/" + app + "/" + verb }
		add("operator", call("{sales}", "{deploy}"), body, "needs-person")
		add("bo", call("{sales}", "{deploy}"), body, "not-allowed")
		add("mo", call("{sales}", "{deploy}"), body, "not-allowed")
		add("sal", call("{labs}", "{deploy}"), body, "not-allowed")
		add("sal", call("{rival}", "{deploy}"), body, "unknown-org")
		add("sal", call("sales", "{deploy}"), body, "unknown-org")
		add("sal", call("{sales}", "{inner}"), body, "unknown-app")
		add("sal", call("{sales}", "{nothing}"), body, "unknown-app")
		if verb == "decline-all" {
			continue
		}
		for _, other := range []string{"{vic}", "{bot}", "{nothing}", "{sales}"} {
			swap := strings.NewReplacer("{bo}", other)
			add("sal", swap.Replace(call("{sales}", "{deploy}")), swap.Replace(body), "unknown-user")
		}
	}
	for _, group := range []string{"{nothing}", "{bo}"} {
		add("sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{"groups":["`+group+`"]}`, "unknown-group")
	}
	rows = append(rows, refused{"sal", "POST /orgs/{sales}/apps/{deploy}/requests", `{"everyone":true}`, "unknown-scope", asksTooMuch})
	for _, verb := range []string{"approve", "restrict", "clear"} {
		call := "POST /orgs/{sales}/apps/{legal}/" + verb
		for _, other := range []string{"{vic}", "{bot}", "{nothing}"} {
			add("sal", call, `{"audiences":["user:{bo}","user:`+other+`"]}`, "unknown-user")
		}
		add("sal", call, `{"audiences":["group:{nothing}"]}`, "unknown-group")
	}
	add("sal", "POST /orgs/{sales}/apps/{legal}/clear", `{"audiences":["user:{bo}"]}`, "no-resolution")
	for _, other := range []string{"{vic}", "{bot}", "{nothing}"} {
		add("sal", "POST /orgs/{sales}/apps/{deploy}/decline", `{"users":["{bo}","`+other+`"]}`, "unknown-user")
	}
	add("sal", "POST /orgs/{sales}/apps/{deploy}/decline", `{"users":["{mo}"]}`, "unknown-request")
	return rows
}

var refusedResuming = []refused{
	{"bo", "POST /orgs/{acme}/installations/{notebot}/resume", "", "not-allowed", nil},
	{"vic", "POST /orgs/{acme}/installations/{notebot}/resume", "", "unknown-org", nil},
	{"mo", "POST /orgs/{sales}/installations/{notebot}/resume", "", "unknown-installation", nil},
	{"olga", "POST /orgs/{acme}/installations/{nothing}/resume", "", "unknown-installation", nil},
	{"olga", "POST /orgs/{acme}/installations/notes/resume", "", "unknown-installation", nil},
	{"notebot", "POST /orgs/{acme}/installations/{notebot}/resume", "", "not-allowed", nil},
	{"olga", "POST /orgs/{acme}/installations/{notebot}/resume", "", "approval-needed", by("olga", "POST /orgs/{acme}/apps/{notes}/decline-all")},
	{"olga", "POST /orgs/{acme}/installations/{notebot}/resume", "", "restricted", by("olga", "POST /orgs/{acme}/apps/{notes}/restrict")},
	{"olga", "POST /orgs/{acme}/installations/{notebot}/resume", "", "closed", func(t *testing.T, o *company) {
		by("olga", "POST /orgs/{acme}/apps/{notes}/decline-all")(t, o)
		o.acme.Policy = souk.Closed
		o.put(t, func(tx *store.Tx) error { return tx.PutOrg(o.acme) })
	}},
	{"olga", "POST /orgs/{acme}/installations/{notebot}/resume", "", "unknown-app", func(t *testing.T, o *company) {
		o.notes.Suspended = true
		o.putApp(t, o.notes)
	}},
}

// asksTooMuch has an app ask for what the catalogue has not.
func asksTooMuch(t *testing.T, o *company) {
	o.deploy.BotScopes = souk.NewScopes("everything")
	o.putApp(t, o.deploy)
}

// group is a group of an org with some members.
func (o *company) group(t *testing.T, org souk.Org, name string, members ...souk.User) (id souk.ID) {
	t.Helper()
	o.put(t, func(tx *store.Tx) error {
		g, err := tx.GroupNamed(org.ID, name, o.at)
		for _, u := range members {
			if _, failed := tx.JoinGroup(g.ID, u.ID); failed != nil {
				return failed
			}
		}
		id = g.ID
		return err
	})
	return id
}

// verdict is what somebody is told of an app at Sales.
func (o *company) verdict(t *testing.T, who, app string) souk.Verdict {
	t.Helper()
	return into[explanationObject](t, o.call(t, who, "GET /orgs/{sales}/apps/"+app+"/explanation", ""), 200).Verdict
}

// What is decided for some is for them alone, until it is taken back or decided
// for everyone.
func TestDecisionsForSome(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		crew := "group:" + o.group(t, o.sales, "crew", o.mo).String()
		empty := "group:" + o.group(t, o.sales, "empty").String()
		verdicts := func(step string, bo, mo souk.Verdict) {
			t.Helper()
			if b, m := o.verdict(t, "bo", "{deploy}"), o.verdict(t, "mo", "{deploy}"); b != bo || m != mo {
				t.Errorf("%s: bo is told %s and mo %s, want %s and %s", step, b, m, bo, mo)
			}
		}
		const deploy = "POST /orgs/{sales}/apps/{deploy}/"
		done := into[decisionObject](t, o.call(t, "sal", deploy+"approve", `{"audiences":["user:{bo}","`+crew+`","user:{bo}"],"reason":"for some"}`), 200)
		if len(done.Resolutions) != 2 || done.Resolution.Audience != o.fill("user:{bo}") || done.Resolutions[1].Audience != crew ||
			len(done.Settled) != 1 || done.Settled[0].ID != o.asked.ID.String() || done.Settled[0].Status != souk.RequestApproved {
			t.Errorf("approved for some: %+v", done)
		}
		verdicts("approved", souk.VerdictApproved, souk.VerdictApproved)
		if o.verdict(t, "sal", "{deploy}") != souk.Requestable {
			t.Error("who was not named is answered")
		}
		done = into[decisionObject](t, o.call(t, "sal", deploy+"restrict", `{"audiences":["`+crew+`"]}`), 200)
		if len(done.Resolutions) != 1 || done.Resolutions[0].Status != souk.Restricted || len(done.Settled) != 0 {
			t.Errorf("restricted for a group: %+v", done)
		}
		verdicts("restricted for mo's group", souk.VerdictApproved, souk.BlockedByWorkspace)
		into[decisionObject](t, o.call(t, "sal", deploy+"approve", `{"audiences":["user:{mo}","`+empty+`"]}`), 200)
		verdicts("approved for mo", souk.VerdictApproved, souk.VerdictApproved)
		standing := into[listing[resolutionView]](t, o.call(t, "sal", "GET /orgs/{sales}/resolutions", ""), 200)
		audiences := map[string]souk.ResolutionStatus{}
		for _, r := range standing.Items {
			if r.App.ID == o.deploy.ID.String() {
				audiences[r.Audience] = r.Status
			}
		}
		want := map[string]souk.ResolutionStatus{o.fill("user:{bo}"): souk.Approved, crew: souk.Restricted, o.fill("user:{mo}"): souk.Approved, empty: souk.Approved}
		if fmt.Sprint(audiences) != fmt.Sprint(want) {
			t.Errorf("there stand %v, want %v", audiences, want)
		}
		if got := o.call(t, "sal", deploy+"clear", `{"audiences":["user:{mo}","user:{sal}"]}`); got.status != 204 {
			t.Errorf("cleared: %s", got.body)
		}
		verdicts("cleared for mo", souk.VerdictApproved, souk.BlockedByWorkspace)
		into[decisionObject](t, o.call(t, "sal", deploy+"restrict", `{"audiences":["everyone"]}`), 200)
		verdicts("restricted for everyone", souk.BlockedByWorkspace, souk.BlockedByWorkspace)
		if got := o.call(t, "sal", deploy+"clear", ""); got.status != 204 {
			t.Errorf("cleared: %s", got.body)
		}
		verdicts("cleared", souk.Requestable, souk.Requestable)
	})
}

// The lists of whom a decision is for are refused by place, and nothing is
// decided.
func TestAudiencesAreReadStrictly(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		many := func(prefix string) string {
			return strings.Repeat(`"`+prefix+`{bo}",`, market.MaxAudiences) + `"` + prefix + `{mo}"`
		}
		for body, want := range map[string]string{
			`{"audiences":[]}`:                                            "/audiences must be 1 to 300",
			`{"audiences":[` + many("user:") + `]}`:                       "/audiences must be 1 to 300",
			`{"audiences":null}`:                                          "/audiences must be a list",
			`{"audiences":"everyone"}`:                                    "/audiences must be a list",
			`{"audiences":[7]}`:                                           "/audiences/0 must be a string",
			`{"audiences":["{bo}"]}`:                                      "/audiences/0 must be everyone",
			`{"audiences":["user:bo","group:"]}`:                          "/audiences/0 must be everyone, /audiences/1 must be everyone",
			`{"audiences":["user:{BO}"]}`:                                 "/audiences/0 must be everyone",
			`{"audiences":["User:{bo}"]}`:                                 "/audiences/0 must be everyone",
			`{"audiences":[""]}`:                                          "/audiences/0 must be everyone",
			`{"audiences":["user:{bo}","users:{bo}"]}`:                    "/audiences/1 must be everyone",
			`{"users":["{bo}"]}`:                                          "/users is not known",
			`{"audience":"everyone"}`:                                     "/audience is not known",
			`{"audiences":["user:{bo}"],"audiences":["u"]}`:               "/audiences comes twice",
			`{"audiences":["user:00000000-0000-0000-0000-000000000000"]}`: "/audiences/0 must be everyone",
		} {
			body = strings.ReplaceAll(body, "{BO}", strings.ToUpper(o.bo.ID.String()))
			for _, verb := range []string{"approve", "restrict", "clear"} {
				if said := faultsIn(t, o.call(t, "sal", "POST /orgs/{sales}/apps/{deploy}/"+verb, body)); !matches(said, want) {
					t.Errorf("%s %.80s: %q, want %q", verb, body, said, want)
				}
			}
		}
		for _, verb := range []string{"approve", "restrict"} {
			said := faultsIn(t, o.call(t, "sal", "POST /orgs/{sales}/apps/{deploy}/"+verb, `{"audiences":["everyone","user:{bo}"]}`))
			if !matches(said, "/audiences name everyone, so none beside") {
				t.Errorf("%s for everyone and one: %q", verb, said)
			}
		}
		for body, want := range map[string]string{
			`{"users":[]}`:                     "/users must be 1 to 300",
			`{"users":[` + many("") + `]}`:     "/users must be 1 to 300",
			`{"users":null}`:                   "/users must be a list",
			`{"users":["user:{bo}"]}`:          "/users/0 must be an id",
			`{"users":["{bo}",{}]}`:            "/users/1 must be an id",
			`{"audiences":["user:{bo}"]}`:      "/audiences is not known",
			`{"users":["{bo}"],"reason":"no"}`: "/reason is not known",
		} {
			if said := faultsIn(t, o.call(t, "sal", "POST /orgs/{sales}/apps/{deploy}/decline", body)); !matches(said, want) {
				t.Errorf("decline %.80s: %q, want %q", body, said, want)
			}
		}
		for _, verb := range []string{"approve", "restrict", "decline"} { // the answer to a request is for everyone
			said := faultsIn(t, o.call(t, "sal", "POST /requests/{asked}/"+verb, `{"audiences":["user:{bo}"],"users":["{bo}"]}`))
			if !matches(said, "/audiences is not known, /users is not known") {
				t.Errorf("%s a request: %q", verb, said)
			}
		}
		if q := into[requestView](t, o.call(t, "bo", "GET /requests/{asked}", ""), 200); q.Status != souk.Pending || o.verdict(t, "bo", "{deploy}") != souk.Requestable {
			t.Errorf("after all that: %+v", q)
		}
	})
}

// statuses are what became of the requests that a reply lists, by user.
func statuses(requests []requestObject) map[string]souk.RequestStatus {
	of := map[string]souk.RequestStatus{}
	for _, q := range requests {
		of[q.User.ID] = q.Status
	}
	return of
}

// Requests of some are made, declined and taken back together, and those of the
// others stay.
func TestRequestsOfSome(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		crew := o.group(t, o.acme, "crew", o.mo, o.sal)
		const deploy = "POST /orgs/{sales}/apps/{deploy}/"
		asked := into[askedForManyObject](t, o.call(t, "sal", deploy+"requests", `{"users":["{bo}","{mo}"],"groups":["`+crew.String()+`"]}`), 200)
		if asked.Filed != 2 || asked.Later { // bo asked before
			t.Errorf("asked for many: %+v", asked)
		}
		declined := into[decisionObject](t, o.call(t, "sal", deploy+"decline", `{"users":["{bo}"]}`), 200)
		if got := statuses(declined.Settled); len(got) != 1 || got[o.bo.ID.String()] != souk.RequestDeclined || declined.Resolution != nil {
			t.Errorf("declined: %+v", declined)
		}
		for _, want := range []int{1, 0} {
			if n := into[cancelledObject](t, o.call(t, "sal", deploy+"requests/cancel", `{"users":["{mo}","{bo}"]}`), 200); n.Cancelled != want {
				t.Errorf("cancelled %d, want %d", n.Cancelled, want)
			}
		}
		left := into[listing[requestView]](t, o.call(t, "sal", "GET /orgs/{sales}/requests?status=pending", ""), 200)
		if len(left.Items) != 1 || left.Items[0].User.ID != o.sal.ID.String() || left.Items[0].FiledBy.ID != o.sal.ID.String() {
			t.Errorf("left: %+v", left.Items)
		}
		everyone := into[askedForManyObject](t, o.call(t, "olga", "POST /orgs/{acme}/apps/{deploy}/requests", `{"everyone":true}`), 200)
		if everyone.Filed != 3 { // olga, mo and bo; sal waits already
			t.Errorf("asked for everyone: %+v", everyone)
		}
	})
}

// For more than fifty it is asked by and by.
func TestRequestsLater(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		o.put(t, func(tx *store.Tx) error {
			for n := range 51 {
				u := souk.User{ID: souk.NewID(), Org: o.labs.ID, FirstName: "lab", Email: fmt.Sprintf("lab%d@labs.example", n), CreatedAt: o.at}
				if err := tx.PutUser(u, o.acme.ID); err != nil {
					return err
				}
				if err := tx.PutMembership(souk.Membership{User: u.ID, Org: o.labs.ID, Role: souk.Member, CreatedAt: o.at}); err != nil {
					return err
				}
			}
			return nil
		})
		asked := into[askedForManyObject](t, o.call(t, "olga", "POST /orgs/{labs}/apps/{guard}/requests", `{"everyone":true}`), 202)
		if asked.Filed != 0 || !asked.Later {
			t.Errorf("asked for many: %+v", asked)
		}
		for {
			more, err := o.market.StepJob(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
		}
		if found := into[listing[identifier]](t, o.call(t, "olga", "GET /orgs/{labs}/requests?status=pending&limit=200", ""), 200); len(found.Items) != 51 {
			t.Errorf("%d asked", len(found.Items))
		}
	})
}

// What was taken from everybody is suspended, asked for and approved anew, and
// only then resumed.
func TestDeclineAll(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		into[decisionObject](t, o.call(t, "sal", "POST /requests/{asked}/approve", ""), 200)
		i := into[installedObject](t, o.call(t, "mo", "POST /orgs/{sales}/installations", `{"app":"{deploy}"}`), 201).Installation
		status := func() souk.InstallationStatus {
			t.Helper()
			return into[installationView](t, o.call(t, "mo", "GET /orgs/{sales}/apps/{deploy}/installation", ""), 200).Status
		}
		resume := "POST /orgs/{sales}/installations/" + i.ID + "/resume"
		if same := into[installationObject](t, o.call(t, "mo", resume, ""), 200); same.Status != souk.InstallationActive || same.UpdatedAt != i.UpdatedAt {
			t.Errorf("resumed what was not suspended: %+v", same)
		}
		done := into[declinedObject](t, o.call(t, "olga", "POST /orgs/{acme}/apps/{deploy}/decline-all", ""), 200)
		if got := statuses(done.Overturned); len(done.Settled) != 0 || len(got) != 1 || got[o.bo.ID.String()] != souk.RequestDeclined || status() != souk.InstallationSuspended {
			t.Errorf("declined for all: %+v; the installation is %s", done, status())
		}
		again := into[declinedObject](t, o.call(t, "olga", "POST /orgs/{acme}/apps/{deploy}/decline-all", ""), 200)
		if len(again.Settled)+len(again.Overturned) != 0 {
			t.Errorf("again: %+v", again)
		}
		if got := o.call(t, "mo", resume, ""); got.problem() != "approval-needed" || status() != souk.InstallationSuspended {
			t.Errorf("resumed without approval: %s", got.body)
		}
		into[askedObject](t, o.call(t, "bo", "POST /orgs/{sales}/requests", `{"app":"{guard}"}`), 201)
		pending := into[declinedObject](t, o.call(t, "sal", "POST /orgs/{sales}/apps/{guard}/decline-all", ""), 200)
		if got := statuses(pending.Settled); len(got) != 1 || got[o.bo.ID.String()] != souk.RequestDeclined || len(pending.Overturned) != 0 {
			t.Errorf("declined what was pending: %+v", pending)
		}
		into[decisionObject](t, o.call(t, "sal", "POST /orgs/{sales}/apps/{deploy}/approve", ""), 200)
		if back := into[installationObject](t, o.call(t, "mo", resume, ""), 200); back.Status != souk.InstallationActive || status() != souk.InstallationActive {
			t.Errorf("resumed: %+v", back)
		}
	})
}

// The operator resumes whatever stands, and an org-wide installation is told with
// what it reaches.
func TestResumeAsOperator(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		into[declinedObject](t, o.call(t, "olga", "POST /orgs/{acme}/apps/{notes}/decline-all", ""), 200)
		i := into[installationObject](t, o.call(t, "operator", "POST /orgs/{acme}/installations/{notebot}/resume", ""), 200)
		reached := slices.ContainsFunc(i.Workspaces, func(n names) bool { return n.ID == o.sales.ID.String() })
		if i.Status != souk.InstallationActive || len(i.Workspaces) != 1 || !reached {
			t.Errorf("resumed: %+v", i)
		}
	})
}

// An app acts for a user no more, and again, and the call may be repeated.
func TestForUser(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		disabled := func() bool {
			t.Helper()
			var grants []souk.Grant
			must(o.db.Read(t.Context(), func(tx *store.Tx) (err error) {
				grants, err = tx.GrantsUnder(o.notes.ID, o.olga.ID, o.acme.ID)
				return err
			}))
			if len(grants) != 1 {
				t.Fatalf("%d grants", len(grants))
			}
			return !grants[0].DisabledAt.IsZero()
		}
		for _, step := range []struct {
			verb, user string
			changed    int
			disabled   bool
		}{
			{"enable", "{olga}", 0, false}, {"disable", "{bo}", 0, false},
			{"disable", "{olga}", 1, true}, {"disable", "{olga}", 0, true},
			{"enable", "{bo}", 0, true}, {"enable", "{olga}", 1, false},
		} {
			n := into[changedObject](t, o.call(t, "olga", "POST /orgs/{acme}/apps/{notes}/users/"+step.user+"/"+step.verb, ""), 200)
			if n.Changed != step.changed || disabled() != step.disabled {
				t.Errorf("%s for %s changed %d and it is disabled: %t", step.verb, step.user, n.Changed, disabled())
			}
		}
	})
}
