package market

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/store"
)

// office is work that takes as long as it is told, on numbers: it answers each
// with ten times as much.
type office struct {
	mu     sync.Mutex
	runs   [][]int
	next   chan error // what a run comes to; it waits for that
	refuse int        // a run with this one in it comes to nothing
}

var (
	errRefused = errors.New("refused")
	errPanic   = errors.New("a fault")
)

func (o *office) do(_ context.Context, in []int) ([]int, error) {
	o.mu.Lock()
	o.runs = append(o.runs, in)
	o.mu.Unlock()
	if err := <-o.next; errors.Is(err, errPanic) {
		panic(err)
	} else if err != nil {
		return nil, err
	}
	if slices.Contains(in, o.refuse) {
		return nil, errRefused
	}
	out := make([]int, len(in))
	for i, n := range in {
		out[i] = 10 * n
	}
	return out, nil
}

// A run that the database does not answer in time is no caller's fault, and no fault
// of ours: whoever waits is told to come again.
func TestGatherWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gather[int, int]
		never := func(ctx context.Context, _ []int) ([]int, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		began := time.Now()
		var all sync.WaitGroup
		for i := range 3 { // more than may be under way
			all.Go(func() {
				if _, err := g.ask(t.Context(), i, 1, work[int, int]{most: 10, do: never}); FaultOf(err) != Unavailable {
					t.Errorf("%d: %v, %v", i, err, FaultOf(err))
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took > 2*gatherTime {
			t.Errorf("it took %s", took)
		}
	})
}

// visit asks, and waits until it has an answer or a place in the queue.
func (o *office) visit(ctx context.Context, g *gather[int, int], n int) (answer func() (int, error)) {
	done := make(chan struct{})
	var out int
	var err error
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v", v)
			}
		}()
		out, err = g.ask(ctx, n, n, work[int, int]{most: 10, do: o.do})
	}()
	synctest.Wait()
	return func() (int, error) {
		<-done
		return out, err
	}
}

// Who comes while both runs are under way shares the next with those who come
// then, up to its weight; who leaves before is in none.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gather[int, int]
		o := &office{next: make(chan error)}
		here := t.Context()
		gone, leave := context.WithCancel(here)
		stays, leaveLate := context.WithCancel(here)
		want := map[int]func() (int, error){
			1: o.visit(here, &g, 1), 2: o.visit(stays, &g, 2),
			3: o.visit(here, &g, 3), 4: o.visit(here, &g, 4), 6: o.visit(here, &g, 6), 30: o.visit(here, &g, 30),
		}
		left := o.visit(gone, &g, 5)
		leave()
		if _, err := left(); !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		leaveLate() // its run is under way
		for range 5 {
			o.next <- nil
			synctest.Wait()
		}
		for n, answer := range want {
			if got, err := answer(); got != 10*n || err != nil {
				t.Errorf("%d: %d, %v", n, got, err)
			}
		}
		slices.SortFunc(o.runs, func(a, b []int) int { return a[0] - b[0] })
		if !slices.EqualFunc(o.runs, [][]int{{1}, {2}, {3, 4}, {6}, {30}}, slices.Equal) {
			t.Errorf("the runs were %v", o.runs)
		}
		if _, err := o.visit(gone, &g, 7)(); !errors.Is(err, context.Canceled) {
			t.Errorf("who came dead got %v", err)
		}
	})
}

// A run that comes to nothing because of one is made again for each alone, but not
// where nobody knows what became of it or the database is at fault.
func TestGatherGoneWrong(t *testing.T) {
	for name, c := range map[string]struct {
		comes error
		runs  int
		ok    bool // for those who are not to blame
	}{
		"one is to blame":  {nil, 2 + 3, true},
		"nobody knows":     {store.ErrOutcomeUnknown, 2 + 1, false},
		"no database":      {store.ErrUnavailable, 2 + 1, false},
		"some other error": {errRefused, 2 + 3, true},
		"a panic":          {errPanic, 2 + 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gather[int, int]
				o := &office{next: make(chan error), refuse: 4}
				first, second := o.visit(t.Context(), &g, 1), o.visit(t.Context(), &g, 1)
				good, bad := o.visit(t.Context(), &g, 3), o.visit(t.Context(), &g, 4)
				o.next <- nil
				o.next <- nil
				o.next <- c.comes
				for range c.runs - 3 {
					o.next <- nil
				}
				for _, answer := range []func() (int, error){first, second} {
					if _, err := answer(); err != nil {
						t.Error(err)
					}
				}
				if got, err := good(); (err == nil) != c.ok || c.ok && got != 30 {
					t.Errorf("who is not to blame got %d, %v", got, err)
				}
				if _, err := bad(); err == nil {
					t.Error("who is to blame got an answer")
				}
				if len(o.runs) != c.runs {
					t.Errorf("the runs were %v", o.runs)
				}
			})
		})
	}
}

// Those who ask for one thing share what is found, for as long as somebody asks.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o once[string, string]
		found := make(chan string)
		runs := map[string]int{}
		var mu sync.Mutex
		var answers sync.WaitGroup
		ask := func(key, want string) {
			answers.Go(func() {
				got, err := o.ask(t.Context(), key, func(context.Context) (string, error) {
					mu.Lock()
					runs[key]++
					mu.Unlock()
					return key + <-found, nil
				})
				if got != want || err != nil {
					t.Errorf("%q, %v for %q", got, err, want)
				}
			})
			synctest.Wait()
		}
		ask("a", "a1")
		ask("a", "a1")
		for range 5 {
			ask("a", "a1")
		}
		ask("b", "b1")
		for range 4 {
			found <- "1"
		}
		answers.Wait()
		if runs["a"] != 3 || runs["b"] != 1 || len(o.of) != 0 {
			t.Errorf("%v, %d left", runs, len(o.of))
		}
		ask("a", "a2")
		found <- "2"
		answers.Wait()
	})
}

// However callers come, crowd and leave, each that stays has its own answer, and in
// the end nobody waits and nothing runs.
func TestGatherCrowd(t *testing.T) {
	var g gather[int, int]
	ten := work[int, int]{most: 20, do: func(_ context.Context, in []int) ([]int, error) {
		out := make([]int, len(in))
		for i, n := range in {
			out[i] = 10 * n
		}
		return out, nil
	}}
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			for n := range 300 {
				ctx, leave := context.WithCancel(t.Context())
				if (i+n)%5 == 0 {
					go leave()
				}
				got, err := g.ask(ctx, i*n, 1+n%7, ten)
				if err == nil && got != 10*i*n || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%d, %v", got, err)
				}
				leave()
			}
		})
	}
	wait.Wait()
	if len(g.waiting) != 0 || g.running != 0 {
		t.Errorf("%d wait, %d run", len(g.waiting), g.running)
	}
}
