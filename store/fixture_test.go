package store_test

import (
	"strings"

	"souk/store"
)

// createTables spells PostgreSQL's DDL for the engine at hand, as a migration
// would be.
func createTables(tx *store.Tx, ddl string) error {
	if tx.SkipLocked() == "" {
		ddl = strings.NewReplacer("BIGINT", "INTEGER", "BYTEA", "BLOB", "\n);", "\n) STRICT;").Replace(ddl)
	}
	_, err := tx.Exec(ddl)
	return err
}
