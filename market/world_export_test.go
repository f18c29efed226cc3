package market

import "souk/store"

// LocksOf shows tests what applying w would lock.
func LocksOf(w World, tx *store.Tx) (store.Locks, error) { return w.locks(tx) }
