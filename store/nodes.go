package store

import (
	"hash/fnv"
	"slices"
	"time"

	"souk"
)

// Shards is into how many parts endpoints fall. Nodes on one PostgreSQL share
// them out among themselves (docs/delivery.md, "Many nodes").
const Shards = 128

// ShardOf is the shard that an endpoint falls into, from 0 on. It must never
// change: nodes of two versions may run beside each other.
func ShardOf(endpoint souk.ID) int {
	h := fnv.New32a()
	_, _ = h.Write(endpoint[:]) // a hash takes everything
	return int(h.Sum32() % Shards)
}

// Shard is a shard as a node holds it. Epoch grows each time that the shard is
// taken, so that it tells one holder from the next.
type Shard struct {
	Number int
	Epoch  int64
}

// Lease is what the database says of a shard.
type Lease struct {
	Shard
	Node  souk.ID   // zero: nobody's
	Until time.Time // nobody else takes it before
}

func scanShard(r row) (s Shard, err error) {
	err = r.Scan(&s.Number, &s.Epoch)
	return s, err
}

// Beat says that a node is there until a time, and forgets those that have not
// been there for an hour.
func (tx *Tx) Beat(node souk.ID, name string, at, until time.Time) error {
	if _, err := tx.exec(`
		INSERT INTO nodes (id, name, until) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET until = excluded.until`,
		node, name, micros(until)); err != nil {
		return err
	}
	_, err := tx.exec(`DELETE FROM nodes WHERE until < $1`, micros(at.Add(-time.Hour)))
	return err
}

// RemoveNode says that a node is there no longer. What it holds it keeps.
func (tx *Tx) RemoveNode(node souk.ID) error {
	_, err := tx.exec(`DELETE FROM nodes WHERE id = $1`, node)
	return err
}

// LiveNodes are the nodes that are there at a time, by ID.
func (tx *Tx) LiveNodes(at time.Time) ([]souk.ID, error) {
	return list(tx, func(r row) (id souk.ID, err error) {
		err = r.Scan(&id)
		return id, err
	}, `SELECT id FROM nodes WHERE until > $1 ORDER BY id`, micros(at))
}

// Leases is what the database says of all shards, by number.
func (tx *Tx) Leases() ([]Lease, error) {
	return list(tx, func(r row) (l Lease, err error) {
		err = r.Scan(&l.Number, &l.Epoch, &l.Node, (*stamp)(&l.Until))
		return l, err
	}, `SELECT number, epoch, node_id, until FROM shards ORDER BY number`)
}

// Whatever locks several shards does so by their numbers, or skips what others
// have locked: so nobody waits for one another in a circle, RenewShards of a
// node for Fence of its recorder say.

// RenewShards has a node keep what it holds until a time, and answers with that.
// What ran out and nobody took is still its own.
func (tx *Tx) RenewShards(node souk.ID, until time.Time) ([]Shard, error) {
	return list(tx, scanShard, `
		WITH mine AS (SELECT number FROM shards WHERE node_id = $1 ORDER BY number `+tx.dialect.hold+`)
		UPDATE shards SET until = $2 WHERE number IN (SELECT number FROM mine)
		RETURNING number, epoch`,
		node, micros(until))
}

// TakeShards gives a node up to limit shards that nobody holds at a time, until
// another, and answers with them. Those that somebody has locked are passed over.
func (tx *Tx) TakeShards(node souk.ID, at, until time.Time, limit int) ([]Shard, error) {
	return list(tx, scanShard, `
		WITH free AS (
			SELECT number FROM shards WHERE node_id IS NULL OR until <= $2
			ORDER BY number LIMIT $4 `+tx.skipLocked()+`
		)
		UPDATE shards SET node_id = $1, epoch = epoch + 1, until = $3 WHERE number IN (SELECT number FROM free)
		RETURNING number, epoch`,
		node, micros(at), micros(until), limit)
}

// ReleaseShards gives back shards that a node holds.
func (tx *Tx) ReleaseShards(node souk.ID, numbers []int) error {
	if len(numbers) == 0 {
		return nil
	}
	args := []any{node}
	for _, n := range numbers {
		args = append(args, n)
	}
	_, err := tx.exec(`
		WITH given AS (
			SELECT number FROM shards WHERE node_id = $1 AND number IN (`+placeholders(2, len(numbers))+`)
			ORDER BY number `+tx.dialect.hold+`
		)
		UPDATE shards SET node_id = NULL, until = NULL WHERE number IN (SELECT number FROM given)`, args...)
	return err
}

// Fence has nobody else take shards before the transaction ends, and answers with
// those among held that a node does not hold any more, or not without a break: what
// it knows of them may be old. Of a number that is held with two epochs, as it was
// lost and taken again, the newer may be good. Where nothing is leased, on SQLite
// and to a node without an ID, nothing is lost.
func (tx *Tx) Fence(node souk.ID, held []Shard) (lost map[Shard]bool, err error) {
	if len(held) == 0 || node.IsZero() || tx.dialect.holdShared == "" {
		return nil, nil
	}
	var args []any
	for _, s := range held {
		if !slices.Contains(args, any(s.Number)) {
			args = append(args, s.Number)
		}
	}
	found, err := list(tx, func(r row) (l Lease, err error) {
		err = r.Scan(&l.Number, &l.Epoch, &l.Node)
		return l, err
	}, `
		SELECT number, epoch, node_id FROM shards WHERE number IN (`+placeholders(1, len(args))+`)
		ORDER BY number `+tx.dialect.holdShared, args...)
	if err != nil {
		return nil, err
	}
	lost = make(map[Shard]bool, len(held))
	for _, s := range held {
		lost[s] = true
	}
	for _, l := range found {
		if l.Node == node {
			delete(lost, l.Shard)
		}
	}
	return lost, nil
}
