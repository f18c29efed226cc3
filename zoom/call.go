package zoom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"souk"
	"souk/market"
	"souk/web"
)

// call is one call by somebody who may make it.
type call struct {
	ctx     context.Context
	request *http.Request
	writer  http.ResponseWriter
	handler *Handler
	market  *market.Market
	route   route

	caller  market.Caller // zero where the route is open, as are the next three
	actor   souk.Actor
	app     souk.ID  // of the token
	account souk.Org // the root org of the token; zero when it is bound to none
}

// now is the time of the call, the same on all nodes.
func (c *call) now() time.Time { return c.market.DB.Now() }

// identify finds who calls. Only tokens of this face are taken, and only from
// the header, so that none stands in the log of a proxy.
func (c *call) identify() error {
	token := bearer(c.request.Header)
	if token == "" {
		return invalidToken
	}
	from := web.ClientAddress(c.ctx)
	caller, err := c.market.Authenticate(c.ctx, token, face, from)
	if err == nil && caller.Kind != souk.ZoomToken {
		err = souk.UnknownToken
	}
	if err != nil {
		if c.spell(err).status == http.StatusUnauthorized {
			return c.handler.limiter.failedToken(from, err)
		}
		return err
	}
	c.caller, c.actor, c.app, c.account = caller, caller.Actor, caller.App.ID, caller.Top()
	web.Note(c.ctx, "token", c.actor.Token.String())
	if id := c.actor.User; !id.IsZero() {
		web.Note(c.ctx, "user", id.String())
	}
	return nil
}

// bearer is the token of a call; "" when there is none, or more than one.
func bearer(header http.Header) string {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// permitted checks the token's scopes against those of the route.
func (c *call) permitted() error {
	if len(c.route.scopes) == 0 || slices.ContainsFunc(c.route.scopes, c.caller.Token.Scopes.Has) {
		return nil
	}
	return lacks(c.route.scopes)
}

// lacks refuses a token that has none of some scopes.
func lacks(scopes []string) error {
	return refusal{missingScopes.status, missingScopes.code, fmt.Sprintf(missingScopes.message, strings.Join(scopes, ", "))}
}

// admin reports whether the token speaks for the account and not for one user of
// it: it holds one of the scopes that the route has for that.
func (c *call) admin() bool {
	return slices.ContainsFunc(c.route.scopes, func(s string) bool {
		return strings.HasSuffix(s, ":admin") && c.caller.Token.Scopes.Has(s)
	})
}

// id reads a path value. A text that is no id names nothing.
func (c *call) id(name string, unknown error) (souk.ID, error) {
	id, ok := souk.ParseZoomID(c.request.PathValue(name))
	if !ok {
		return souk.ID{}, unknown
	}
	return id, nil
}

// appID is the app that the address names.
func (c *call) appID() (souk.ID, error) { return c.id("appId", souk.UnknownApp) }

// parameter is the value of a query parameter, "" when it is absent. Of several
// the first counts.
func (c *call) parameter(name string) string { return c.request.URL.Query().Get(name) }

// maxBody bounds the body of a call, in bytes. A manifest is the largest.
const maxBody = 1 << 20

// body reads the body into a struct with JSON names; what is not named there is
// passed over. It refuses what is not one JSON object in UTF-8, and members of
// another type.
func (c *call) body(into any) error {
	raw, err := web.ReadBody(c.writer, c.request, maxBody)
	switch {
	case errors.Is(err, web.ErrBodyTooLarge):
		return oversizedBody
	case errors.Is(err, web.ErrBusy):
		return unavailable
	case err != nil: // too slow, or broken off
		return incompleteBody
	case len(raw) > 0 && !isJSON(c.request.Header.Values("Content-Type")):
		return wrongBodyType
	case !utf8.Valid(raw) || !json.Valid(raw) || !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) || web.Unspeakable(raw):
		return malformedBody
	}
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(raw, into); {
	case errors.As(err, &wrong):
		return invalid(wrong.Field, "Invalid type.")
	case err != nil:
		return malformedBody
	}
	return nil
}

// isJSON reports whether the header of a body says that it is JSON in UTF-8.
func isJSON(contentTypes []string) bool {
	if len(contentTypes) != 1 {
		return false
	}
	kind, parameters, err := mime.ParseMediaType(contentTypes[0])
	if err != nil || kind != "application/json" {
		return false
	}
	charset, named := parameters["charset"]
	return !named || strings.EqualFold(charset, "utf-8")
}

// stamp spells a time as the REST API does: whole seconds in UTC.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
