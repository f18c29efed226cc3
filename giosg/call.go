package giosg

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"souk"
	"souk/market"
)

// call is one call by somebody who may make it.
type call struct {
	market.Caller
	desk    market.Desk // that the guard found
	ctx     context.Context
	writer  http.ResponseWriter
	request *http.Request
	route   route
	query   url.Values
	ids     map[string]souk.ID // of the address
}

// newCall reads the address. An id that is none is a route that does not exist,
// and so is a format that nobody speaks.
func newCall(w http.ResponseWriter, r *http.Request, to route) (*call, error) {
	c := &call{ctx: r.Context(), writer: w, request: r, route: to, query: r.URL.Query(), ids: map[string]souk.ID{}}
	for segment := range strings.SplitSeq(to.path, "/") {
		name, isID := strings.CutPrefix(segment, "{")
		if !isID {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		id, ok := parseID(r.PathValue(name))
		if !ok {
			return nil, notFound
		}
		c.ids[name] = id
	}
	if format := c.parameter("format"); format != "" && format != "json" {
		return nil, notFound
	}
	return c, nil
}

// id is the id that the address has at name.
func (c *call) id(name string) souk.ID { return c.ids[name] }

// org and app are the ids of the address that most routes have.
func (c *call) org() souk.ID { return c.id("org") }
func (c *call) app() souk.ID { return c.id("app") }

// parameter is the value of a parameter, "" when it is absent. Of several the
// last counts.
func (c *call) parameter(name string) string {
	values := c.query[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// parseID reads a UUID in either case, with dashes or without. The one of all
// zeros is one too, and names nothing.
func parseID(s string) (id souk.ID, ok bool) {
	if len(s) == 36 {
		if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return id, false
		}
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(s) != 32 {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}
