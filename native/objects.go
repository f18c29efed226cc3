package native

import (
	"time"

	"souk"
	"souk/market"
)

// The letters in front of an id say what Slack names by it.
const (
	slackApp        = "A"
	slackWorkspace  = "T"
	slackEnterprise = "E"
	slackUser       = "U"
	slackRequest    = "Ar"
	slackEvent      = "Ev"
)

// names are the spellings of one id, so that whoever also speaks another
// dialect can join what they hear there with what they hear here.
type names struct {
	ID      string `json:"id"`
	SlackID string `json:"slack_id"`
	ZoomID  string `json:"zoom_id"`
}

func spell(letter string, id souk.ID) names {
	return names{id.String(), id.Slack(letter), id.Zoom()}
}

// reference is an object that another one names, null where there is none.
func reference(letter string, id souk.ID) *names {
	if id.IsZero() {
		return nil
	}
	n := spell(letter, id)
	return &n
}

// family is the root org that some ids of orgs lie under: an org's letter
// follows from whether it is the enterprise.
type family struct{ enterprise souk.ID }

// familyOf is the family of an org.
func familyOf(o souk.Org) family {
	if o.Kind == souk.Enterprise {
		return family{o.ID}
	}
	return family{o.Enterprise}
}

func (f family) org(id souk.ID) names {
	if id == f.enterprise {
		return spell(slackEnterprise, id)
	}
	return spell(slackWorkspace, id)
}

// stamp spells a time: RFC 3339 in UTC with all six digits of microseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// moment is a time that may not have come, null then.
func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

// optional is a text, null where there is none.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// scopeNames are never null.
func scopeNames(s souk.Scopes) []string { return append([]string{}, s...) }

// identifier is an id without a spelling of Slack's.
type identifier struct {
	ID string `json:"id"`
}

func identified(id souk.ID) *identifier {
	if id.IsZero() {
		return nil
	}
	return &identifier{id.String()}
}

// caseNames are the spellings of a case, which Slack has no letter for.
type caseNames struct {
	ID     string `json:"id"`
	ZoomID string `json:"zoom_id"`
}

type orgObject struct {
	names
	Kind   souk.OrgKind `json:"kind"`
	Name   string       `json:"name"`
	Domain string       `json:"domain"`
}

func showOrg(o souk.Org) *orgObject {
	if o.ID.IsZero() {
		return nil
	}
	return &orgObject{familyOf(o).org(o.ID), o.Kind, o.Name, o.Domain}
}

type userObject struct {
	names
	Name  string  `json:"name"`
	Email *string `json:"email"` // null of app users
	IsBot bool    `json:"is_bot"`
}

func showUser(u souk.User) *userObject {
	if u.ID.IsZero() {
		return nil
	}
	return &userObject{spell(slackUser, u.ID), u.Name(), optional(u.Email), u.IsBot}
}

type appObject struct {
	names
	Name      string       `json:"name"`
	Kind      souk.AppKind `json:"kind"`
	Certified bool         `json:"certified"`
}

func showApp(a souk.App) *appObject {
	if a.ID.IsZero() {
		return nil
	}
	return &appObject{spell(slackApp, a.ID), a.Name, a.Kind, a.Certified}
}

type requestObject struct {
	names
	Case      caseNames          `json:"case"`
	App       names              `json:"app"`
	Org       names              `json:"org"`
	User      names              `json:"user"`
	FiledBy   names              `json:"filed_by"`
	Scopes    []string           `json:"scopes"`
	Reason    string             `json:"reason"`
	State     string             `json:"state"`
	Status    souk.RequestStatus `json:"status"`
	CreatedAt string             `json:"created_at"`
	SettledAt *string            `json:"settled_at"`
	SettledBy *names             `json:"settled_by"`
	Note      string             `json:"note"`
}

func (f family) request(q souk.Request) requestObject {
	return requestObject{
		names: spell(slackRequest, q.ID), Case: caseNames{q.Case.String(), q.Case.Zoom()},
		App: spell(slackApp, q.App), Org: f.org(q.Org), User: spell(slackUser, q.User), FiledBy: spell(slackUser, q.FiledBy),
		Scopes: scopeNames(q.Scopes), Reason: q.Reason, State: q.State, Status: q.Status,
		CreatedAt: stamp(q.CreatedAt), SettledAt: moment(q.SettledAt), SettledBy: reference(slackUser, q.SettledBy), Note: q.Note,
	}
}

// requestView is a request with what a list shows beside it.
type requestView struct {
	requestObject
	AppName   string        `json:"app_name"`
	OrgName   string        `json:"org_name"`
	UserName  string        `json:"user_name"`
	UserEmail *string       `json:"user_email"`
	Previous  *answerObject `json:"previous_resolution"`
}

func showRequest(v market.RequestView) requestView {
	f := familyOf(v.Org)
	return requestView{
		requestObject: f.request(v.Request), AppName: v.App.Name, OrgName: v.Org.Name,
		UserName: v.User.Name(), UserEmail: optional(v.User.Email), Previous: f.optionalAnswer(v.Previous),
	}
}

// resolutionObject is a resolution as everybody may read it who is told of it.
type resolutionObject struct {
	identifier
	App       names                 `json:"app"`
	Org       names                 `json:"org"`
	Audience  string                `json:"audience"`
	Status    souk.ResolutionStatus `json:"status"`
	Scopes    []string              `json:"scopes"`
	By        *names                `json:"by"`
	Request   *names                `json:"request"`
	CreatedAt string                `json:"created_at"`
	EndedAt   *string               `json:"ended_at"`
	EndedBy   *names                `json:"ended_by"`
}

func (f family) resolution(r souk.Resolution) resolutionObject {
	return resolutionObject{
		identifier: identifier{r.ID.String()}, App: spell(slackApp, r.App), Org: f.org(r.Org),
		Audience: r.Audience.String(), Status: r.Status, Scopes: scopeNames(r.Scopes),
		By: reference(slackUser, r.By), Request: reference(slackRequest, r.Request),
		CreatedAt: stamp(r.CreatedAt), EndedAt: moment(r.EndedAt), EndedBy: reference(slackUser, r.EndedBy),
	}
}

func (f family) optionalResolution(r *souk.Resolution) *resolutionObject {
	if r == nil || r.ID.IsZero() {
		return nil
	}
	spelled := f.resolution(*r)
	return &spelled
}

// answerObject is a resolution as those read it who work under its root: the
// decider's words are for them, and in no event.
type answerObject struct {
	resolutionObject
	Reason string `json:"reason"`
}

func (f family) answer(r souk.Resolution) answerObject {
	return answerObject{f.resolution(r), r.Reason}
}

func (f family) optionalAnswer(r *souk.Resolution) *answerObject {
	if r == nil || r.ID.IsZero() {
		return nil
	}
	spelled := f.answer(*r)
	return &spelled
}

// resolutionView is a standing answer with what a list shows beside it.
type resolutionView struct {
	answerObject
	AppName string `json:"app_name"`
	ByName  string `json:"by_name"`
}

func showAnswer(v market.StandingAnswer) resolutionView {
	return resolutionView{familyOf(v.Org).answer(v.Resolution), v.App.Name, v.By.Name()}
}

type installationObject struct {
	identifier
	App         names                   `json:"app"`
	Org         names                   `json:"org"`
	Kind        souk.InstallationKind   `json:"kind"`
	Status      souk.InstallationStatus `json:"status"`
	Scopes      []string                `json:"scopes"`
	InstalledBy names                   `json:"installed_by"`
	AppUser     *names                  `json:"app_user"`
	Workspaces  []names                 `json:"workspaces"` // reached besides its own org
	CreatedAt   string                  `json:"created_at"`
	UpdatedAt   string                  `json:"updated_at"`
	EndedAt     *string                 `json:"ended_at"`
}

func showInstallation(i souk.Installation, workspaces []souk.ID) installationObject {
	letter := slackWorkspace
	if i.Kind == souk.OrgWide {
		letter = slackEnterprise
	}
	return installationObject{
		identifier: identifier{i.ID.String()}, App: spell(slackApp, i.App), Org: spell(letter, i.Org),
		Kind: i.Kind, Status: i.Status, Scopes: scopeNames(i.Scopes),
		InstalledBy: spell(slackUser, i.InstalledBy), AppUser: reference(slackUser, i.AppUser),
		Workspaces: each(workspaces, func(id souk.ID) names { return spell(slackWorkspace, id) }),
		CreatedAt:  stamp(i.CreatedAt), UpdatedAt: stamp(i.UpdatedAt), EndedAt: moment(i.EndedAt),
	}
}

// installationView is an installation with what a list shows beside it.
type installationView struct {
	installationObject
	AppName string `json:"app_name"`
}

func showInstalled(v market.InstallationView) installationView {
	return installationView{showInstallation(v.Installation, v.Workspaces), v.App.Name}
}
