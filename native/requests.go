package native

import (
	"net/http"
	"strconv"

	"souk"
	"souk/market"
)

// askedObject is what came of asking for an app.
type askedObject struct {
	Verdict souk.Verdict   `json:"verdict"`
	Request *requestObject `json:"request"` // null when there is nothing to ask
	Again   bool           `json:"again"`
}

func (h *Handler) fileRequest(c *call) (answer, error) {
	in := market.Asking{
		At: c.org(), App: c.body.id("app"), For: c.body.optionalID("for"),
		Scopes: c.body.texts("scopes"), Reason: c.body.text("reason"), State: c.body.text("state"),
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	asked, err := h.market.RequestApp(c.ctx, c.Actor, in)
	if err != nil {
		return answer{}, err
	}
	said := askedObject{Verdict: asked.Verdict, Again: asked.Again}
	if asked.Request.ID.IsZero() {
		return answer{status: http.StatusOK, body: said}, nil
	}
	q := familyOf(asked.At).request(asked.Request)
	said.Request = &q
	if asked.Again {
		return answer{status: http.StatusOK, body: said}, nil
	}
	return answer{status: http.StatusCreated, body: said, location: requestPath(q)}, nil
}

func requestPath(q requestObject) string { return prefix + "/requests/" + q.ID }

func (h *Handler) listRequests(c *call) (answer, error) {
	f := souk.RequestFilter{
		At: c.org(), Below: c.flag("below"), Status: word(c, "status", souk.RequestStatuses),
	}
	mine := c.flag("mine")
	if mine {
		f.User = c.Actor.User
	}
	p := c.page(h.market.Key, f.At.String(), strconv.FormatBool(f.Below), string(f.Status), f.User.String())
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	if mine && f.User.IsZero() {
		return answer{}, souk.NeedsPerson
	}
	found, err := h.market.Requests(c.ctx, c.Actor, f, p.asked())
	at := func(v market.RequestView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }
	return answer{status: http.StatusOK, body: pageOf(p, found, at, showRequest)}, err
}

func (c *call) requestID() souk.ID { return c.id("request", souk.UnknownRequest) }

func (h *Handler) readRequest(c *call) (answer, error) {
	id := c.requestID()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Request(c.ctx, c.Actor, id)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: showRequest(found)}, nil
}

func (h *Handler) cancelRequest(c *call) (answer, error) {
	in := market.Withdrawal{Request: c.requestID()}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, h.market.CancelRequest(c.ctx, c.Actor, in)
}
