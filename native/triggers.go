package native

import (
	"net/http"

	"souk"
	"souk/market"
)

// triggeredObject is an app that a condition leads to.
type triggeredObject struct {
	App          names       `json:"app"`
	Installation identifier  `json:"installation"`
	Delivery     *identifier `json:"delivery"` // null where a browser opens url
	URL          *string     `json:"url"`      // null where Souk calls in the background
}

type triggeredList struct {
	Items []triggeredObject `json:"items"`
}

func showTriggered(t market.Triggered) triggeredObject {
	return triggeredObject{spell(slackApp, t.App), identifier{t.Installation.String()}, identified(t.Delivery), optional(t.URL)}
}

// trigger tells apps what came about in the host product.
func (h *Handler) trigger(c *call) (answer, error) {
	in := market.Triggering{
		Condition: souk.Condition(c.body.requiredText("condition")), Org: c.body.id("org"),
		App: c.body.optionalID("app"), User: c.body.optionalID("user"),
		Chat: c.body.text("chat"), Visitor: c.body.text("visitor"), Room: c.body.text("room"), Domain: c.body.text("domain"),
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	told, err := h.market.Trigger(c.ctx, c.Actor, in)
	return answer{status: http.StatusOK, body: triggeredList{each(told, showTriggered)}}, err
}

// triggerCallObject is a call of an app's trigger URL in the background.
type triggerCallObject struct {
	identifier
	Condition    souk.Condition `json:"condition"`
	Installation identifier     `json:"installation"`
	progressObject
}

func showTriggerCall(d souk.Delivery) triggerCallObject {
	return triggerCallObject{
		identifier{d.ID.String()}, souk.Condition(d.Action), identifier{d.Installation.String()}, showProgress(d),
	}
}

func (h *Handler) listTriggerCalls(c *call) (answer, error) {
	app := c.app()
	status := word(c, "status", souk.DeliveryStatuses)
	p := c.page(h.market.Key, app.String(), string(status))
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.TriggerCalls(c.ctx, c.Actor, app, status, p.asked())
	at := func(d souk.Delivery) souk.Position { return souk.Position{At: d.CreatedAt, ID: d.ID} }
	return answer{status: http.StatusOK, body: pageOf(p, found, at, showTriggerCall)}, err
}

func (h *Handler) listTriggerAttempts(c *call) (answer, error) {
	app, delivery := c.app(), c.delivery()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.TriggerAttempts(c.ctx, c.Actor, app, delivery)
	return answer{status: http.StatusOK, body: listing[attemptObject]{Items: each(found, showAttempt)}}, err
}
