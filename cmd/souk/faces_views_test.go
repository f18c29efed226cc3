package main

import (
	"fmt"
	"maps"
	"slices"

	"souk"
)

// agree reads what all faces show and holds it against the state, and so against
// each other.
func (w *agreement) agree(s state) {
	w.Helper()
	for _, org := range w.orgs {
		w.requestsAt(s, org)
		w.answersAt(s, org)
		w.installationsAt(s, org)
	}
	w.account(s)
	w.tokens(s)
}

// same compares a view with what it is to be.
func (w *agreement) same(view string, got, want []string) {
	w.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		w.Errorf("after step %d %s shows\n%q, and not\n%q", len(w.steps), view, got, want)
	}
}

func (w *agreement) requestsAt(s state, org string) {
	var below, here []string // at an enterprise Slack's list has what its workspaces have, too
	for id, q := range s.requests {
		if q.status != souk.Pending {
			continue
		}
		if org == "acme" || q.org == w.ID("orgs."+org) {
			below = append(below, id.Slack("Ar"))
		}
		if q.org == w.ID("orgs."+org) {
			here = append(here, id.Slack("Ar"))
		}
	}
	w.same("Slack's list of requests at "+org, w.overSlack("admin.apps.requests.list", "app_requests", "id", org), below)
	w.same("the native list of requests at "+org,
		texts(w.native(200, "olga", "GET /orgs/"+w.org(org)+"/requests?status=pending&limit=100", ""), "items", "slack_id"), here)
}

func (w *agreement) answersAt(s state, org string) {
	for _, status := range []string{"approved", "restricted"} {
		var everyone, all []string
		for _, a := range s.standing {
			if a.org != w.ID("orgs."+org) || a.status != status {
				continue
			}
			all = append(all, a.app.Slack("A")+" "+a.audience)
			if a.audience == "everyone" {
				everyone = append(everyone, a.app.Slack("A"))
			}
		}
		w.same("Slack's list of what is "+status+" at "+org, w.overSlack("admin.apps."+status+".list", status+"_apps", "app.id", org), everyone)
		answer := w.native(200, "olga", "GET /orgs/"+w.org(org)+"/resolutions?limit=100&status="+status, "")
		var shown []string
		for i, audience := range texts(answer, "items", "audience") {
			shown = append(shown, texts(answer, "items", "app.slack_id")[i]+" "+audience)
		}
		w.same("the native list of what is "+status+" at "+org, shown, all)
	}
}

func (w *agreement) installationsAt(s state, org string) {
	var made, reached []string
	for id, i := range s.installed {
		if i.org == w.ID("orgs."+org) && i.status != souk.InstallationEnded {
			made = append(made, id.String())
		}
	}
	for at, id := range s.reach {
		if at[0] == w.ID("orgs."+org) {
			reached = append(reached, id.String()+" "+string(s.installed[id].status))
		}
	}
	mine := func(answer []byte, list, app, path string) (all []string) {
		for i, id := range texts(answer, list, app) {
			if slices.ContainsFunc(w.ids, func(a souk.ID) bool { return a.String() == id }) {
				all = append(all, texts(answer, list, path)[i])
			}
		}
		return all
	}
	w.same("giosg's app_installations at "+org, mine(w.giosg(200, "olga", "GET /orgs/"+w.org(org)+"/app_installations", ""), "results", "app_id", "id"), made)
	var apps []string
	for at := range s.reach {
		if at[0] == w.ID("orgs."+org) {
			apps = append(apps, at[1].String())
		}
	}
	w.same("giosg's installed_apps at "+org, mine(w.giosg(200, "olga", "GET /orgs/"+w.org(org)+"/installed_apps", ""), "results", "id", "id"), apps)
	answer := w.native(200, "olga", "GET /orgs/"+w.org(org)+"/installations?limit=100", "")
	var shown []string
	for i, id := range mine(answer, "items", "app.id", "id") {
		shown = append(shown, id+" "+mine(answer, "items", "app.id", "status")[i])
	}
	w.same("the native list of installations at "+org, shown, reached)
}

// standings are how those who asked in a case stand: each counts once, by what is
// pending, else by the last answer. A tie of two answers is left to the views.
func (s state) standings(aCase souk.ID) (of map[souk.ID]souk.RequestStatus, tied bool) {
	of = map[souk.ID]souk.RequestStatus{}
	last := map[souk.ID]int64{}
	for _, q := range s.requests {
		status := q.status
		if status == souk.RequestRestricted {
			status = souk.RequestDeclined
		}
		switch {
		case q.aCase != aCase, status != souk.Pending && status != souk.RequestApproved && status != souk.RequestDeclined:
		case status == souk.Pending:
			of[q.user] = status
		case of[q.user] == souk.Pending, q.settled < last[q.user]:
		default:
			tied = tied || q.settled == last[q.user] && of[q.user] != status
			of[q.user], last[q.user] = status, q.settled
		}
	}
	return of, tied
}

func count(of map[souk.ID]souk.RequestStatus, status souk.RequestStatus) (n int) {
	for _, s := range of {
		if s == status {
			n++
		}
	}
	return n
}

// account compares what Zoom's face shows of the account.
func (w *agreement) account(s state) {
	var active, past, installed, approved, restricted []string
	ties := false
	for id, c := range s.cases {
		of, tied := s.standings(id)
		ties = ties || tied
		if pending := count(of, souk.Pending); pending > 0 {
			active = append(active, fmt.Sprintln(c.app.Zoom(), id.Zoom(), len(of), pending))
		}
		if c.closed && len(of) > 0 {
			past = append(past, fmt.Sprintln(c.app.Zoom(), id.Zoom(), len(of), count(of, souk.RequestApproved), count(of, souk.RequestDeclined)))
		}
	}
	for _, app := range w.ids {
		if slices.ContainsFunc(slices.Collect(maps.Values(s.installed)), func(i inEffect) bool { return i.app == app && i.status != souk.InstallationEnded }) {
			installed = append(installed, app.Zoom())
		}
		is := func(status string, where func(answered) bool) bool {
			return slices.ContainsFunc(slices.Collect(maps.Values(s.standing)), func(a answered) bool { return a.app == app && a.status == status && where(a) })
		}
		if is("approved", func(answered) bool { return true }) {
			approved = append(approved, app.Zoom())
		}
		if is("restricted", func(a answered) bool { return a.org == w.ID("orgs.acme") && a.audience == "everyone" }) {
			restricted = append(restricted, app.Zoom())
		}
	}
	rows := func(list string, paths ...string) (all []string) {
		answer := w.zoom(200, "GET /apps?page_size=300&type="+list, "")
		for i, app := range texts(answer, "apps", "app_id") {
			if !slices.ContainsFunc(w.ids, func(id souk.ID) bool { return id.Zoom() == app }) {
				continue
			}
			line := []any{app}
			for _, p := range paths {
				line = append(line, texts(answer, "apps", p)[i])
			}
			text := fmt.Sprintln(line...)
			if len(paths) == 0 {
				text = app
			}
			all = append(all, text)
		}
		return all
	}
	w.same("Zoom's active_requests", rows("active_requests", "request_id", "request_total_number", "request_pending_number"), active)
	if !ties {
		w.same("Zoom's past_requests", rows("past_requests", "request_id", "request_total_number", "request_approved_number", "request_declined_number"), past)
	}
	w.same("Zoom's account_added", rows("account_added"), installed)
	w.same("Zoom's approved_apps", rows("approved_apps"), approved)
	w.same("Zoom's restricted_apps", rows("restricted_apps"), restricted)
	for _, app := range w.ids {
		aCase, there := s.latest(app)
		if !there {
			continue
		}
		of, tied := s.standings(aCase)
		for word, status := range map[string]souk.RequestStatus{"pending": souk.Pending, "approved": souk.RequestApproved, "rejected": souk.RequestDeclined} {
			var users []string
			for user, is := range of {
				if is == status {
					users = append(users, user.Zoom())
				}
			}
			if !tied {
				w.same("Zoom's list of who is "+word, texts(w.zoom(200, "GET /apps/"+app.Zoom()+"/requests?page_size=300&status="+word, ""), "requests", "request_user_id"), users)
			}
		}
	}
	for _, who := range w.members {
		var waits []string
		for id := range s.cases {
			if of, _ := s.standings(id); of[w.ID("users."+who)] == souk.Pending {
				waits = append(waits, id.Zoom())
			}
		}
		w.same("Zoom's list of what "+who+" waits for", texts(w.zoom(200, "GET /users/"+w.ID("users."+who).Zoom()+"/apps", ""), "apps", "request_id"), waits)
	}
}

// tokens asks the bots of all installations whether their tokens answer.
func (w *agreement) tokens(s state) {
	for id, bot := range w.bots {
		lives := s.installed[id].status == souk.InstallationActive
		if status, answer := w.ask("GET /api/v5/users/me", "Token "+bot.giosg, "", ""); lives != (status == 200) {
			w.Errorf("after step %d giosg's token of a bot that is %s: %d %s", len(w.steps), s.installed[id].status, status, answer)
		}
		if answer := w.wanted(0, "POST /api/auth.test", "Bearer "+bot.slack, "", ""); fmt.Sprint(lives) != find(answer, "ok") {
			w.Errorf("after step %d Slack's token of a bot that is %s: %s", len(w.steps), s.installed[id].status, answer)
		}
	}
}
