package courier

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"souk"
	"souk/store"
)

// Nodes on one database lease shards of endpoints for leaseTime. What a node does
// with its leases it does in thirtieths of that.
const (
	leaseTime = 15 * time.Second

	beatEvery  = 10 // leases are renewed
	beatTime   = 8  // for the statements of a beat, so that another can fail before the lease is over
	margin     = 2  // at the end nothing is begun: two clocks are never that far apart, and an attempt takes its time to begin
	beatAgain  = 2  // after one that failed
	lackEvery  = 2  // while others are to give something up
	drainEvery = 1  // while what is given up here may come to rest

	// drainTime is how long what is given up is kept at most for what flies. It is
	// longer than any attempt takes.
	drainTime = 20 * time.Second
)

// Lease is a node's part of the endpoints, of which no other node has any at the
// same time (docs/delivery.md, "Many nodes"). A nil *Lease is that of the only
// node: it owns everything.
type Lease struct {
	// Flying, if set before Run, reports whether attempts to endpoints of a shard
	// are under way or not recorded yet. A shard that is given up stays this
	// node's as long, for 20 s at most, so that they are recorded and not made
	// again by the next. It is called from the goroutine of Run.
	Flying func(shard int) bool

	// Life, if set before Run, is how long leases last, instead of 15 s. After a
	// crash it is as long until another node has what was leased, which tests of
	// many crashes have no time for.
	Life time.Duration

	db      *store.DB
	name    string
	log     *slog.Logger
	node    souk.ID
	changed chan struct{}
	owned   atomic.Pointer[owned]

	// What follows belongs to the goroutine of Run.
	giving  map[int]time.Time // shards that are given up, since when
	leaving bool              // all are
	failing bool              // the last beat failed
}

// owned is what a node may send for. It is never changed, only replaced.
type owned [store.Shards]struct {
	epoch int64
	until time.Time // zero: not ours
}

// NewLease makes the lease of a node on a database that nodes share
// (store.DB.Leased). It owns nothing before Run. name is for people who read the
// table of nodes; the node itself is a new one each time.
func NewLease(db *store.DB, name string, log *slog.Logger) *Lease {
	l := &Lease{
		db: db, name: name, log: log, node: souk.NewID(),
		changed: make(chan struct{}, 1), giving: map[int]time.Time{},
	}
	l.owned.Store(new(owned))
	return l
}

// Node is the node's ID, and zero for a nil *Lease.
func (l *Lease) Node() souk.ID {
	if l == nil {
		return souk.ID{}
	}
	return l.node
}

// Changed has a token whenever Owns may answer otherwise than before, but for a
// lease that ran out. For a nil *Lease it is nil.
func (l *Lease) Changed() <-chan struct{} {
	if l == nil {
		return nil
	}
	return l.changed
}

// parts is a number of thirtieths of the life of a lease.
func (l *Lease) parts(n time.Duration) time.Duration { return cmp.Or(l.Life, leaseTime) * n / 30 }

// Owns reports whether this node may begin an attempt to an endpoint now, and the
// shard under which it does: store.Tx.Fence tells later whether that was still so.
//
// The lease counts from before it was asked for. It is over as soon as the
// monotonic clock says so, or the wall clock, which goes on while a machine sleeps.
func (l *Lease) Owns(endpoint souk.ID) (store.Shard, bool) {
	if l == nil {
		return store.Shard{}, true
	}
	number := store.ShardOf(endpoint)
	held := &l.owned.Load()[number]
	now := time.Now()
	if !now.Before(held.until) || !now.Round(0).Before(held.until.Round(0)) {
		return store.Shard{}, false
	}
	return store.Shard{Number: number, Epoch: held.epoch}, true
}

// Run beats, takes what is free, and gives up what others lack, until ctx ends.
// Then it gives everything back: at once, or when what is flying has been recorded.
// Its error is that this failed, and the shards are free when their leases run out.
// A beat that fails is logged and made again.
func (l *Lease) Run(ctx context.Context) error {
	l.stay(ctx)
	return l.leave(context.WithoutCancel(ctx))
}

// stay beats until ctx ends.
func (l *Lease) stay(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		wait, err := l.beat(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			l.failing = false
		case !l.failing:
			l.failing = true
			l.log.ErrorContext(ctx, "leases were not renewed", "err", err)
		}
		timer.Reset(wait)
	}
}

// leave gives everything back. From the first moment on nothing is owned, so that
// what was about to begin is flying by the time that it is looked for.
func (l *Lease) leave(ctx context.Context) error {
	l.leaving = true
	l.own(ctx, nil, time.Now())
	for {
		wait, err := l.beat(ctx)
		if err != nil || len(l.giving) == 0 {
			return err
		}
		time.Sleep(wait)
	}
}

// view is what a node sees when it beats.
type view struct {
	sent  time.Time // before the first statement
	at    time.Time // of the database
	mine  []store.Shard
	nodes []souk.ID
	all   []store.Lease
}

// beat says that this node is there, renews its leases, and moves towards its fair
// part. It answers how long to wait for the next.
func (l *Lease) beat(ctx context.Context) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.parts(beatTime))
	defer cancel()
	v, err := l.look(ctx)
	if err != nil {
		return l.parts(beatAgain), err
	}
	kept, lack := l.divide(v)
	l.own(ctx, kept, v.sent)
	taken, err := l.take(ctx, v, kept, lack)
	if err := errors.Join(err, l.release(ctx, v.sent)); err != nil {
		return l.parts(beatAgain), err
	}
	return l.pause(v, lack-taken), nil
}

// look beats and renews.
func (l *Lease) look(ctx context.Context) (v view, err error) {
	v.sent = time.Now()
	err = l.db.Record(ctx, func(tx *store.Tx) (err error) {
		v.at = l.db.Now()
		until := v.at.Add(l.parts(30))
		if l.leaving {
			err = tx.RemoveNode(l.node)
		} else {
			err = tx.Beat(l.node, l.name, v.at, until)
		}
		if err != nil {
			return err
		}
		if v.mine, err = tx.RenewShards(l.node, until); err != nil {
			return err
		}
		if v.nodes, err = tx.LiveNodes(v.at); err != nil {
			return err
		}
		v.all, err = tx.Leases()
		return err
	})
	return v, err
}

// divide decides what of its shards the node keeps, and how many it lacks. What is
// too much it marks as given up, the highest numbers first, or no longer.
func (l *Lease) divide(v view) (kept []store.Shard, lack int) {
	aim := 0
	if i, there := slices.BinarySearchFunc(v.nodes, l.node, souk.ID.Compare); there && !l.leaving {
		aim = fairPart(i, len(v.nodes))
	}
	slices.SortFunc(v.mine, func(a, b store.Shard) int { return a.Number - b.Number })
	giving := map[int]time.Time{}
	// First those that are not being given up, then the others.
	for _, was := range []bool{false, true} {
		for _, s := range v.mine {
			since, is := l.giving[s.Number]
			switch {
			case is != was:
			case len(kept) < aim:
				kept = append(kept, s)
			case is:
				giving[s.Number] = since
			default:
				giving[s.Number] = v.sent
			}
		}
	}
	l.giving = giving
	return kept, aim - len(kept)
}

// fairPart is how many shards are the part of a node: the i-th of n, by ID. Those
// that are first have one more, so who was there before gives up less when another
// joins.
func fairPart(i, n int) int {
	part := store.Shards / n
	if i < store.Shards%n {
		part++
	}
	return part
}

// own replaces what Owns answers from, for leases that were asked for at a time.
func (l *Lease) own(ctx context.Context, shards []store.Shard, sent time.Time) {
	next, last := new(owned), l.owned.Load()
	for _, s := range shards {
		next[s.Number].epoch, next[s.Number].until = s.Epoch, sent.Add(l.parts(30-margin))
	}
	l.owned.Store(next)
	now, got, lost := time.Now(), 0, 0
	for i := range next {
		had, has := now.Before(last[i].until), !next[i].until.IsZero()
		if has && (!had || next[i].epoch != last[i].epoch) {
			got++
		}
		if !has && !last[i].until.IsZero() {
			lost++
		}
	}
	if got+lost == 0 {
		return
	}
	l.log.InfoContext(ctx, "endpoints are shared out", "node", l.node, "shards", len(shards), "new", got, "gone", lost)
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// take leases what is free, as far as the node lacks it.
func (l *Lease) take(ctx context.Context, v view, kept []store.Shard, lack int) (int, error) {
	free := func(s store.Lease) bool { return s.Node.IsZero() || !v.at.Before(s.Until) }
	if lack <= 0 || !slices.ContainsFunc(v.all, free) {
		return 0, nil
	}
	var taken []store.Shard
	if err := l.db.Record(ctx, func(tx *store.Tx) (err error) {
		at := l.db.Now()
		taken, err = tx.TakeShards(l.node, at, at.Add(l.parts(30)), lack)
		return err
	}); err != nil {
		return 0, err
	}
	// All count from when this beat began, which for these is some milliseconds less.
	if len(taken) > 0 {
		l.own(ctx, append(kept, taken...), v.sent)
	}
	return len(taken), nil
}

// release gives back what is given up and at rest. Owns says since the last look
// that it is not ours; what asked just before has begun and is flying by the next.
func (l *Lease) release(ctx context.Context, now time.Time) error {
	var rest []int
	for number, since := range l.giving {
		flying := l.Flying != nil && l.Flying(number) && now.Sub(since) < drainTime
		if !flying && (l.leaving || since.Before(now)) {
			rest = append(rest, number)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	if err := l.db.Record(ctx, func(tx *store.Tx) error { return tx.ReleaseShards(l.node, rest) }); err != nil {
		return err
	}
	for _, number := range rest {
		delete(l.giving, number)
	}
	return nil
}

// pause is how long nothing is to be done: until the next beat is due, something
// given up may have come to rest here, or elsewhere where this node lacks it, or
// another's lease runs out. So what a node held that was killed is taken at the
// moment at which it may be.
func (l *Lease) pause(v view, lack int) time.Duration {
	wait := l.parts(beatEvery)
	switch {
	case len(l.giving) > 0:
		wait = l.parts(drainEvery)
	case lack > 0:
		wait = l.parts(lackEvery)
	}
	for _, s := range v.all {
		if left := s.Until.Sub(v.at); !s.Node.IsZero() && s.Node != l.node && left > 0 {
			wait = min(wait, max(left, l.parts(drainEvery)))
		}
	}
	return wait
}
