package store

import (
	"encoding/json"
	"strings"
	"sync"

	"souk"
)

const eventColumns = `id, kind, root_id, org_id, app_id, subject_id, at, data`

func scanEvent(r row) (e souk.Event, err error) {
	var data string
	err = r.Scan(&e.ID, &e.Kind, &e.Root, &e.Org, &e.App, &e.Subject, (*stamp)(&e.At), &data)
	if err != nil {
		return e, err
	}
	e.Data = new(souk.EventData)
	return e, json.Unmarshal([]byte(data), e.Data)
}

// Event finds an event by ID.
func (tx *Tx) Event(id souk.ID) (souk.Event, error) {
	return one(tx, scanEvent, `SELECT `+eventColumns+` FROM events WHERE id = $1`, id)
}

// EventsOf lists the events of one root org, oldest first.
func (tx *Tx) EventsOf(root souk.ID) ([]souk.Event, error) {
	return list(tx, scanEvent, `SELECT `+eventColumns+` FROM events WHERE root_id = $1 ORDER BY at, id`, root)
}

// InsertEvents records events.
func (tx *Tx) InsertEvents(events []souk.Event) error {
	var args []any
	var data string
	for i, e := range events {
		if i == 0 || e.Data != events[i-1].Data { // often shared, and the dearest part
			data = text(e.Data)
		}
		args = append(args, e.ID, e.Kind, e.Root, e.Org, e.App, e.Subject, micros(e.At), data)
	}
	return tx.insertMany(`INSERT INTO events (`+eventColumns+`) VALUES `, 8, args)
}

// Bounds of one statement.
const (
	mostRows = 64   // that it names by their IDs
	mostArgs = 1800 // of an INSERT
)

// insertMany runs an INSERT whose text ends in "VALUES " for rows of width
// columns each.
func (tx *Tx) insertMany(insert string, width int, args []any) error {
	return tx.putMany(insert, ``, width, args)
}

// putMany is insertMany with what follows on the rows.
func (tx *Tx) putMany(insert, conflict string, width int, args []any) error {
	for len(args) > 0 {
		n := fitting(len(args)/width, width)
		if _, err := tx.exec(insert+valueRows(n, width)+conflict, args[:n*width]...); err != nil {
			return err
		}
		args = args[n*width:]
	}
	return nil
}

// fitting is how many of so many rows go into one statement: the largest power
// of two that fits, so that there are few different statements.
func fitting(rows, width int) int {
	n := 1
	for n*2 <= rows && n*2*width <= mostArgs {
		n *= 2
	}
	return n
}

// valueRows spells the placeholders of so many rows: "($1,$2), ($3,$4)".
func valueRows(rows, width int) string {
	size := [2]int{rows, width}
	if known, ok := spelled.Load(size); ok {
		return known.(string)
	}
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + placeholders(i*width+1, width) + ")")
	}
	spelled.Store(size, b.String())
	return b.String()
}

// spelled keeps what valueRows spells, which are a few texts.
var spelled sync.Map

// EventKinds tells what kind of event each of many was.
func (tx *Tx) EventKinds(ids []souk.ID) (map[souk.ID]souk.EventKind, error) {
	found, err := byID(tx, func(r row) (e souk.Event, err error) {
		err = r.Scan(&e.ID, &e.Kind)
		return e, err
	}, func(e souk.Event) souk.ID { return e.ID }, `SELECT id, kind FROM events WHERE id IN (`, ids)
	kinds := make(map[souk.ID]souk.EventKind, len(found))
	for id, e := range found {
		kinds[id] = e.Kind
	}
	return kinds, err
}
