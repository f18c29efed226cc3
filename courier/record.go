package courier

import (
	"context"
	"errors"
	"slices"
	"time"

	"souk"
	"souk/store"
)

// book is what is to be recorded. One transaction of the recorder is under way at
// most. A flight that was kept is in outcomes, or among those of that transaction,
// until it is written down: nothing else lets go of it.
type book struct {
	outcomes   []*flight     // not recorded, nor under way to be
	recording  int           // under way to be
	writing    bool          // a transaction is under way
	oldest     time.Time     // when the first of both came
	marks      []*flight     // to be shown as under way
	batch      int           // outcomes that are recorded at once
	gathers    time.Duration // how long an outcome waits for others
	notBefore  time.Time     // no transaction begins, as the last one failed
	recordedAt time.Time
	inspected  store.Line // how far the look for lines that nobody leads came
	inspection time.Time  // when it goes on, or begins anew
}

func newBook(now time.Time) book { return book{batch: batch, gathers: gather, inspection: now} }

// owed counts the outcomes that are not written down.
func (b *book) owed() int { return len(b.outcomes) + b.recording }

// records is one transaction of the recorder: attempts and what follows from
// them, who goes next in their lines, and how endpoints fare.
type records struct {
	at       time.Time
	node     souk.ID
	flights  []*flight
	shards   []store.Shard // of flights
	marks    []souk.ID
	lanes    []*lane
	healths  []souk.Health // of lanes
	alone    bool          // healths are all there is, as something about them was refused
	inspects bool          // lines that nobody leads are looked for
	behind   store.Line    // this one, which was looked at last

	progress []store.Progress
	next     []souk.Delivery
	looked   store.Line
	took     time.Duration
}

// record starts a transaction if there is something to record and none is under
// way. An outcome waits a moment for others, as long as the last transaction took:
// each costs others a wait for the disk. While one runs, the next collects.
func (r *run) record() {
	if r.book.writing || r.now.Before(r.book.notBefore) {
		return
	}
	r.doctor()
	inspects := !r.stopping && !r.now.Before(r.book.inspection)
	due := len(r.book.outcomes) > 0 && (r.stopping || len(r.book.outcomes) >= r.book.batch || r.now.Sub(r.book.outcomes[0].keptAt) >= r.book.gathers)
	if !due && !inspects && !r.ward.ill && len(r.book.marks) == 0 {
		return
	}
	rec := &records{at: r.clock(), node: r.Lease.Node(), inspects: inspects, behind: r.book.inspected}
	r.prescribe(rec)
	n := min(len(r.book.outcomes), r.book.batch)
	if rec.alone {
		n, inspects, rec.inspects = 0, false, false
	}
	if n == 0 && !inspects && len(rec.lanes) == 0 && len(r.book.marks) == 0 {
		return
	}
	rec.flights = slices.Clone(r.book.outcomes[:n])
	r.book.outcomes = slices.Delete(r.book.outcomes, 0, n)
	for _, f := range rec.flights {
		if !slices.Contains(rec.shards, f.shard) {
			rec.shards = append(rec.shards, f.shard)
		}
	}
	if !rec.alone {
		for _, f := range r.book.marks {
			if f.keptAt.IsZero() {
				rec.marks = append(rec.marks, f.delivery.ID)
			}
		}
		r.book.marks = nil
	}
	r.book.recording, r.book.writing = n, true
	go func() {
		began := time.Now()
		err := r.DB.Record(r.base, rec.do)
		rec.took = time.Since(began)
		if r.Watch.Recorded != nil {
			r.Watch.Recorded(n, rec.took, err)
		}
		r.reports <- func() { r.wrote(rec, err) }
	}()
}

// do is the transaction. It may run again.
func (rec *records) do(tx *store.Tx) error {
	lost, err := tx.Fence(rec.node, rec.shards)
	if err != nil {
		return err
	}
	rec.progress = rec.progress[:0]
	for _, f := range rec.flights {
		p := f.progress
		p.Lost = lost[f.shard] // what becomes of it is for the node to say that has the endpoint now
		rec.progress = append(rec.progress, p)
	}
	if len(rec.marks) > 0 {
		if err := tx.MarkStarted(rec.marks, rec.at); err != nil {
			return err
		}
	}
	if rec.next, err = tx.Record(rec.node, rec.at, rec.progress); err != nil {
		return err
	}
	if rec.inspects {
		if rec.looked, err = tx.LeadLines(rec.at, rec.behind, perLook); err != nil {
			return err
		}
	}
	return tx.PutHealth(rec.healths)
}

// wrote takes the end of a transaction. What could not be recorded is kept, and
// tried again in smaller parts, and without what is written down beside it, so
// that one thing that no database takes does not keep all others.
func (r *run) wrote(rec *records, err error) {
	r.book.recording, r.book.writing = 0, false
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			r.Log.Error("the courier could not record", "outcomes", len(rec.flights), "err", err)
		}
		r.book.outcomes = append(r.book.outcomes, rec.flights...)
		away := errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrOutcomeUnknown) || errors.Is(err, context.Canceled)
		r.healed(rec, err, away)
		if rec.alone && !away {
			return
		}
		r.book.notBefore = r.now.Add(pause)
		if !away {
			r.book.batch = max(1, len(rec.flights)/2)
			r.book.inspection = r.now.Add(inspection)
		}
		return
	}
	r.book.recordedAt = r.clock()
	r.healed(rec, nil, false)
	if rec.alone {
		return
	}
	r.book.batch = min(batch, 2*r.book.batch)
	r.book.gathers = min(max(gather, rec.took), mostGather)
	r.owe()
	if rec.inspects {
		if r.book.inspected = rec.looked; r.book.inspected == (store.Line{}) {
			r.book.inspection = r.now.Add(inspection)
		}
		r.loads.swept.next = r.now // who leads now is due
	}
	for _, f := range rec.flights {
		if r.loads.loading {
			r.loads.recorded[f.delivery.ID] = struct{}{}
		}
		r.forget(f.lane, f.delivery)
		r.remember(f.delivery)
		r.courier.flying[f.shard.Number].Add(-1)
		if f.lane.inHand == 0 {
			r.crave(f.lane)
		}
	}
	if !r.stopping && len(rec.next) > 0 {
		r.take(rec.next, false)
	}
}

// owe says since when something is to be recorded.
func (r *run) owe() {
	if len(r.book.outcomes) == 0 {
		r.courier.owed.Store(nil)
		return
	}
	r.book.oldest = r.book.outcomes[0].keptAt
	now := r.now
	r.courier.owed.Store(&now)
}
