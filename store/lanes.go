package store

import (
	"encoding/json"

	"souk"
)

const (
	laneColumns = `endpoint_id, app_id, dialect, succeeded_at, failing_since, failures, gone, hour, breaker, probe_at, trips, warned, updated_at`
	laneWidth   = 13
)

func scanHealth(r row) (h souk.Health, err error) {
	var hour string
	err = r.Scan(&h.Endpoint, &h.App, &h.Dialect, (*stamp)(&h.SucceededAt), (*stamp)(&h.FailingSince), &h.Failures, &h.Gone, &hour,
		&h.Breaker, (*stamp)(&h.ProbeAt), &h.Trips, &h.Warned, (*stamp)(&h.UpdatedAt))
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal([]byte(hour), &h.Hour)
}

// PutHealth writes down how endpoints fare. How often somebody was warned stays
// as SetWarned left it, as long as the endpoint has been failing since the same
// time.
func (tx *Tx) PutHealth(all []souk.Health) error {
	var args []any
	for _, h := range all {
		args = append(args, h.Endpoint, h.App, string(h.Dialect), micros(h.SucceededAt), micros(h.FailingSince), h.Failures, h.Gone, text(h.Hour),
			string(h.Breaker), micros(h.ProbeAt), h.Trips, h.Warned, micros(h.UpdatedAt))
	}
	return tx.putMany(`INSERT INTO lanes (`+laneColumns+`) VALUES `, `
		ON CONFLICT (endpoint_id) DO UPDATE SET succeeded_at = excluded.succeeded_at, failures = excluded.failures,
			warned = CASE WHEN lanes.failing_since IS NOT DISTINCT FROM excluded.failing_since THEN lanes.warned ELSE excluded.warned END,
			failing_since = excluded.failing_since, gone = excluded.gone, hour = excluded.hour, breaker = excluded.breaker,
			probe_at = excluded.probe_at, trips = excluded.trips, updated_at = excluded.updated_at`, laneWidth, args)
}

// HealthOf finds how endpoints fare, those that anything was ever sent to.
func (tx *Tx) HealthOf(endpoints []souk.ID) (map[souk.ID]souk.Health, error) {
	return byID(tx, scanHealth, func(h souk.Health) souk.ID { return h.Endpoint },
		`SELECT `+laneColumns+` FROM lanes WHERE endpoint_id IN (`, padded(endpoints))
}

// FailingLanes lists endpoints that fail, those that have for the longest first.
// A position is of FailingSince and Endpoint.
func (tx *Tx) FailingLanes(after souk.Position, limit int) ([]souk.Health, error) {
	var c conditions
	end := c.page(`failing_since`, `endpoint_id`, souk.Page{After: after, Size: limit, Order: souk.OldestFirst})
	return list(tx, scanHealth, `SELECT `+laneColumns+` FROM lanes WHERE failing_since IS NOT NULL`+c.and()+end, c.args...)
}

// SetWarned writes down how many warnings the owner of an endpoint got since it
// has been failing.
func (tx *Tx) SetWarned(endpoint souk.ID, warned int) error {
	_, err := tx.exec(`UPDATE lanes SET warned = $2 WHERE endpoint_id = $1`, endpoint, warned)
	return err
}
