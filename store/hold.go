package store

import (
	"slices"

	"souk"
)

// What is to be held of a webhook may come beside the transaction that enables it
// and releases what is held then: nobody would ever release the rest. So who holds
// something finds out whether the webhook is still disabled, and keeps it so until
// the end of the transaction. Who enables a webhook changes its row before anything
// else of it, and so sees what came first.

// enabled tells which of webhooks are not disabled, and perhaps were when it was
// decided that something of them is to be held.
func (tx *Tx) enabled(webhooks []souk.ID) (map[souk.ID]bool, error) {
	if len(webhooks) == 0 {
		return nil, nil
	}
	type one struct {
		id       souk.ID
		disabled bool
	}
	slices.SortFunc(webhooks, souk.ID.Compare)
	webhooks = padded(slices.Compact(webhooks))
	found, err := list(tx, func(r row) (w one, err error) {
		err = r.Scan(&w.id, &w.disabled)
		return w, err
	}, `SELECT id, status = 'disabled' AND deleted_at IS NULL FROM webhooks
		WHERE id IN (`+placeholders(1, len(webhooks))+`) ORDER BY id `+tx.dialect.holdShared, anys(webhooks)...)
	if err != nil {
		return nil, err
	}
	enabled := map[souk.ID]bool{}
	for _, w := range found {
		if !w.disabled {
			enabled[w.id] = true
		}
	}
	return enabled, nil
}
