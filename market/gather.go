package market

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"souk/store"
)

// How much is done for many at once. One run may wait for the disk while the next
// gathers.
const (
	gatherRuns = 2
	gatherTime = 10 * time.Second // after which nobody waits for a run
)

// gather does in one go what several ask for at the same time: whoever comes
// while it is busy is in the next run. It never waits for company. What a run
// sees is what is there after all of its callers had come. A run is made by one of
// its callers, or by one who still waits. The zero gather is ready.
type gather[A, R any] struct {
	mu      sync.Mutex
	waiting []*waiter[A, R]
	running int
}

// waiter is one caller that waits.
type waiter[A, R any] struct {
	ctx    context.Context
	in     A
	weight int
	taken  bool // into a run: from now on the caller waits for the outcome
	out    R
	err    error
	done   chan struct{}
	leads  chan struct{} // has a token when the caller is to make the next run
}

// work is what a run does: it answers each of some alike, or all with an error.
type work[A, R any] struct {
	most int // weight of a run, unless one alone has more
	do   func(context.Context, []A) ([]R, error)
}

// ask waits for the answer to in. A caller whose ctx ends before its run begins
// leaves.
func (g *gather[A, R]) ask(ctx context.Context, in A, weight int, w work[A, R]) (out R, err error) {
	if err := ctx.Err(); err != nil {
		return out, err
	}
	a := &waiter[A, R]{ctx: ctx, in: in, weight: weight, done: make(chan struct{}), leads: make(chan struct{}, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, a)
	if g.running < gatherRuns {
		g.running++
		a.leads <- struct{}{}
	}
	g.mu.Unlock()
	left := ctx.Done()
	for {
		select {
		case <-a.done:
			g.passOn(a)
			return a.answer()
		case <-a.leads:
			select {
			case <-a.done: // in the other run; somebody else shall make this one
				g.mu.Lock()
				g.next()
				g.mu.Unlock()
				return a.answer()
			default:
				g.lead(w)
			}
		case <-left:
			if g.leave(a) {
				return out, ctx.Err()
			}
			left = nil // it is in a run
		}
	}
}

// lead makes a run and finds who makes the next.
func (g *gather[A, R]) lead(w work[A, R]) {
	if some := g.take(w.most); len(some) > 0 {
		if err := w.run(some); err != nil && len(some) > 1 && mayBeOnes(err) {
			for _, a := range some {
				a.err = w.run([]*waiter[A, R]{a})
			}
		}
		for _, a := range some {
			close(a.done)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next()
}

// next has the first who waits make the next run, if anybody does. The mutex is
// held.
func (g *gather[A, R]) next() {
	for _, a := range g.waiting {
		select {
		case a.leads <- struct{}{}:
			return
		default: // it is about to make the other
		}
	}
	g.running--
}

// leave takes a caller out of the queue; false when a run has it.
func (g *gather[A, R]) leave(a *waiter[A, R]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a.taken {
		return false
	}
	g.waiting = slices.DeleteFunc(g.waiting, func(b *waiter[A, R]) bool { return a == b })
	g.hand(a)
	return true
}

// passOn gives a run that a caller was to make, and that it need not make for
// itself, to the next.
func (g *gather[A, R]) passOn(a *waiter[A, R]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hand(a)
}

func (g *gather[A, R]) hand(a *waiter[A, R]) {
	select {
	case <-a.leads:
		g.next()
	default:
	}
}

// answer is what the run came to. A panic goes on where the caller would have met
// it.
func (a *waiter[A, R]) answer() (R, error) {
	var p *panicked
	if errors.As(a.err, &p) {
		panic(fmt.Sprintf("%v\n\nin a run at\n%s", p.value, p.stack))
	}
	return a.out, a.err
}

// panicked is the error of a run that panicked.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprint("panic: ", p.value) }

// mayBeOnes reports whether an error may be about one of several, so that the
// others do better without.
func mayBeOnes(err error) bool {
	return !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrOutcomeUnknown)
}

// take takes those who come next and are still there: perhaps none.
func (g *gather[A, R]) take(most int) (some []*waiter[A, R]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, sum := 0, 0
	for _, a := range g.waiting {
		if n > 0 && sum+a.weight > most {
			break
		}
		n++
		if a.ctx.Err() == nil {
			a.taken = true
			sum += a.weight
			some = append(some, a)
		}
	}
	g.waiting = slices.Delete(g.waiting, 0, n)
	return some
}

// run answers some.
func (w work[A, R]) run(some []*waiter[A, R]) error {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
	defer cancel()
	in := make([]A, len(some))
	for i, a := range some {
		in[i] = a.in
	}
	out, err := w.safely(ctx, in)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		// Somebody keeps the database locked. What is given up is not begun, or rolled back.
		err = fmt.Errorf("%w: it did not answer in %s", store.ErrUnavailable, gatherTime)
	}
	for i, a := range some {
		if a.err = err; err == nil {
			a.out = out[i]
		}
	}
	return err
}

// safely keeps a panic for the callers: nobody above this could recover it.
func (w work[A, R]) safely(ctx context.Context, in []A) (out []R, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return w.do(ctx, in)
}

// once has those who ask for the same at the same time share what is found.
type once[K comparable, R any] struct {
	mu sync.Mutex
	of map[K]*same[R]
}

type same[R any] struct {
	gather[struct{}, R]
	asking int
}

// ask waits for what find finds, after ask was called.
func (o *once[K, R]) ask(ctx context.Context, key K, find func(context.Context) (R, error)) (R, error) {
	o.mu.Lock()
	if o.of == nil {
		o.of = map[K]*same[R]{}
	}
	s := o.of[key]
	if s == nil {
		s = &same[R]{}
		o.of[key] = s
	}
	s.asking++
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if s.asking--; s.asking == 0 {
			delete(o.of, key)
		}
	}()
	return s.gather.ask(ctx, struct{}{}, 0, work[struct{}, R]{do: func(ctx context.Context, all []struct{}) ([]R, error) {
		found, err := find(ctx)
		return slices.Repeat([]R{found}, len(all)), err
	}})
}
