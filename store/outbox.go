package store

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"souk"
)

// Claim bounds what ClaimDeliveries takes.
type Claim struct {
	Now     time.Time     // what is due by then
	Lease   time.Duration // how long it is the claimer's alone; then it is due again
	Limit   int           // deliveries in all
	PerHook int           // deliveries to one webhook
	Except  []souk.ID     // webhooks that have enough to do
}

// claimWindow is how far into the queue a claim looks for deliveries within its
// bounds. A webhook that fills it is excepted by the next claim.
const claimWindow = 1024

// ClaimDeliveries takes due deliveries, the longest due first. A lease is
// nothing but a due time in the future: whoever crashes with it needs no
// cleaning up after. NextAt of what it answers is the end of the lease.
func (tx *Tx) ClaimDeliveries(c Claim) ([]souk.Delivery, error) {
	args := []any{micros(c.Now), micros(c.Now.Add(c.Lease)), claimWindow, c.PerHook, c.Limit}
	except := ""
	if len(c.Except) > 0 {
		ids := padded(c.Except)
		except = `AND webhook_id NOT IN (` + placeholders(len(args)+1, len(ids)) + `)`
		args = append(args, anys(ids)...)
	}
	claimed, err := list(tx, scanDelivery, `
		WITH due AS (
			SELECT id, webhook_id, next_at FROM deliveries
			WHERE next_at <= $1 `+except+`
			ORDER BY next_at LIMIT $3
		), ranked AS (
			SELECT id, next_at, row_number() OVER (PARTITION BY webhook_id ORDER BY next_at) AS place FROM due
		), mine AS (
			-- Asked again under the row's lock, as another claim may have been first;
			-- with a plus, so that it is asked of these rows and not of the index.
			SELECT id FROM deliveries
			WHERE +next_at <= $1 AND id IN (SELECT id FROM ranked WHERE place <= $4 ORDER BY next_at LIMIT $5)
			`+tx.skipLocked()+`
		)
		UPDATE deliveries SET next_at = $2, claimed_at = $1 WHERE id IN (SELECT id FROM mine)
		RETURNING `+deliveryColumns, args...)
	if err != nil {
		return nil, err
	}
	return tx.giveWay(claimed)
}

// NextDue is when the first delivery is due, which may be past; the zero time
// when there is none.
func (tx *Tx) NextDue() (at time.Time, err error) {
	err = tx.row(`SELECT min(next_at) FROM deliveries WHERE next_at IS NOT NULL`).Scan((*stamp)(&at))
	return at, err
}

// Progress is how far a delivery came: to its end, or to its next attempt.
type Progress struct {
	Delivery souk.ID
	Before   int // attempts made before; if the delivery has others by now, somebody else carried on and nothing changes
	Attempts int // made now
	Outcome  souk.Outcome
	Status   souk.DeliveryStatus
	NextAt   time.Time // while pending
	Note     string
	Ordered  bool // it has a resource: when it ended, the next one about that is due

	// Logged says that a request was made, which has taken the delivery's entry
	// in the log. Entry is that of the request to come, none when it ended.
	Logged  bool
	Entry   souk.ID
	EntryAt time.Time
}

// AdvanceDeliveries moves deliveries that are still pending on, and has those
// follow that waited for them. Those that ended meanwhile stay as they are; but
// of a request that was made after all, the log no longer says that it was not.
func (tx *Tx) AdvanceDeliveries(at time.Time, all []Progress) error {
	// What is common to many is one statement; the rest is arguments of a row.
	groups := map[Progress][]Progress{}
	var order []Progress
	for _, p := range all {
		common := p
		common.Delivery, common.NextAt, common.Entry, common.EntryAt = souk.ID{}, time.Time{}, souk.ID{}, time.Time{}
		if groups[common] == nil {
			order = append(order, common)
		}
		groups[common] = append(groups[common], p)
	}
	for _, common := range order {
		advance := tx.end
		if common.Status == souk.DeliveryPending {
			advance = tx.postpone
		}
		for some := range slices.Chunk(groups[common], mostRows) {
			moved, err := advance(at, common, padded(some))
			if err == nil && common.Logged && moved < int64(len(some)) {
				err = tx.dropEntries(some)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (tx *Tx) end(at time.Time, common Progress, all []Progress) (int64, error) {
	args := []any{common.Status, common.Attempts, string(common.Outcome), micros(at), common.Note, common.Before}
	entry := ``
	if common.Logged {
		entry = `, entry_id = NULL`
	}
	ids := idsOf(all)
	n, err := tx.exec(`UPDATE deliveries
		SET status = $1, attempts = $2, last_outcome = $3, next_at = NULL, claimed_at = NULL, ended_at = $4, note = $5`+entry+`
		WHERE status = 'pending' AND attempts = $6 AND id IN (`+placeholders(len(args)+1, len(ids))+`)`, append(args, anys(ids)...)...)
	if err == nil && common.Ordered {
		err = tx.nextInLine(at, ids)
	}
	return n, err
}

func (tx *Tx) postpone(_ time.Time, common Progress, all []Progress) (int64, error) {
	args := []any{common.Attempts, string(common.Outcome), common.Note, common.Before}
	arg := func(v any) string {
		args = append(args, v)
		return ` $` + strconv.Itoa(len(args))
	}
	var next, entry, entryAt, in strings.Builder
	for i, p := range all {
		id := arg(p.Delivery)
		next.WriteString(` WHEN` + id + ` THEN` + arg(micros(p.NextAt)))
		if common.Logged {
			entry.WriteString(` WHEN` + id + ` THEN` + arg(p.Entry))
			entryAt.WriteString(` WHEN` + id + ` THEN` + arg(micros(p.EntryAt)))
		}
		if i > 0 {
			in.WriteString(`,`)
		}
		in.WriteString(id)
	}
	set := `next_at = CASE id` + next.String() + ` ELSE next_at END`
	if common.Logged {
		set += `, entry_id = CASE id` + entry.String() + ` ELSE entry_id END, entry_at = CASE id` + entryAt.String() + ` ELSE entry_at END`
	}
	return tx.exec(`UPDATE deliveries
		SET attempts = $1, last_outcome = $2, note = $3, claimed_at = NULL, `+set+`
		WHERE status = 'pending' AND attempts = $4 AND id IN (`+in.String()+`)`, args...)
}

// dropEntries forgets the entries of deliveries that were given up, where an
// attempt has the entry: its request was made after all.
func (tx *Tx) dropEntries(all []Progress) error {
	ids := padded(idsOf(all))
	_, err := tx.exec(`UPDATE deliveries SET entry_id = NULL
		WHERE status IN ('cancelled', 'skipped') AND id IN (`+placeholders(1, len(ids))+`)
		AND EXISTS (SELECT 1 FROM attempts a WHERE a.delivery_id = deliveries.id AND a.id = deliveries.entry_id)`, anys(ids)...)
	return err
}

func idsOf(all []Progress) []souk.ID {
	ids := make([]souk.ID, len(all))
	for i, p := range all {
		ids[i] = p.Delivery
	}
	return ids
}

// padded repeats the last of list until its length is a power of two. What is
// asked about a list by IN does not change, and there are few different
// statements to keep compiled.
func padded[T any](list []T) []T {
	n := 1
	for n < len(list) {
		n *= 2
	}
	out := list[:len(list):len(list)]
	for len(out) > 0 && len(out) < n {
		out = append(out, list[len(list)-1])
	}
	return out
}
