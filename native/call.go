package native

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"souk"
	"souk/market"
	"souk/web"
)

// onBehalf is the header in which a platform token names the person it acts
// for.
const onBehalf = "Souk-On-Behalf-Of"

// call is one call by somebody: an operation reads its input from it and asks
// valid before it does anything.
type call struct {
	market.Caller
	ctx       context.Context
	request   *http.Request
	operation operation
	query     url.Values
	body      object
	bad       []fieldError // that was found so far
	missing   error        // an id of the address names nothing
}

// newCall finds who calls and reads the body, in this order: strangers are told
// nothing about what they sent.
func (h *Handler) newCall(w http.ResponseWriter, r *http.Request, o operation) (*call, error) {
	c := &call{ctx: r.Context(), request: r, operation: o}
	if o.tokens != nil {
		if err := h.identify(c); err != nil {
			return nil, err
		}
	}
	if err := c.readQuery(); err != nil {
		return nil, err
	}
	if o.takesBody() {
		raw, err := readBody(w, r, o.limit())
		if err != nil {
			return nil, err
		}
		c.body = c.readObject(raw, "")
	}
	return c, nil
}

// identify finds the caller by token, and whom a platform token acts for.
func (h *Handler) identify(c *call) (err error) {
	token, err := bearer(c.request.Header)
	if err != nil {
		return err
	}
	from := web.ClientAddress(c.ctx)
	if c.Caller, err = h.market.Authenticate(c.ctx, token, face, from); err != nil {
		if failureOf(err).status != http.StatusUnauthorized {
			return err
		}
		if ok, wait := h.failures.Allow(from); !ok {
			return &failure{problem: tooManyFailures, wait: wait}
		}
		return err
	}
	web.Note(c.ctx, "token", c.Actor.Token.String())
	if !slices.Contains(c.operation.tokens, c.Kind) {
		return &failure{problem: wrongTokenKind}
	}
	if err := h.actFor(c); err != nil {
		return err
	}
	if id := c.Actor.User; !id.IsZero() {
		web.Note(c.ctx, "user", id.String())
	}
	return nil
}

// bearer is the token of a call.
func bearer(header http.Header) (string, error) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", &failure{problem: missingToken}
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", &failure{problem: missingToken}
	}
	return token, nil
}

// actFor makes the caller the person that the header names, if it does.
func (h *Handler) actFor(c *call) error {
	named := c.request.Header.Values(onBehalf)
	if len(named) == 0 {
		return nil
	}
	user, err := souk.ParseID(named[0])
	if err != nil || len(named) > 1 {
		return &failure{problem: invalidInput, errors: []fieldError{{Header: onBehalf, Detail: "must be the id of one user"}}}
	}
	c.Caller, err = h.market.OnBehalf(c.ctx, c.Caller, user)
	return err
}

// id is the id that the address has at name. A text that is no id names
// nothing, so it is refused like an id that nothing has.
func (c *call) id(name string, unknown error) souk.ID {
	id, err := souk.ParseID(c.request.PathValue(name))
	if err != nil && c.missing == nil {
		c.missing = unknown
	}
	return id
}

func (c *call) org() souk.ID     { return c.id("org", souk.UnknownOrg) }
func (c *call) app() souk.ID     { return c.id("app", souk.UnknownApp) }
func (c *call) webhook() souk.ID { return c.id("webhook", souk.UnknownWebhook) }

func (c *call) user() souk.ID         { return c.id("user", souk.UnknownUser) }
func (c *call) installation() souk.ID { return c.id("installation", souk.UnknownInstallation) }
func (c *call) replay() souk.ID       { return c.id("replay", souk.UnknownReplay) }
func (c *call) delivery() souk.ID     { return c.id("delivery", souk.UnknownDelivery) }
func (c *call) token() souk.ID        { return c.id("token", &failure{problem: noSuchToken}) }

// maxErrors is how many things that are wrong one answer lists.
const maxErrors = 20

// valid refuses a call whose input cannot be accepted, all faults at once. What
// nobody read is a fault too.
func (c *call) valid() error {
	c.leftovers()
	c.body.leftovers()
	if len(c.bad) > 0 {
		return &failure{problem: invalidInput, errors: c.bad[:min(len(c.bad), maxErrors)]}
	}
	return c.missing
}

// readBody reads the bytes of a body, at most limit.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	raw, err := web.ReadBody(w, r, limit)
	switch {
	case errors.Is(err, web.ErrBodyTooLarge):
		return nil, &failure{problem: oversizedBody, detail: fmt.Sprintf("the body must be at most %d bytes long", limit)}
	case errors.Is(err, web.ErrBusy):
		return nil, &failure{problem: unavailable}
	case err != nil: // too slow, or broken off
		return nil, &failure{problem: incompleteBody}
	case len(raw) == 0:
		return []byte("{}"), nil // where nothing has to be said, nothing need be sent
	case !isJSON(r.Header.Values("Content-Type")):
		return nil, &failure{problem: wrongBodyType}
	}
	return raw, wellFormed(raw)
}
