package souktest

import (
	"souk"
	"souk/store"
)

// Told is a page of what a webhook was or is to be told, with the bodies, which
// store's does not have.
func Told(tx *store.Tx, webhook souk.ID, status souk.DeliveryStatus, page souk.Page) ([]souk.Delivery, error) {
	found, err := tx.DeliveriesPage(webhook, status, page)
	for i := range found {
		if err == nil {
			found[i], err = tx.Delivery(found[i].ID)
		}
	}
	return found, err
}
