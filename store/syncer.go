package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// syncer puts on the disk what SQLite's writer has committed, while that goes on
// with the next group. A sync of the WAL makes all commits durable that ended
// before it began; until then nobody is told what they did, or saw.
//
// A sync that fails is the last. The kernel may have forgotten what it could not
// write, so that the next one succeeds and proves nothing
// (docs/decisions/0064-the-disk-is-waited-for-beside-the-writer.md).
type syncer struct {
	mu      sync.Mutex
	sync    func() error // of the WAL
	begun   uint64       // commits that a reader may see
	ended   uint64       // those of them that SQLite is done with
	written uint64       // the last that wrote to the WAL
	synced  uint64       // those that are on the disk
	waiting []waiter
	stopped bool
	lost    error // why the last sync failed

	moved *sync.Cond // one of the above has changed
	done  chan struct{}
}

// waiter is somebody who is told something as soon as so many commits are on the
// disk, or that they never will be.
type waiter struct {
	upTo uint64
	tell func(lost error)
}

// mostAhead is how many commits the writer may be ahead of the disk.
const mostAhead = 8

// errLost answers every call after a sync that failed.
var errLost = fmt.Errorf("%w: a commit could not be put on the disk, and it has to be opened again", ErrUnavailable)

func newSyncer(syncWAL func() error) *syncer {
	s := &syncer{sync: syncWAL, done: make(chan struct{})}
	s.moved = sync.NewCond(&s.mu)
	go s.run()
	return s
}

// run syncs for as long as there is something to sync.
func (s *syncer) run() {
	defer close(s.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for s.written <= s.synced && !s.stopped && s.lost == nil {
			s.moved.Wait()
		}
		if s.written <= s.synced || s.lost != nil {
			return
		}
		covers, syncWAL := s.ended, s.sync
		s.mu.Unlock()
		err := syncWAL()
		s.mu.Lock()
		if err != nil {
			s.lose(err)
			return
		}
		s.reach(covers)
	}
}

// reach notes how many commits are on the disk, and tells those who waited for
// them. Commits that wrote nothing are there with the last that did.
func (s *syncer) reach(synced uint64) {
	if s.synced = synced; s.written <= s.synced {
		s.synced = s.ended
	}
	rest := s.waiting[:0]
	for _, w := range s.waiting {
		if w.upTo <= s.synced {
			w.tell(nil)
		} else {
			rest = append(rest, w)
		}
	}
	clear(s.waiting[len(rest):])
	s.waiting = rest
	s.moved.Broadcast()
}

// lose has nothing more be taken, and tells those who waited for the disk.
func (s *syncer) lose(err error) {
	if s.lost == nil {
		s.lost = err
	}
	for _, w := range s.waiting {
		w.tell(s.lost)
	}
	s.waiting = nil
	s.moved.Broadcast()
}

// usable is nil until a sync fails.
func (s *syncer) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusal()
}

func (s *syncer) refusal() error {
	if s.lost == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errLost, s.lost)
}

// begin counts a commit before anybody can see it.
func (s *syncer) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == nil {
		s.begun++
	}
	return s.refusal()
}

// end says that SQLite is done with the commit that begin counted, whatever
// came of it: whether it may have written to the WAL, and the error if it failed
// to sync that.
func (s *syncer) end(wrote bool, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = s.begun
	if wrote {
		s.written = s.ended
	}
	if failed != nil {
		s.lose(failed)
	}
	s.reach(s.synced)
}

// idle reports whether there is nothing to sync.
func (s *syncer) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written <= s.synced
}

// seen is how many commits a snapshot may hold that was taken before.
func (s *syncer) seen() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// when has tell be called once so many commits are on the disk; perhaps at once.
// It is called under the mutex and must not wait.
func (s *syncer) when(upTo uint64, tell func(lost error)) {
	switch {
	case upTo <= s.synced:
		tell(nil)
	case s.lost != nil:
		tell(s.lost)
	default:
		s.waiting = append(s.waiting, waiter{upTo, tell})
	}
}

// answer answers callers of the writer, each with its err, once all is on the
// disk that they may have seen. It returns at once unless the writer is too far
// ahead.
func (s *syncer) answer(ran []*call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.when(s.ended, func(lost error) {
		for _, c := range ran {
			if lost != nil && !errors.Is(c.err, ErrUnavailable) {
				c.err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, lost)
			}
			c.answer(c.err)
		}
	})
	for s.ended-s.synced > mostAhead && s.lost == nil {
		s.moved.Wait()
	}
}

// await waits until so many commits are on the disk.
func (s *syncer) await(ctx context.Context, upTo uint64) error {
	s.mu.Lock()
	if upTo <= s.synced {
		s.mu.Unlock()
		return nil
	}
	told := make(chan error, 1)
	s.when(upTo, func(error) { told <- s.refusal() })
	s.mu.Unlock()
	select {
	case err := <-told:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop returns when all that was committed is on the disk, or never will be, and
// everybody was told. There must be no more commits.
func (s *syncer) stop() {
	s.mu.Lock()
	s.stopped = true
	s.moved.Broadcast()
	s.mu.Unlock()
	<-s.done
}
