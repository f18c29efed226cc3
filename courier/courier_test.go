package courier

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/store"
)

func TestCourierDelivers(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var got []received
		c := w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			got = append(got, readRequest(r))
			fmt.Fprint(rw, "thanks\x00\xff")
		}))
		var log bytes.Buffer
		c.config.Log = slog.New(slog.NewTextHandler(&log, nil))
		stop := start(c)
		synctest.Wait()

		hook := w.hook("receiver", souk.Slack)
		began := time.Now()
		sent := w.deliveries(hook, 1)[0]
		c.Wake()
		synctest.Wait()
		if len(got) != 1 || !time.Now().Equal(began) {
			t.Fatalf("%d requests after %s, want one at once", len(got), time.Since(began))
		}
		if got[0].Path != "/hook" || got[0].Body != string(sent.Body) {
			t.Errorf("the receiver got %+v", got[0])
		}
		want := fmt.Sprintf("webhook secret, signing secret, %d", began.Unix())
		if s := got[0].Header.Get("X-Signature"); s != want {
			t.Errorf("signed %q, want %q", s, want)
		}

		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		d, attempts := w.delivery(sent.ID)
		if d.Status != souk.DeliverySuccessful || d.Attempts != 1 || d.LastOutcome != souk.OK || !d.NextAt.IsZero() || d.EndedAt.IsZero() {
			t.Errorf("delivery %+v", d)
		}
		if len(attempts) != 1 {
			t.Fatalf("%d attempts in the log", len(attempts))
		}
		a := attempts[0]
		if a.Delivery != d.ID || a.Webhook != hook.ID || a.Number != 0 || a.URL != hook.URL || a.Outcome != souk.OK ||
			a.Status != 200 || a.Answer != "thanks\uFFFD\uFFFD" || a.Detail != "" || !a.StartedAt.Equal(began) {
			t.Errorf("attempt %+v", a)
		}
		line := log.String()
		for _, want := range []string{d.ID.String(), d.Event.String(), hook.ID.String(), "number=0", "outcome=ok", "status=200", "then=successful"} {
			if !strings.Contains(line, want) {
				t.Errorf("the log lacks %s: %s", want, line)
			}
		}
		for _, never := range []string{"secret", "thanks", string(d.Body)} {
			if strings.Contains(line, never) {
				t.Errorf("the log has %s: %s", never, line)
			}
		}
		if strings.Count(line, "\n") != 1 {
			t.Errorf("not one line: %s", line)
		}
	})
}

// A Slack delivery that nobody takes is tried four times, with the same bytes
// and a new signature, and each retry says how often and why.
func TestCourierRetries(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		type try struct {
			at                      time.Time
			number, reason, body, s string
		}
		var tries []try
		c := w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			got := readRequest(r)
			tries = append(tries, try{time.Now(), got.Header.Get("X-Number"), got.Header.Get("X-Reason"), got.Body, got.Header.Get("X-Signature")})
			switch len(tries) {
			case 1:
				<-r.Context().Done() // until the courier gives up, 3 s later
			case 2:
				rw.WriteHeader(http.StatusInternalServerError)
			default:
				rw.WriteHeader(http.StatusNotFound)
			}
		}))
		stop := start(c)
		hook := w.hook("receiver", souk.Slack)
		sent := w.deliveries(hook, 1)[0]
		c.Wake()
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}

		if len(tries) != 4 {
			t.Fatalf("%d attempts", len(tries))
		}
		from := sent.CreatedAt
		for i, want := range []struct {
			reason      string
			least, most time.Duration // after the failure before
			lasted      time.Duration
		}{
			{"", 0, 0, 3 * time.Second},
			{"header_timeout", 0, 2 * time.Second, 0},
			{"status", time.Minute, 66 * time.Second, 0},
			{"status", 5 * time.Minute, 330 * time.Second, 0},
		} {
			got := tries[i]
			if after := got.at.Sub(from); after < want.least || after > want.most {
				t.Errorf("attempt %d came %s after the failure before it", i, after)
			}
			if got.number != strconv.Itoa(i) || got.reason != want.reason || got.body != string(sent.Body) {
				t.Errorf("attempt %d says %+v", i, got)
			}
			if !strings.HasSuffix(got.s, fmt.Sprintf(", %d", got.at.Unix())) {
				t.Errorf("attempt %d is signed %q at %d", i, got.s, got.at.Unix())
			}
			from = got.at.Add(want.lasted)
		}
		d, attempts := w.delivery(sent.ID)
		if d.Status != souk.DeliveryExhausted || d.Attempts != 4 || d.Note != "no attempt is left" {
			t.Errorf("in the end %+v", d)
		}
		var outcomes []souk.Outcome
		for i, a := range attempts {
			outcomes = append(outcomes, a.Outcome)
			if a.Number != i || !a.StartedAt.Equal(tries[i].at) {
				t.Errorf("attempt %d in the log: %+v", i, a)
			}
		}
		if want := []souk.Outcome{souk.HeaderTimeout, souk.BadStatus, souk.BadStatus, souk.BadStatus}; !slices.Equal(outcomes, want) {
			t.Errorf("outcomes %v", outcomes)
		}
	})
}

// An event that is hours late is no news: nobody is told.
func TestCourierSkipsWhatIsTooLate(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		c := w.courier(&in)
		d := w.deliveries(w.hook("receiver", souk.Slack), 1)[0]
		time.Sleep(2*time.Hour + time.Millisecond)
		stop := start(c)
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got, _ := w.delivery(d.ID); got.Status != souk.DeliverySkipped || got.Note != "more than 2h0m0s late" || len(in.received()) > 0 {
			t.Errorf("%s %q, received %v", got.Status, got.Note, in.received())
		}
	})
}

// Receivers that hang delay nobody else, however much waits for them.
func TestCourierIsFair(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var mu sync.Mutex
		most, now := map[string]int{}, map[string]int{}
		var worst time.Duration
		var healthy int
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body := readRequest(r).Body
			mu.Lock()
			now[r.Host]++
			most[r.Host] = max(most[r.Host], now[r.Host])
			mu.Unlock()
			if strings.HasPrefix(r.Host, "pit") {
				time.Sleep(2900 * time.Millisecond)
			} else {
				at := must(time.Parse(time.RFC3339Nano, body))
				mu.Lock()
				worst = max(worst, time.Since(at))
				healthy++
				mu.Unlock()
			}
			mu.Lock()
			now[r.Host]--
			mu.Unlock()
		}))
		for i := range 3 {
			w.deliveries(w.hook(fmt.Sprint("pit", i), souk.Slack), 300)
		}
		good := w.hook("good", souk.Slack)
		stop := start(c)
		for range 60 {
			time.Sleep(time.Second)
			d := w.draft(good)
			d.Body = []byte(d.CreatedAt.Format(time.RFC3339Nano))
			w.put(d)
			c.Wake()
		}
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if healthy != 60 || worst > 100*time.Millisecond {
			t.Errorf("%d of 60 healthy deliveries, the slowest after %s", healthy, worst)
		}
		for host, n := range most {
			if n > perWebhook {
				t.Errorf("%d attempts at once to %s", n, host)
			}
		}
	})
}

// While a request is on its way, the database is left alone.
func TestCourierSendsOutsideOfTransactions(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		requests := 0
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			requests++
			time.Sleep(100 * time.Millisecond) // until what runs beside it is done
			if n := w.transactions(); n != 0 {
				t.Errorf("%d transactions are open", n)
			}
		}))
		w.deliveries(w.hook("receiver", souk.Slack), 1)
		stop := start(c)
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if requests != 1 {
			t.Errorf("%d requests", requests)
		}
	})
}

// A delivery that cannot be prepared is our fault: it waits, costs no attempt
// and holds up no other.
func TestCourierKeepsWhatItCannotPrepare(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		c := w.courier(&in)
		var mended atomic.Bool
		c.config.Prepare = map[souk.Dialect]Prepare{
			souk.Slack: func(o souk.Outgoing) (souk.Prepared, error) {
				if !mended.Load() {
					panic("no")
				}
				return prepare(o)
			},
			souk.Native: func(o souk.Outgoing) (souk.Prepared, error) {
				if !mended.Load() {
					return souk.Prepared{}, errors.New("no")
				}
				return prepare(o)
			},
		}
		all := append(w.deliveries(w.hook("slack", souk.Slack), 1), w.deliveries(w.hook("native", souk.Native), 1)...)
		stop := start(c)
		time.Sleep(90 * time.Second)
		for _, d := range all {
			got, attempts := w.delivery(d.ID)
			if got.Status != souk.DeliveryPending || got.Attempts != 0 || got.LastOutcome != souk.Unprepared || len(attempts) != 0 {
				t.Errorf("%s: %+v, %d attempts", d.Dialect, got, len(attempts))
			}
		}
		mended.Store(true)
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := w.count(all)[souk.DeliverySuccessful]; n != 2 || len(in.received()) != 2 {
			t.Errorf("%d successful, received %v", n, in.received())
		}
	})
}

// What is for an endpoint whose secrets cannot be opened is tried again as if an
// attempt had failed, ends, and lets the next in its line go on; and what nobody
// prepares ends when it is too old.
func TestSecretsThatCannotBeOpened(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		c := w.courier(&in)
		delete(c.config.Prepare, souk.Zoom)
		var log bytes.Buffer
		c.config.Log = slog.New(slog.NewTextHandler(&log, nil))
		locked := func(name string, dialect souk.Dialect, key souk.Key) souk.Webhook {
			hook := w.hook(name, dialect)
			w.write(func(tx *store.Tx) error { return tx.PutWebhook(store.SealWebhook(key, hook)) })
			return hook
		}
		other := souk.NewKey([souk.KeySize]byte{2})
		line, short, mended := locked("line", souk.Giosg, other), locked("short", souk.Slack, other), locked("mended", souk.Native, other)
		first, second, all := w.about(line, "a", "first"), w.about(line, "a", "second"), w.draft(short)
		first.Attempts = len(giosgRetries) // the next is the last
		late, unheard := w.draft(mended), w.draft(w.hook("zoom", souk.Zoom))
		unheard.CreatedAt = unheard.CreatedAt.Add(-4*time.Hour + time.Minute)
		unheard.EntryAt = unheard.CreatedAt
		w.put(first, second, all, late, unheard)
		stop := start(c)
		time.Sleep(2 * time.Second)
		for d, attempts := range map[souk.ID]int{late.ID: 1, second.ID: 1, unheard.ID: 0} {
			if got, _ := w.delivery(d); got.Status != souk.DeliveryPending || got.Attempts != attempts {
				t.Errorf("at first: %+v", got)
			}
		}
		w.write(func(tx *store.Tx) error { return tx.PutWebhook(store.SealWebhook(key, mended)) })
		time.Sleep(10 * time.Second)
		if got, attempts := w.delivery(late.ID); got.Status != souk.DeliverySuccessful || got.Note != "" || len(attempts) != 1 {
			t.Errorf("with secrets again: %+v, %d attempts", got, len(attempts))
		}
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for d, attempts := range map[souk.ID]int{first.ID: 1 + len(giosgRetries), all.ID: 4} {
			got, made := w.delivery(d)
			if got.Status != souk.DeliveryExhausted || got.Attempts != attempts || got.LastOutcome != souk.Unprepared || len(made) != 0 ||
				got.Note != "the secrets of the endpoint could not be opened" {
				t.Errorf("in the end: %+v, %d attempts", got, len(made))
			}
		}
		if got, _ := w.delivery(unheard.ID); got.Status != souk.DeliverySkipped || got.Note != "more than 4h0m0s late" {
			t.Errorf("nobody prepares it: %+v", got)
		}
		if n := len(in.received()); n != 1 {
			t.Errorf("%d came", n)
		}
		if strings.Contains(log.String(), "webhook secret") || !strings.Contains(log.String(), "then=exhausted") {
			t.Errorf("the log: %s", log.String())
		}
	})
}
