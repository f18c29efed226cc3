package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/souktest/zoomwire"
	"souk/store"
)

// How many random walks through the faces each database sees, how long they are,
// and the one to go again.
var (
	walks     = flag.Int("souk.walks", 1, "random walks through all faces on each database")
	walkSteps = flag.Int("souk.steps", 40, "steps of a random walk through all faces")
	walkSeed  = flag.Uint64("souk.seed", 0, "seed of the walk through all faces to go again")
)

// After any sequence of verbs through any faces their views, read over HTTP, agree
// with the state and with each other, and Zoom's receivers were told exactly what
// was due.
func TestFacesAgree(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		seeds := []uint64{*walkSeed}
		if *walkSeed == 0 {
			seeds = nil
			for range *walks {
				seeds = append(seeds, rand.Uint64())
			}
		}
		fresh := souktest.SQLite
		if strings.HasPrefix(address, "postgres") {
			fresh = souktest.Postgres
		}
		for _, seed := range seeds {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { newAgreement(t, fresh(t), seed).run() })
		}
	})
}

// agreement is a random walk.
type agreement struct {
	*faces
	t     *testing.T
	r     *rand.Rand
	sql   *sql.DB
	steps []string

	apps, orgs, people, members []string
	ids                         []souk.ID // of the apps
	mails, titles               map[string]string
	crew                        souk.ID
	bots                        map[souk.ID]wokenBot // by the installation
	had                         map[string]int       // events so far, by the path
	decision                    decision             // of the step in hand
}

func newAgreement(t *testing.T, address string, seed uint64) *agreement {
	w := &agreement{
		faces: newFaces(t, address), t: t, r: rand.New(rand.NewPCG(seed, 1)), sql: openSQL(t, address),
		apps: []string{"notes", "plans"}, orgs: []string{"acme", "sales", "labs"}, members: []string{"bo", "cem", "mo", "liv"},
		people: []string{"bo", "cem", "mo", "liv", "olga", "ada", "sue", "lu"},
		titles: map[string]string{"notes": "Notes & <more>", "plans": "Plans"}, mails: map[string]string{},
		bots: map[souk.ID]wokenBot{}, had: map[string]int{},
	}
	for _, app := range w.apps {
		w.ids = append(w.ids, w.ID("apps."+app))
	}
	if err := w.node.db.Read(t.Context(), func(tx *store.Tx) error {
		for _, name := range w.people {
			u, err := tx.User(w.ID("users." + name))
			if err != nil {
				return err
			}
			w.mails[strings.TrimSpace(u.FirstName+" "+u.LastName)] = u.Email
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.crew = w.group(t, "crew", "labs")
	return w
}

func (w *agreement) run() {
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("the steps:\n%s", strings.Join(w.steps, "\n"))
		}
	})
	actions := []struct {
		often int
		do    func()
	}{
		{5, w.asks}, {2, w.cancels}, {4, w.decidesNatively}, {4, w.decidesOverSlack}, {2, w.clears}, {4, w.asksOverZoom},
		{8, w.decidesOverZoom}, {4, w.preApproves}, {2, w.subscribes}, {7, w.installs}, {2, w.uninstalls},
	}
	var all []func()
	for _, a := range actions {
		for range a.often {
			all = append(all, a.do)
		}
	}
	before := w.look()
	w.agree(before)
	for range *walkSteps {
		w.decision = decision{}
		pick(w.r, all)()
		after := w.look()
		w.events(w.due(before, after, w.decision))
		w.wake(after)
		w.agree(after)
		if w.t.Failed() {
			return
		}
		before = after
	}
	w.sound()
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// some are a few of a list, at least one.
func some(r *rand.Rand, from []string) []string {
	from = slices.Clone(from)
	r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:1+r.IntN(2)]
}

// did notes a step and how it was answered.
func (w *agreement) did(format string, args ...any) {
	w.steps = append(w.steps, fmt.Sprintf("%d. ", len(w.steps)+1)+fmt.Sprintf(format, args...))
}

// calls makes a call through a face, whatever is said to it.
func (w *agreement) calls(call, authorization, contentType, body string) {
	status, answer := w.ask(call, authorization, contentType, body)
	w.did("%s %s: %d %s", call, body, status, excerpt(answer))
}

func (w *agreement) callsNatively(who, call, body string) {
	w.calls(strings.Replace(call, " ", " /souk/v1", 1), "Bearer "+w.Token(who), jsonType, body)
}

func (w *agreement) callsZoom(call, body string) {
	w.calls(strings.Replace(call, " ", " /v2/marketplace", 1), "Bearer "+w.Token("olga-zoom"), jsonType, body)
}

func (w *agreement) callsSlack(method string, pairs ...string) {
	answer, _ := w.govern("olga", method, pairs...)
	w.did("%s %q: %s", method, pairs, excerpt(answer))
}

func (w *agreement) org(name string) string { return w.ID("orgs." + name).String() }

// aRequest is one that may be pending still.
func (w *agreement) aRequest() (asked, bool) {
	s := w.look()
	var pending []asked
	for _, q := range s.requests {
		if q.status == souk.Pending || w.r.IntN(8) == 0 {
			pending = append(pending, q)
		}
	}
	if len(pending) == 0 {
		return asked{}, false
	}
	slices.SortFunc(pending, func(a, b asked) int { return a.id.Compare(b.id) })
	return pick(w.r, pending), true
}

func (w *agreement) asks() {
	w.callsNatively(pick(w.r, w.members), "POST /orgs/"+w.org(pick(w.r, w.orgs))+"/requests", `{"app":"`+pick(w.r, w.ids).String()+`"}`)
}

func (w *agreement) cancels() {
	q, there := w.aRequest()
	switch {
	case !there:
	case w.r.IntN(2) == 0:
		w.callsNatively("ada", "POST /requests/"+q.id.String()+"/cancel", "")
	default:
		name, id := w.at(w.name("orgs", w.orgs, q.org.String(), souk.ID.String))
		w.callsSlack("admin.apps.requests.cancel", "request_id", q.id.Slack("Ar"), name, id)
	}
}

// decides notes how a step decides, by the verb and the org.
func (w *agreement) decides(verb string, app souk.ID, everyone bool) {
	w.decision = decision{zoomwire.Approved, app, everyone}
	if verb != "approve" {
		w.decision.event = zoomwire.Declined
	}
}

func (w *agreement) decidesNatively() {
	verb, org := pick(w.r, []string{"approve", "restrict", "decline"}), pick(w.r, w.orgs)
	if q, there := w.aRequest(); there && w.r.IntN(2) == 0 {
		if q.org == w.ID("orgs.acme") {
			org = "acme"
		} else {
			org = ""
		}
		w.decides(verb, q.app, org == "acme" && verb != "decline")
		w.callsNatively("ada", "POST /requests/"+q.id.String()+"/"+verb, "")
		return
	}
	app := pick(w.r, w.ids)
	w.decides(verb, app, org == "acme")
	w.callsNatively("ada", "POST /orgs/"+w.org(org)+"/apps/"+app.String()+"/"+verb, "")
}

func (w *agreement) decidesOverSlack() {
	verb, org, app := pick(w.r, []string{"approve", "restrict"}), pick(w.r, w.orgs), pick(w.r, w.ids)
	name, id := w.at(org)
	if q, there := w.aRequest(); there && w.r.IntN(2) == 0 {
		w.decides(verb, q.app, org == "acme")
		w.callsSlack("admin.apps."+verb, "request_id", q.id.Slack("Ar"), name, id)
		return
	}
	w.decides(verb, app, org == "acme")
	w.callsSlack("admin.apps."+verb, "app_id", app.Slack("A"), name, id)
}

func (w *agreement) clears() {
	org, app := pick(w.r, w.orgs), pick(w.r, w.ids)
	if w.r.IntN(2) == 0 {
		w.callsNatively("ada", "POST /orgs/"+w.org(org)+"/apps/"+app.String()+"/clear", "")
		return
	}
	name, id := w.at(org)
	w.callsSlack("admin.apps.clearResolution", "app_id", app.Slack("A"), name, id)
}

// inZoom spells a list of people in Zoom's way.
func (w *agreement) inZoom(people []string) string {
	var ids []string
	for _, p := range people {
		ids = append(ids, `"`+w.ID("users."+p).Zoom()+`"`)
	}
	return "[" + strings.Join(ids, ",") + "]"
}

func (w *agreement) asksOverZoom() {
	body := pick(w.r, []string{
		`{"action":"add_all"}`, `{"action":"add_group","group_ids":["` + w.crew.Zoom() + `"]}`,
		`{"action":"add_user","user_ids":` + w.inZoom(some(w.r, w.people)) + `}`, `{"action":"add_user","user_ids":` + w.inZoom(some(w.r, w.members)) + `}`,
	})
	w.callsZoom("POST /apps/"+pick(w.r, w.ids).Zoom()+"/requests", body)
}

func (w *agreement) decidesOverZoom() {
	action, app := pick(w.r, []string{"approve_all", "approve_all", "approve", "approve", "decline_all", "decline_all", "decline", "decline", "cancel"}), pick(w.r, w.ids)
	body := `{"action":"` + action + `","request_user_ids":` + w.inZoom(some(w.r, w.members)) + `}`
	verb, _, all := strings.Cut(action, "_")
	if verb != "cancel" {
		w.decides(verb, app, all)
	}
	before := w.look()
	w.callsZoom("PATCH /apps/"+app.Zoom()+"/requests", body)
	if action == "decline_all" {
		w.declinedAll(before, w.look(), app)
	}
}

// declinedAll holds what stands of an app after it was declined for all against
// what stood before: nobody's request, no approval, and nothing that rested on the
// one for everyone in the account.
func (w *agreement) declinedAll(before, after state, app souk.ID) {
	aCase, _ := before.latest(app)
	for id, q := range before.requests {
		open := q.status == souk.Pending || q.status == souk.RequestApproved
		if is := after.requests[id].status; q.aCase == aCase && open && is != souk.RequestDeclined {
			w.Errorf("step %d left a request %s that was %s", len(w.steps), is, q.status)
		}
	}
	rested := slices.Contains(before.answersFor(app, "everyone"), w.ID("orgs.acme").String()+" approved") &&
		!strings.Contains(fmt.Sprint(before.answersFor(app, "")), "restricted")
	for id, i := range before.installed {
		if is := after.installed[id].status; rested && i.app == app && i.status == souk.InstallationActive && is != souk.InstallationSuspended {
			w.Errorf("step %d left an installation %s that had lost its approval", len(w.steps), is)
		}
	}
	if left := fmt.Sprint(after.answersFor(app, "")); strings.Contains(left, "approved") {
		w.Errorf("step %d left approvals: %s", len(w.steps), left)
	}
}

func (w *agreement) preApproves() {
	verb := pick(w.r, []string{"approve", "approve", "disapprove"})
	whom := pick(w.r, []string{"all", "user", "group"})
	app := pick(w.r, w.ids)
	if verb == "approve" {
		w.decides(verb, app, whom == "all")
	}
	w.callsZoom("POST /apps/"+app.Zoom()+"/preApprove",
		`{"action":"`+verb+`_`+whom+`","user_ids":`+w.inZoom(some(w.r, w.members))+`,"group_ids":["`+w.crew.Zoom()+`"]}`)
}

func (w *agreement) subscribes() {
	w.callsZoom("PATCH /users/"+w.ID("users."+pick(w.r, w.people)).Zoom()+"/apps/"+pick(w.r, w.ids).Zoom()+"/subscription",
		`{"action":"`+pick(w.r, []string{"enable", "disable"})+`"}`)
}

func (w *agreement) installs() {
	org, app := pick(w.r, w.orgs), pick(w.r, w.ids).String()
	if w.r.IntN(2) == 0 {
		w.callsNatively(pick(w.r, w.people), "POST /orgs/"+w.org(org)+"/installations", `{"app":"`+app+`"}`)
		return
	}
	w.calls("POST /api/v5/orgs/"+w.org(org)+"/app_installations", "Token "+w.Token(pick(w.r, []string{"olga", "sue", "lu"})), jsonType,
		`{"app_id":"`+app+`","is_terms_accepted":true}`)
}

func (w *agreement) uninstalls() {
	org, app := pick(w.r, w.orgs), pick(w.r, w.ids)
	switch w.r.IntN(3) {
	case 0:
		w.callsNatively("ada", "DELETE /orgs/"+w.org(org)+"/apps/"+app.String()+"/installation", "")
	case 1:
		if org == "acme" {
			w.callsSlack("admin.apps.uninstall", "app_id", app.Slack("A"), "enterprise_id", w.ID("orgs.acme").Slack("E"))
		} else {
			w.callsSlack("admin.apps.uninstall", "app_id", app.Slack("A"), "team_ids", w.ID("orgs."+org).Slack("T"))
		}
	default:
		for id, i := range w.look().installed {
			if i.app == app && i.org == w.ID("orgs."+org) && i.status != souk.InstallationEnded {
				w.calls("DELETE /api/v5/orgs/"+w.org(org)+"/app_installations/"+id.String(), "Token "+w.Token("ada"), "", "")
			}
		}
	}
}

// events holds what Zoom's receivers are told for the last step against what is
// due: first what is written down, then what comes, byte by byte.
func (w *agreement) events(due []string) {
	w.Helper()
	var all []string
	for path, hook := range w.hooks {
		if path == "/slack" {
			continue
		}
		var bodies []string
		err := w.node.db.Read(context.Background(), func(tx *store.Tx) error {
			found, err := souktest.Told(tx, hook, "", souk.Page{Size: 1 << 20})
			for _, d := range found {
				bodies = append(bodies, string(d.Body))
			}
			return err
		})
		if err != nil {
			w.Fatalf("%v", err)
		}
		to := w.warden
		if app, is := strings.CutPrefix(path, "/gone/"); is {
			to = w.gone[app]
		}
		came := func() (bodies []string) {
			for _, r := range to.Got() {
				if r.Event() != zoomwire.Validation {
					bodies = append(bodies, string(r.Body))
				}
			}
			return bodies
		}
		w.until(fmt.Sprintf("%d events at %s", len(bodies), path), func() bool { return len(came()) >= len(bodies) })
		got := came()
		for _, body := range got[w.had[path]:] {
			all = append(all, w.spelled(path, []byte(body)))
		}
		w.had[path] = len(got)
		slices.Sort(bodies)
		if slices.Sort(got); !slices.Equal(bodies, got) {
			w.Errorf("%s was sent %d events, and got %d, or others", path, len(bodies), len(got))
		}
	}
	if slices.Sort(all); !slices.Equal(all, due) {
		w.Errorf("after step %d Zoom was told\n%s\nand due was\n%s", len(w.steps), strings.Join(all, "\n"), strings.Join(due, "\n"))
	}
	w.sound()
}

// wake gives the bots of new installations tokens.
func (w *agreement) wake(s state) {
	for id, i := range s.installed {
		if _, has := w.bots[id]; !has && i.status == souk.InstallationActive {
			w.bots[id] = w.wakeBot(w.t, i.app, id.String())
		}
	}
}
