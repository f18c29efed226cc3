package console

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"souk"
)

// comeback is the way on of somebody who installed an app that has a page for
// that. The app gets it as a sealed note in the address to which it sends them
// back, so that nobody comes back who was not sent.
type comeback struct {
	App, Org, User     souk.ID
	Way, Status, State string
	Until              time.Time
}

const (
	comebackLife = time.Hour
	comebackSeal = "console:way back from an install trigger" // no other sealed text opens as one
)

// comebackPath ends the address to which apps send people back.
const comebackPath = "/install/return"

// comingBack is the address at which the visitor comes back who installed w.
func (h *Handler) comingBack(v *visit, w weighed) (string, error) {
	note, err := h.seal(comebackSeal, comeback{
		App: w.link.app, Org: w.Org.ID, User: v.User.ID,
		Way: w.way, Status: wasInstalled, State: w.link.state, Until: time.Now().Add(comebackLife),
	})
	return carry(h.base.String()+"/apps/"+w.link.app.String()+comebackPath, "note", note), err
}

// comebackOf is the note that a link back has; false when it is none of ours, or
// too old.
func (h *Handler) comebackOf(query string) (c comeback, ok bool) {
	values, err := url.ParseQuery(query)
	ok = err == nil && h.unseal(comebackSeal, sole(values, "note"), &c)
	return c, ok && time.Now().Before(c.Until)
}

// returned goes on with somebody whom an app sends back after it was installed.
func (h *Handler) returned(v *visit) (answer, error) {
	c, ok := h.comebackOf(v.request.URL.RawQuery)
	if !ok || c.App != v.id("app") || c.User != v.User.ID {
		return answer{}, &failure{problem: malformedLink}
	}
	if !ownPage(c.Way) {
		// The app may have been stopped meanwhile, or its address.
		err := h.market.RedirectAllowed(v.ctx, c.App, c.Way)
		if errors.Is(err, souk.UnknownApp) || errors.Is(err, souk.BadRedirect) {
			return answer{}, &failure{problem: badNext}
		}
		if err != nil {
			return answer{}, err
		}
	}
	return link{state: c.State}.onward(c.Way, c.Status, nil), nil
}

// isComeback reports whether a page of ours leads on from an app at once.
func isComeback(path string) bool {
	return strings.HasPrefix(path, "/apps/") && strings.HasSuffix(path, comebackPath)
}
