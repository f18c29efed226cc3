// Package courier carries events to the webhooks that subscribed to them, calls
// the trigger URLs of apps, and writes down what became of each attempt. It never decides what happened in
// the marketplace and does not know how any dialect spells it: main gives it
// one Prepare per dialect, and a Profile holds the numbers of the contract.
//
// The outbox is a table, and all of the queue's state is in it. A delivery
// commits with the change that caused it; claiming one moves its due time into
// the future, so that a crash makes it due again. Every delivery is therefore
// attempted at least once, and twice only when a process ends between sending
// and recording.
//
// One goroutine (run) decides, one at a time turns to the database (turn), and
// each attempt has its own. No transaction is open during HTTP.
package courier

import (
	"context"
	"log/slog"
	"time"

	"souk"
	"souk/store"
)

const (
	lease      = 25 * time.Second       // longer than any attempt; what a crash delays a delivery by
	sweep      = time.Second            // the outbox is looked at at least so often
	gather     = 2 * time.Millisecond   // an outcome waits so long for others to be recorded with it
	freshness  = 500 * time.Millisecond // no attempt starts on an older look at webhook and installation
	pause      = time.Second            // after a turn that failed
	grace      = 20 * time.Second       // that attempts get to finish when the courier stops
	lastTurns  = 10 * time.Second       // then to record them
	repair     = time.Minute            // after an attempt that we could not prepare
	batch      = 256                    // deliveries of a claim, and outcomes that are recorded at once
	maxInHand  = 1024                   // deliveries claimed and not yet recorded
	maxFlying  = 256                    // attempts at once
	perWebhook = 8                      // of them to one webhook, so that a tar pit holds up itself only; Profile.AtOnce may say less
	perClaim   = 32                     // deliveries of a claim to one webhook
	inspection = 15 * time.Second       // between looks for lines that nobody leads
	perLook    = 256                    // lines of such a look; as many more with the next turn if there are more
)

// Prepare makes one attempt out of a delivery: headers, signature, and what the
// dialect puts into the body at send time. An error is a fault of ours: it is
// logged and the delivery waits.
type Prepare func(souk.Outgoing) (souk.Prepared, error)

// Courier delivers what lies in the outbox of DB. Make it with New.
type Courier struct {
	config Config
	wake   chan struct{}
}

// Config is what a Courier works with. All fields are needed.
type Config struct {
	DB     *store.DB
	Client *Client
	// Prepare has the dialects that are delivered in. Deliveries in others wait.
	Prepare map[souk.Dialect]Prepare
	Key     souk.Key // opens the secrets that attempts are signed with
	Log     *slog.Logger
}

// New returns a Courier that does nothing until Run.
func New(c Config) *Courier { return &Courier{config: c, wake: make(chan struct{}, 1)} }

// Wake says that there may be deliveries due now. It is a hint, to be given
// after a commit, and never blocks; without it they are found within a second.
func (c *Courier) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Then it takes on nothing more, gives attempts in
// hand 20 s to finish, records them and returns nil. It returns an error only
// if outcomes could not be recorded by then; those deliveries will be attempted
// again. A database that fails is waited for.
func (c *Courier) Run(ctx context.Context) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	work, cut := context.WithCancel(base)
	defer cut()
	r := &run{
		Config:    c.config,
		wake:      c.wake,
		base:      base,
		work:      work,
		cut:       cut,
		inHand:    map[souk.ID]bool{},
		endpoints: map[souk.ID]*endpoint{},
		done:      make(chan outcome, maxFlying),
		turned:    make(chan turn, 1),
		hungry:    true,
	}
	return r.loop(ctx)
}
