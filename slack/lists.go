package slack

import (
	"context"
	"fmt"

	"souk"
	"souk/market"
)

// requestList is the answer of admin.apps.requests.list.
type requestList struct {
	envelope
	AppRequests []requestObject `json:"app_requests"`
}

type requestObject struct {
	ID                    string            `json:"id"`
	App                   appObject         `json:"app"`
	PreviousResolution    *resolutionObject `json:"previous_resolution"`
	User                  userObject        `json:"user"`
	Team                  *orgObject        `json:"team"`
	Enterprise            *orgObject        `json:"enterprise,omitempty"` // of a request for all of it
	Scopes                []askedScope      `json:"scopes"`
	Message               string            `json:"message"`
	IsUserAppCollaborator bool              `json:"is_user_app_collaborator"`
	DateCreated           int64             `json:"date_created"`
}

func (h *Handler) listRequests(ctx context.Context, c *call) (answer, error) {
	if c.nowhere() {
		return nil, noTeamOrEnterprise
	}
	at, err := h.level(ctx, c)
	if err != nil && c.texts["team_id"] == "" && err == souk.UnknownOrg {
		return nil, enterpriseNotFound
	}
	if err != nil {
		return nil, err
	}
	filter := souk.RequestFilter{At: at, Below: c.texts["enterprise_id"] != "", Status: souk.Pending}
	if !c.booleans["certified"] {
		filter.Certified = new(bool)
	}
	page, err := h.page(c, at)
	if err != nil {
		return nil, err
	}
	found, err := h.market.Requests(ctx, c.Actor, filter, page.ask())
	if err != nil {
		return nil, err
	}
	a := &requestList{AppRequests: []requestObject{}}
	shown, more := cut(found, page.Size)
	for _, v := range shown {
		scopes := catalogueOf(v.Catalogue)
		team, enterprise := place(v.Org)
		a.AppRequests = append(a.AppRequests, requestObject{
			ID:                 v.Request.ID.Slack(requestPrefix),
			App:                showApp(v.App, ownedBy(v.App, v.Org.ID, v.Org.Enterprise)),
			PreviousResolution: scopes.resolution(v.Previous),
			User:               showUser(v.User),
			Team:               team,
			Enterprise:         enterprise,
			Scopes:             scopes.asked(v.Request.Scopes, v.Previous),
			Message:            v.Reason,
			DateCreated:        v.Request.CreatedAt.Unix(),
		})
	}
	if more {
		last := shown[len(shown)-1]
		page.next = souk.Position{At: last.Request.CreatedAt, ID: last.Request.ID}
	}
	a.meta().NextCursor = h.cursor(page)
	return a, nil
}

// approvedList and restrictedList are the same but for a name.
type approvedList struct {
	envelope
	Apps []decidedObject `json:"approved_apps"`
}

type restrictedList struct {
	envelope
	Apps []decidedObject `json:"restricted_apps"`
}

type decidedObject struct {
	App            appObject      `json:"app"`
	Scopes         []scopeObject  `json:"scopes"`
	DateUpdated    int64          `json:"date_updated"`
	LastResolvedBy resolverObject `json:"last_resolved_by"`
}

type resolverObject struct {
	ActorID   string `json:"actor_id"`
	ActorType string `json:"actor_type"` // always user: every decision has a person
}

func (h *Handler) listApproved(ctx context.Context, c *call) (answer, error) {
	a := new(approvedList)
	var err error
	a.Apps, err = h.decided(ctx, c, souk.Approved, &a.envelope)
	return a, err
}

func (h *Handler) listRestricted(ctx context.Context, c *call) (answer, error) {
	a := new(restrictedList)
	var err error
	a.Apps, err = h.decided(ctx, c, souk.Restricted, &a.envelope)
	return a, err
}

// decided lists the answers that stand at exactly one level.
func (h *Handler) decided(ctx context.Context, c *call, status souk.ResolutionStatus, e *envelope) ([]decidedObject, error) {
	at, err := h.level(ctx, c)
	if err != nil {
		return nil, err
	}
	page, err := h.page(c, at)
	if err != nil {
		return nil, err
	}
	which := market.StandingAnswers{At: at, Status: status, Certified: c.booleans["certified"]}
	found, err := h.market.Resolutions(ctx, c.Actor, which, page.ask())
	if err != nil {
		return nil, err
	}
	out := []decidedObject{}
	shown, more := cut(found, page.Size)
	for _, v := range shown {
		out = append(out, decidedObject{
			App:            showApp(v.App, ownedBy(v.App, at, c.Top().ID)),
			Scopes:         catalogueOf(v.Catalogue).scopes(v.Resolution.Scopes),
			DateUpdated:    v.Resolution.CreatedAt.Unix(),
			LastResolvedBy: resolverObject{v.By.ID.Slack(userPrefix), "user"},
		})
	}
	if more {
		last := shown[len(shown)-1]
		page.next = souk.Position{At: last.Resolution.CreatedAt, ID: last.Resolution.ID}
	}
	e.meta().NextCursor = h.cursor(page)
	return out, nil
}

// page is a part of a list.
type page struct {
	souk.Page
	bound string        // what its cursors open for
	next  souk.Position // zero on the last page
}

// pageSize is how many rows a call gets that does not say.
const pageSize = 100

// page reads which part of the list at an org a call is about. Its cursors
// open for the same method, level and filters.
func (h *Handler) page(c *call, at souk.ID) (p page, err error) {
	p.Size = c.sizes["limit"]
	if p.Size == 0 {
		p.Size = pageSize
	}
	p.bound = fmt.Sprintf("%s %s %s %t", face, c.method.name, at, c.booleans["certified"])
	p.After, err = h.market.Key.ParseCursor(p.bound, c.texts["cursor"])
	return p, err
}

// ask is for one row more than is shown: it tells whether there are more.
func (p page) ask() souk.Page { return souk.Page{After: p.After, Size: p.Size + 1} }

// cut takes off the row that is not shown.
func cut[T any](rows []T, size int) (shown []T, more bool) {
	if len(rows) > size {
		return rows[:size], true
	}
	return rows, false
}

// cursor is how the next page is asked for, "" after the last.
func (h *Handler) cursor(p page) *string {
	var s string
	if !p.next.ID.IsZero() {
		s = h.market.Key.Cursor(p.bound, p.next)
	}
	return &s
}

func catalogueOf(scopes map[string]souk.Scope) catalogue {
	return func(name string) souk.Scope {
		if s, ok := scopes[name]; ok {
			return s
		}
		return souk.Scope{Name: name}
	}
}
