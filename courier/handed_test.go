package courier

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// arrivals is a receiver that remembers when each body came first.
type arrivals struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (a *arrivals) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body := string(must(io.ReadAll(r.Body)))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at == nil {
		a.at = map[string]time.Time{}
	}
	if _, came := a.at[body]; !came {
		a.at[body] = time.Now()
	}
}

// after is how long after a time a delivery came, and whether it did.
func (a *arrivals) after(d souk.Delivery, from time.Time) (time.Duration, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, came := a.at[string(d.Body)]
	return at.Sub(from), came
}

// What is marked as handed over comes, whatever became of the handing over. Looks
// for what came due do not find it: those for everything do.
func TestHandedOver(t *testing.T) {
	tests := []struct {
		name string
		lose func(c *Courier, d souk.Delivery)
		from time.Duration // it does not come before that
		by   time.Duration // but by then
	}{
		{"it is handed over", func(c *Courier, d souk.Delivery) { c.Offer([]souk.Delivery{d}) }, 0, time.Second / 10},
		{"it is not", func(*Courier, souk.Delivery) {}, 2 * time.Second, sweepAll + sweep},
		{"it is not, and somebody says that something is due", func(c *Courier, _ souk.Delivery) { c.Wake() }, 2 * time.Second, sweepAll + sweep},
		{"there is no room for it", func(c *Courier, d souk.Delivery) {
			c.Offer(slices.Repeat([]souk.Delivery{d}, mostOffered+1))
		}, 0, sweep},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w world) {
				var in arrivals
				c := w.courier(&in)
				stop := start(c)
				hook := w.hook("one", souk.Native)
				time.Sleep(sweepAll / 2)
				d := w.draft(hook)
				d.Handed = c.Takes(hook.ID)
				if !d.Handed {
					t.Error("it does not take what is told to its endpoint")
				}
				at := time.Now()
				w.put(d)
				tt.lose(c, d)
				time.Sleep(tt.by)
				if after, came := in.after(d, at); !came || after < tt.from {
					t.Errorf("it came %v, after %s", came, after)
				}
				if err := stop(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// A process that starts has all that was handed over to the one before it.
func TestHandedToAnother(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		d := w.draft(w.hook("one", souk.Native))
		d.Handed = true
		w.put(d)
		time.Sleep(time.Hour)
		var in arrivals
		at := time.Now()
		stop := start(w.courier(&in))
		time.Sleep(sweep)
		if after, came := in.after(d, at); !came {
			t.Errorf("it came %v, after %s", came, after)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// What somebody hands over to himself while his endpoint becomes another's comes
// from the other, though it commits when the other has looked already.
func TestHandedWhileItMoves(t *testing.T) {
	address := souktest.Postgres(t)
	synctest.Test(t, func(t *testing.T) {
		db := must(store.Open(t.Context(), address))
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		w := newWorld(t, db, address)
		g := &nodes{t: t, db: db}
		c := &crossroads{now: map[string]int{}, came: map[string][]visit{}}
		hook := w.hook("one", souk.Native)
		one := g.sender(w, 0, c)
		time.Sleep(time.Minute)
		if !one.courier.Takes(hook.ID) {
			t.Fatal("the only node does not have the endpoint")
		}
		late := w.draft(hook)
		late.Handed = true
		if err := one.stop(); err != nil {
			t.Error(err)
		}
		g.kill(one.member)
		two := g.sender(w, 1, c)
		for !two.courier.Takes(hook.ID) {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(5 * time.Second) // as long as a commit may take
		w.put(late)
		at := time.Now()
		time.Sleep(overlap)
		c.mu.Lock()
		if visits := c.came[string(late.Body)]; len(visits) != 1 || visits[0].by != 1 {
			t.Errorf("%s later: %+v", time.Since(at), visits)
		}
		c.mu.Unlock()
		if err := two.stop(); err != nil {
			t.Error(err)
		}
		g.end()
		for _, s := range []*sender{one, two} {
			if err := s.db.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
