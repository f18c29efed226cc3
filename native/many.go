package native

import (
	"context"
	"net/http"

	"souk"
	"souk/market"
)

// declinedObject is what was taken from everybody.
type declinedObject struct {
	Settled    []requestObject `json:"settled"`
	Overturned []requestObject `json:"overturned"` // that had been approved
}

func (h *Handler) declineAll(c *call) (answer, error) {
	app, org := c.app(), c.org()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	done, err := h.market.DeclineAll(c.ctx, c.Actor, app, org)
	f := familyOf(done.At)
	return answer{status: http.StatusOK, body: declinedObject{each(done.Settled, f.request), each(done.Overturned, f.request)}}, err
}

// askedForManyObject is what came of asking for many so far.
type askedForManyObject struct {
	Filed int  `json:"filed"`
	Later bool `json:"later"` // the rest is asked by and by
}

func (h *Handler) requestForMany(c *call) (answer, error) {
	in := market.AskingForMany{
		App: c.app(), At: c.org(),
		Everyone: c.body.flag("everyone"), Users: c.body.ids("users"), Groups: c.body.ids("groups"),
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	asked, err := h.market.RequestForMany(c.ctx, c.Actor, in)
	status := http.StatusOK
	if asked.Later {
		status = http.StatusAccepted
	}
	return answer{status: status, body: askedForManyObject(asked)}, err
}

// cancelledObject is how many requests were taken back, which may be none.
type cancelledObject struct {
	Cancelled int `json:"cancelled"`
}

func (h *Handler) cancelRequests(c *call) (answer, error) {
	c.body.require("users")
	app, org, users := c.app(), c.org(), c.body.ids("users")
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	n, err := h.market.CancelRequests(c.ctx, c.Actor, app, org, users)
	return answer{status: http.StatusOK, body: cancelledObject{n}}, err
}

// changedObject is how many grants were changed, which may be none.
type changedObject struct {
	Changed int `json:"changed"`
}

// forUser disables or enables an app for one user.
func forUser(verb func(*market.Market, context.Context, souk.Actor, souk.ID, souk.ID, souk.ID) (int, error)) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		app, org, user := c.app(), c.org(), c.user()
		if err := c.valid(); err != nil {
			return answer{}, err
		}
		n, err := verb(h.market, c.ctx, c.Actor, app, org, user)
		return answer{status: http.StatusOK, body: changedObject{n}}, err
	}
}
