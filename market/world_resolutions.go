package market

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"souk"
	"souk/store"
)

// WorldResolution is a standing answer. It has no key: the app, the
// organization and the audience say which it is.
type WorldResolution struct {
	App      Ref
	Org      Ref
	Audience string // "everyone" or "", "group:<name>", "user:<key>"
	Status   souk.ResolutionStatus
	Scopes   []string // nil: all that the app asks for
	By       Ref
	Reason   *string // nil: any that stands, and none of a new answer
	Absent   bool
}

// putResolutions makes the answers of enterprises before those of their
// workspaces, and those for everyone before narrower ones: a new answer ends
// what it takes the place of.
func (a *applier) putResolutions() {
	type entry struct {
		WorldResolution
		spot string
		rank int
	}
	entries := make([]entry, len(a.world.Resolutions))
	for i, in := range a.world.Resolutions {
		if in.Audience == "" {
			in.Audience = "everyone"
		}
		rank := 0
		if in.Audience != "everyone" {
			rank++
		}
		if !a.isEnterprise(in.Org) {
			rank += 2
		}
		entries[i] = entry{in, fmt.Sprintf("resolutions[%d]", i), rank}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.rank - b.rank })
	for _, e := range entries {
		key := fmt.Sprintf("%s@%s %s", e.App, e.Org, e.Audience)
		a.each("resolutions", key, e.spot, func(o *object) { o.putResolution(e.WorldResolution) })
	}
}

func (a *applier) isEnterprise(ref Ref) bool {
	id, err := souk.ParseID(string(ref))
	if err != nil {
		if id, err = a.ObjectNamed("orgs", string(ref)); a.failed(ignoreMissing(err)) || err != nil {
			return false
		}
	}
	org, err := a.Tx.Org(id)
	return !a.failed(ignoreMissing(err)) && org.Kind == souk.Enterprise
}

func (o *object) putResolution(in WorldResolution) {
	o.isNew = true
	o.need("app", in.App != "")
	o.need("org", in.Org != "")
	app, okApp := o.app("app", in.App)
	org, above, okOrg := o.org("org", in.Org)
	if !in.Absent {
		o.need("by", in.By != "")
		o.need("status", in.Status != "")
		if in.Status != "" {
			oneOf(o, "status", &in.Status, souk.Approved, souk.Restricted)
		}
	}
	by, okBy := o.user("by", in.By)
	scopes := o.scopesIn("scopes", in.Scopes)
	o.text("reason", in.Reason, souk.MaxReason)
	if !okApp || !okOrg || !okBy && !in.Absent {
		return
	}
	audience := o.audience(in.Audience, org)
	if scopes == nil {
		scopes = app.Asks()
	}
	standing, err := o.StandingResolutions(app.ID, org.ID)
	if o.failed(err) || !o.ok() {
		return
	}
	same := slices.IndexFunc(standing, func(r souk.Resolution) bool { return r.Audience == audience })
	if in.Absent {
		if same >= 0 {
			o.clearResolution(standing[same:same+1], app, org, above)
		}
		return
	}
	r := souk.Resolution{
		ID: souk.NewID(), App: app.ID, Org: org.ID, Audience: audience, Status: in.Status,
		Scopes: scopes, By: by.ID, CreatedAt: o.Tx.at,
	}
	if in.Reason != nil {
		r.Reason = *in.Reason
	}
	if same >= 0 {
		had := standing[same]
		if o.id, o.isNew = had.ID, false; had.Status == r.Status && had.Scopes.Equal(r.Scopes) && had.By == r.By && (in.Reason == nil || had.Reason == r.Reason) {
			o.list()
			return
		}
		set(o, "status", &had.Status, &r.Status)
		set(o, "by", &had.By, &r.By)
		setList(o, "scopes", &had.Scopes, r.Scopes)
		set(o, "reason", &had.Reason, in.Reason)
	}
	o.mayAct("by", by, org)
	o.mayAnswer(r, org)
	if !o.ok() {
		return
	}
	o.answerAnew(r, standing, app, org, above)
}

// mayAnswer notes what keeps an answer from standing.
func (o *object) mayAnswer(r souk.Resolution, org souk.Org) {
	visible, err := o.IsVisible(r.App, org)
	if o.failed(err) {
		return
	}
	if !visible {
		o.wrong("app", "the organization has no right to it, so there is nothing to decide")
	}
	if r.Status != souk.Approved || org.Enterprise.IsZero() {
		return
	}
	above, err := o.StandingResolutions(r.App, org.Enterprise)
	if o.failed(err) {
		return
	}
	if slices.ContainsFunc(above, func(r souk.Resolution) bool { return r.Audience.IsEveryone() && r.Status == souk.Restricted }) {
		o.wrong("status", "the enterprise restricts the app for everyone, so no workspace below approves it")
	}
}

// answerAnew ends what r takes the place of and inserts r.
func (o *object) answerAnew(r souk.Resolution, standing []souk.Resolution, app souk.App, org, above souk.Org) {
	replaced, err := o.replace([]souk.Resolution{r}, org, standing)
	if o.failed(err) {
		return
	}
	kind := souk.ResolutionApproved
	if r.Status == souk.Restricted {
		kind = souk.ResolutionRestricted
	}
	var had any
	if len(replaced) > 0 {
		had = replaced
	}
	o.id = r.ID
	o.tell(kind, org, above, &app, had, r, func(d *souk.EventData) { d.Resolution, d.Ended = &r, replaced })
	if o.isNew {
		o.step(Create, nil)
	} else {
		o.step(Change, o.fields)
	}
	o.list()
}

func (o *object) clearResolution(standing []souk.Resolution, app souk.App, org, above souk.Org) {
	before := standing[0]
	if o.failed(o.end(standing)) {
		return
	}
	o.id = before.ID
	o.tell(souk.ResolutionCleared, org, above, &app, before, nil, func(d *souk.EventData) { d.Resolution, d.Ended = &standing[0], standing })
	o.step(Remove, nil)
}

// audience reads whom an answer is for. A group is the organization's, else
// its enterprise's.
func (o *object) audience(s string, org souk.Org) (a souk.Audience) {
	kind, of, _ := strings.Cut(s, ":")
	switch {
	case s == "everyone":
	case kind == "user" && of != "":
		if u, ok := o.user("audience", Ref(of)); ok {
			o.mayAct("audience", u, org)
			a.User = u.ID
		}
	case kind == "group" && of != "":
		for _, at := range []souk.ID{org.ID, org.Enterprise} {
			g, err := o.GroupByName(at, of)
			if err == nil {
				a.Group = g.ID
				return a
			}
			if !errors.Is(err, store.ErrNotFound) {
				o.failed(err)
				return a
			}
		}
		o.wrong("audience", "there is no group %q at the organization or above it", of)
	default:
		o.wrong("audience", "must be everyone, group:<name> or user:<key>")
	}
	return a
}
