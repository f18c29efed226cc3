package store

import (
	"encoding/binary"
	"sync"

	"souk"
)

// tallyTime is how often a row is changed before what it counts moves to another
// one. Until PostgreSQL vacuums, whoever changes a row walks over all that it was
// before; and nothing is vacuumed as long as somebody's transaction is left open.
// After 30,000 changes that takes longer than all the rest of a Record, and after
// 1,000 a tenth of it.
const tallyTime = 200

// tallies is where this process counts, as far as it remembers: a count is the sum
// of all rows that there are of it. The nil *tallies stays with one row, which is
// good enough where rows are changed in place.
type tallies struct {
	mu sync.Mutex
	of map[tallyKey]tally
}

// mostTallies are remembered. What is forgotten is counted in a row more.
const mostTallies = 20_000

// tallyKey is something that a node counts: the size of a part of the log, or how
// many deliveries ended how.
type tallyKey struct {
	node souk.ID
	part int64
	countKey
}

// tally is a row: the times that it was changed, and which one of its node's it is.
type tally struct {
	times int
	row   uint32
}

// next is by whom a row says that it was counted, and, when that is to be another
// row than before, by whom that one says so. What no node records goes where it
// went before: many write there, and seldom.
func (t *tallies) next(k tallyKey) (now, before souk.ID, moved bool) {
	if t == nil || isAnyNode(k.node) {
		return k.node, k.node, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil || len(t.of) >= mostTallies {
		t.of = map[tallyKey]tally{}
	}
	last := t.of[k]
	this := tally{last.times + 1, last.row}
	if moved = this.times > tallyTime; moved {
		this = tally{1, last.row + 1}
	}
	t.of[k] = this
	return rowOf(k.node, this.row), rowOf(k.node, last.row), moved
}

// rowOf makes one ID of a node's and of the number of a row.
func rowOf(node souk.ID, row uint32) souk.ID {
	end := node[len(node)-4:]
	binary.BigEndian.PutUint32(end, binary.BigEndian.Uint32(end)^row)
	return node
}
