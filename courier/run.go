package courier

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"souk"
	"souk/store"
)

// run is one Run of a Courier. Its fields belong to the goroutine of loop.
type run struct {
	Config
	wake <-chan struct{}
	base context.Context // of transactions
	work context.Context // of attempts
	cut  func()          // ends work

	inHand    map[souk.ID]bool // deliveries claimed and not yet recorded
	endpoints map[souk.ID]*endpoint
	ready     []*endpoint // with something waiting and room for it, in turn
	flying    int         // attempts under way

	live     live
	outcomes []outcome // not yet recorded
	oldest   time.Time // when the first of outcomes came

	done    chan outcome
	turned  chan turn
	turning bool
	hungry  bool      // there may be deliveries to claim
	stale   bool      // something waits for a newer look
	nextDue time.Time // of the outbox, as of the last turn
	retryAt time.Time // no turn before, as the last one failed

	inspected  store.Line // how far the look for lines that nobody leads came
	inspection time.Time  // when it goes on, or begins anew

	stopping bool
	giveUp   time.Time
}

// endpoint is a webhook for which something is in hand.
type endpoint struct {
	id      souk.ID
	waiting []souk.Delivery
	flying  int
	most    int  // of them at once
	queued  bool // in run.ready
}

// outcome is how a delivery left our hands.
type outcome struct {
	progress store.Progress
	attempt  *souk.Attempt // nil when none was made
	endpoint *endpoint     // whose attempt ended, nil when none was made
}

func (r *run) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	stop := ctx.Done()
	for {
		r.dispatch()
		if r.stopping && r.flying+len(r.outcomes) == 0 && !r.turning {
			return nil
		}
		now := time.Now()
		if r.stopping && !now.Before(r.giveUp.Add(lastTurns)) {
			return fmt.Errorf("courier: stopped with %d outcomes not recorded", len(r.inHand))
		}
		timer.Reset(r.begin(now))

		select {
		case <-stop:
			stop = nil
			r.stop()
		case <-r.wake:
			r.hungry = true
		case <-timer.C:
		case o := <-r.done:
			r.land(o)
		case t := <-r.turned:
			r.take(t)
		}
	}
}

// begin starts a turn if it is time for one, and answers how long there is
// nothing to do but wait.
func (r *run) begin(now time.Time) time.Duration {
	if r.stopping && !now.Before(r.giveUp) {
		r.cut()
	}
	if r.turning || r.stopping && len(r.outcomes) == 0 {
		return sweep // what we wait for announces itself, but for giving up
	}
	next := r.nextTurn(now)
	if next.After(now) {
		return next.Sub(now)
	}
	r.turn(now)
	return sweep
}

// nextTurn is when the database is to be visited next.
func (r *run) nextTurn(now time.Time) time.Time {
	next := r.live.at.Add(sweep)
	switch {
	case r.hungry, r.stale, len(r.outcomes) >= batch, r.stopping:
		next = now
	case len(r.outcomes) > 0:
		next = r.oldest.Add(gather)
	case r.nextDue.After(r.live.at) && r.nextDue.Before(next):
		next = r.nextDue // what was due then is too much for its webhook
	}
	if next.Before(r.retryAt) {
		return r.retryAt
	}
	return next
}

// turn starts a turn with all that is to be recorded and as much room as there
// is.
func (r *run) turn(now time.Time) {
	t := turn{at: now, outcomes: r.outcomes, webhooks: map[souk.ID]bool{}, installations: map[souk.ID]bool{}}
	r.outcomes, r.hungry, r.stale, r.turning = nil, false, false, true
	if !r.stopping {
		t.claim = store.Claim{
			Now: now, Lease: lease, PerHook: perClaim,
			Limit: min(batch, maxInHand-len(r.inHand)+len(t.outcomes)),
		}
	}
	if !now.Before(r.inspection) {
		t.inspects, t.behind = true, r.inspected
	}
	for _, e := range r.endpoints {
		if len(e.waiting) == 0 {
			continue
		}
		t.webhooks[e.id] = true
		if len(e.waiting) >= perClaim {
			t.claim.Except = append(t.claim.Except, e.id)
		}
		for _, d := range e.waiting {
			t.installations[d.Installation], t.installations[d.Speaker] = true, true
		}
	}
	go func() {
		t.err = r.DB.Record(r.base, t.do)
		r.turned <- t
	}()
}

// take takes what a turn brought.
func (r *run) take(t turn) {
	r.turning = false
	if t.err != nil {
		r.Log.Error("the courier's turn failed", "outcomes", len(t.outcomes), "err", t.err)
		r.outcomes = append(t.outcomes, r.outcomes...)
		r.retryAt = time.Now().Add(pause)
		r.hungry = true
		return
	}
	for _, o := range t.outcomes {
		delete(r.inHand, o.progress.Delivery)
	}
	r.nextDue = t.nextDue
	if t.inspects {
		if r.inspected = t.looked; r.inspected == (store.Line{}) {
			r.inspection = t.at.Add(inspection)
		}
	}
	// A claim that no bound of its own could have cut short took all there is.
	r.hungry = r.hungry || len(t.claimed) >= perClaim || len(t.claimed) > 0 && len(t.claimed) == t.claim.Limit
	r.live = r.open(t)
	for _, d := range t.claimed {
		// A lease may have run out while the outcome could not be recorded.
		if r.inHand[d.ID] {
			continue
		}
		r.inHand[d.ID] = true
		if r.stopping {
			r.leave(d, souk.DeliveryPending, t.at, d.Note)
			continue
		}
		e := r.endpoints[d.Webhook]
		if e == nil {
			e = &endpoint{id: d.Webhook, most: cmp.Or(Profiles[d.Dialect].AtOnce, perWebhook)}
			r.endpoints[d.Webhook] = e
		}
		e.waiting = append(e.waiting, d)
		r.queue(e)
	}
}

// queue puts e where dispatch finds it, if there is something to do for it.
func (r *run) queue(e *endpoint) {
	switch {
	case e.queued:
	case len(e.waiting) > 0 && e.flying < e.most:
		e.queued = true
		r.ready = append(r.ready, e)
	case len(e.waiting) == 0 && e.flying == 0:
		delete(r.endpoints, e.id)
	}
}

// dispatch starts attempts: one for each ready endpoint in turn, as long as
// there is room in the air and the look at them is fresh.
func (r *run) dispatch() {
	now := time.Now()
	for len(r.ready) > 0 && r.flying < maxFlying {
		if now.Sub(r.live.at) > freshness {
			r.stale = true
			return
		}
		e := r.ready[0]
		r.ready = r.ready[1:]
		e.queued = false
		d := e.waiting[0]
		e.waiting = e.waiting[1:]
		r.start(e, d, now)
		r.queue(e)
	}
}

// start makes an attempt of d, unless there is a reason not to.
func (r *run) start(e *endpoint, d souk.Delivery, now time.Time) {
	profile, known := Profiles[d.Dialect]
	prepare := r.Prepare[d.Dialect]
	status, note := r.live.verdict(d)
	hook := r.live.webhooks[d.Webhook]
	switch {
	case status != souk.DeliveryPending:
		r.leave(d, status, time.Time{}, note)
	case !known || prepare == nil || hook.err != nil:
		r.Log.Error("a delivery cannot be prepared", "delivery", d.ID, "dialect", d.Dialect, "webhook", d.Webhook, "err", hook.err)
		r.leave(d, souk.DeliveryPending, now.Add(repair), "")
	case now.Sub(d.CreatedAt) > profile.MaxAge:
		r.leave(d, souk.DeliverySkipped, time.Time{}, fmt.Sprintf("more than %s late", profile.MaxAge))
	case now.After(d.NextAt):
		// The lease ran out while it waited: it comes back, or another has it.
		delete(r.inHand, d.ID)
	case now.Add(profile.Timeout + freshness).After(d.NextAt):
		// Its webhook was slow, and the lease would run out under the attempt.
		r.leave(d, souk.DeliveryPending, now, d.Note)
	default:
		e.flying++
		r.flying++
		a := attempt{
			delivery: d, webhook: hook.webhook, credentials: hook.credentials, speaker: r.live.speaker(d),
			prepare: prepare, profile: profile,
		}
		go func() {
			o := a.make(r.work, r.Client, r.Log)
			o.endpoint = e
			r.done <- o
		}()
	}
}

// leave lets d go without an attempt: ended, or due again at nextAt.
func (r *run) leave(d souk.Delivery, status souk.DeliveryStatus, nextAt time.Time, note string) {
	r.add(outcome{progress: store.Progress{
		Delivery: d.ID, Before: d.Attempts, Attempts: d.Attempts, Outcome: d.LastOutcome,
		Status: status, NextAt: nextAt, Note: note, Ordered: d.Resource != "",
	}})
}

// land takes the outcome of an attempt.
func (r *run) land(o outcome) {
	r.flying--
	o.endpoint.flying--
	r.queue(o.endpoint)
	r.add(o)
}

func (r *run) add(o outcome) {
	if len(r.outcomes) == 0 {
		r.oldest = time.Now()
	}
	r.outcomes = append(r.outcomes, o)
}

// stop gives back what waits, so that another process need not wait for the
// leases to run out.
func (r *run) stop() {
	now := time.Now()
	r.stopping, r.giveUp, r.ready = true, now.Add(grace), nil
	for _, e := range r.endpoints {
		for _, d := range e.waiting {
			r.leave(d, souk.DeliveryPending, now, d.Note)
		}
		e.waiting = nil
	}
}
