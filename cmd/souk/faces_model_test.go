package main

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest/zoomwire"
)

// state is what the database has of the apps that a walk is about.
type state struct {
	requests  map[souk.ID]asked
	cases     map[souk.ID]caseOf
	standing  map[souk.ID]answered
	installed map[souk.ID]inEffect
	grants    map[souk.ID]granted
	reach     map[[2]souk.ID]souk.ID // org and app: the installation
}

type asked struct {
	id, aCase, app, org, user souk.ID
	status                    souk.RequestStatus
	at, settled               int64
}

type caseOf struct {
	app    souk.ID
	at     int64
	closed bool
}

type answered struct {
	app, org                 souk.ID
	audience, status, scopes string
}

type inEffect struct {
	app, org souk.ID
	status   souk.InstallationStatus
}

type granted struct {
	user, app souk.ID
	status    souk.GrantStatus
}

// look reads the state.
func (w *agreement) look() (s state) {
	w.Helper()
	s = state{
		map[souk.ID]asked{}, map[souk.ID]caseOf{}, map[souk.ID]answered{}, map[souk.ID]inEffect{}, map[souk.ID]granted{}, map[[2]souk.ID]souk.ID{},
	}
	mine := func(app souk.ID) bool { return slices.Contains(w.ids, app) }
	w.rows(`SELECT id, case_id, app_id, org_id, user_id, status, created_at, COALESCE(settled_at, 0) FROM requests`, func(scan func(...any)) {
		var q asked
		scan(&q.id, &q.aCase, &q.app, &q.org, &q.user, &q.status, &q.at, &q.settled)
		if mine(q.app) {
			s.requests[q.id] = q
		}
	})
	w.rows(`SELECT id, app_id, opened_at, closed_at IS NOT NULL FROM cases`, func(scan func(...any)) {
		var id souk.ID
		var c caseOf
		scan(&id, &c.app, &c.at, &c.closed)
		s.cases[id] = c
	})
	w.rows(`SELECT id, app_id, org_id, audience, status, scopes FROM resolutions WHERE ended_at IS NULL`, func(scan func(...any)) {
		var id souk.ID
		var a answered
		scan(&id, &a.app, &a.org, &a.audience, &a.status, &a.scopes)
		s.standing[id] = a
	})
	w.rows(`SELECT id, app_id, org_id, status FROM installations`, func(scan func(...any)) {
		var id souk.ID
		var i inEffect
		scan(&id, &i.app, &i.org, &i.status)
		if mine(i.app) {
			s.installed[id] = i
		}
	})
	w.rows(`SELECT g.id, g.user_id, i.app_id, g.status FROM grants g JOIN installations i ON i.id = g.installation_id`, func(scan func(...any)) {
		var id souk.ID
		var g granted
		scan(&id, &g.user, &g.app, &g.status)
		if mine(g.app) {
			s.grants[id] = g
		}
	})
	w.rows(`SELECT org_id, app_id, installation_id FROM reach`, func(scan func(...any)) {
		var org, app, id souk.ID
		scan(&org, &app, &id)
		if mine(app) {
			s.reach[[2]souk.ID{org, app}] = id
		}
	})
	return s
}

// rows reads the answer to a query.
func (w *agreement) rows(query string, each func(scan func(...any))) {
	w.Helper()
	found, err := w.sql.Query(query)
	if err != nil {
		w.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	for found.Next() {
		each(func(to ...any) {
			texts := make([]any, len(to))
			for i, v := range to {
				texts[i] = v
				if id, is := v.(*souk.ID); is {
					texts[i] = (*column)(id)
				}
			}
			if err := found.Scan(texts...); err != nil {
				w.Fatalf("%s: %v", query, err)
			}
		})
	}
	if err := found.Err(); err != nil {
		w.Fatalf("%s: %v", query, err)
	}
}

// column is an ID as databases have it.
type column souk.ID

func (c *column) Scan(v any) error {
	b, is := v.([]byte)
	if !is || len(b) != len(c) {
		return fmt.Errorf("%v is no id", v)
	}
	copy(c[:], b)
	return nil
}

// latest is the case about an app that was opened last.
func (s state) latest(app souk.ID) (id souk.ID, there bool) {
	for k, c := range s.cases {
		if c.app == app && (!there || c.at > s.cases[id].at) {
			id, there = k, true
		}
	}
	return id, there
}

// answersOf spells what stands about an app.
func (s state) answersOf(app souk.ID) (all []string) {
	for _, a := range s.standing {
		if a.app == app {
			all = append(all, fmt.Sprint(a))
		}
	}
	slices.Sort(all)
	return all
}

// answersFor are where an app has which answer for an audience, or for any.
func (s state) answersFor(app souk.ID, audience string) (all []string) {
	for _, a := range s.standing {
		if a.app == app && (audience == "" || a.audience == audience) {
			all = append(all, a.org.String()+" "+a.status)
		}
	}
	return all
}

// decision is how a step decides, if it does: what Zoom is told follows from it
// and from what changed (docs/dialects/zoom.md, "The four events").
type decision struct {
	event    string
	app      souk.ID
	everyone bool // in the whole account
}

// due are the events that Zoom's receivers are told when one state becomes
// another.
func (w *agreement) due(before, after state, d decision) (all []string) {
	waits := func(q asked) bool {
		for _, p := range before.requests {
			if p.user == q.user && p.aCase == q.aCase && p.status == souk.Pending {
				return true
			}
		}
		return false
	}
	for id, q := range after.requests {
		if _, had := before.requests[id]; !had && !waits(q) {
			all = append(all, w.spell(zoomwire.Requested, q.app, w.person(q.user)))
		}
	}
	for id, g := range after.grants {
		if g.status == souk.GrantRevoked && before.grants[id].status == souk.GrantActive {
			all = append(all, w.spell(zoomwire.Deauthorized, g.app, g.user.Zoom()))
		}
	}
	aCase, there := before.latest(d.app)
	if d.event == "" || !there {
		return slices.Sorted(slices.Values(all))
	}
	wanted := []souk.RequestStatus{souk.RequestApproved}
	if d.event == zoomwire.Declined {
		wanted = []souk.RequestStatus{souk.RequestDeclined, souk.RequestRestricted}
	}
	changed := !slices.Equal(before.answersOf(d.app), after.answersOf(d.app))
	var settled []asked
	for id, q := range after.requests {
		was := before.requests[id].status
		changed = changed || was != q.status && q.aCase == aCase && was != ""
		if was == souk.Pending && slices.Contains(wanted, q.status) {
			settled = append(settled, q)
		}
	}
	slices.SortFunc(settled, func(a, b asked) int { return cmp.Or(cmp.Compare(a.at, b.at), a.user.Compare(b.user)) })
	var named []string
	for _, q := range settled {
		if who := w.person(q.user); !slices.Contains(named, who) {
			named = append(named, who)
		}
	}
	switch scope := "specific_users"; {
	case d.everyone && changed:
		scope = "all_users_on_account"
		fallthrough
	case !d.everyone && len(named) > 0:
		all = append(all, w.spell(d.event, d.app, scope+" "+aCase.Zoom()+" "+strings.Join(named, ",")))
	}
	return slices.Sorted(slices.Values(all))
}

func (w *agreement) spell(event string, app souk.ID, says string) string {
	return event + " " + w.name("apps", w.apps, app.String(), souk.ID.String) + ": " + says
}

// person is somebody's e-mail.
func (w *agreement) person(id souk.ID) string {
	return w.name("users", w.people, id.String(), souk.ID.String) + "@acme.example"
}

// spelled spells a body that went out as due does.
func (w *agreement) spelled(path string, body []byte) string {
	text := func(path string) string { return find(body, path) }
	event := text("event")
	app, says := text("payload.app_name"), ""
	switch event {
	case zoomwire.Requested:
		says = w.mails[text("payload.requester_name")]
	case zoomwire.Deauthorized:
		app, says = strings.TrimPrefix(path, "/gone/"), text("payload.user_id")
	default:
		var named []string
		for n := 0; text(fmt.Sprintf("payload.reviewed_requests.%d.requester_email", n)) != ""; n++ {
			named = append(named, text(fmt.Sprintf("payload.reviewed_requests.%d.requester_email", n)))
		}
		says = text("payload.scope") + " " + text("payload.request_id") + " " + strings.Join(named, ",")
	}
	for key, name := range w.titles {
		if name == app {
			app = key
		}
	}
	return event + " " + app + ": " + says
}

// openSQL opens a database beside the node that has it.
func openSQL(t *testing.T, address string) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if strings.HasPrefix(address, "postgres") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
