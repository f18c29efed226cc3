package store

import "souk"

// Count is how many deliveries of an app ended on a day, and how.
type Count struct {
	Day        int64 // of UTC, since 1970
	Status     souk.DeliveryStatus
	Deliveries int64
}

// DeliveryCounts are an app's since a day, by day and status.
func (tx *Tx) DeliveryCounts(app souk.ID, since int64) ([]Count, error) {
	return list(tx, func(r row) (c Count, err error) {
		err = r.Scan(&c.Day, &c.Status, &c.Deliveries)
		return c, err
	}, `SELECT day, status, CAST(sum(deliveries) AS BIGINT) FROM delivery_counts
		WHERE app_id = $1 AND day >= $2 GROUP BY day, status ORDER BY day, status`, app, since)
}
