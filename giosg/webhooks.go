package giosg

import (
	"souk"
	"souk/market"
)

var webhookRoutes = []route{
	{"GET", "/orgs/{org}/owned_apps/{app}/webhooks", (*Handler).listWebhooks, orgSettings},
	{"POST", "/orgs/{org}/owned_apps/{app}/webhooks", (*Handler).createWebhook, orgSettings},
	{"GET", "/orgs/{org}/owned_apps/{app}/webhooks/{webhook}", (*Handler).readWebhook, orgSettings},
	{"PUT", "/orgs/{org}/owned_apps/{app}/webhooks/{webhook}", (*Handler).changeWebhook, orgSettings},
	{"PATCH", "/orgs/{org}/owned_apps/{app}/webhooks/{webhook}", (*Handler).changeWebhook, orgSettings},
	{"DELETE", "/orgs/{org}/owned_apps/{app}/webhooks/{webhook}", (*Handler).deleteWebhook, orgSettings},
}

// atWebhook is where a webhook stands in a list.
func atWebhook(v market.HookView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }

func (h *Handler) listWebhooks(c *call) (answer, error) {
	find := func(p souk.Page) ([]market.HookView, error) {
		return h.market.ChannelWebhooks(c.ctx, c.Actor, c.org(), c.app(), p)
	}
	return list(h, c, souk.NewestFirst, find, atWebhook, showWebhook)
}

// webhook finds the webhook of a call, or the one with another id, of the app
// and the organization in the address.
func (h *Handler) webhook(c *call, id souk.ID) (market.HookView, error) {
	return h.market.ChannelWebhook(c.ctx, c.Actor, c.org(), c.app(), id)
}

func (h *Handler) readWebhook(c *call) (answer, error) {
	v, err := h.webhook(c, c.id("webhook"))
	return shown(showWebhook(v)), err
}

func (h *Handler) createWebhook(c *call) (answer, error) {
	if _, err := h.market.OwnedApp(c.ctx, c.Actor, c.org(), c.app()); err != nil {
		return answer{}, err // before a look at the body
	}
	v, err := h.putWebhook(c)
	return created(showWebhook(v)), err
}

func (h *Handler) changeWebhook(c *call) (answer, error) {
	if _, err := h.webhook(c, c.id("webhook")); err != nil {
		return answer{}, err
	}
	v, err := h.putWebhook(c)
	return shown(showWebhook(v)), err
}

// deleteWebhook looks first: a webhook of another dialect is not for this wire
// to delete.
func (h *Handler) deleteWebhook(c *call) (answer, error) {
	v, err := h.webhook(c, c.id("webhook"))
	if err != nil {
		return answer{}, err
	}
	return noContent, h.market.DeleteWebhook(c.ctx, c.Actor, c.app(), v.ID)
}

// putWebhook saves what a call says of the webhook in its address, or of a new
// one.
func (h *Handler) putWebhook(c *call) (v market.HookView, err error) {
	o, err := c.input()
	if err != nil {
		return v, err
	}
	in := market.Hook{
		ID: c.id("webhook"), App: c.app(), Dialect: souk.Giosg,
		URL:      orEmpty(o.url("endpoint_url", required, souk.MaxURL)),
		Channels: subscriptions(o),
	}
	if err := o.valid(); err != nil {
		return v, err
	}
	saved, err := h.market.PutWebhook(c.ctx, c.Actor, in)
	if err != nil {
		return v, err
	}
	return h.webhook(c, saved.ID)
}

// What is wrong with patterns.
const (
	notPattern = "Invalid channel pattern."
	isAlready  = "This channel pattern is already subscribed."
)

// subscriptions reads what a webhook is to be told, nil when nothing is said of
// it. Each item is whole, whatever the method: items have no ids by which to
// change a part.
func subscriptions(o *object) []souk.Subscription {
	seen := map[souk.Pattern]bool{}
	return objects(o, "channel_subscriptions", optional, market.MaxSubscriptions, func(item *object) souk.Subscription {
		on := func(name string) bool {
			yes := item.flag(name, required)
			return yes != nil && *yes
		}
		s := souk.Subscription{
			Additions: on("is_additions_subscribed"),
			Changes:   on("is_changes_subscribed"),
			Removals:  on("is_removals_subscribed"),
		}
		if text := item.text("channel_pattern", required, maxBody); text != nil { // a pattern has a bound of its own
			var ok bool
			if s.Pattern, ok = souk.ParsePattern(*text); !ok {
				item.reject("channel_pattern", notPattern)
			} else if seen[s.Pattern] {
				item.reject("channel_pattern", isAlready)
			}
			seen[s.Pattern] = true
		}
		return s
	})
}
