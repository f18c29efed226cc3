package console

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"souk"
	"souk/market"
)

// Problems of links that lead people here.
var (
	malformedLink = problem{http.StatusBadRequest, "malformed-link"}
	badNext       = problem{http.StatusBadRequest, "bad-next"}
)

// What came of installing, as it is told to whoever the link came from.
const (
	wasInstalled = "installed"
	wasRequested = "requested"
	wasDenied    = "denied"
)

// link is what a link to the install page of an app says.
type link struct {
	app   souk.ID
	org   string // where to install, or empty
	next  string // where to go on, or empty
	state string // whatever the app's developer wants to see again
}

// readLink reads the link that the visitor followed. It has each thing once.
func (v *visit) readLink() (l link, err error) {
	query, err := url.ParseQuery(v.request.URL.RawQuery)
	if err != nil {
		return l, &failure{problem: malformedLink}
	}
	for name, values := range query {
		if (name == "next" || name == "state" || name == "org") && len(values) > 1 {
			return l, &failure{problem: malformedLink}
		}
	}
	l = link{app: v.id("app"), org: query.Get("org"), next: query.Get("next"), state: query.Get("state")}
	if len(l.state) > souk.MaxState || unspeakable(l.state) {
		return l, &failure{problem: malformedLink}
	}
	return l, nil
}

// at is the address of the install page as l asks for it, at an org.
func (l link) at(org souk.ID) string {
	return carry("/apps/"+l.app.String()+"/install", "next", l.next, "state", l.state, "org", org.String())
}

// way is where the visitor goes on from an org: where the link says, which must
// be a page of ours or one of the app's redirect URIs, else the org's apps.
func (h *Handler) way(l link, app souk.App, org souk.ID) (string, error) {
	if l.next == "" {
		return "/console/orgs/" + org.String() + "/apps", nil
	}
	if way, ok := h.ownWay(l.next); ok {
		return way, nil
	}
	if way, ok := registeredWay(l.next, app.RedirectURIs); ok {
		return way, nil
	}
	return "", &failure{problem: badNext}
}

// outcome tells the way on what came of installing, in place of what the link
// itself says about that. A state that is not the link's is left alone.
func (l link) outcome(way, status string, q *souk.Request) string {
	var request, wait string
	if q != nil {
		request, wait = q.ID.String(), q.Case.String()
	}
	way = carry(way, "status", status, "request_id", request, "case_id", wait)
	if l.state != "" {
		way = carry(way, "state", l.state)
	}
	return way
}

// onward sends the visitor on from what came of installing. A page of ours says
// it.
func (l link) onward(way, status string, q *souk.Request) answer {
	to := l.outcome(way, status, q)
	switch {
	case !ownPage(way):
		return see(to)
	case status == wasRequested:
		return done(to, "requested")
	}
	return done(to, "installed")
}

// weighed is an app that somebody weighs at one place, and where they go on.
type weighed struct {
	market.Consideration
	link link
	way  string
	end  string // of the way, when it leads on by itself
}

// fewPlaces are as many as an app is weighed at for one page. Who belongs to more
// says first where, before anything is found out about the app.
const fewPlaces = 8

// unknownTakes is how long it takes at least to hear that there is no such app,
// so that the time does not tell an app that is hidden from one that does not
// exist.
const unknownTakes = 100 * time.Millisecond

// choice is what a link comes to: an app weighed at the places where it is
// offered, or else the places to choose from.
type choice struct {
	link    link
	offered []weighed
	places  []souk.Org // more than few
}

// weigh finds the app that a link offers at the place that it names, or else at
// every place of the visitor's where it is offered, their home first, unless
// they are many. One that is offered at none of them is unknown.
func (h *Handler) weigh(v *visit) (c choice, err error) {
	began := time.Now()
	if c.link, err = v.readLink(); err != nil {
		return c, err
	}
	c.offered, c.places, err = h.offers(v, c.link)
	if errors.Is(err, souk.UnknownApp) {
		slowly(v.ctx, began, unknownTakes)
	}
	return c, err
}

func (h *Handler) offers(v *visit, l link) (offered []weighed, many []souk.Org, err error) {
	if l.org != "" {
		org, err := souk.ParseID(l.org)
		if err != nil {
			return nil, nil, souk.UnknownOrg
		}
		w, err := h.weighAt(v, l, org)
		return []weighed{w}, nil, err
	}
	places, err := h.market.Places(v.ctx, v.Actor)
	if err != nil || len(places) > fewPlaces {
		return nil, places, err
	}
	for _, place := range places {
		w, err := h.weighAt(v, l, place.ID)
		switch {
		case errors.Is(err, souk.UnknownApp), errors.Is(err, souk.UnknownOrg): // not offered there, or closed this moment
		case err != nil:
			return nil, nil, err
		default:
			offered = append(offered, w)
		}
	}
	if len(offered) == 0 {
		return nil, nil, souk.UnknownApp
	}
	return offered, nil, nil
}

func (h *Handler) weighAt(v *visit, l link, org souk.ID) (w weighed, err error) {
	w.link = l
	if w.Consideration, err = h.market.Consider(v.ctx, v.Actor, l.app, org); err != nil {
		return w, err
	}
	if w.way, err = h.way(l, w.Of.App, org); err != nil {
		return w, err
	}
	w.end, err = h.endOf(v, w.way)
	return w, err
}

// offer is what the install page offers to somebody. Those of the first three
// are forms.
type offer string

const (
	toInstall      offer = "install"
	toUpgrade      offer = "upgrade"
	toAsk          offer = "request"
	installed      offer = "installed"
	waiting        offer = "waiting"
	restricted     offer = "restricted"
	closed         offer = "closed"
	noFeature      offer = "no-feature"
	noSubscription offer = "no-subscription"
)

// isForm reports whether there is something to decide.
func (o offer) isForm() bool { return o == toInstall || o == toUpgrade || o == toAsk }

// status is that of the page.
func (o offer) status() int {
	switch o {
	case restricted, closed, noSubscription:
		return http.StatusForbidden
	case noFeature:
		return http.StatusPaymentRequired
	}
	return http.StatusOK
}

// offer is what w comes to.
func (w weighed) offer() offer {
	approved := w.Answer.Verdict == souk.VerdictApproved
	switch {
	case w.Live != nil && (!w.Upgrades || len(w.Added) == 0 && !approved): // to ask for less nobody is asked
		return installed
	case !w.Org.HasActiveSubscription:
		return noSubscription
	case !w.Org.HasAppsFeature:
		return noFeature
	case w.Answer.Verdict == souk.BlockedByOrganization, w.Answer.Verdict == souk.BlockedByWorkspace:
		return restricted
	case w.Answer.Verdict == souk.VerdictClosed:
		return closed
	case approved && w.Live != nil:
		return toUpgrade
	case approved:
		return toInstall
	case w.Pending != nil && (w.Pending.Wish != nil || !w.Pending.Scopes.Equal(w.Of.Asks())):
		return waiting
	}
	return toAsk
}
