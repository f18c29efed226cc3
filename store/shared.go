package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// WriteShared is a Write without locks for callers who may share a commit, and
// are many: those who wait at the same time do, on PostgreSQL at most 32 of them,
// as everybody does on SQLite. What fn does and gets is what a Write's does, but
// for two things. Neighbours see each other's changes before they are committed
// (docs/sql.md). And once fn has begun, the
// true outcome is waited for on PostgreSQL too, even if ctx ends. All of a group
// get ErrOutcomeUnknown when nobody knows what became of their commit.
//
// fn should change few rows that others change: a group waits for no row longer
// than 100 ms, and who would is run again alone.
func (db *DB) WriteShared(ctx context.Context, fn func(*Tx) error) error {
	return db.engine.shared(ctx, fn)
}

// Version is another one after a Write that may have changed something, and it is
// so before that is answered: what a Read found that began after Version answered
// holds as long as it answers the same, but for what Record and WriteShared change,
// deliveries and what is known of their endpoints. False where others write, too.
func (db *DB) Version() (uint64, bool) { return db.engine.version() }

func (*postgres) version() (uint64, bool) { return 0, false }

// How commits are shared on PostgreSQL. A backend has room for 64 savepoints that
// wrote something; beyond, every other transaction looks for them on the disk.
const (
	sharers    = 32 // in a group, at most
	groups     = 2  // at a time: one gathers while the other's commit waits for the disk
	groupLife  = 10 * time.Second
	commitTime = time.Minute
)

// errAlone has a caller run again by itself.
var errAlone = errors.New("store: to be run alone")

func (p *postgres) shared(ctx context.Context, fn func(*Tx) error) error {
	err := p.writer.submit(ctx, fn, sharedCall)
	if errors.Is(err, errAlone) || retryable(err) || lockTimeout(err) {
		return p.write(ctx, nil, fn)
	}
	return p.classify(ctx, err)
}

// lockTimeout reports whether err is of a statement that a group's impatience ended.
func lockTimeout(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "55P03"
}

// postgresGround is where one group after another runs on PostgreSQL.
type postgresGround struct {
	pool  *sql.DB
	conn  *sql.Conn // of the group in hand
	until time.Time // its statements must have ended
	clean bool      // nothing was run since its savepoint
}

func (p *postgres) grounds() (all []ground) {
	for range groups {
		all = append(all, &postgresGround{pool: p.pool})
	}
	return all
}

// begin starts a transaction with its first savepoint in one round trip.
//
// lock_timeout: a group that waits for a row has all its callers wait, and comes
// across more rows than any of them, in the order in which they came. So it is
// more likely to be part of a deadlock, which the server would look for after a
// second.
func (on *postgresGround) begin() error {
	on.until = time.Now().Add(groupLife)
	ctx, cancel := context.WithDeadline(context.Background(), on.until)
	defer cancel()
	return alive(ctx, func() (err error) {
		if on.conn, err = on.pool.Conn(ctx); err != nil {
			return err
		}
		if err = on.do("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = 100; SAVEPOINT caller"); err != nil {
			on.drop()
			return err
		}
		on.clean = true
		return nil
	})
}

func (on *postgresGround) savepoint() error {
	if on.clean {
		return nil
	}
	on.clean = true
	return on.do("RELEASE caller; SAVEPOINT caller")
}

// undo leaves the savepoint for the next caller.
func (on *postgresGround) undo() error {
	on.clean = true
	return on.do("ROLLBACK TO caller")
}

// keep leaves it to savepoint, or to commit, to release what was done.
func (on *postgresGround) keep() error { return nil }

// run runs a caller, who may leave meanwhile; its statements may not, since one
// that is given up costs its connection.
func (on *postgresGround) run(c *call) error {
	on.clean = false
	ctx, cancel := context.WithDeadline(context.WithoutCancel(c.ctx), on.until)
	defer cancel()
	return guard(&Tx{ctx: ctx, on: on.conn, dialect: &postgresDialect}, c.fn)
}

func (on *postgresGround) enough(ran time.Duration) bool { return ran > groupTime }

// commit hears the server out, for a minute.
func (on *postgresGround) commit() error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTime)
	defer cancel()
	err := afterCommit(on.conn.Raw(func(on any) error {
		done, err := on.(*stdlib.Conn).Conn().Exec(ctx, "COMMIT")
		if err == nil && done.String() != "COMMIT" {
			err = pgx.ErrTxCommitRollback
		}
		return err
	}))
	if err == nil {
		_ = on.conn.Close() // back into the pool
	}
	return err
}

// abandon rolls back what there is to roll back, or has the server do it.
func (on *postgresGround) abandon() {
	on.until = time.Now().Add(time.Second)
	if on.do("ROLLBACK") != nil {
		on.drop()
		return
	}
	_ = on.conn.Close() // back into the pool
}

// drop closes the connection. Saying that it is bad is how one keeps it from the
// pool; both calls answer with just that.
func (on *postgresGround) drop() {
	_ = on.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = on.conn.Close()
}

// again leaves it to each caller to run again, beside the others.
func (on *postgresGround) again(_ *call, lost error) error {
	if errors.Is(lost, ErrOutcomeUnknown) {
		return lost
	}
	return errAlone
}

// tell answers at once: the server has synced what it calls committed.
func (on *postgresGround) tell(ran ...*call) {
	for _, c := range ran {
		c.answer(c.err)
	}
}

// do runs statements that have no rows to tell of, in one round trip.
func (on *postgresGround) do(statements string) error {
	ctx, cancel := context.WithDeadline(context.Background(), on.until)
	defer cancel()
	_, err := on.conn.ExecContext(ctx, statements)
	return err
}
