// Package store is all the SQL of Souk: rows in and rows out, on SQLite or
// PostgreSQL, from one text. It decides nothing.
//
// A verb of the market is one Write, a question is one Read, and the courier
// writes down what happened with Record. How the three keep their promises on
// each engine is told in docs/sql.md.
package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"strings"

	"souk"
)

var (
	// ErrNotFound answers a lookup by key that found no row.
	ErrNotFound = errors.New("store: no such row")

	// ErrUnavailable is wrapped by errors of a database that is gone, full,
	// starting, that Close has shut, or whose disk failed. Nothing was changed.
	ErrUnavailable = errors.New("store: database unavailable")

	// ErrOutcomeUnknown is wrapped by errors of a commit that was sent and
	// never answered: the change is there or it is not.
	ErrOutcomeUnknown = errors.New("store: outcome of commit unknown")

	// ErrHeld refuses to open a SQLite file that another process has open.
	ErrHeld = errors.New("store: database is in use by another process")

	// ErrNewerSchema refuses a database that has a migration which this
	// binary lacks: a newer Souk was here.
	ErrNewerSchema = errors.New("store: database has a newer schema than this binary")

	// ErrEditedMigration refuses a database whose record of a migration
	// differs from the text in this binary.
	ErrEditedMigration = errors.New("store: applied migration was edited")
)

// Panic answers a Write or a Record whose function panicked. Nothing of that
// function is stored.
type Panic struct {
	Value any
	Stack []byte // of the goroutine that ran the function
}

// Error spells the value; the stack is for the log.
func (p *Panic) Error() string { return fmt.Sprintf("store: panic in a transaction: %v", p.Value) }

// Unwrap is the panic's value if that is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Locks names what a verb works on, so that verbs about other things run
// beside it. They are taken in one agreed order and held until the commit.
type Locks struct {
	Apps          []souk.ID // read by the verb: they must not change meanwhile
	ExclusiveApps []souk.ID // changed by the verb, or their webhooks are
	Roots         []souk.ID // root orgs whose cases and audit the verb writes; the zero ID is the platform
}

//go:embed all:migrations
var embedded embed.FS

// migrations is the schema of this binary, a file a step.
func migrations() fs.FS {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the name is a constant
	}
	return files
}

// DB is one open, migrated database. It is safe for concurrent use.
type DB struct {
	engine engine
	clock  *clock // of the server, on PostgreSQL
}

// engine is what the two databases do each in their own way. Errors come out
// of it classified.
type engine interface {
	read(ctx context.Context, fn func(*Tx) error) error
	write(ctx context.Context, find func(*Tx) (Locks, error), fn func(*Tx) error) error
	shared(ctx context.Context, fn func(*Tx) error) error
	version() (uint64, bool)
	record(ctx context.Context, fn func(*Tx) error) error
	migrate(ctx context.Context, files fs.FS) error
	close() error
}

// Open opens the database at address and brings its schema up to date.
// address is the path of a SQLite file, made with mode 0600 if it is not
// there, or a postgres:// URL. It refuses with ErrHeld, ErrNewerSchema,
// ErrEditedMigration or ErrUnavailable.
func Open(ctx context.Context, address string) (*DB, error) {
	return open(ctx, address, migrations())
}

func open(ctx context.Context, address string, schema fs.FS) (*DB, error) {
	var e engine
	var c *clock
	var err error
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		e, err = openPostgres(address)
		c = newClock()
	} else {
		e, err = openSQLite(ctx, address)
	}
	if err != nil {
		return nil, err
	}
	if err := e.migrate(ctx, schema); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return &DB{engine: e, clock: c}, nil
}

// Leased reports whether several nodes may work on the database at once, and
// therefore lease what only one of them shall do: on PostgreSQL.
func (db *DB) Leased() bool { return db.clock != nil }

// Close waits for the transactions in hand, refuses those that wait with
// ErrUnavailable, and lets the database go.
func (db *DB) Close() error { return db.engine.close() }

// Ping reports whether the database answers reads and takes writes now. It
// takes its turn among the verbs: strangers may ask for it as often as they like.
func (db *DB) Ping(ctx context.Context) error {
	const anyRow = "SELECT count(*) FROM migrations"
	ask := func(tx *Tx) error {
		var n int
		return tx.row(anyRow).Scan(&n)
	}
	if err := db.engine.read(ctx, ask); err != nil {
		return err
	}
	return db.engine.write(ctx, nil, ask)
}

// Read runs fn in a transaction that sees one moment of the database and can
// change nothing. It returns when no crash can undo what fn saw.
func (db *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	return db.engine.read(ctx, fn)
}

// Write runs fn in a transaction. What fn changed is stored, durably, if and
// only if Write returns nil; an error of fn comes back as it is, after
// everything that fn saw is stored. ErrOutcomeUnknown is the exception.
//
// find names the locks that fn needs; it only reads. On PostgreSQL it runs
// before the locks are taken and again under them, and if it then names
// others, Write starts over. SQLite has one writer and never calls it. A nil
// find takes no locks.
//
// fn may run more than once, on another goroutine, and must touch nothing
// that a rollback does not undo. It must not call Read, Write or Record, nor
// end its goroutine as a test's Fatal does. A panic in it comes back as *Panic. A ctx that ends before the commit begins
// stops Write, except on SQLite once fn has begun: then the true outcome is
// waited for, some milliseconds.
func (db *DB) Write(ctx context.Context, find func(*Tx) (Locks, error), fn func(*Tx) error) error {
	return db.engine.write(ctx, find, fn)
}

// Record is Write for the courier: it takes no locks, and on SQLite it goes
// before the verbs that wait, since deliveries in flight hold on to it. On
// PostgreSQL it has connections of its own, three.
func (db *DB) Record(ctx context.Context, fn func(*Tx) error) error {
	return db.engine.record(ctx, fn)
}

// guard runs fn on tx, and finishes the rows it left open. The error is fn's
// own, or that of a statement that failed and that fn swallowed, or a *Panic.
func guard(tx *Tx, fn func(*Tx) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{Value: v, Stack: debug.Stack()}
		}
		if settled := tx.settle(); err == nil {
			err = settled
		}
	}()
	return fn(tx)
}
