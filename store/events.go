package store

import (
	"encoding/json"
	"slices"
	"strings"

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

// Bounds of one statement: SQLite's driver binds the n-th argument in a time
// that grows with n.
const (
	mostRows = 64  // that it names by their IDs
	mostArgs = 300 // of an INSERT
)

// insertMany runs an INSERT whose text ends in "VALUES " for rows of width
// columns each.
func (tx *Tx) insertMany(insert string, width int, args []any) error {
	for part := range slices.Chunk(args, mostArgs/width*width) {
		var b strings.Builder
		b.WriteString(insert)
		for i := range len(part) / width {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + placeholders(i*width+1, width) + ")")
		}
		if _, err := tx.exec(b.String(), part...); err != nil {
			return err
		}
	}
	return nil
}

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
