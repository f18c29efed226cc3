package native

import (
	"net/http"
	"time"

	"souk"
	"souk/market"
)

// usualOverlap is how many hours the old secret of a webhook goes on signing
// when nothing is said.
const usualOverlap = 24

func (h *Handler) enableWebhook(c *call) (answer, error) {
	in := market.Enabling{
		App: c.app(), Webhook: c.webhook(), Held: market.Meanwhile(c.body.requiredText("held")), Since: c.body.moment("since"),
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	w, err := h.market.EnableWebhook(c.ctx, c.Actor, in)
	return answer{status: http.StatusOK, body: showWebhook(w)}, err
}

func (h *Handler) testWebhook(c *call) (answer, error) {
	app, id, event := c.app(), c.webhook(), c.body.requiredText("event")
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	sent, err := h.market.TestWebhook(c.ctx, c.Actor, app, id, event)
	return answer{status: http.StatusAccepted, body: showDelivery(sent)}, err
}

// rotatedObject is a webhook with its new secret, which is told this once.
type rotatedObject struct {
	webhookObject
	Secret   string  `json:"secret"`
	OldUntil *string `json:"old_secret_until"`
}

func (h *Handler) rotateSecret(c *call) (answer, error) {
	app, id := c.app(), c.webhook()
	overlap := c.body.hours("overlap_hours", usualOverlap, int(market.MaxSecretOverlap/time.Hour))
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	w, err := h.market.RotateWebhookSecret(c.ctx, c.Actor, app, id, overlap)
	return answer{status: http.StatusOK, body: rotatedObject{showWebhook(w), w.Secret, moment(w.OldUntil)}}, err
}

func (h *Handler) redeliver(c *call) (answer, error) {
	app, id, delivery := c.app(), c.webhook(), c.delivery()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	again, err := h.market.Redeliver(c.ctx, c.Actor, app, id, delivery)
	return answer{status: http.StatusAccepted, body: showDelivery(again)}, err
}

// dayObject is how many deliveries of an app ended on a day, and how.
type dayObject struct {
	Day        string `json:"day"` // of UTC
	Successful int64  `json:"successful"`
	Exhausted  int64  `json:"exhausted"`
	Cancelled  int64  `json:"cancelled"`
	Skipped    int64  `json:"skipped"`
}

func showDay(d market.DayCount) dayObject {
	n := d.Counts
	return dayObject{
		d.Day.Format(time.DateOnly),
		n[souk.DeliverySuccessful], n[souk.DeliveryExhausted], n[souk.DeliveryCancelled], n[souk.DeliverySkipped],
	}
}

func (h *Handler) countDeliveries(c *call) (answer, error) {
	app := c.app()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	days, err := h.market.DeliveryCounts(c.ctx, c.Actor, app)
	return answer{status: http.StatusOK, body: listing[dayObject]{Items: each(days, showDay)}}, err
}
