// Package courier carries events to the webhooks that subscribed to them, calls
// the trigger URLs of apps, and writes down what became of each attempt. It
// never decides what happened in the marketplace and does not know how any
// dialect spells it: main gives it one Prepare per dialect, and a Profile holds
// the numbers of the contract.
//
// The outbox is a table, and all of the queue's state is in it. A delivery
// commits with the change that caused it and stays there until it has ended, so
// that a crash costs nothing but time. Each endpoint has a lane in the memory of
// one process, where what is due waits for its turn; no row says so. Every
// delivery is therefore attempted at least once, and twice only when a process
// ends between sending and recording.
//
// One goroutine (run.loop) decides. It has one transaction of each kind under
// way at most: what came due is loaded, those it is for are looked at, what
// happened is recorded. Each attempt has a goroutine. No transaction is open
// during HTTP. How all of it goes together is told in docs/delivery.md.
package courier

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"souk"
	"souk/store"
)

const (
	sweep      = time.Second            // the outbox is looked through at least so often
	sweepAll   = time.Minute            // all of it
	sweepGap   = 10 * time.Millisecond  // between looks for what came due
	overlap    = 10 * time.Second       // of those looks: what took so long to commit is found by the next one
	gather     = 2 * time.Millisecond   // an outcome waits so long for others to be recorded with it
	freshness  = 900 * time.Millisecond // no attempt starts on an older look at webhook and installation: with its start, that is a second
	mostGather = 50 * time.Millisecond  // and no longer, when transactions take long
	pause      = time.Second            // after a transaction that failed
	longRun    = 250 * time.Millisecond // an attempt that takes so long is shown as under way
	grace      = 16 * time.Second       // that attempts get to finish when the courier stops: more than any takes
	lastTurns  = 3 * time.Second        // then to record them
	repair     = time.Minute            // after an attempt that we could not prepare
	batch      = 1024                   // outcomes that are recorded at once
	mostOwed   = 2048                   // attempts that are under way or not recorded
	perWebhook = 8                      // attempts at once to one endpoint, so that a tar pit holds up itself only; Profile.AtOnce may say less
	inspection = 15 * time.Second       // between looks for lines that nobody leads
	perLook    = 256                    // lines of such a look; as many more with the next transaction if there are more
	lateAfter  = 10 * time.Second       // without a commit of the recorder, or a look that counts
)

// StopTime is how long Run takes at most to return once its context has ended.
const StopTime = grace + lastTurns

// limits bound what is in hand. Tests make them small.
type limits struct {
	flying  int // attempts at once
	inHand  int // deliveries that wait, fly or are not recorded
	bytes   int // of their bodies
	perLane int // deliveries that wait in a lane
	few     int // a lane always takes as many, and so many of an organization
	perOrgs int // up to so many in all
}

var usual = limits{flying: 256, inHand: 8192, bytes: 32 << 20, perLane: 512, few: 8, perOrgs: 1024}

// Prepare makes one attempt out of a delivery: headers, signature, and what the
// dialect puts into the body at send time. An error is a fault of ours: it is
// logged and the delivery waits; but souk.Unsent is an attempt that failed.
type Prepare func(souk.Outgoing) (souk.Prepared, error)

// Courier delivers what lies in the outbox of DB. Make it with New.
type Courier struct {
	config Config
	limits limits
	clock  func() time.Time // that times in the database are compared with
	mail   *mail
	owed   atomic.Pointer[time.Time]  // since when something is to be recorded without a commit
	blind  atomic.Pointer[time.Time]  // since when a lane waits for a look that counts
	run    atomic.Pointer[run]        // that is going on, or the last one
	flying [store.Shards]atomic.Int32 // deliveries that began to leave our hands and are not recorded
}

// Config is what a Courier works with. Fields are needed unless they say
// otherwise.
type Config struct {
	DB     *store.DB
	Client *Client
	// Prepare has the dialects that are delivered in. Deliveries in others wait.
	Prepare map[souk.Dialect]Prepare
	Key     souk.Key // opens the secrets that attempts are signed with
	Log     *slog.Logger
	Lease   *Lease // nil: all endpoints are ours
	Watch   Watch  // may be empty
}

// New returns a Courier that does nothing until Run.
func New(c Config) *Courier {
	return &Courier{config: c, limits: usual, clock: c.DB.Now, mail: &mail{wake: make(chan struct{}, 1)}}
}

// Offer hands deliveries over that have just committed, and never blocks. Those
// that are not due are passed over; none at all is Wake. It is for speed alone:
// what is not handed over is found within a second, and what is marked as Handed
// within a minute. The courier keeps ds.
func (c *Courier) Offer(ds []souk.Delivery) {
	if len(ds) == 0 {
		c.Wake()
		return
	}
	c.mail.offer(ds)
}

// Takes reports whether what is told to an endpoint may be marked as Handed: it is
// this courier that sends it, as far as it knows.
func (c *Courier) Takes(endpoint souk.ID) bool {
	_, ours := c.config.Lease.Owns(endpoint)
	return ours
}

// Wake says that there may be deliveries due now that nobody has handed over. It
// is a hint, to be given after a commit, and never blocks.
func (c *Courier) Wake() { c.mail.hint() }

// Flying reports whether attempts to endpoints of a shard are under way or not
// recorded yet: a shard that is given up is kept as long.
func (c *Courier) Flying(shard int) bool { return c.flying[shard].Load() > 0 }

// Run delivers until ctx ends. Then it takes on nothing more, gives attempts in
// hand 16 s to finish, records them and returns nil, all within StopTime. It returns an error only
// if outcomes could not be recorded by then; those deliveries will be attempted
// again. A database that fails is waited for. One Run at a time.
func (c *Courier) Run(ctx context.Context) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	air, cut := context.WithCancel(base)
	defer cut()
	r := newRun(c, base, air, cut)
	defer c.land()
	c.owed.Store(nil)
	c.blind.Store(nil)
	c.mail.close(false)
	c.run.Store(r)
	defer c.mail.close(true)
	defer close(r.ended)
	defer close(r.todo)
	return r.loop(ctx)
}

// land says that nothing flies any more: what could not be recorded is for
// whoever has its shard next, and must not keep it.
func (c *Courier) land() {
	for i := range c.flying {
		c.flying[i].Store(0)
	}
}
