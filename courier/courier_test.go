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

	"github.com/google/go-cmp/cmp"

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

// What makes an attempt pointless is looked at when it would start.
func TestCourierLooksBeforeItSends(t *testing.T) {
	tests := []struct {
		name   string
		change func(tx *store.Tx, w world, hook souk.Webhook) error
		final  bool
		own    bool
		status souk.DeliveryStatus
		note   string
	}{
		{name: "nothing changed", status: souk.DeliverySuccessful},
		{name: "uninstalled", change: uninstall, status: souk.DeliveryCancelled, note: "the installation ended"},
		{name: "uninstalled, final", change: uninstall, final: true, status: souk.DeliverySuccessful},
		{name: "uninstalled, owner's own", change: uninstall, own: true, status: souk.DeliverySuccessful},
		{name: "installation suspended", change: func(tx *store.Tx, w world, _ souk.Webhook) error {
			w.in.Status = souk.InstallationSuspended
			return tx.PutInstallation(w.in)
		}, status: souk.DeliverySkipped, note: "the installation is suspended"},
		{name: "app suspended", change: suspend, status: souk.DeliverySkipped, note: "the app is suspended"},
		{name: "app suspended, final", change: suspend, final: true, status: souk.DeliverySkipped, note: "the app is suspended"},
		{name: "app suspended, owner's own", change: suspend, own: true, status: souk.DeliverySuccessful},
		{name: "app deleted", change: deleteApp, status: souk.DeliveryCancelled, note: "the app was deleted"},
		{name: "app deleted, final", change: deleteApp, final: true, status: souk.DeliverySuccessful},
		{name: "webhook paused", change: func(tx *store.Tx, _ world, hook souk.Webhook) error {
			return tx.SetWebhookStatus(hook.ID, souk.WebhookPaused, time.Now())
		}, status: souk.DeliverySkipped, note: "the webhook is paused"},
		{name: "webhook deleted", change: func(tx *store.Tx, _ world, hook souk.Webhook) error {
			hook.DeletedAt = time.Now()
			return tx.PutWebhook(store.SealedWebhook{Webhook: hook})
		}, final: true, status: souk.DeliveryCancelled, note: "the webhook was deleted"},
		{name: "no subscription", change: unsubscribe, status: souk.DeliverySkipped, note: "the organization has no subscription"},
		{name: "no subscription, owner's own", change: unsubscribe, own: true, status: souk.DeliverySkipped, note: "the organization has no subscription"},
	}
	bubble(t, func(t *testing.T, first world) {
		for _, tt := range tests {
			var in inbox
			w := newWorld(t, first.db, first.address)
			c := w.courier(&in)
			hook := w.hook("receiver", souk.Native)
			d := w.draft(hook)
			d.Final = tt.final
			if tt.own {
				d.Installation = souk.ID{}
			}
			w.put(d)
			if tt.change != nil {
				w.write(func(tx *store.Tx) error { return tt.change(tx, w, hook) })
			}
			stop := start(c)
			time.Sleep(time.Second)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if got, _ := w.delivery(d.ID); got.Status != tt.status || got.Note != tt.note {
				t.Errorf("%s: %s, %q", tt.name, got.Status, got.Note)
			}
			if sent := len(in.received()) > 0; sent != (tt.status == souk.DeliverySuccessful) {
				t.Errorf("%s: attempted %v", tt.name, sent)
			}
		}
	})
}

func uninstall(tx *store.Tx, w world, _ souk.Webhook) error {
	w.in.Status, w.in.EndedAt = souk.InstallationEnded, time.Now()
	return tx.PutInstallation(w.in)
}

func suspend(tx *store.Tx, w world, _ souk.Webhook) error {
	w.app.Suspended = true
	return tx.PutApp(w.app)
}

func deleteApp(tx *store.Tx, w world, _ souk.Webhook) error {
	w.app.DeletedAt = time.Now()
	return tx.PutApp(w.app)
}

func unsubscribe(tx *store.Tx, w world, _ souk.Webhook) error {
	org, err := tx.Org(w.in.Org)
	if err != nil {
		return err
	}
	org.HasActiveSubscription = false
	return tx.PutOrg(org)
}

// An uninstall that commits while deliveries wait for a slow receiver reaches
// them: none starts later than a second after it.
func TestCourierStopsWithinASecondOfAnUninstall(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var last atomic.Pointer[time.Time]
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			last.Store(new(time.Now()))
			readRequest(r)
			<-r.Context().Done()
		}))
		stop := start(c)
		all := w.deliveries(w.hook("pit", souk.Slack), 60)
		c.Wake()
		time.Sleep(4 * time.Second)
		w.write(func(tx *store.Tx) error { return uninstall(tx, w, souk.Webhook{}) })
		committed := time.Now()
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if late := last.Load().Sub(committed); late > time.Second {
			t.Errorf("an attempt started %s after the uninstall", late)
		}
		if n := w.count(all)[souk.DeliveryCancelled]; n != len(all) {
			t.Errorf("%d of %d cancelled: %v", n, len(all), w.count(all))
		}
	})
}

// What comes of an attempt whose delivery was cancelled meanwhile is logged and
// changes nothing.
func TestCourierLogsTheOutcomeOfACancelledDelivery(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			readRequest(r)
			time.Sleep(2 * time.Second)
		}))
		stop := start(c)
		d := w.deliveries(w.hook("receiver", souk.Slack), 1)[0]
		c.Wake()
		time.Sleep(time.Second)
		w.write(func(tx *store.Tx) error {
			_, err := tx.CancelDeliveries(w.in.ID, time.Now(), "uninstalled")
			return err
		})
		time.Sleep(10 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		got, attempts := w.delivery(d.ID)
		if got.Status != souk.DeliveryCancelled || got.Note != "uninstalled" || got.Attempts != 0 {
			t.Errorf("delivery %+v", got)
		}
		if len(attempts) != 1 || attempts[0].Outcome != souk.OK {
			t.Errorf("attempts %+v", attempts)
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

// Stopping gives attempts in hand the time to finish, and gives the rest back.
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

// A process that died with deliveries claimed leaves them to the next one.
func TestCourierTakesOverWhatAnotherClaimed(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in inbox
		c := w.courier(&in)
		all := w.deliveries(w.hook("receiver", souk.Slack), 10)
		w.write(func(tx *store.Tx) error {
			claimed, err := tx.ClaimDeliveries(store.Claim{Now: time.Now(), Lease: lease, Limit: 10, PerHook: 10})
			if err == nil && len(claimed) != 10 {
				err = fmt.Errorf("claimed %d", len(claimed))
			}
			return err
		})
		stop := start(c)
		time.Sleep(lease - time.Millisecond)
		if n := len(in.received()); n != 0 {
			t.Errorf("%d were sent under the lease of another", n)
		}
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if n := w.count(all)[souk.DeliverySuccessful]; n != 10 || len(in.received()) != 10 {
			t.Errorf("%d successful, received %v", n, in.received())
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
				<-r.Context().Done()
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
		time.Sleep(2 * time.Minute) // more than a lease
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

// While a request is on its way, the database is left alone.
func TestCourierSendsOutsideOfTransactions(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		requests := 0
		c := w.courier(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			requests++
			if n := w.transactions(); n != 0 {
				t.Errorf("%d transactions are open", n)
			}
		}))
		stop := start(c)
		w.deliveries(w.hook("receiver", souk.Slack), 1)
		c.Wake()
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
