package zoom

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"souk"
	"souk/market"
)

// Scopes of an app's own token.
const (
	subscribes   = "marketplace:write:event_subscription"
	lists        = "marketplace:read:list_event_subscriptions"
	changes      = "marketplace:update:event_subscription"
	unsubscribes = "marketplace:delete:event_subscription"
)

// subscriptionRoutes are how an app looks after what it is told
// (docs/dialects/zoom.md, "Event subscriptions").
var subscriptionRoutes = []route{
	{
		method: "POST", path: eventSubscriptions, weight: heavy, serve: createSubscription, scopes: []string{subscribes},
		refusals: map[souk.Refusal]refusal{souk.BlockedAddress: unvalidated, souk.NotVerified: unvalidated},
	},
	{method: "GET", path: eventSubscriptions, weight: medium, serve: listSubscriptions, scopes: []string{lists},
		refusals: map[souk.Refusal]refusal{souk.NotAuthorized: refusals[souk.UnknownUser]}},
	{method: "DELETE", path: eventSubscriptions, weight: light, serve: unsubscribe, scopes: []string{unsubscribes},
		refusals: map[souk.Refusal]refusal{souk.NotAuthorized: refusals[souk.UnknownWebhook]}},
	{method: "PATCH", path: eventSubscription, weight: light, serve: extendSubscription, scopes: []string{changes},
		refusals: map[souk.Refusal]refusal{souk.NotAuthorized: notAdded}},
	{method: "DELETE", path: eventSubscription, weight: light, serve: deleteSubscription, scopes: []string{unsubscribes}},
}

const (
	eventSubscriptions = "/v2/marketplace/app/event_subscription"
	eventSubscription  = eventSubscriptions + "/{eventSubscriptionId}"
)

// Refusals of event subscriptions.
var (
	ownTokenOnly   = refusal{http.StatusBadRequest, 200, "No permission: this takes a token of the app itself, by client credentials."}
	notAdded       = refusal{http.StatusBadRequest, 1002, "The account has not authorized the app."}
	mayNotHear     = refusal{http.StatusBadRequest, 1003, "The user does not have permission for the event: %s."}
	notForApp      = refusal{http.StatusBadRequest, 1602, "The event is not allowed for this app: %s."}
	noSuchEvent    = refusal{http.StatusNotFound, 1601, "The event does not exist: %s."}
	unvalidated    = refusal{http.StatusNotFound, 1701, "URL validation failed. Try again later."}
	noOAuthToken   = refusal{http.StatusNotFound, 1702, "The OAuth token URL validation failed."}
	noEvents       = refusal{http.StatusBadRequest, general, "The events list is empty."}
	noWebhookURL   = refusal{http.StatusBadRequest, general, "The event webhook URL is empty."}
	badScope       = refusal{http.StatusBadRequest, general, "The subscription scope is invalid."}
	noUserAsked    = refusal{http.StatusBadRequest, general, "The user ID is empty."}
	noAccountAsked = refusal{http.StatusBadRequest, general, "The account ID is empty."}
)

// of is r about something.
func (r refusal) of(what string) refusal {
	r.message = fmt.Sprintf(r.message, clipped(what))
	return r
}

// maxSubscribers is how many users one call may name.
const maxSubscribers = 10

type newSubscription struct {
	Events  []string       `json:"events"`
	URL     string         `json:"event_webhook_url"`
	Scope   souk.HookReach `json:"subscription_scope"`
	Name    string         `json:"event_subscription_name"`
	Users   []string       `json:"user_ids"`
	Account string         `json:"account_id"`
	Header  *customHeader  `json:"custom_header"`
}

type madeSubscription struct {
	ID string `json:"event_subscription_id"`
}

// itself refuses who is not an app with a token of its own.
func (c *call) itself() error {
	if !c.actor.IsApp() {
		return ownTokenOnly
	}
	return nil
}

func createSubscription(c *call) (a answer, err error) {
	if err := c.itself(); err != nil {
		return a, err
	}
	var said newSubscription
	if err := c.body(&said); err != nil {
		return a, err
	}
	in := market.Hook{
		App: c.app, Dialect: souk.Zoom, URL: said.URL, Events: said.Events,
		Listening: market.Listening{Name: said.Name, Reach: said.Scope, Source: souk.FromAPI},
	}
	switch {
	case len(in.Events) == 0:
		return a, noEvents
	case in.URL == "":
		return a, noWebhookURL
	case !slices.Contains([]souk.HookReach{souk.UserReach, souk.AccountReach, souk.MasterReach}, in.Reach):
		return a, badScope
	}
	if said.Header != nil {
		auth, err := said.Header.auth()
		if err != nil {
			return a, err
		}
		in.Auth = &auth
	}
	if err := c.mayHear(in); err != nil {
		return a, err
	}
	asked, err := c.subscribing(said.Account, said.Users)
	if err != nil {
		return a, err
	}
	account, err := c.market.Account(c.ctx, c.actor, asked)
	if err != nil {
		return a, err
	}
	in.Accounts = []souk.ID{account}
	saved, err := c.market.PutWebhook(c.ctx, c.actor, in)
	if err != nil {
		return a, unsaved(err)
	}
	return created(madeSubscription{saved.ID.Zoom()}), nil
}

// unsaved tells a token that could not be had, and a header that is wrong, from
// other reasons why a subscription was not saved.
func unsaved(err error) error {
	var unsent souk.Unsent
	var wrong souk.Invalid
	switch {
	case errors.As(err, &unsent) && unsent.Outcome == souk.NoToken:
		return noOAuthToken
	case errors.As(err, &wrong) && len(wrong) > 0 && wrong[0].Field == "auth.token_url":
		return noOAuthToken
	}
	return err
}

// mayHear refuses events that there are not, that the app asks for no scope to
// hear, and that are nothing that single users are about.
func (c *call) mayHear(in market.Hook) error {
	wire := c.market.Wires[souk.Zoom]
	asks := c.caller.App.Asks()
	for _, e := range in.Events {
		needs := wire.Needs[e]
		switch {
		case !slices.Contains(wire.Events, e):
			return noSuchEvent.of(e)
		case e == wire.Goodbye, len(needs) > 0 && !slices.ContainsFunc(needs, asks.Has):
			return notForApp.of(e)
		case in.Reach == souk.UserReach:
			return mayNotHear.of(e)
		}
	}
	return nil
}

// subscribing reads an account and users. Zoom's own example has several users in
// one text, with commas between.
func (c *call) subscribing(account string, users []string) (in market.Subscribing, err error) {
	in.App = c.app
	if account != "" {
		id, ok := souk.ParseZoomID(account)
		if !ok {
			return in, souk.NotAuthorized
		}
		in.Account = id
	}
	for _, text := range users {
		for _, user := range strings.Split(text, ",") {
			switch id, ok := souk.ParseZoomID(strings.TrimSpace(user)); {
			case strings.TrimSpace(user) == "":
			case ok:
				in.Users = append(in.Users, id)
			case strings.Contains(user, "@"):
				in.Emails = append(in.Emails, strings.TrimSpace(user))
			default:
				return in, souk.UnknownUser
			}
		}
	}
	if len(in.Users)+len(in.Emails) > maxSubscribers {
		return in, invalid("user_ids", fmt.Sprintf("must be at most %d", maxSubscribers))
	}
	return in, nil
}

type subscriptionList struct {
	listing
	Subscriptions []subscriptionShown `json:"event_subscriptions"`
}

type subscriptionShown struct {
	ID         string         `json:"event_subscription_id"`
	Events     []string       `json:"events"`
	Name       string         `json:"event_subscription_name"`
	URL        string         `json:"event_webhook_url"`
	Scope      souk.HookReach `json:"subscription_scope"`
	Source     souk.Source    `json:"created_source"`
	Subscriber string         `json:"subscriber_id"`
	Header     customHeader   `json:"custom_header"`
}

func listSubscriptions(c *call) (a answer, err error) {
	if err := c.itself(); err != nil {
		return a, err
	}
	p, err := c.page()
	if err != nil {
		return a, err
	}
	reach := souk.HookReach(c.parameter("subscription_scope"))
	switch {
	case c.parameter("user_id") == "":
		return a, noUserAsked
	case c.parameter("account_id") == "":
		return a, noAccountAsked
	case reach != "" && reach != souk.UserReach && reach != souk.AccountReach && reach != souk.MasterReach:
		return a, badScope
	}
	in, err := c.subscribing(c.parameter("account_id"), []string{c.parameter("user_id")})
	if err != nil {
		return a, err
	}
	if _, err := c.market.Account(c.ctx, c.actor, in); err != nil {
		return a, err
	}
	hooks, err := c.market.Webhooks(c.ctx, c.actor, c.app)
	if err != nil {
		return a, err
	}
	place := func(w souk.Webhook) souk.Position { return souk.Position{At: w.CreatedAt, ID: w.ID} }
	hooks = slices.DeleteFunc(hooks, func(w souk.Webhook) bool {
		return w.Dialect != souk.Zoom || w.Source == souk.Deauthorization || reach != "" && w.Reach != reach ||
			w.Source == souk.FromAPI && !slices.Contains(w.Accounts, in.Account) || !isAfter(place(w), p.after)
	})
	hooks, next := listed(p, hooks, place)
	return shown(subscriptionList{listing{next, p.size}, each(hooks, func(w souk.Webhook) subscriptionShown {
		return subscriptionShown{w.ID.Zoom(), w.Events, w.Name, w.URL, w.Reach, w.Source, in.Account.Zoom(), showHeader(w.Auth)}
	})}), nil
}

// isAfter reports whether a row of a list stands after a position, or that is its
// start.
func isAfter(row, p souk.Position) bool {
	return row.At.After(p.At) || row.At.Equal(p.At) && row.ID.Compare(p.ID) > 0
}

// extendSubscription has a subscription told of an account more. What the events
// tell takes an admin, so that no user can be added by name.
func extendSubscription(c *call) (a answer, err error) {
	var said struct {
		Account string   `json:"account_id"`
		Users   []string `json:"user_ids"`
	}
	id, hook, err := c.subscription(c.request.PathValue("eventSubscriptionId"))
	if err != nil {
		return a, err
	}
	if err := c.body(&said); err != nil {
		return a, err
	}
	if said.Account == "" {
		return a, invalid("account_id", "is required")
	}
	in, err := c.subscribing(said.Account, said.Users)
	if err != nil {
		return a, err
	}
	if _, err := c.market.Account(c.ctx, c.actor, in); err != nil {
		return a, err
	}
	if len(in.Users)+len(in.Emails) > 0 {
		return a, mayNotHear.of(strings.Join(hook.Events, ", "))
	}
	return noContent, c.market.SubscribeAccount(c.ctx, c.actor, in, id)
}

// unsubscribe has a subscription told of an account less. With users named, who
// are in none by name, it changes nothing.
func unsubscribe(c *call) (a answer, err error) {
	for _, name := range []string{"event_subscription_id", "account_id"} {
		if c.parameter(name) == "" {
			return a, invalid(name, "is required")
		}
	}
	id, _, err := c.subscription(c.parameter("event_subscription_id"))
	if err != nil {
		return a, err
	}
	in, err := c.subscribing(c.parameter("account_id"), []string{c.parameter("user_ids")})
	if err != nil {
		return a, err
	}
	if len(in.Users)+len(in.Emails) > 0 {
		_, err := c.market.Account(c.ctx, c.actor, in)
		return noContent, err
	}
	return noContent, c.market.UnsubscribeAccount(c.ctx, c.actor, in, id)
}

func deleteSubscription(c *call) (a answer, err error) {
	id, _, err := c.subscription(c.request.PathValue("eventSubscriptionId"))
	if err != nil {
		return a, err
	}
	return noContent, c.market.DeleteWebhook(c.ctx, c.actor, c.app, id)
}

// subscription finds one that the API made: those that people made are theirs to
// change.
func (c *call) subscription(text string) (id souk.ID, hook souk.Webhook, err error) {
	if err := c.itself(); err != nil {
		return id, hook, err
	}
	id, ok := souk.ParseZoomID(text)
	if !ok {
		return id, hook, souk.UnknownWebhook
	}
	hook, err = c.market.Webhook(c.ctx, c.actor, c.app, id)
	if err == nil && (hook.Dialect != souk.Zoom || hook.Source != souk.FromAPI) {
		err = souk.UnknownWebhook
	}
	return id, hook, err
}
