package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"souk"
)

// exists reports whether query, a SELECT 1, finds a row.
func (tx *Tx) exists(query string, args ...any) (bool, error) {
	var found int
	err := tx.row(query+` LIMIT 1`, args...).Scan(&found)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// byID runs a query that ends in "IN (" for ids and files what it finds under
// its ID. No ids: no query.
func byID[T any](tx *Tx, scan func(row) (T, error), key func(T) souk.ID, query string, ids []souk.ID) (map[souk.ID]T, error) {
	found := make(map[souk.ID]T, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := list(tx, scan, query+placeholders(1, len(ids))+`)`, anys(ids)...)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		found[key(r)] = r
	}
	return found, nil
}

// anys turns a list into the arguments of a statement.
func anys[T any](values []T) []any {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	return args
}

// raw spells an ID for a BYTEA column as souk.ID does itself, but without a copy
// and without the reflection of database/sql: where many rows are written at once.
func raw(id *souk.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// scanID reads a row that is one ID.
func scanID(r row) (id souk.ID, err error) {
	err = r.Scan(&id)
	return id, err
}

// text spells v as JSON for a TEXT column. Only values that always have a
// spelling are stored so.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// conditions collects the parts of a WHERE clause and their arguments.
type conditions struct {
	parts []string
	args  []any
}

// arg adds an argument and returns its placeholder.
func (c *conditions) arg(v any) string {
	c.args = append(c.args, v)
	return "$" + strconv.Itoa(len(c.args))
}

// add adds "left $n".
func (c *conditions) add(left string, v any) { c.literal(left + c.arg(v)) }

// literal adds a condition without an argument.
func (c *conditions) literal(part string) { c.parts = append(c.parts, part) }

// after keeps to the rows of table beyond page.After, newest first.
func (c *conditions) after(table string, page souk.Page) {
	if page.After.ID.IsZero() {
		return
	}
	c.literal(`(` + table + `.created_at, ` + table + `.id) < (` +
		c.arg(micros(page.After.At)) + `, ` + c.arg(page.After.ID) + `)`)
}

// page keeps to the rows beyond page.After by two columns, a time and an id,
// and answers with the end of the statement: the order and the limit. It takes
// both columns of a pair from one table, so that an index gives the order.
func (c *conditions) page(at, id string, page souk.Page) string {
	compare, direction := ` < `, ` DESC`
	if page.Order == souk.OldestFirst {
		compare, direction = ` > `, ``
	}
	if !page.After.ID.IsZero() {
		c.literal(`(` + at + `, ` + id + `)` + compare + `(` + c.arg(micros(page.After.At)) + `, ` + c.arg(page.After.ID) + `)`)
	}
	return ` ORDER BY ` + at + direction + `, ` + id + direction + ` LIMIT ` + c.arg(page.Size)
}

// and joins the parts behind another condition.
func (c *conditions) and() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " AND " + strings.Join(c.parts, " AND ")
}

// union is a query for the first of what several find, each of which ends with
// that order and a limit of its own.
func (c *conditions) union(queries []string, order string, limit int) string {
	if len(queries) == 1 {
		return queries[0]
	}
	for i, q := range queries {
		queries[i] = `SELECT * FROM (` + q + `) AS kind`
	}
	return `SELECT * FROM (` + strings.Join(queries, ` UNION ALL `) + `) AS found ORDER BY ` + order + ` LIMIT ` + c.arg(limit)
}

// prefixed writes a table's alias before each of its columns.
func prefixed(alias, columns string) string {
	names := strings.Split(columns, ",")
	for i, n := range names {
		names[i] = alias + "." + strings.TrimSpace(n)
	}
	return strings.Join(names, ", ")
}

// withMore scans further columns behind those that a scan function knows.
func withMore(r row, more ...any) row { return wider{r, more} }

type wider struct {
	row
	more []any
}

func (w wider) Scan(into ...any) error { return w.row.Scan(append(into, w.more...)...) }

// ids is a short list of IDs in one column, with blanks between.
type ids []souk.ID

func (l ids) String() string {
	words := make([]string, len(l))
	for i, id := range l {
		words[i] = id.String()
	}
	return strings.Join(words, " ")
}

func (l *ids) Scan(src any) error {
	var text string
	switch v := src.(type) {
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("cannot read IDs from %T", src)
	}
	*l = nil
	for _, word := range strings.Fields(text) {
		id, err := souk.ParseID(word)
		if err != nil {
			return err
		}
		*l = append(*l, id)
	}
	return nil
}
