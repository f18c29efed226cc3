package market

import (
	"errors"

	"souk"
	"souk/store"
)

// WorldRequest is a question for an app, in whatever state.
type WorldRequest struct {
	Given
	App            Ref
	User           Ref // who wants it
	FiledBy        Ref // of a new one the user
	Org            Ref
	Scopes         []string // of a new one all that the app asks for
	Reason         *string
	DeveloperState *string
	Status         *souk.RequestStatus // of a new one souk.Pending
	SettledBy      Ref
}

func (a *applier) putRequests() {
	for key, in := range inOrder(a.world.Requests) {
		a.each("requests", key, "requests."+key, func(o *object) { o.putRequest(in) })
	}
}

func (o *object) putRequest(in WorldRequest) {
	if in.Absent {
		o.wrong("state", "a request cannot be removed: write status: cancelled")
	}
	q := look(o, in.Given, o.Request)
	o.need("app", in.App != "")
	o.need("user", in.User != "")
	o.need("org", in.Org != "")
	oneOf(o, "status", in.Status, souk.RequestStatuses...)
	o.text("reason", in.Reason, souk.MaxReason)
	o.text("developer_state", in.DeveloperState, souk.MaxState)
	scopes := o.scopesIn("scopes", in.Scopes)
	app, okApp := o.app("app", in.App)
	user, okUser := o.user("user", in.User)
	org, above, okOrg := o.org("org", in.Org)
	at := place{Org: org, Enterprise: above}
	filedBy, okFiled := user, okUser
	if in.FiledBy != "" {
		filedBy, okFiled = o.user("filed_by", in.FiledBy)
	}
	by, okBy := o.user("settled_by", in.SettledBy)
	if !o.isNew {
		fix(o, "app", &q.App, known(app.ID, okApp))
		fix(o, "user", &q.User, known(user.ID, okUser))
		fix(o, "org", &q.Org, known(org.ID, okOrg))
		if scopes != nil && !scopes.Equal(q.Scopes) {
			o.wrong("scopes", "cannot be changed: they are %q", q.Scopes)
		}
		o.settle(q, in, by.ID)
		return
	}
	if !okApp || !okUser || !okOrg || !okFiled || in.SettledBy != "" && !okBy {
		return
	}
	o.mayAct("user", user, org)
	o.mayAct("filed_by", filedBy, org)
	if okBy {
		o.mayAct("settled_by", by, org)
	}
	if scopes == nil {
		scopes = app.Asks()
	}
	q = souk.Request{
		ID: o.id, App: app.ID, Org: org.ID, User: user.ID, FiledBy: filedBy.ID, Scopes: scopes,
		Status: souk.Pending, CreatedAt: o.Tx.at,
	}
	set(o, "reason", &q.Reason, in.Reason)
	set(o, "developer_state", &q.State, in.DeveloperState)
	set(o, "status", &q.Status, in.Status)
	if q.Status == souk.Pending {
		o.mayPend(q, org)
	} else {
		q.SettledAt, q.SettledBy = o.Tx.at, by.ID
	}
	if !o.ok() {
		return
	}
	quiet := o.quiet
	o.quiet = quiet || q.Status != souk.Pending // nobody is asked what was answered
	err := o.file(&q, app, at, user)
	o.quiet = quiet
	if o.failed(err) || o.failed(o.CloseCaseIfSettled(q.Case, o.Tx.at)) {
		return
	}
	o.written()
}

// known is what a reference means, nil when it means nothing.
func known(id souk.ID, ok bool) *souk.ID {
	if !ok {
		return nil
	}
	return &id
}

// settle holds a request that is there against the document. Pending is where
// a request starts: what came of it since stands.
func (o *object) settle(q souk.Request, in WorldRequest, by souk.ID) {
	app, at, err := o.where(q.App, q.Org)
	if o.failed(err) {
		return
	}
	fix(o, "reason", &q.Reason, in.Reason)
	fix(o, "developer_state", &q.State, in.DeveloperState)
	status := q.Status
	if in.Status != nil && *in.Status != souk.Pending {
		status = *in.Status
	}
	if status != q.Status && q.Status != souk.Pending {
		o.wrong("status", "is %s: a request is settled once", q.Status)
	}
	if !o.ok() {
		return
	}
	if status == q.Status {
		o.written()
		return
	}
	before := q
	q.Status, q.SettledAt, q.SettledBy = status, o.Tx.at, by
	if _, err := o.SettleRequest(q); o.failed(err) || o.failed(o.CloseCaseIfSettled(q.Case, o.Tx.at)) {
		return
	}
	c, err := o.Case(q.Case)
	if o.failed(err) {
		return
	}
	user, err := o.User(q.User)
	if o.failed(err) {
		return
	}
	kind := map[souk.RequestStatus]souk.EventKind{
		souk.RequestApproved: souk.CaseApproved, souk.RequestDeclined: souk.CaseDeclined, souk.RequestRestricted: souk.CaseDeclined,
		souk.RequestCancelled: souk.RequestWithdrawn, souk.RequestVoid: souk.RequestVoided,
	}[status]
	o.fields = append(o.fields, "status")
	o.tell(kind, at.Org, at.Enterprise, &app, before, q, func(d *souk.EventData) {
		d.Case, d.Request, d.User, d.Settled = &c, &q, &user, []souk.Request{q}
	})
	o.written()
}

// mayPend notes what keeps a request from being pending.
func (o *object) mayPend(q souk.Request, org souk.Org) {
	visible, err := o.IsVisible(q.App, org)
	if o.failed(err) {
		return
	}
	if !visible {
		o.wrong("app", "the organization has no right to it, so nobody there can ask for it")
	}
	switch pending, err := o.PendingRequest(q.App, q.Org, q.User); {
	case err == nil:
		o.wrong("user", "has request %s pending for this app and organization", pending.ID)
	case !errors.Is(err, store.ErrNotFound):
		o.failed(err)
	}
}
