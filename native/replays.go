package native

import (
	"net/http"

	"souk"
	"souk/market"
)

// replayObject is what was to be delivered to a webhook again, and how far that
// got.
type replayObject struct {
	identifier
	Since     string                `json:"since"`
	Before    string                `json:"before"`
	Statuses  []souk.DeliveryStatus `json:"statuses"`
	Status    souk.ReplayStatus     `json:"status"`
	Seen      int                   `json:"seen"`
	Replayed  int                   `json:"replayed"`
	CreatedBy *names                `json:"created_by"`
	CreatedAt string                `json:"created_at"`
	EndedAt   *string               `json:"ended_at"`
}

func showReplay(r souk.Replay) replayObject {
	return replayObject{
		identifier{r.ID.String()}, stamp(r.Since), stamp(r.Before), r.Statuses, r.Status, r.Seen, r.Replayed,
		reference(slackUser, r.CreatedBy), stamp(r.CreatedAt), moment(r.EndedAt),
	}
}

func (h *Handler) startReplay(c *call) (answer, error) {
	in := market.Replaying{App: c.app(), Webhook: c.webhook(), Since: c.body.moment("since"), Before: c.body.moment("before")}
	for _, s := range c.body.texts("statuses") {
		in.Statuses = append(in.Statuses, souk.DeliveryStatus(s))
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	r, err := h.market.StartReplay(c.ctx, c.Actor, in)
	if err != nil {
		return answer{}, err
	}
	return answer{
		status: http.StatusAccepted, body: showReplay(r),
		location: atWebhook(r.App, r.Webhook) + "/replays/" + r.ID.String(),
	}, nil
}

func (h *Handler) listReplays(c *call) (answer, error) {
	app, id := c.app(), c.webhook()
	p := c.page(h.market.Key, id.String())
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Replays(c.ctx, c.Actor, app, id, p.asked())
	at := func(r souk.Replay) souk.Position { return souk.Position{At: r.CreatedAt, ID: r.ID} }
	return answer{status: http.StatusOK, body: pageOf(p, found, at, showReplay)}, err
}

func (h *Handler) readReplay(c *call) (answer, error) {
	app, id, replay := c.app(), c.webhook(), c.replay()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	r, err := h.market.Replay(c.ctx, c.Actor, app, id, replay)
	return answer{status: http.StatusOK, body: showReplay(r)}, err
}

func (h *Handler) cancelReplay(c *call) (answer, error) {
	app, id, replay := c.app(), c.webhook(), c.replay()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, h.market.CancelReplay(c.ctx, c.Actor, app, id, replay)
}
