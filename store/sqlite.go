package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	sqlitedriver "modernc.org/sqlite"
	sqlitecode "modernc.org/sqlite/lib"
)

// readers is how many transactions of Read run at once on SQLite. They are
// bound by the processor, not by waiting.
const readers = 6

// pragmas are set on every connection, in this order: waiting for a lock must
// be possible before the first statement that may need one. NORMAL has SQLite sync
// what a checkpoint needs, and leave the commits to syncer. A checkpoint at 8,000
// pages (32 MiB) keeps it out of most commits. No mmap: an I/O error there is a
// signal that kills the process.
var pragmas = []string{
	"busy_timeout(10000)",
	"journal_mode(WAL)",
	"synchronous(NORMAL)",
	"foreign_keys(ON)",
	"wal_autocheckpoint(8000)",
	"temp_store(MEMORY)",
}

// sqlite is one SQLite file: one writer, some readers.
type sqlite struct {
	pool *sql.DB
	held *os.File  // the lock file
	kept *sql.Conn // open as long as the database, so that its WAL is always the same file
	wal  *os.File

	syncer  *syncer
	writer  *writer
	writing *session      // the writer's
	readers chan *session // those at rest

	closing chan struct{}
	close1  func() error
}

func openSQLite(ctx context.Context, path string) (_ engine, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	held, err := holdFile(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, letGo(held))
		}
	}()
	// SQLite would make the file readable by everyone. Its other files take
	// the mode of this one.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}

	address := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	pool, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, pool.Close())
		}
	}()
	kept, err := pool.Conn(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	// What a connection reads first has it open the WAL.
	if _, err := kept.ExecContext(ctx, snapshot); err != nil {
		return nil, errors.Join(classifySQLite(err), kept.Close())
	}
	wal, err := openWAL(path)
	if err != nil {
		return nil, errors.Join(unavailable(err), kept.Close())
	}
	s := &sqlite{
		pool:    pool,
		held:    held,
		kept:    kept,
		wal:     wal,
		writing: &session{pool: pool, pragma: "PRAGMA cache_size=-16000"},
		readers: make(chan *session, readers),
		closing: make(chan struct{}),
	}
	for range readers {
		s.readers <- &session{pool: pool, pragma: "PRAGMA cache_size=-2000; PRAGMA query_only=ON"}
	}
	s.close1 = sync.OnceValue(s.shut)
	s.syncer = newSyncer(func() error { return syncData(wal) })
	s.writer = newWriter(groupSize, &sqliteGround{session: s.writing, syncer: s.syncer})
	return s, nil
}

// snapshot is the first statement of whoever reads: BEGIN alone does not yet
// decide what is seen.
const snapshot = "SELECT rootpage FROM sqlite_schema LIMIT 1"

func (s *sqlite) migrate(ctx context.Context, files fs.FS) error {
	if err := migrate(ctx, s.kept, &sqliteDialect, files); err != nil {
		return classifySQLite(err)
	}
	if err := syncData(s.wal); err != nil {
		return unavailable(err)
	}
	return nil
}

// read answers when all is on the disk that fn may have seen.
func (s *sqlite) read(ctx context.Context, fn func(*Tx) error) error {
	seen, err := s.look(ctx, fn)
	if unsure := s.syncer.await(ctx, seen); unsure != nil {
		return unsure
	}
	return err
}

// look runs fn, and says how many commits it may have seen.
func (s *sqlite) look(ctx context.Context, fn func(*Tx) error) (seen uint64, err error) {
	if err := s.syncer.usable(); err != nil {
		return 0, err
	}
	var on *session
	select {
	case <-s.closing:
		return 0, errClosed
	default:
	}
	select {
	case on = <-s.readers:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.closing:
		return 0, errClosed
	}
	defer func() { s.readers <- on }()
	defer func() { err = classifySQLite(err) }()

	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := on.do(context.Background(), "BEGIN"); err != nil {
		on.discard()
		return 0, err
	}
	defer func() {
		if on.do(context.Background(), "ROLLBACK") != nil {
			on.discard() // whatever it is in, the next reader starts afresh
		}
	}()
	if err := on.do(context.Background(), snapshot); err != nil {
		return 0, err
	}
	seen = s.syncer.seen()
	tx := &Tx{ctx: ctx, on: on, dialect: &sqliteDialect}
	defer func() {
		if settled := tx.settle(); err == nil {
			err = settled
		}
	}()
	return seen, fn(tx)
}

// write has no use for find: there is one writer.
func (s *sqlite) write(ctx context.Context, _ func(*Tx) (Locks, error), fn func(*Tx) error) error {
	return classifySQLite(s.writer.submit(ctx, fn, verbCall))
}

func (s *sqlite) shared(ctx context.Context, fn func(*Tx) error) error {
	return classifySQLite(s.writer.submit(ctx, fn, sharedCall))
}

func (s *sqlite) version() (uint64, bool) { return s.writer.version.Load(), true }

func (s *sqlite) record(ctx context.Context, fn func(*Tx) error) error {
	return classifySQLite(s.writer.submit(ctx, fn, recordCall))
}

func (s *sqlite) close() error { return s.close1() }

func (s *sqlite) shut() error {
	close(s.closing)
	s.writer.stop()
	s.syncer.stop()
	s.writing.discard()
	for range readers {
		(<-s.readers).discard()
	}
	return errors.Join(s.kept.Close(), s.pool.Close(), s.wal.Close(), letGo(s.held))
}

// errClosed answers every call after Close.
var errClosed = fmt.Errorf("%w: closed", ErrUnavailable)

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// classifySQLite marks errors of a disk that is full or broken, and of a file
// that another program keeps locked.
func classifySQLite(err error) error {
	var e *sqlitedriver.Error
	if !errors.As(err, &e) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	switch e.Code() & 0xff { // the rest is detail
	case sqlitecode.SQLITE_FULL, sqlitecode.SQLITE_IOERR, sqlitecode.SQLITE_NOMEM,
		sqlitecode.SQLITE_BUSY, sqlitecode.SQLITE_CANTOPEN, sqlitecode.SQLITE_READONLY:
		return unavailable(err)
	}
	return err
}

// session is one connection with the statements it has compiled. It opens
// when it is first used, and again after discard.
//
// Statements run to their end: SQLite answers an interrupted write by rolling
// back the whole transaction, with everybody's changes in it. A session looks
// at the context before each statement instead.
type session struct {
	pool   *sql.DB
	pragma string // on top of pragmas
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
}

// maxStatements bounds what a session keeps compiled. Only statements with
// lists of varying length ever come near.
const maxStatements = 512

func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(context.Background(), args...)
}

func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(context.Background(), args...)
}

// do runs a statement that has no rows to tell of.
func (s *session) do(ctx context.Context, query string) error {
	_, err := s.ExecContext(ctx, query)
	return err
}

func (s *session) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if stmt := s.stmts[query]; stmt != nil {
		return stmt, nil
	}
	if s.conn == nil {
		if err := s.connect(); err != nil {
			return nil, err
		}
	}
	if len(s.stmts) == maxStatements {
		for text, stmt := range s.stmts {
			delete(s.stmts, text)
			if err := stmt.Close(); err != nil {
				return nil, err
			}
		}
	}
	stmt, err := s.conn.PrepareContext(context.Background(), unnumbered(query))
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

// unnumbered spells the placeholders of a statement without their numbers, if
// that changes nothing: the driver looks for the name of each, from the first on.
func unnumbered(query string) string {
	var b strings.Builder
	quoted, seen, rest := false, 0, 0
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == '\'':
			quoted = !quoted
		case c == '$' && !quoted:
			end := i + 1
			for end < len(query) && query[end] >= '0' && query[end] <= '9' {
				end++
			}
			if seen++; query[i+1:end] != strconv.Itoa(seen) {
				return query
			}
			b.WriteString(query[rest:i] + "?")
			i, rest = end-1, end
		}
	}
	return b.String() + query[rest:]
}

func (s *session) connect() error {
	conn, err := s.pool.Conn(context.Background())
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(context.Background(), s.pragma); err != nil {
		return errors.Join(err, conn.Close())
	}
	s.conn, s.stmts = conn, make(map[string]*sql.Stmt)
	return nil
}

// discard closes the connection, and thereby what it had not committed. As
// long as one of its statements is open, SQLite would keep the connection
// behind our back, with its locks and its part in the WAL.
func (s *session) discard() {
	if s.conn == nil {
		return
	}
	for _, stmt := range s.stmts {
		_ = stmt.Close() // there is no other way to end a statement
	}
	// Saying that the connection is bad is how one takes it out of the pool;
	// both calls answer with just that.
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
	s.conn, s.stmts = nil, nil
}
