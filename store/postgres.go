package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"souk"
)

// postgresConns is the size of the pool. A commit waits for the disk and for
// other verbs' locks most of the time, so it is well above the number of
// processors; six nodes fit a server with the default of 100. Some of them are
// for Record alone: verbs that all wait for one lock must not keep a node from
// renewing its leases and recording what it sent.
const (
	postgresConns = 16
	recordConns   = 3
)

// postgresTries bounds how often a transaction is run again that the server
// chose to break, or that found other locks to take.
const postgresTries = 10

type postgres struct {
	pool      *sql.DB
	recorders *sql.DB // the pool of Record
	dialer    *dialer
	tallies   tallies
	writer    *writer      // of WriteShared
	inHand    sync.RWMutex // every other transaction reads it; close takes it for good
	close1    func() error
}

func openPostgres(address string) (engine, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	dialer := newDialer()
	config.DialFunc = dialer.dial
	pool := func(size int) *sql.DB {
		pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(durable))
		pool.SetMaxOpenConns(size)
		pool.SetMaxIdleConns(size)
		return pool
	}
	p := &postgres{pool: pool(postgresConns - recordConns), recorders: pool(recordConns), dialer: dialer}
	p.writer = newWriter(sharers, p.grounds()...)
	p.close1 = sync.OnceValue(func() error {
		p.writer.stop()
		p.inHand.Lock()
		return errors.Join(p.pool.Close(), p.recorders.Close())
	})
	return p, nil
}

// durable has the server write a commit down before it answers, even where
// its configuration says otherwise, and end the transaction of a node that
// vanished or froze in the middle, since its locks stop others. That is sooner than
// its leases run out, so that others can take them then.
//
// Every statement has an index to go by (TestPlans). A plan that reads a whole table
// is made when that is small, and kept when it is not any more: the outbox has few
// rows, but as many dead ones as were delivered since it was vacuumed, which may be
// never. Where a table must be read whole it is all the same, at a price that would
// have the server compile the statement.
func durable(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT
		set_config('synchronous_commit', CASE current_setting('synchronous_commit')
			WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, FALSE),
		set_config('idle_in_transaction_session_timeout', '10s', FALSE),
		set_config('enable_seqscan', 'off', FALSE), set_config('jit', 'off', FALSE)`)
	return err
}

func (p *postgres) migrate(ctx context.Context, files fs.FS) error {
	conn, err := p.pool.Conn(ctx)
	if err != nil {
		return p.classify(ctx, err)
	}
	defer conn.Close()
	if err := migrate(ctx, conn, &postgresDialect, files); err != nil {
		return p.classify(ctx, err)
	}
	// A step takes as long as it takes, here or on the node that we wait for.
	p.dialer.patience.Store(int64(answerTime))
	return nil
}

func (p *postgres) close() error { return p.close1() }

func (p *postgres) read(ctx context.Context, fn func(*Tx) error) error {
	on, end, err := p.begin(ctx, p.pool, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return p.classify(ctx, err)
	}
	defer end()
	tx := &Tx{ctx: ctx, on: on, dialect: &postgresDialect}
	err = fn(tx)
	if settled := tx.settle(); err == nil {
		err = settled
	}
	return p.classify(ctx, err)
}

func (p *postgres) record(ctx context.Context, fn func(*Tx) error) error {
	return p.run(ctx, p.recorders, &locked{fn: fn})
}

func (p *postgres) write(ctx context.Context, find func(*Tx) (Locks, error), fn func(*Tx) error) error {
	return p.run(ctx, p.pool, &locked{find: find, fn: fn})
}

// run runs w until it is committed or refused.
func (p *postgres) run(ctx context.Context, pool *sql.DB, w *locked) error {
	for try := 1; ; try++ {
		err := p.try(ctx, pool, w)
		if err == nil || try == postgresTries || !retryable(err) {
			return p.classify(ctx, err)
		}
		if errors.Is(err, errOtherLocks) {
			continue // the right ones are known now
		}
		pause := time.NewTimer(rand.N(time.Duration(try) * 5 * time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// locked is a Write under way.
type locked struct {
	find  func(*Tx) (Locks, error)
	fn    func(*Tx) error
	found bool
	keys  []lockKey // what find named last, if found
}

// errOtherLocks tells write to start over with the locks found meanwhile.
var errOtherLocks = errors.New("store: what to lock has changed")

// try runs w once in a transaction.
//
// The first find may run in the same transaction: at READ COMMITTED every
// statement sees what is committed when it starts, so the second find, under
// the locks, sees what was committed before they were granted.
func (p *postgres) try(ctx context.Context, pool *sql.DB, w *locked) error {
	on, end, err := p.begin(ctx, pool, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer end()
	tx := &Tx{ctx: ctx, on: on, dialect: &postgresDialect, tallies: &p.tallies}
	err = guard(tx, func(tx *Tx) error {
		if err := w.lock(tx); err != nil {
			return err
		}
		return w.fn(tx)
	})
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return afterCommit(on.Commit())
}

// begin starts a transaction and answers with how to end it unless it was
// committed. ctx stops the waiting for a connection and nothing that comes
// later: whoever runs statements passes it to them, and a commit that was
// sent must be heard out.
func (p *postgres) begin(ctx context.Context, pool *sql.DB, opts *sql.TxOptions) (*sql.Tx, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if !p.inHand.TryRLock() {
		return nil, nil, errClosed
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, cancel)
	on, err := fresh(life, pool, opts)
	if !release() && err == nil {
		err = ctx.Err() // life is over, and database/sql rolls back
	}
	if err != nil {
		cancel()
		p.inHand.RUnlock()
		return nil, nil, err
	}
	end := func() {
		// After a commit there is nothing to roll back; and a connection that
		// cannot roll back is closed by database/sql, which has the server do so.
		_ = on.Rollback()
		cancel()
		p.inHand.RUnlock()
	}
	return on, end, nil
}

// fresh begins on a connection that lives.
func fresh(ctx context.Context, pool *sql.DB, opts *sql.TxOptions) (on *sql.Tx, err error) {
	return on, alive(ctx, func() error {
		on, err = pool.BeginTx(ctx, opts)
		return err
	})
}

// alive begins again when that was on a dead connection. Those at rest in the pool
// may have died with a server that restarted, which the first statement finds out.
func alive(ctx context.Context, begin func() error) error {
	for dead := 0; ; dead++ {
		err := begin()
		var connect *pgconn.ConnectError
		if err == nil || dead == postgresConns || !gone(err) || errors.As(err, &connect) || ctx.Err() != nil {
			return err
		}
	}
}

// afterCommit tells apart what a commit came to: the server refused, it was
// never sent, nobody knows.
func afterCommit(err error) error {
	if err == nil {
		return nil
	}
	// That the connection was closed, pgx also says where it broke while the answer
	// was awaited, and calls it safe.
	safe := pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
	if errors.Is(err, pgx.ErrTxCommitRollback) || safe {
		return err
	}
	// A refusal is an ERROR. FATAL ends the session, and may come after the
	// commit was written; but not when the session ended for being idle.
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.SeverityUnlocalized == "ERROR" || refused.Code == idledOut) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// lock takes the locks that find names, and finds again.
func (w *locked) lock(tx *Tx) error {
	if w.find == nil {
		return nil
	}
	if !w.found {
		locks, err := w.find(tx)
		if err != nil {
			return err
		}
		w.keys, w.found = locks.keys(), true
	}
	for keys := range slices.Chunk(w.keys, maxLockStatement) {
		query, args := lockStatement(keys)
		if _, err := tx.exec(query, args...); err != nil {
			return err
		}
	}
	locks, err := w.find(tx)
	if err != nil {
		return err
	}
	if keys := locks.keys(); !slices.Equal(keys, w.keys) {
		w.keys = keys
		return errOtherLocks
	}
	return nil
}

// lockKey is one advisory lock.
type lockKey struct {
	class  byte // 'a' for apps before 'r' for roots
	number int64
	shared bool
}

// keys are the locks in the order in which every Write takes them: apps
// before roots, by number, each once. An app that is both is exclusive.
func (l Locks) keys() []lockKey {
	var all []lockKey
	add := func(class byte, ids []souk.ID, shared bool) {
		for _, id := range ids {
			h := fnv.New64a()
			_, _ = h.Write(append([]byte{class}, id[:]...)) // a hash takes everything
			var sum [8]byte
			number := int64(binary.BigEndian.Uint64(h.Sum(sum[:0])))
			all = append(all, lockKey{class, number, shared})
		}
	}
	add('a', l.ExclusiveApps, false)
	add('a', l.Apps, true)
	add('r', l.Roots, false)
	slices.SortStableFunc(all, func(a, b lockKey) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.number, b.number))
	})
	return slices.CompactFunc(all, func(a, b lockKey) bool {
		return a.class == b.class && a.number == b.number
	})
}

// maxLockStatement is how many locks one statement takes; the server has room
// for 1,664 expressions in a list.
const maxLockStatement = 1000

// lockStatement takes locks in one round trip. A list of expressions is
// worked off from left to right.
func lockStatement(keys []lockKey) (string, []any) {
	var b strings.Builder
	args := make([]any, len(keys))
	b.WriteString("SELECT ")
	for i, k := range keys {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("pg_advisory_xact_lock")
		if k.shared {
			b.WriteString("_shared")
		}
		b.WriteString("($" + strconv.Itoa(i+1) + ")")
		args[i] = k.number
	}
	return b.String(), args
}

// idledOut is the code with which the server ends the session of a transaction
// that was left idle, and rolls it back.
const idledOut = "25P03"

// retryable reports whether the transaction was broken for a reason that is
// gone when it runs again.
func retryable(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		// Serialization, deadlock, and a table that is not there: of a part of the log
		// that was dropped since it was looked up.
		return e.Code == "40001" || e.Code == "40P01" || e.Code == "42P01"
	}
	return errors.Is(err, errOtherLocks) || errors.Is(err, errMovedOn)
}

// classify marks errors of a server that is gone, and says of a call that was
// given up just that.
func (p *postgres) classify(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrOutcomeUnknown), errors.Is(err, ErrUnavailable):
		return err
	case gone(err) && ctx.Err() != nil:
		return ctx.Err() // a statement given up costs its connection
	case gone(err):
		return unavailable(err)
	}
	return err
}

// gone reports whether err comes from the way to the server, or says that it
// takes no more: starting, stopping, too many connections, out of space, left
// idle for too long.
func gone(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch e.Code[:2] {
		case "08", "53", "58":
			return true
		}
		return strings.HasPrefix(e.Code, "57P") || e.Code == idledOut
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
