package store

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// On PostgreSQL several nodes write times into one database and go by those that
// others wrote. They agree on the server's clock: each measures how far its own is
// from that (docs/decisions/0038-nodes-go-by-the-servers-clock.md).
const (
	measureEvery = time.Second
	measureTime  = 5 * time.Second // for one measurement, with the wait for a connection
	longestTrip  = time.Second     // of a measurement that is worth something, but for the first
	keptSamples  = 8

	// drift is by how much two measurements that are some seconds apart may differ
	// beyond what their round trips explain, before one of the clocks was set.
	drift = 10 * time.Millisecond

	// noticed is how wrong a node's own clock may be before its operator is told:
	// signatures carry its time.
	noticed = 2 * time.Second
)

// clock tells the time of the database's server.
type clock struct {
	local func() time.Time // with a monotonic reading
	best  atomic.Pointer[sample]

	mu   sync.Mutex
	last []sample // the newest last
}

// sample is a look at both clocks. The server's was read some time during the
// round trip; nobody knows when, so the middle of it is taken.
type sample struct {
	local, server time.Time
	trip          time.Duration
}

func newClock() *clock { return &clock{local: time.Now} }

// now counts on from the best sample by the monotonic clock, so that setting the
// node's own clock changes nothing.
func (c *clock) now() time.Time {
	local := c.local()
	if best := c.best.Load(); best != nil {
		return best.server.Add(local.Sub(best.local))
	}
	return local
}

// observe weighs a new sample. Of the last few that agree, the one with the
// shortest round trip is the best. One that agrees with them no longer, since a
// clock was set or the machine slept, stands alone.
func (c *clock) observe(s sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.trip < 0 || s.trip > longestTrip && len(c.last) > 0 {
		return
	}
	for _, old := range c.last {
		apart := s.server.Sub(old.server) - s.local.Sub(old.local)
		if apart.Abs() > (s.trip+old.trip)/2+drift {
			c.last = nil
			break
		}
	}
	if len(c.last) == keptSamples {
		c.last = c.last[1:]
	}
	c.last = append(c.last, s)
	best := s
	for _, other := range c.last {
		if other.trip < best.trip {
			best = other
		}
	}
	c.best.Store(&best)
}

// wrong is how far the node's own clock is ahead of the server's.
func (c *clock) wrong() time.Duration {
	local := c.local()
	if best := c.best.Load(); best != nil {
		return local.Round(0).Sub(best.server.Add(local.Sub(best.local)).Round(0))
	}
	return 0
}

// Now is the time, in UTC and as fine as a database keeps it. On PostgreSQL it is
// the server's, as last measured; before the first Measure, and on SQLite, it is
// this machine's.
func (db *DB) Now() time.Time {
	now := time.Now
	if db.clock != nil {
		now = db.clock.now
	}
	return now().UTC().Truncate(time.Microsecond)
}

// Measure reads the clock of a PostgreSQL server, so that Now knows it. A round
// trip of more than a second teaches nothing, and is no error; but for the first
// one, since a node that knows nothing of that clock may take what others have leased.
//
// Only nodes measure: what opens a database in virtual time must not, as the server
// knows nothing of that.
func (db *DB) Measure(ctx context.Context) error {
	if db.clock == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, measureTime)
	defer cancel()
	return db.Read(ctx, func(tx *Tx) error {
		var server stamp
		sent := db.clock.local()
		if err := tx.row(tx.dialect.clock).Scan(&server); err != nil {
			return err
		}
		trip := db.clock.local().Sub(sent)
		db.clock.observe(sample{local: sent.Add(trip / 2), server: time.Time(server), trip: trip})
		return nil
	})
}

// KeepTime measures once a second until ctx ends. While the database does not
// answer, Now goes on by what was measured last. On SQLite it has nothing to do.
func (db *DB) KeepTime(ctx context.Context, log *slog.Logger) {
	if db.clock == nil {
		return
	}
	ticker := time.NewTicker(measureEvery)
	defer ticker.Stop()
	failing, told := false, false
	for {
		err := db.Measure(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			log.ErrorContext(ctx, "the database's clock could not be read", "err", err)
		}
		failing = err != nil
		wrong := db.clock.wrong()
		switch off := wrong.Abs() > noticed; {
		case off && !told:
			log.WarnContext(ctx, "this machine's clock is not the database's", "ahead", wrong)
		case told && !off:
			log.InfoContext(ctx, "this machine's clock is the database's again", "ahead", wrong)
		}
		told = wrong.Abs() > noticed
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
