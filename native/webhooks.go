package native

import (
	"encoding/json"
	"net/http"

	"souk"
	"souk/market"
)

// savedObject is a new webhook with its secret, which is told this once.
type savedObject struct {
	webhookObject
	Secret *string `json:"secret"` // null where the dialect signs with the app's own
}

func (h *Handler) createWebhook(c *call) (answer, error) {
	in := market.Hook{
		App: c.app(), Dialect: souk.Dialect(c.body.requiredText("dialect")), URL: c.body.requiredText("url"),
		Events: c.body.texts("events"), Channels: c.body.channels("channels"), Paused: new(c.body.flag("paused")),
		Listening: c.body.listening(),
	}
	in.Source = souk.Source(c.body.text("source"))
	if in.Source == souk.FromAPI { // which is told for which accounts, on Zoom's wire
		c.body.fault(c.body.pointer("source"), "is for what Zoom's API made")
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	if err := h.whole(in); err != nil {
		return answer{}, err
	}
	saved, err := h.market.PutWebhook(c.ctx, c.Actor, in)
	if err != nil {
		return answer{}, err
	}
	said := savedObject{webhookObject: showWebhook(saved.Webhook)}
	if saved.Dialect == souk.Native {
		said.Secret = &saved.Secret
	}
	return answer{
		status:   http.StatusCreated,
		body:     said,
		location: atWebhook(saved.App, saved.ID),
	}, nil
}

// atWebhook is where a webhook of an app can be read.
func atWebhook(app, id souk.ID) string {
	return prefix + "/apps/" + app.String() + "/webhooks/" + id.String()
}

func (h *Handler) changeWebhook(c *call) (answer, error) {
	in := market.Hook{
		App: c.app(), ID: c.webhook(), URL: c.body.requiredText("url"),
		Events: c.body.texts("events"), Channels: c.body.channels("channels"), Paused: new(c.body.flag("paused")),
		Listening: c.body.listening(),
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	had, err := h.market.Webhook(c.ctx, c.Actor, in.App, in.ID)
	if err != nil {
		return answer{}, err
	}
	in.Dialect, in.Source = had.Dialect, had.Source
	if err := h.whole(in); err != nil {
		return answer{}, err
	}
	saved, err := h.market.PutWebhook(c.ctx, c.Actor, in)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: showWebhook(saved.Webhook)}, nil
}

// listening is what a webhook of Zoom's wire has beside the others.
func (o object) listening() market.Listening {
	return market.Listening{
		Name: o.text("name"), Auth: o.auth("auth"), Reach: souk.HookReach(o.text("reach")),
		Environment: souk.Environment(o.text("environment")), Extended: o.flag("extended"),
	}
}

// noHeader is the kind of a header that there is not.
const noHeader = "none"

// auth is the header of a webhook, nil when it is absent.
func (o object) auth(name string) *souk.Auth {
	if _, there := o.members[name]; !there {
		return nil
	}
	in := o.object(name)
	a := souk.Auth{
		Kind: souk.AuthKind(in.requiredText("kind")), Username: in.text("username"), Password: in.text("password"),
		ClientID: in.text("client_id"), ClientSecret: in.text("client_secret"), TokenURL: in.text("token_url"),
		Scope: in.text("scope"), State: in.text("state"), InBody: in.flag("client_in_body"),
		Key: in.text("key"), Value: in.text("value"),
	}
	if a.Kind == noHeader {
		a.Kind = souk.NoAuth
	}
	in.leftovers()
	return &a
}

// whole refuses what would leave a webhook with channels as it is: here a
// webhook is always told whole.
func (h *Handler) whole(in market.Hook) error {
	if h.market.Wires[in.Dialect].Channels == nil {
		return nil
	}
	pointer := "/channels"
	switch {
	case in.URL == "":
		pointer = "/url"
	case in.Channels != nil:
		return nil
	}
	return &failure{problem: invalidInput, errors: []fieldError{{Pointer: &pointer, Detail: "is required"}}}
}

// channels is a list of what a webhook wants to be told, nil when it is absent.
func (o object) channels(name string) []souk.Subscription {
	return readList(o, name, func(value json.RawMessage, pointer string) souk.Subscription {
		item := o.call.readObject(value, pointer)
		s := souk.Subscription{
			Pattern:   souk.Pattern(item.requiredText("pattern")),
			Additions: item.flag("additions"), Changes: item.flag("changes"), Removals: item.flag("removals"),
		}
		item.leftovers()
		return s
	})
}

func (h *Handler) listWebhooks(c *call) (answer, error) {
	app := c.app()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Webhooks(c.ctx, c.Actor, app)
	return answer{status: http.StatusOK, body: listing[webhookObject]{Items: each(found, showWebhook)}}, err
}

func (h *Handler) readWebhook(c *call) (answer, error) {
	app, id := c.app(), c.webhook()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.WebhookState(c.ctx, c.Actor, app, id)
	return answer{status: http.StatusOK, body: webhookState{showWebhook(found.Webhook), showHealth(found), showChecks(found.Checks)}}, err
}

func (h *Handler) verifyWebhook(c *call) (answer, error) {
	app, id := c.app(), c.webhook()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.VerifyWebhook(c.ctx, c.Actor, app, id)
	return answer{status: http.StatusOK, body: showWebhook(found)}, err
}

func (h *Handler) deleteWebhook(c *call) (answer, error) {
	app, id := c.app(), c.webhook()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, h.market.DeleteWebhook(c.ctx, c.Actor, app, id)
}

func (h *Handler) listDeliveries(c *call) (answer, error) {
	app, id := c.app(), c.webhook()
	status := word(c, "status", souk.DeliveryStatuses)
	p := c.page(h.market.Key, id.String(), string(status))
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Deliveries(c.ctx, c.Actor, app, id, status, p.asked())
	at := func(v market.DeliveryView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }
	return answer{status: http.StatusOK, body: pageOf(p, found, at, showDelivery)}, err
}

func (h *Handler) listAttempts(c *call) (answer, error) {
	app, id, delivery := c.app(), c.webhook(), c.delivery()
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.Attempts(c.ctx, c.Actor, app, id, delivery)
	return answer{status: http.StatusOK, body: listing[attemptObject]{Items: each(found, showAttempt)}}, err
}
