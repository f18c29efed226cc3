package courier

import "souk"

// fifo is a queue that keeps its memory.
type fifo[T any] struct {
	items []T
	head  int
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }

func (f *fifo[T]) push(v T) { f.items = append(f.items, v) }

func (f *fifo[T]) peek() T { return f.items[f.head] }

func (f *fifo[T]) pop() T {
	var none T
	v := f.items[f.head]
	f.items[f.head] = none
	f.head++
	switch {
	case f.head == len(f.items):
		f.items, f.head = f.items[:0], 0
	case f.head >= 64 && f.head*2 >= len(f.items):
		n := copy(f.items, f.items[f.head:])
		clear(f.items[n:])
		f.items, f.head = f.items[:n], 0
	}
	return v
}

// turns is a queue of deliveries in which organizations take turns, however many
// of them one has.
type turns struct {
	orgs   map[souk.ID]*org
	ring   fifo[*org] // those of orgs with something waiting, in turn
	waits  int
	spares []*org // without anything, to be used again
}

// org is what waits of one organization, known by its installation.
type org struct {
	id    souk.ID
	waits fifo[*souk.Delivery]
}

// orgOf is by whom d takes its turn: an app has one installation in an
// organization. What tells an app of itself has none.
func orgOf(d *souk.Delivery) souk.ID {
	if d.Installation.IsZero() {
		return d.Speaker
	}
	return d.Installation
}

func (t *turns) push(d *souk.Delivery) {
	id := orgOf(d)
	o := t.orgs[id]
	if o == nil {
		if n := len(t.spares); n > 0 {
			o, t.spares = t.spares[n-1], t.spares[:n-1]
		} else {
			o = &org{}
		}
		if t.orgs == nil {
			t.orgs = map[souk.ID]*org{}
		}
		o.id, t.orgs[id] = id, o
		t.ring.push(o)
	}
	o.waits.push(d)
	t.waits++
}

// peek is what pop would answer; ask only where something waits.
func (t *turns) peek() *souk.Delivery { return t.ring.peek().waits.peek() }

func (t *turns) pop() *souk.Delivery {
	o := t.ring.pop()
	d := o.waits.pop()
	t.waits--
	if o.waits.len() > 0 {
		t.ring.push(o)
		return d
	}
	delete(t.orgs, o.id)
	if len(t.spares) < 4 {
		t.spares = append(t.spares, o)
	}
	return d
}

// of counts what waits of the organization of d.
func (t *turns) of(d *souk.Delivery) int {
	if o := t.orgs[orgOf(d)]; o != nil {
		return o.waits.len()
	}
	return 0
}

// heads calls do with the first of each of the next organizations, at most n.
func (t *turns) heads(n int, do func(*souk.Delivery)) {
	for _, o := range t.ring.items[t.ring.head:min(len(t.ring.items), t.ring.head+n)] {
		do(o.waits.peek())
	}
}
