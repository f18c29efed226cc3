package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"souk"
	"souk/souktest"
	"souk/store"
)

// estate is who publishes and who hears it.
type estate struct {
	operator string // token
	at       []company
	hooks    []souk.Webhook // of the companies in turn
}

// hook is how one listens.
type hook struct {
	dialect souk.Dialect
	url     string
}

// found seeds companies, each with the listeners of one of some kinds.
func (s *subject) found(ctx context.Context, companiesWith ...[]hook) (e estate, err error) {
	err = s.open(ctx, func(db *store.DB) error {
		names := make([]string, len(companiesWith))
		for i := range names {
			names[i] = fmt.Sprint("Company ", i)
		}
		if e.at, err = companies(ctx, db, s.key, names...); err != nil {
			return err
		}
		return souktest.Seed(ctx, db, s.key, func(to *souktest.Seeder) {
			e.operator, e.hooks = to.Token(souk.Token{Kind: souk.PlatformToken}), nil
			for i, with := range companiesWith {
				for _, h := range with {
					e.hooks = append(e.hooks, listener(to, e.at[i], h.dialect, h.url))
				}
			}
		})
	})
	return e, err
}

// chats is the collection that is published about.
const chats = "chats"

// listener seeds an app with a webhook that hears what is published of a company's
// chats, and installs it there.
func listener(s *souktest.Seeder, at company, dialect souk.Dialect, sink string) souk.Webhook {
	app := s.App(souk.App{
		Owner: at.org.ID, Name: "Listener", IsAvailableToAnyone: true, BotScopes: souk.NewScopes(souk.MarketplaceRead),
		CreatedBy: at.admin.ID, UpdatedBy: at.admin.ID,
	})
	s.Credentials(credentials(app.ID))
	s.Install(app, at.org, at.admin)
	hook := souk.Webhook{App: app.ID, Dialect: dialect, URL: sink}
	if dialect == souk.Native {
		hook.Events = []string{string(souk.ChannelPublished)}
		hook.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	} else {
		hook.Channels = []souk.Subscription{{Pattern: "/api/v5/orgs/{organization_id}/" + chats, Additions: true, Changes: true, Removals: true}}
	}
	return s.Webhook(hook)
}

// numbered finds in a delivery which publication it tells.
const numbered = `"number":`

// publication is a change of the n-th of a company's chats, with a resource of so
// many bytes.
func publication(at company, n, size int) souk.Publication {
	resource := fmt.Sprintf(`{%s%d,"message":"%s"}`, numbered, n, strings.Repeat("x", max(0, size-40)))
	return souk.Publication{
		Org: at.org.ID, Channel: souk.Channel(at.path(chats)), Action: souk.Changed, Resource: fmt.Sprint(n), Body: souk.Document(resource),
	}
}

// numberOf is the publication that a delivery tells; false when it tells none.
func numberOf(body []byte) (int, bool) {
	_, rest, found := bytes.Cut(body, []byte(numbered))
	if !found {
		return 0, false
	}
	end := bytes.IndexByte(rest, ',')
	if end < 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(rest[:end]))
	return n, err == nil
}

// item is a publication as a call has it.
type item struct {
	Org      souk.ID       `json:"organization_id"`
	Channel  souk.Channel  `json:"channel"`
	Action   souk.Action   `json:"action"`
	Resource string        `json:"resource_id"`
	Body     souk.Document `json:"resource"`
}

// publishing is a call that publishes.
func (s *subject) publishing(token string, all ...souk.Publication) request {
	items := make([]item, len(all))
	for i, p := range all {
		items[i] = item{p.Org, p.Channel, p.Action, p.Resource, p.Body}
	}
	var body any = items[0]
	if len(items) > 1 {
		body = map[string]any{"items": items}
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // items are texts
	}
	return request{
		method: http.MethodPost, url: s.server.base + "/souk/v1/channels", token: token, body: string(text), contentType: "application/json",
		status: http.StatusOK, begins: `{"items":`,
	}
}

// publish makes that call, and answers with how many deliveries it came to.
func (s *subject) publish(ctx context.Context, client *http.Client, token string, all ...souk.Publication) (deliveries int, err error) {
	answer, err := call(ctx, client, s.publishing(token, all...))
	if err != nil {
		return 0, err
	}
	var told struct{ Items []struct{ Deliveries int } }
	if err := json.Unmarshal(answer, &told); err != nil {
		return 0, err
	}
	for _, t := range told.Items {
		deliveries += t.Deliveries
	}
	if len(told.Items) != len(all) {
		err = errors.New("not everything was told")
	}
	return deliveries, err
}
