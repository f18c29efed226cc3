package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sqlitedriver "modernc.org/sqlite"
	sqlitecode "modernc.org/sqlite/lib"
)

// groupTime bounds how long the first of a group waits for the last.
const groupTime = 20 * time.Millisecond

// idleTime is after how long a group ends where the disk has nothing to do: it is
// synced while the next one runs. Sooner would cost more commits than it is worth.
const idleTime = 2 * time.Millisecond

// writer runs callers one after another, in groups that share a transaction
// with a savepoint each, and so one wait for the disk: all that write on SQLite,
// on its one connection; on PostgreSQL those of WriteShared, some groups beside
// one another.
//
// An answer is given only when the commit is on the disk, refusals too: what a
// refusal was decided on may be a neighbour's change. When the database rolls the transaction
// back on its own (a full disk) or the commit fails, nothing of the group is
// stored, and each caller is run again alone, so that only the one that is to
// blame hears of it.
type writer struct {
	size int // of a group, at most

	mu      sync.Mutex
	records []*call // these go first
	verbs   []*call
	stopped bool

	version atomic.Uint64 // see DB.Version
	wake    chan struct{} // holds one token when there may be something to do
	leaders sync.WaitGroup
}

// ground is where the transactions of groups run, one after another.
type ground interface {
	begin() error
	// savepoint comes before each caller, and keep or undo behind: an error of any
	// means that the whole transaction is lost.
	savepoint() error
	run(c *call) error
	undo() error
	keep() error
	// enough reports whether a group that has run for so long shall end although
	// others wait.
	enough(time.Duration) bool
	// commit and abandon end the transaction.
	commit() error
	abandon()
	// again runs one whose group was lost.
	again(c *call, lost error) error
	// tell answers callers, each with its err, once no crash can undo what they did
	// or saw. It need not wait for that itself.
	tell(ran ...*call)
}

// call is one caller that waits.
type call struct {
	ctx   context.Context
	fn    func(*Tx) error
	kind  callKind
	taken bool // by the writer, under its mutex: from now on the caller waits for the outcome
	err   error
	done  chan struct{}
}

// callKind is what a caller called.
type callKind byte

const (
	verbCall   callKind = iota // Write
	sharedCall                 // WriteShared
	recordCall                 // Record
)

func (c *call) answer(err error) {
	c.err = err
	close(c.done)
}

// newWriter starts a writer with a group at a time on each ground.
func newWriter(size int, grounds ...ground) *writer {
	w := &writer{size: size, wake: make(chan struct{}, 1)}
	for _, on := range grounds {
		w.leaders.Go(func() { w.lead(on) })
	}
	return w
}

// submit queues fn and waits for its outcome. A caller whose context ends
// while it is queued leaves; its fn will not run.
func (w *writer) submit(ctx context.Context, fn func(*Tx) error, kind callKind) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{ctx: ctx, fn: fn, kind: kind, done: make(chan struct{})}
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return errClosed
	}
	if kind == recordCall {
		w.records = append(w.records, c)
	} else {
		w.verbs = append(w.verbs, c)
	}
	w.mu.Unlock()
	w.rouse()

	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	w.mu.Lock()
	taken := c.taken
	w.mu.Unlock()
	if !taken {
		return ctx.Err() // take passes over it
	}
	<-c.done
	return c.err
}

func (w *writer) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take answers with the next caller that is still there, nil if none waits.
func (w *writer) take() *call {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		queue := &w.records
		if len(*queue) == 0 {
			queue = &w.verbs
		}
		if len(*queue) == 0 {
			return nil
		}
		c := (*queue)[0]
		(*queue)[0] = nil
		*queue = (*queue)[1:]
		if c.ctx.Err() == nil {
			c.taken = true
			return c
		}
	}
}

// lead runs group after group.
func (w *writer) lead(on ground) {
	for {
		if c := w.take(); c != nil {
			w.group(on, c)
			continue
		}
		w.mu.Lock()
		stopped := w.stopped
		w.mu.Unlock()
		if stopped {
			w.rouse() // the next leader
			return
		}
		<-w.wake
	}
}

// stop refuses those that wait and returns when the groups in hand are done.
func (w *writer) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.refuse(errClosed)
	w.rouse()
	w.leaders.Wait()
}

// refuse answers those that wait.
func (w *writer) refuse(err error) {
	for c := w.take(); c != nil; c = w.take() {
		c.answer(err)
	}
}

// group runs first and those that wait behind it, and commits them together.
func (w *writer) group(on ground, first *call) {
	if err := on.begin(); err != nil {
		first.answer(err)
		if gone(err) {
			w.refuse(err) // rather than try for one after the other
		}
		return
	}
	var ran []*call
	var err error
	for began, c := time.Now(), first; c != nil; c = w.take() {
		ran = append(ran, c)
		if err = inSavepoint(on, c); err != nil || len(ran) == w.size || on.enough(time.Since(began)) {
			break
		}
	}
	if err == nil {
		err = on.commit()
	}
	switch {
	case err == nil:
		w.changed(ran...)
		on.tell(ran...)
	case len(ran) == 1:
		on.abandon()
		w.changed(first)
		first.err = err
		on.tell(first)
	default:
		on.abandon()
		for _, c := range ran {
			c.err = on.again(c, err)
			w.changed(c)
			on.tell(c)
		}
	}
}

// changed counts that verbs were committed, or perhaps were, before they are
// answered.
func (w *writer) changed(ran ...*call) {
	if slices.ContainsFunc(ran, func(c *call) bool { return c.kind == verbCall }) {
		w.version.Add(1)
	}
}

// inSavepoint runs c and keeps its answer in c.err. An error means that the whole
// transaction is lost.
func inSavepoint(on ground, c *call) error {
	if err := on.savepoint(); err != nil {
		return err
	}
	if c.err = on.run(c); c.err != nil {
		if err := on.undo(); err != nil {
			return errors.Join(c.err, err)
		}
	}
	return on.keep()
}

// groupSize is how many share a commit on SQLite.
const groupSize = 64

// sqliteGround is the one connection that writes on SQLite.
type sqliteGround struct {
	*session
	syncer *syncer
	empty  bool // nothing was run in the transaction
	alone  bool // the caller in hand has it to itself, without a savepoint
}

// begin starts a transaction. Where an earlier one could not be ended, which
// begin is the first to hear of, the connection is given up and the next call
// starts on a new one.
func (on *sqliteGround) begin() error {
	if err := on.syncer.usable(); err != nil {
		return err
	}
	err := on.now("BEGIN IMMEDIATE")
	if err != nil {
		on.discard()
	}
	on.empty = true
	return err
}

// savepoint spares the first caller its savepoint, for which SQLite would keep a
// copy of each page that is changed: there is nobody's work but its own to undo.
func (on *sqliteGround) savepoint() error {
	on.alone, on.empty = on.empty, false
	if on.alone {
		return nil
	}
	return on.now("SAVEPOINT caller")
}

func (on *sqliteGround) undo() error {
	if !on.alone {
		return on.now("ROLLBACK TO caller")
	}
	if err := on.now("ROLLBACK"); err != nil {
		return err
	}
	return on.begin()
}

func (on *sqliteGround) keep() error {
	if on.alone {
		return nil
	}
	return on.now("RELEASE caller")
}

// run runs a caller, who may leave meanwhile; its statements may not.
func (on *sqliteGround) run(c *call) error {
	return guard(&Tx{ctx: context.WithoutCancel(c.ctx), on: on.session, dialect: &sqliteDialect}, c.fn)
}

func (on *sqliteGround) enough(ran time.Duration) bool {
	return ran > groupTime || ran > idleTime && on.syncer.idle()
}

// commit leaves it to the syncer to put the transaction on the disk. What SQLite
// itself may sync, and fail to, is the head of the WAL when that begins anew.
func (on *sqliteGround) commit() error {
	if err := on.syncer.begin(); err != nil {
		return err
	}
	err := on.now("COMMIT")
	var e *sqlitedriver.Error
	if errors.As(err, &e) && e.Code() == sqlitecode.SQLITE_IOERR_FSYNC {
		on.syncer.end(true, err)
		return errors.Join(ErrOutcomeUnknown, err)
	}
	on.syncer.end(on.wrote(), nil)
	return err
}

// wrote reports whether the connection may have written to the WAL since it was
// asked last. Who asks how the database feels shall not have the disk sync nothing.
func (on *sqliteGround) wrote() bool {
	pages := 0
	err := on.conn.Raw(func(conn any) (err error) {
		pages, _, err = conn.(sqlitedriver.DBStatus).Status(sqlitedriver.DBStatusCacheWrite, true)
		return err
	})
	return pages > 0 || err != nil
}

func (on *sqliteGround) tell(ran ...*call) { on.syncer.answer(ran) }

// abandon rolls back what there is to roll back. SQLite refuses when it has
// done so itself; should there be another reason, begin will find out.
func (on *sqliteGround) abandon() { _ = on.now("ROLLBACK") }

// again runs c in a transaction of its own.
func (on *sqliteGround) again(c *call, _ error) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if err := on.begin(); err != nil {
		return err
	}
	err := inSavepoint(on, c)
	if err == nil {
		err = on.commit()
	}
	if err != nil {
		on.abandon()
		return err
	}
	return c.err
}

func (on *sqliteGround) now(statement string) error { return on.do(context.Background(), statement) }
