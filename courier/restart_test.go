package courier

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
)

// Stopping gives attempts in hand the time to finish, and leaves the rest.
func TestCourierStops(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var finished atomic.Int64
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			readRequest(r)
			time.Sleep(10 * time.Second)
			finished.Add(1)
		}))
		stop := start(c)
		all := w.deliveries(w.hook("slow", souk.Native), 20)
		c.Wake()
		time.Sleep(time.Second)
		began := time.Now()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 9*time.Second {
			t.Errorf("stopped after %s", took)
		}
		want := map[souk.DeliveryStatus]int{souk.DeliverySuccessful: perWebhook, souk.DeliveryPending: 20 - perWebhook}
		if d := cmp.Diff(want, w.count(all)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		for _, d := range all {
			if now, _ := w.delivery(d.ID); now.NextAt.After(time.Now()) {
				t.Errorf("%s has to wait until %s for another process", d.ID, now.NextAt)
			}
		}

		// The next process carries on at once.
		again := start(c)
		time.Sleep(21 * time.Second)
		if err := again(); err != nil {
			t.Fatal(err)
		}
		if n := w.count(all)[souk.DeliverySuccessful]; n != 20 || finished.Load() != 20 {
			t.Errorf("%d successful, %d received", n, finished.Load())
		}
	})
}

// However long attempts take and the database is away, stopping takes no longer
// than it may.
func TestStoppingTakesItsTime(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			readRequest(r)
			<-r.Context().Done()
		}))
		hook := w.hook("pit", souk.Native)
		stop := start(c)
		w.told(c, w.drafts(hook, perWebhook)...)
		time.Sleep(time.Millisecond)
		restore := w.hide("deliveries")
		began := time.Now()
		err := stop()
		if took := time.Since(began); err == nil || took > StopTime || took < 15*time.Second {
			t.Errorf("it took %s: %v", took, err)
		}
		restore()
	})
}

// A database that is gone costs time and no outcome: what was received is not
// sent again when it is back.
func TestCourierWaitsForItsDatabase(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		broken := make(chan func(), 1)
		c := w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			broken <- w.breakDatabase()
			in.ServeHTTP(rw, r)
		}))
		stop := start(c)
		d := w.deliveries(w.hook("receiver", souk.Slack), 1)[0]
		c.Wake()
		time.Sleep(2 * time.Minute)
		(<-broken)()
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		got, attempts := w.delivery(d.ID)
		if got.Status != souk.DeliverySuccessful || len(attempts) != 1 || in.received()[string(d.Body)] != 1 {
			t.Errorf("%s after %d attempts, received %v", got.Status, len(attempts), in.received())
		}
	})
}

// A process that ends without being able to record says so, and the next one
// delivers again: at least once, never less.
func TestCourierDeliversAgainWhatWasNotRecorded(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		var once sync.Once
		broken := make(chan func(), 1)
		c := w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			once.Do(func() { broken <- w.breakDatabase() })
			in.ServeHTTP(rw, r)
		}))
		stop := start(c)
		d := w.deliveries(w.hook("receiver", souk.Slack), 1)[0]
		c.Wake()
		time.Sleep(time.Second)
		began := time.Now()
		if err := stop(); err == nil {
			t.Error("the courier did not tell that an outcome is lost")
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s to give up", took)
		}
		(<-broken)()
		again := start(c)
		time.Sleep(2 * time.Minute)
		if err := again(); err != nil {
			t.Fatal(err)
		}
		if got, _ := w.delivery(d.ID); got.Status != souk.DeliverySuccessful || in.received()[string(d.Body)] != 2 {
			t.Errorf("%s, received %v", got.Status, in.received())
		}
	})
}

// Where what could not be recorded stands behind what is newer, the courier waits
// for that as it will be recorded, and does not go round and round.
func TestIdleAfterAFailure(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		r := newRun(w.courier(http.NotFoundHandler()), t.Context(), t.Context(), func() {})
		r.book.outcomes = []*flight{{keptAt: r.now}, {keptAt: r.now.Add(-time.Minute)}}
		r.book.oldest, r.book.notBefore = r.now.Add(-time.Minute), r.now
		r.loads.swept.next, r.book.inspection = r.now.Add(time.Hour), r.now.Add(time.Hour)
		if r.record(); r.book.writing {
			t.Fatal("it is recorded at once")
		}
		if wait := r.idle(); wait <= 0 {
			t.Errorf("it waits for %s", wait)
		}
	})
}
