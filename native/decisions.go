package native

import (
	"context"
	"encoding/json"
	"net/http"

	"souk"
	"souk/market"
)

// decisionObject is what a decision did.
type decisionObject struct {
	Resolution  *answerObject   `json:"resolution"`  // the first of them; null of a decline
	Resolutions []answerObject  `json:"resolutions"` // one for each audience
	Settled     []requestObject `json:"settled"`
}

// verb is one of the market's decisions.
type verb func(*market.Market, context.Context, souk.Actor, market.Decision) (market.Decided, error)

// terms reads what a decision says besides what it is about.
type terms func(object, *market.Decision)

// bounded is a decision with a ceiling of scopes.
func bounded(body object, in *market.Decision) {
	in.Scopes = body.texts("scopes")
	standing(body, in)
}

// boundedFor and standingFor are those about an app, which may be for some of
// an org's people, and passingFor is what only some of those who asked are told.
func boundedFor(body object, in *market.Decision) {
	in.Audiences = body.audiences("audiences")
	bounded(body, in)
}

func standingFor(body object, in *market.Decision) {
	in.Audiences = body.audiences("audiences")
	standing(body, in)
}

func passingFor(body object, in *market.Decision) { in.Users = body.ids("users") }

// audiences is a list of audiences as souk.Audience spells them, nil when it is
// absent.
func (o object) audiences(name string) []souk.Audience {
	return readList(o, name, func(value json.RawMessage, pointer string) souk.Audience {
		faults := len(o.call.bad)
		text := o.readText(value, pointer)
		audience, err := souk.ParseAudience(text)
		if err != nil && len(o.call.bad) == faults {
			o.fault(pointer, "must be everyone or user:<id> or group:<id>")
		}
		return audience
	})
}

// standing is a decision that stays, with the reason for it.
func standing(body object, in *market.Decision) { in.Reason = body.text("reason") }

// passing is a decision that leaves nothing to which a reason could be kept.
func passing(object, *market.Decision) {}

// decideRequest answers a request, where it was made or at the enterprise
// above.
func decideRequest(v verb, read terms) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		return h.decide(c, v, read, market.Decision{Request: c.requestID(), At: c.body.optionalID("org")})
	}
}

// decideApp answers for an app at an org.
func decideApp(v verb, read terms) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		return h.decide(c, v, read, market.Decision{App: c.app(), At: c.org()})
	}
}

func (h *Handler) decide(c *call, v verb, read terms, in market.Decision) (answer, error) {
	read(c.body, &in)
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	done, err := v(h.market, c.ctx, c.Actor, in)
	if err != nil {
		return answer{}, err
	}
	f := familyOf(done.At)
	return answer{status: http.StatusOK, body: decisionObject{
		f.optionalAnswer(&done.Resolution), each(done.Resolutions, f.answer), each(done.Settled, f.request),
	}}, nil
}

func (h *Handler) clear(c *call) (answer, error) {
	in := market.Clearing{App: c.app(), At: c.org(), Audiences: c.body.audiences("audiences")}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, h.market.Clear(c.ctx, c.Actor, in)
}

func (h *Handler) listResolutions(c *call) (answer, error) {
	org := c.org()
	status := word(c, "status", []souk.ResolutionStatus{souk.Approved, souk.Restricted})
	p := c.page(h.market.Key, org.String(), string(status))
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.StandingAt(c.ctx, c.Actor, org, status, p.asked())
	at := func(v market.StandingAnswer) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }
	return answer{status: http.StatusOK, body: pageOf(p, found, at, showAnswer)}, err
}

// reasonObject is one line of an explanation.
type reasonObject struct {
	Step    int    `json:"step"`
	Rule    string `json:"rule"`
	Finding string `json:"finding"`
	Decides bool   `json:"decides"`
}

// explanationObject is the effective answer with every reason for it.
type explanationObject struct {
	Verdict souk.Verdict   `json:"verdict"`
	Ceiling *[]string      `json:"ceiling"` // null when nothing bounds the scopes
	Reasons []reasonObject `json:"reasons"`
}

func (h *Handler) explain(c *call) (answer, error) {
	in := market.Question{App: c.app(), At: c.org(), User: c.idParameter("user"), Scopes: c.scopesParameter("scopes")}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Explain(c.ctx, c.Actor, in)
	said := explanationObject{Verdict: found.Verdict, Reasons: each(found.Reasons, func(r souk.Reason) reasonObject { return reasonObject(r) })}
	if found.Bounded {
		ceiling := scopeNames(found.Ceiling)
		said.Ceiling = &ceiling
	}
	return answer{status: http.StatusOK, body: said}, err
}
