package store

import "souk"

// countParts is over how many rows the count of an app's installations is
// spread. Those of one root fall into one part, under that root's lock.
const countParts = 16

// CountInstallation adds to how many live installations an app has under a
// root org.
func (tx *Tx) CountInstallation(app, root souk.ID, by int) error {
	_, err := tx.exec(`INSERT INTO installation_counts (app_id, part, live) VALUES ($1, $2, $3)
		ON CONFLICT (app_id, part) DO UPDATE SET live = installation_counts.live + excluded.live`,
		app, int64(root[len(root)-1]%countParts), by)
	return err
}

// InstallationCounts tells how many live installations each of many apps has.
func (tx *Tx) InstallationCounts(apps []souk.ID) (map[souk.ID]int, error) {
	counts := make(map[souk.ID]int, len(apps))
	if len(apps) == 0 {
		return counts, nil
	}
	apps = padded(apps)
	_, err := list(tx, func(r row) (id souk.ID, err error) {
		var live int
		err = r.Scan(&id, &live)
		counts[id] += live
		return id, err
	}, `SELECT app_id, live FROM installation_counts WHERE app_id IN (`+placeholders(1, len(apps))+`)`, anys(apps)...)
	return counts, err
}
