package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// migrationsTable is the record of what was applied. It is the one table that
// no migration makes.
const migrationsTable = `CREATE TABLE IF NOT EXISTS migrations (
	name TEXT NOT NULL PRIMARY KEY,
	sha256 TEXT NOT NULL,
	applied_at BIGINT NOT NULL
);`

// migration is one step of the schema: a file NNNN_what.sql.
type migration struct {
	name, sum, text string
}

// readMigrations reads the steps in the order of their names.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, name := range names { // Glob sorts
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{strings.TrimSuffix(name, ".sql"), hex.EncodeToString(sum[:]), string(text)})
	}
	return all, nil
}

// eachPart stands in a step before what it does to each part of the log that
// there is; partText does the same for those to come.
const eachPart = "\n-- For each part of the log, N:\n"

// andThen stands before what a step does behind that.
const andThen = "\n-- And then:\n"

// take runs the statements of a step.
func (m migration) take(tx *Tx) error {
	text, forParts, some := strings.Cut(m.text, eachPart)
	forParts, rest, more := strings.Cut(forParts, andThen)
	if _, err := tx.exec(tx.dialect.ddl.Replace(text)); err != nil || !some {
		return err
	}
	parts, err := list(tx, func(r row) (number int64, err error) {
		err = r.Scan(&number)
		return number, err
	}, `SELECT number FROM log_parts ORDER BY number`)
	if err != nil {
		return err
	}
	for _, number := range parts {
		if _, err := tx.exec(tx.dialect.ddl.Replace(ofPart(forParts, number))); err != nil {
			return err
		}
	}
	if more {
		_, err = tx.exec(tx.dialect.ddl.Replace(rest))
	}
	return err
}

// Schema names the schema of this binary: two binaries with the same
// migrations have the same name.
func Schema() (string, error) {
	all, err := readMigrations(migrations())
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, m := range all {
		fmt.Fprintln(h, m.name, m.sum)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// migrate applies the steps that conn's database lacks, each in a transaction
// of its own together with its record. Every transaction takes the lock for
// migrations first and then looks at what is still missing, so any number of
// nodes may start at once.
func migrate(ctx context.Context, conn *sql.Conn, d *dialect, files fs.FS) error {
	steps, err := readMigrations(files)
	if err != nil {
		return err
	}
	for done := false; !done; {
		if done, err = migrateStep(ctx, conn, d, steps); err != nil {
			return err
		}
	}
	return nil
}

// migrateStep applies the next missing step and reports whether none is left.
func migrateStep(ctx context.Context, conn *sql.Conn, d *dialect, steps []migration) (done bool, err error) {
	if _, err := conn.ExecContext(ctx, d.beginMigration); err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			// If this fails too, the connection is broken and the database
			// rolls back when Open's caller has it closed.
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	tx := &Tx{ctx: ctx, on: conn, dialect: d}
	if _, err := tx.exec(d.ddl.Replace(migrationsTable)); err != nil {
		return false, err
	}
	next, err := missing(tx, steps)
	if err != nil {
		return false, err
	}
	if next != nil {
		if err := next.take(tx); err != nil {
			return false, fmt.Errorf("migration %s: %w", next.name, err)
		}
		if _, err := tx.exec("INSERT INTO migrations (name, sha256, applied_at) VALUES ($1, $2, $3)",
			next.name, next.sum, micros(time.Now())); err != nil {
			return false, err
		}
	}
	_, err = tx.exec("COMMIT")
	return next == nil, err
}

// missing answers with the first step that is not applied, nil if none. It
// refuses a database that knows a step that we do not, or another text.
func missing(tx *Tx, steps []migration) (*migration, error) {
	applied, err := list(tx, func(r row) (m migration, err error) {
		err = r.Scan(&m.name, &m.sum)
		return m, err
	}, "SELECT name, sha256 FROM migrations ORDER BY name")
	if err != nil {
		return nil, err
	}
	sums := make(map[string]string, len(applied))
	for _, m := range applied {
		sums[m.name] = m.sum
	}
	var next *migration
	for i, m := range steps {
		sum, ok := sums[m.name]
		switch {
		case !ok && next == nil:
			next = &steps[i]
		case ok && sum != m.sum:
			return nil, fmt.Errorf("%w: %s", ErrEditedMigration, m.name)
		}
		delete(sums, m.name)
	}
	for _, m := range applied {
		if _, unknown := sums[m.name]; unknown {
			return nil, fmt.Errorf("%w: %s", ErrNewerSchema, m.name)
		}
	}
	return next, nil
}
