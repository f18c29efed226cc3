package store_test

import (
	"testing"

	"souk/souktest"
	"souk/store"
)

func TestPing(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
