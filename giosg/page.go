package giosg

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"souk"
)

// Bounds of a page.
const (
	defaultSize = 25
	maxSize     = 100
)

// page is a place in a list, and which way the list is read from there.
type page struct {
	call  *call
	bound string
	order souk.Order // of the results
	size  int
	after souk.Position
	back  bool // what comes before after is asked for
}

// page reads which page of a list is wanted; order is the list's own. Its
// cursors open only for this address in this order with these filters.
func (c *call) page(key souk.Key, order souk.Order, filters ...string) (page, error) {
	p := page{call: c, order: c.ordering(order), size: c.pageSize()}
	p.bound = strings.Join(append([]string{c.route.name(), c.address(), string(p.order)}, filters...), "\x00")
	cursor := c.parameter("cursor")
	var err error
	if p.after, err = key.ParseCursor(p.direction(false), cursor); err != nil {
		p.back = true
		p.after, err = key.ParseCursor(p.direction(true), cursor)
	}
	if err != nil {
		return page{}, badCursor
	}
	return p, nil
}

// direction names p's list as it is read one way or the other.
func (p page) direction(back bool) string { return p.bound + "\x00" + strconv.FormatBool(back) }

// address is the path of the call, its ids in one spelling.
func (c *call) address() string {
	path := prefix + c.route.path
	for name, id := range c.ids {
		path = strings.ReplaceAll(path, "{"+name+"}", id.String())
	}
	return path
}

// pageSize is how many rows a page shall have. What is no positive number is
// passed over.
func (c *call) pageSize() int {
	n, err := strconv.Atoi(strings.TrimSpace(c.parameter("page_size")))
	if err != nil && !errors.Is(err, strconv.ErrRange) || n <= 0 {
		return defaultSize
	}
	return min(n, maxSize)
}

// ordering is the order that the call asks for: the first of its keys that there
// is, and otherwise the list's own.
func (c *call) ordering(own souk.Order) souk.Order {
	for key := range strings.SplitSeq(c.parameter("ordering"), ",") {
		switch strings.TrimSpace(key) {
		case "created_at":
			return souk.OldestFirst
		case "-created_at":
			return souk.NewestFirst
		}
	}
	return own
}

// asked is the page as the market is asked for it: one row more tells whether
// there is another page beyond.
func (p page) asked() souk.Page {
	order := p.order
	if p.back {
		order = order.Reversed()
	}
	return souk.Page{After: p.after, Size: p.size + 1, Order: order}
}

// listing is a page of a list as it is sent.
type listing[T any] struct {
	Next     *string `json:"next"` // null on the last page
	Previous *string `json:"previous"`
	Results  []T     `json:"results"`
}

// list answers a page of a list: find asks the market for rows, at tells where
// one stands in the list, show spells it.
func list[Row, T any](h *Handler, c *call, order souk.Order,
	find func(souk.Page) ([]Row, error), at func(Row) souk.Position, show func(Row) T, filters ...string) (answer, error) {
	p, err := c.page(h.market.Key, order, filters...)
	if err != nil {
		// Who may not read the list is not told about its cursors.
		return answer{}, cmp.Or(h.pass(c), err)
	}
	rows, err := find(p.asked())
	if err != nil {
		return answer{}, err
	}
	further := len(rows) > p.size
	rows = rows[:min(len(rows), p.size)]
	if p.back {
		slices.Reverse(rows)
	}
	// A page without rows stands at an end of the list: from there the way back
	// begins at that end.
	var first, last souk.Position
	if len(rows) > 0 {
		first, last = at(rows[0]), at(rows[len(rows)-1])
	}
	began := !p.after.ID.IsZero()
	l := listing[T]{Results: each(rows, show)}
	if p.back && began || !p.back && further {
		l.Next = p.link(h, false, last)
	}
	if p.back && further || !p.back && began {
		l.Previous = p.link(h, true, first)
	}
	return shown(l), nil
}

// link is the address of the page beyond a row, one way or the other.
func (p page) link(h *Handler, back bool, from souk.Position) *string {
	query := url.Values{}
	for name, values := range p.call.query {
		query[name] = values
	}
	query.Set("cursor", h.market.Key.Cursor(p.direction(back), from))
	address := string(h.site) + p.call.address() + "?" + query.Encode()
	return &address
}

// each spells every one of rows; none are an empty list, never null.
func each[Row, T any](rows []Row, show func(Row) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = show(r)
	}
	return out
}
