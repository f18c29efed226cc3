package store

import "strings"

// dialect is what differs between the engines in the text of statements. It
// grows only with a test that fails on one engine.
type dialect struct {
	skipLocked     string            // see Tx.skipLocked
	hold           string            // ends a query whose rows this transaction is about to change, in their order
	holdShared     string            // ends a query whose rows nobody may change until the transaction ends
	holdKey        string            // ends a query whose rows nobody may delete until the transaction ends; others may change them
	holdPart       string            // keeps a part of log_parts from being dropped; false for one that is gone
	takePart       string            // waits for those who hold part $1
	closeTable     string            // waits for those who have written to table %s, and keeps it from others
	arrays         bool              // a column of values is one argument
	planOnce       string            // has the rest of a transaction do without plans for single arguments, which take longer than joins of few rows
	beginMigration string            // begins a transaction that no other node's overlaps
	clock          string            // reads the server's clock in microseconds since 1970; "" where there is no server
	ddl            *strings.Replacer // spells a migration
}

var sqliteDialect = dialect{
	holdPart:       "TRUE",
	beginMigration: "BEGIN IMMEDIATE",
	// STRICT tables keep their columns' types as PostgreSQL does, but know
	// only SQLite's own names for them.
	ddl: strings.NewReplacer("BIGINT", "INTEGER", "BOOLEAN", "INTEGER", "BYTEA", "BLOB", "\n);", "\n) STRICT;"),
}

var postgresDialect = dialect{
	arrays:     true,
	planOnce:   "SET LOCAL plan_cache_mode = force_generic_plan",
	skipLocked: "FOR UPDATE SKIP LOCKED",
	hold:       "FOR UPDATE",
	holdShared: "FOR SHARE",
	holdKey:    "FOR KEY SHARE",
	// 1920298868 is any number that is always the same. A CASE keeps the order.
	holdPart: `CASE WHEN pg_advisory_xact_lock_shared(1920298868, CAST(number AS INTEGER)) IS NULL THEN FALSE
		ELSE to_regclass('attempts_' || CAST(number AS TEXT)) IS NOT NULL END`,
	takePart:       "SELECT pg_advisory_xact_lock(1920298868, CAST($1 AS INTEGER)) IS NULL",
	closeTable:     "LOCK TABLE %s IN SHARE MODE",
	clock:          "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT",
	beginMigration: "BEGIN; SELECT pg_advisory_xact_lock(6009193226475203)", // any number that is always the same
	ddl:            strings.NewReplacer(),
}
