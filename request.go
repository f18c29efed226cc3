package souk

import "time"

// Case is everything that is asked about one app under one root org. The first
// request opens it, settling the last pending one closes it, the next request
// opens a new one. Zoom's request_id names a case.
type Case struct {
	ID       ID
	App      ID
	Root     ID
	OpenedAt time.Time
	ClosedAt time.Time // zero while open
}

// RequestStatus is how far a request got.
type RequestStatus string

// A request is void when the right to the app was lost before an answer.
const (
	Pending           RequestStatus = "pending"
	RequestApproved   RequestStatus = "approved"
	RequestDeclined   RequestStatus = "declined"
	RequestRestricted RequestStatus = "restricted"
	RequestCancelled  RequestStatus = "cancelled"
	RequestVoid       RequestStatus = "void"
)

// RequestStatuses are all there are.
var RequestStatuses = []RequestStatus{Pending, RequestApproved, RequestDeclined, RequestRestricted, RequestCancelled, RequestVoid}

// Request is one user's question for one app at one org. Slack names it Ar….
type Request struct {
	ID        ID
	Case      ID
	App       ID
	Org       ID // a workspace, or an enterprise for all of it
	User      ID // who wants it
	FiledBy   ID // who asked: the user, or a decider on their behalf
	Scopes    Scopes
	Reason    string // at most MaxReason bytes
	State     string // the developer's own, handed back with the outcome
	Status    RequestStatus
	CreatedAt time.Time
	SettledAt time.Time
	SettledBy ID // user; none when void
	Note      string
	Wish      *Wish // what is to be installed once it is approved; nil: nothing
}

// Wish is what an installation needs that waits for an approval.
type Wish struct {
	AppUser    AppUserNames
	AcceptedAt time.Time // when the installer accepted the terms; zero when there are none
}

// Bounds of what people write, in bytes.
const (
	MaxReason = 1000
	MaxState  = 500
)

// RequestFilter narrows a list of requests to those of one org, or of an
// enterprise and all its workspaces.
type RequestFilter struct {
	At        ID
	Below     bool          // the workspaces under At too
	Status    RequestStatus // empty: any
	Certified *bool         // of the app; nil: either
	User      ID            // none: anybody
}
