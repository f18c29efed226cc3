package native

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"souk"
)

// Bounds of a page.
const (
	defaultLimit = 50
	maxLimit     = 200
)

func (c *call) badParameter(name, detail string) {
	c.bad = append(c.bad, fieldError{Parameter: clipped(name), Detail: detail})
}

// readQuery takes the parameters apart, each of which comes once.
func (c *call) readQuery() error {
	var err error
	if c.query, err = url.ParseQuery(c.request.URL.RawQuery); err != nil {
		return &failure{problem: invalidInput, errors: []fieldError{{Parameter: "?", Detail: "the query does not parse"}}}
	}
	for name, values := range c.query {
		switch {
		case !utf8.ValidString(name) || !utf8.ValidString(values[0]) || strings.Contains(values[0], "\x00"):
			c.badParameter(name, "must be valid UTF-8 without NUL")
		case len(values) > 1:
			c.badParameter(name, "must come once")
		default:
			continue
		}
		delete(c.query, name)
	}
	return nil
}

// take is the value of a parameter; present says whether there is one.
func (c *call) take(name string) (value string, present bool) {
	_, present = c.query[name]
	value = c.query.Get(name)
	delete(c.query, name)
	return value, present
}

// leftovers reports the parameters that the operation does not know.
func (c *call) leftovers() {
	for name := range c.query {
		c.badParameter(name, "is not known here")
	}
	slices.SortStableFunc(c.bad, func(a, b fieldError) int { return strings.Compare(a.Parameter, b.Parameter) })
	c.query = nil
}

// idParameter is an id, or none.
func (c *call) idParameter(name string) souk.ID {
	s, present := c.take(name)
	id, err := souk.ParseID(s)
	if present && err != nil {
		c.badParameter(name, notAnID)
	}
	return id
}

// word is one of some words, or "" when the parameter is absent.
func word[T ~string](c *call, name string, words []T) T {
	s, present := c.take(name)
	if present && !slices.Contains(words, T(s)) {
		c.badParameter(name, "is none of the words that are known here")
	}
	return T(s)
}

// flag is true or false, and false when the parameter is absent.
func (c *call) flag(name string) bool {
	return word(c, name, []string{"true", "false"}) == "true"
}

// scopesParameter is a list with commas, nil when the parameter is absent.
func (c *call) scopesParameter(name string) []string {
	s, present := c.take(name)
	switch {
	case !present:
		return nil
	case s == "":
		return []string{}
	}
	names := strings.Split(s, ",")
	if slices.Contains(names, "") {
		c.badParameter(name, "must be names with commas between them")
	}
	return names
}

// page reads which page of a list is wanted. Its cursors open only for this
// operation with these ids and filters.
func (c *call) page(key souk.Key, filters ...string) page {
	p := page{key: key, limit: defaultLimit, bound: strings.Join(append([]string{c.operation.name()}, filters...), "\x00")}
	if s, present := c.take("limit"); present {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit || strconv.Itoa(n) != s {
			c.badParameter("limit", "must be a whole number from 1 to "+strconv.Itoa(maxLimit))
		}
		p.limit = n
	}
	if s, present := c.take("cursor"); present {
		var err error
		if p.after, err = key.ParseCursor(p.bound, s); err != nil || s == "" {
			c.badParameter("cursor", "is not a cursor of this list with these filters")
		}
	}
	return p
}

// page is a place in a list.
type page struct {
	key   souk.Key
	bound string
	limit int
	after souk.Position
}

// asked is the page as the market is asked for it: one row more tells whether
// there is a next page.
func (p page) asked() souk.Page { return souk.Page{After: p.after, Size: p.limit + 1} }

// listing is a page of a list as it is sent. Lists that come whole have the
// same form, so that one loop reads them all.
type listing[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"` // null on the last page
}

// pageOf spells the rows that the market found for p.
func pageOf[Row, T any](p page, rows []Row, at func(Row) souk.Position, show func(Row) T) listing[T] {
	var next *string
	if len(rows) > p.limit {
		rows = rows[:p.limit]
		cursor := p.key.Cursor(p.bound, at(rows[p.limit-1]))
		next = &cursor
	}
	return listing[T]{Items: each(rows, show), NextCursor: next}
}

// each spells every one of rows; none are an empty list, never null.
func each[Row, T any](rows []Row, show func(Row) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = show(r)
	}
	return out
}
