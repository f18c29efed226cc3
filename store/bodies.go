package store

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"souk"
)

// A body lies in bodies_N, of the part that was the newest when it was put there,
// under the ID of the first delivery that was to tell it. Others of the same event
// that tell the same bytes name that one. An open delivery says in which part its
// body lies; that of one that ended lies in the part where its row lies. Where both
// would be another part the body is copied, so a part is dropped with all that is
// told of in it. What is open must be carried to the newest part first (Carry).

func bodiesIn(part int64) string { return `bodies_` + strconv.FormatInt(part, 10) }

// mostBodies is how many bodies a statement asks for.
const mostBodies = 256

// place is where a body lies.
type place struct {
	part int64
	id   souk.ID
}

// placed is a delivery without its body, and where that lies.
type placed struct {
	souk.Delivery
	body place
}

// own gives the body of a delivery the delivery's ID if it has no other.
func (p *placed) own() {
	if p.body.id.IsZero() {
		p.body.id = p.ID
	}
}

// keeping is how a body is kept.
type keeping struct {
	part int64
	of   souk.ID // the delivery under whose ID it lies; zero: its own
	size int     // that it adds to the log; 0: another counts it
}

// keepBodies writes the bodies of deliveries down, those of the same event that are
// the same once.
//
// On PostgreSQL this comes before the deliveries are inserted: who drops a part
// waits for those who have written to its bodies, and then sees what is open.
func (tx *Tx) keepBodies(all []souk.Delivery) ([]keeping, error) {
	if len(all) == 0 {
		return nil, nil
	}
	part, err := tx.newest()
	if err != nil {
		return nil, err
	}
	kept := make([]keeping, len(all))
	args := make([]any, 0, 2*len(all))
	first := 0 // that is of the same event
	for i := range all {
		d, k := &all[i], &kept[i]
		if k.part = part; d.Event != all[first].Event {
			first = i
		}
		if j := toldBefore(all[first:i], kept[first:i], d.Body); j >= 0 {
			k.of = all[first+j].ID
			continue
		}
		k.size = len(d.Body)
		args = append(args, raw(&d.ID), d.Body)
	}
	for some := range slices.Chunk(args, 2*mostRows) {
		if err := tx.insertMany(`INSERT INTO `+bodiesIn(part)+` (id, body) VALUES `, 2, some); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// toldBefore finds the first of deliveries that tells the same bytes, or -1.
func toldBefore(all []souk.Delivery, kept []keeping, body []byte) int {
	for i := range all {
		other := all[i].Body
		if len(other) != len(body) || !kept[i].of.IsZero() {
			continue
		}
		if len(body) == 0 || &other[0] == &body[0] || bytes.Equal(other, body) {
			return i
		}
	}
	return -1
}

// bodies reads bodies by their IDs. One that is not there is an error.
func (tx *Tx) bodies(of []place) (map[souk.ID][]byte, error) {
	found := make(map[souk.ID][]byte, len(of))
	ids := map[int64][]souk.ID{}
	for _, p := range of {
		ids[p.part] = append(ids[p.part], p.id)
	}
	type body struct {
		id    souk.ID
		bytes []byte
	}
	for part, ids := range ids {
		for some := range slices.Chunk(ids, mostBodies) {
			in, args := tx.in(some)
			bodies, err := list(tx, func(r row) (b body, err error) {
				err = r.Scan(&b.id, &b.bytes)
				return b, err
			}, `SELECT id, body FROM `+bodiesIn(part)+` WHERE id `+in, args...)
			if err != nil {
				return nil, err
			}
			for _, b := range bodies {
				found[b.id] = b.bytes
			}
		}
	}
	for _, p := range of {
		if _, there := found[p.id]; !there {
			return nil, fmt.Errorf("store: there is no body %s in part %d of the log", p.id, p.part)
		}
	}
	return found, nil
}

// in is the condition to be one of IDs, and its arguments.
func (tx *Tx) in(ids []souk.ID) (string, []any) {
	if tx.dialect.arrays {
		all := make([][]byte, len(ids))
		for i := range ids {
			all[i] = ids[i][:]
		}
		return `= ANY($1::bytea[])`, []any{all}
	}
	ids = padded(ids)
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = raw(&ids[i])
	}
	return `IN (` + placeholders(1, len(ids)) + `)`, args
}

// withBodies are deliveries with their bodies. Those that tell the same share it.
func (tx *Tx) withBodies(all []placed) ([]souk.Delivery, error) {
	if len(all) == 0 {
		return nil, nil
	}
	places := make([]place, len(all))
	for i := range all {
		all[i].own()
		places[i] = all[i].body
	}
	bodies, err := tx.bodies(places)
	if err != nil {
		return nil, err
	}
	found := make([]souk.Delivery, len(all))
	for i := range all {
		found[i] = all[i].Delivery
		found[i].Body = bodies[all[i].body.id]
	}
	return found, nil
}

// copyBodies puts bodies of a part into a newer one, unless they lie there already.
func (tx *Tx) copyBodies(from, to int64, ids []souk.ID) error {
	slices.SortFunc(ids, souk.ID.Compare) // or two who copy the same would wait for each other
	for some := range slices.Chunk(slices.Compact(ids), mostRows) {
		some = padded(some)
		if _, err := tx.exec(`INSERT INTO `+bodiesIn(to)+` (id, body) SELECT id, body FROM `+bodiesIn(from)+`
			WHERE id IN (`+placeholders(1, len(some))+`) ORDER BY id ON CONFLICT (id) DO NOTHING`, anys(some)...); err != nil {
			return err
		}
	}
	return nil
}

// followEnded copies the bodies of deliveries that ended in a part from the older
// part where they lay.
func (tx *Tx) followEnded(from, to int64, ended []souk.ID) error {
	for some := range slices.Chunk(ended, mostRows) {
		some = padded(some)
		ids, err := list(tx, scanID, `SELECT COALESCE(body_id, id) FROM `+endedIn(to)+`
			WHERE id IN (`+placeholders(1, len(some))+`)`, anys(some)...)
		if err != nil {
			return err
		}
		if err := tx.copyBodies(from, to, ids); err != nil {
			return err
		}
	}
	return nil
}

// followAll is followEnded for those of several parts.
func (tx *Tx) followAll(older map[int64][]souk.ID, to int64) error {
	for _, from := range slices.Sorted(maps.Keys(older)) {
		if err := tx.followEnded(from, to, older[from]); err != nil {
			return err
		}
	}
	return nil
}

// OpenIn lists open deliveries whose bodies lie in a part, by ID and beyond after.
// It reads the outbox for that, up to the last that it answers with: all of it
// when there are fewer than limit.
func (tx *Tx) OpenIn(part int64, after souk.ID, limit int) ([]souk.ID, error) {
	return list(tx, scanID, `SELECT id FROM deliveries WHERE id > $1 AND body_part = $2 ORDER BY id LIMIT $3`, after[:], part, limit)
}

// Carry has the bodies of open deliveries lie in the newest part, where they lay in
// an older one.
func (tx *Tx) Carry(part int64, ids []souk.ID) error {
	newest, err := tx.newest()
	if err != nil || newest == part {
		return err
	}
	slices.SortFunc(ids, souk.ID.Compare)
	for some := range slices.Chunk(ids, mostRows) {
		in := anys(padded(some))
		args := append([]any{part}, in...)
		bodies, err := list(tx, scanID, `SELECT COALESCE(body_id, id) FROM deliveries
			WHERE body_part = $1 AND id IN (`+placeholders(2, len(in))+`) ORDER BY id `+tx.dialect.hold, args...)
		if err != nil {
			return err
		}
		if err := tx.copyBodies(part, newest, bodies); err != nil {
			return err
		}
		if _, err := tx.exec(`UPDATE deliveries SET body_part = $1
			WHERE body_part = $2 AND id IN (`+placeholders(3, len(in))+`)`, append([]any{newest}, args...)...); err != nil {
			return err
		}
	}
	return nil
}
