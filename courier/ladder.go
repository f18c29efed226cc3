package courier

// ladder keeps things with the least on top. place tells where a thing remembers
// its rung: one more than its index, and 0 while it is on none.
type ladder[T any] struct {
	rungs []T
	less  func(a, b T) bool
	place func(T) *int
}

func (l *ladder[T]) len() int { return len(l.rungs) }

func (l *ladder[T]) has(v T) bool { return *l.place(v) > 0 }

// put puts v where it belongs, or moves it there after it changed.
func (l *ladder[T]) put(v T) {
	at := l.place(v)
	if *at == 0 {
		l.rungs = append(l.rungs, v)
		*at = len(l.rungs)
	}
	if i := *at - 1; !l.down(i) {
		l.up(i)
	}
}

// top is the least of all; ask only where len is not 0.
func (l *ladder[T]) top() T { return l.rungs[0] }

// take takes v off, if it is on.
func (l *ladder[T]) take(v T) {
	at := l.place(v)
	i, last := *at-1, len(l.rungs)-1
	if i < 0 {
		return
	}
	if i != last {
		l.swap(i, last)
	}
	var none T
	l.rungs[last] = none
	l.rungs = l.rungs[:last]
	*at = 0
	if i < last && !l.down(i) {
		l.up(i)
	}
}

func (l *ladder[T]) swap(i, j int) {
	l.rungs[i], l.rungs[j] = l.rungs[j], l.rungs[i]
	*l.place(l.rungs[i]), *l.place(l.rungs[j]) = i+1, j+1
}

func (l *ladder[T]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !l.less(l.rungs[i], l.rungs[parent]) {
			return
		}
		l.swap(i, parent)
		i = parent
	}
}

// down reports whether it moved anything.
func (l *ladder[T]) down(i int) (moved bool) {
	for {
		child := 2*i + 1
		if child >= len(l.rungs) {
			return moved
		}
		if right := child + 1; right < len(l.rungs) && l.less(l.rungs[right], l.rungs[child]) {
			child = right
		}
		if !l.less(l.rungs[child], l.rungs[i]) {
			return moved
		}
		l.swap(i, child)
		i, moved = child, true
	}
}
