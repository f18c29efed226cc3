package store

import (
	"context"
	"errors"
	"sync"
	"time"

	sqlitedriver "modernc.org/sqlite"
	sqlitecode "modernc.org/sqlite/lib"
)

// A group of callers shares a commit, and so one wait for the disk. Its size
// is bounded, and so is the time that the first of it waits for the last.
const (
	groupSize = 64
	groupTime = 20 * time.Millisecond
)

// writer runs the callers of Write and Record on SQLite, one after another on
// one connection, in groups that share a transaction with a savepoint each.
//
// An answer is given only after the commit, refusals too: what a refusal was
// decided on may be a neighbour's change. When SQLite rolls the transaction
// back on its own (a full disk) or the commit fails, nothing of the group is
// stored, and each caller is run again alone, so that only the one that is to
// blame hears of it.
type writer struct {
	on *session

	mu      sync.Mutex
	records []*call // these go first
	verbs   []*call
	stopped bool

	wake chan struct{} // holds one token when there may be something to do
	done chan struct{} // closed when run has returned
}

// call is one caller that waits.
type call struct {
	ctx   context.Context
	fn    func(*Tx) error
	taken bool // by the writer, under its mutex: from now on the caller waits for the outcome
	err   error
	done  chan struct{}
}

func (c *call) answer(err error) {
	c.err = err
	close(c.done)
}

func newWriter(on *session) *writer {
	return &writer{on: on, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// submit queues fn and waits for its outcome. A caller whose context ends
// while it is queued leaves; its fn will not run.
func (w *writer) submit(ctx context.Context, fn func(*Tx) error, record bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{ctx: ctx, fn: fn, done: make(chan struct{})}
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return errClosed
	}
	if record {
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

// run is the writer's goroutine.
func (w *writer) run() {
	defer close(w.done)
	for {
		if c := w.take(); c != nil {
			w.group(c)
			continue
		}
		w.mu.Lock()
		stopped := w.stopped
		w.mu.Unlock()
		if stopped {
			return
		}
		<-w.wake
	}
}

// stop refuses those that wait and returns when the group in hand is done.
func (w *writer) stop() {
	w.mu.Lock()
	w.stopped = true
	waiting := append(w.records, w.verbs...)
	w.records, w.verbs = nil, nil
	for _, c := range waiting {
		c.taken = true
	}
	w.mu.Unlock()
	for _, c := range waiting {
		c.answer(errClosed)
	}
	w.rouse()
	<-w.done
	w.on.discard()
}

// group runs first and those that wait behind it, and commits them together.
func (w *writer) group(first *call) {
	if err := w.begin(); err != nil {
		first.answer(err)
		return
	}
	var ran []*call
	var err error
	for began, c := time.Now(), first; c != nil; c = w.take() {
		ran = append(ran, c)
		if err = w.savepoint(c); err != nil || len(ran) == groupSize || time.Since(began) > groupTime {
			break
		}
	}
	if err == nil {
		err = w.commit()
	}
	switch {
	case err == nil:
		for _, c := range ran {
			c.answer(c.err)
		}
	case len(ran) == 1:
		w.abandon()
		first.answer(err)
	default:
		w.abandon()
		for _, c := range ran {
			c.answer(w.alone(c))
		}
	}
}

// alone runs c again in a transaction of its own.
func (w *writer) alone(c *call) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	err := w.savepoint(c)
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		w.abandon()
		return err
	}
	return c.err
}

// savepoint runs c in a savepoint and keeps its answer in c.err. An error of
// savepoint means that the whole transaction is lost.
func (w *writer) savepoint(c *call) error {
	if err := w.do("SAVEPOINT caller"); err != nil {
		return err
	}
	// The caller may leave while it runs; its statements may not.
	tx := &Tx{ctx: context.WithoutCancel(c.ctx), on: w.on, dialect: &sqliteDialect}
	if c.err = guard(tx, c.fn); c.err != nil {
		if err := w.do("ROLLBACK TO caller"); err != nil {
			return errors.Join(c.err, err)
		}
	}
	return w.do("RELEASE caller")
}

// begin starts a transaction. Where an earlier one could not be ended, which
// begin is the first to hear of, the connection is given up and the next call
// starts on a new one.
func (w *writer) begin() error {
	err := w.do("BEGIN IMMEDIATE")
	if err != nil {
		w.on.discard()
	}
	return err
}

// commit makes the transaction durable. When the file could not be synced,
// what SQLite undid in memory may still be on the disk, to be found after a
// crash.
func (w *writer) commit() error {
	err := w.do("COMMIT")
	var e *sqlitedriver.Error
	if errors.As(err, &e) && e.Code() == sqlitecode.SQLITE_IOERR_FSYNC {
		return errors.Join(ErrOutcomeUnknown, err)
	}
	return err
}

// abandon rolls back what there is to roll back. SQLite refuses when it has
// done so itself; should there be another reason, begin will find out.
func (w *writer) abandon() { _ = w.do("ROLLBACK") }

func (w *writer) do(statement string) error { return w.on.do(context.Background(), statement) }
