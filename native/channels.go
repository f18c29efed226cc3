package native

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"souk"
	"souk/market"
	"souk/web"
)

// Bounds of a call that publishes.
const (
	idempotencyKey = "Idempotency-Key" // header by which a call may safely be repeated
	maxKey         = 255               // bytes
	maxDepth       = 1000              // levels of a resource, which is sent on within other JSON
)

// publishedObject is one item as it was told.
type publishedObject struct {
	Event      names `json:"event_id"`
	Deliveries int   `json:"deliveries"`
}

type publishedList struct {
	Items []publishedObject `json:"items"`
}

// publish tells what happened on channels of the host product: the one thing
// that the body is, or all that its items are.
func (h *Handler) publish(c *call) (answer, error) {
	in := market.Publishing{Key: c.key()}
	_, many := c.body.members["items"]
	if many {
		in.Items = readList(c.body, "items", func(value json.RawMessage, pointer string) souk.Publication {
			item := c.readObject(value, pointer)
			p := item.publication()
			item.leftovers()
			return p
		})
	} else {
		in.Items = []souk.Publication{c.body.publication()}
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	told, err := h.market.Publish(c.ctx, c.Actor, in)
	if err != nil && !many {
		err = ofItself(err)
	}
	return answer{status: http.StatusOK, body: publishedList{each(told, func(p market.Published) publishedObject {
		return publishedObject{spell(slackEvent, p.Event), p.Deliveries}
	})}}, err
}

// publication reads one thing that happened.
func (o object) publication() souk.Publication {
	return souk.Publication{
		Org: o.id("organization_id"), Channel: souk.Channel(o.requiredText("channel")), Action: souk.Action(o.requiredText("action")),
		Resource: o.requiredText("resource_id"), Body: o.document("resource"), Scope: o.text("scope"),
	}
}

// document is an object that is passed on as it is, nil when it is absent.
func (o object) document(name string) souk.Document {
	value := o.take(name)
	switch {
	case value == nil:
	case value[0] != '{':
		o.fault(o.pointer(name), "must be an object")
	case web.Unspeakable(value):
		o.fault(o.pointer(name), "must not contain NUL or half of a surrogate pair")
	case depth(value) > maxDepth:
		o.fault(o.pointer(name), "must not nest deeper than %d levels", maxDepth)
	}
	return souk.Document(value)
}

// depth is how deep valid JSON nests.
func depth(valid []byte) (deepest int) {
	level, quoted := 0, false
	for i := 0; i < len(valid); i++ {
		switch c := valid[i]; {
		case quoted && c == '\\':
			i++ // whatever it escapes
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}', c == ']':
			level--
		}
	}
	return deepest
}

// key is the caller's own name for the call, "" when it has none.
func (c *call) key() string {
	values := c.request.Header.Values(idempotencyKey)
	if len(values) == 0 {
		return ""
	}
	key := values[0]
	if len(values) > 1 || key == "" || len(key) > maxKey || !utf8.ValidString(key) {
		c.bad = append(c.bad, fieldError{Header: idempotencyKey, Detail: "must be one text of 1 to 255 bytes"})
	}
	return key
}

// ofItself names faults of the only item as the members of the body that they
// are.
func ofItself(err error) error {
	var bad souk.Invalid
	if !errors.As(err, &bad) {
		return err
	}
	own := make(souk.Invalid, len(bad))
	for i, p := range bad {
		own[i] = souk.Problem{Field: strings.TrimPrefix(p.Field, "items[0]."), Reason: p.Reason}
	}
	return own
}
