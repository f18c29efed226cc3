package zoom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// kept writes down what was called by now.
func (o *office) kept() {
	o.t.Helper()
	ctx, cancel := context.WithCancel(o.t.Context())
	cancel()
	o.handler.KeepCalls(ctx)
	if o.log.Len() > 0 {
		o.t.Errorf("the log says %s", o.log)
	}
}

// called are the calls that desk made, as its owner reads of them.
func (o *office) called(query string) (rows []calledLog) {
	o.t.Helper()
	return pageByPage(o, "/marketplace/apps/{desk}/api_call_logs?"+query, 10, func(p callLogs) (listing, []calledLog) { return p.listing, p.CallLogs })
}

// What an app calls, its owner reads: the address without what a caller put into
// it, when, how it went, and the mark of the answer.
func TestCallLogs(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		before := o.db.Now()
		first := o.call("ada", "GET /marketplace/apps/{mill}/webhook_logs?event=secret", "")
		o.call("ada", "GET /marketplace/apps/{vat}/webhook_logs", "")
		o.call("ada", "HEAD /marketplace/apps/{mill}/webhook_logs", "")
		o.call("none", "GET /marketplace/apps/{mill}/webhook_logs", "")
		o.call("gus", "GET /marketplace/apps/{vat}/webhook_logs", "")
		o.call("", "GET /marketplace/apps/{mill}/webhook_logs", "")
		o.call("ada", "GET /marketplace/nothing", "")
		if got := o.called(""); len(got) != 0 {
			t.Errorf("before anything was written down: %+v", got)
		}
		o.kept()
		const pattern = "/v2/marketplace/apps/{appId}/webhook_logs"
		var statuses []string
		rows := o.called("")
		for _, r := range rows {
			statuses = append(statuses, fmt.Sprintf("%s %d %v", r.Method, r.HTTPStatus, r.URLPattern == pattern))
		}
		if got := strings.Join(statuses, ", "); got != "GET 200 false, GET 401 true, HEAD 200 true, GET 404 true, GET 200 true" {
			t.Fatalf("%s", got)
		}
		last := rows[4]
		if last.TraceID != first.header.Get("X-Zm-Trackingid") || last.TraceID == "" {
			t.Errorf("the trace is %q, want %q", last.TraceID, first.header.Get("X-Zm-Trackingid"))
		}
		var ms int64
		if _, err := fmt.Sscan(last.Time, &ms); err != nil || ms < before.UnixMilli() || ms > o.db.Now().UnixMilli() {
			t.Errorf("the time is %q", last.Time)
		}
		o.kept()
		for query, want := range map[string]int{
			"query=WEBHOOK_logs": 4, "query=nothing": 0, "query=api_call&method=GET": 2, "method=HEAD": 1, "method=PUT": 0, "status_code=404": 1,
			"query=webhook&method=GET&status_code=200": 1,
		} {
			if got := o.called(query); len(got) != want {
				t.Errorf("%s: %d calls", query, len(got))
			}
		}
		if got := o.call("gus", "GET /marketplace/apps/{vat}/api_call_logs", ""); strings.Count(got.body, pattern) != 1 {
			t.Errorf("of another's app: %s", got.body)
		}
		for i := range 25 {
			o.call("ada", fmt.Sprint("GET /marketplace/apps/{mill}/webhook_logs?retry_num=", i), "")
		}
		o.kept()
		if got := o.called("query=webhook"); len(got) != 29 {
			t.Errorf("%d calls over pages", len(got))
		}
	})
}

// Calls are told of for as many days as are asked for.
func TestCallLogsOfDays(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		now := o.db.Now()
		var calls []souk.Call
		for _, days := range []int{0, 6, 8, 13, 15, 29, 31} {
			calls = append(calls, souk.Call{ID: souk.NewID(), App: o.desk.ID, At: now.AddDate(0, 0, -days), Method: "GET", Pattern: "/v2/x", Status: 200})
		}
		o.write(func(tx *store.Tx) error { return tx.InsertCalls(calls) })
		for query, want := range map[string]int{"": 2, "duration=7": 2, "duration=14": 4, "duration=30": 6} {
			if got := o.called(query); len(got) != want {
				t.Errorf("%q: %d calls, want %d", query, len(got), want)
			}
		}
		for more := true; more; {
			var err error
			if more, err = o.m.KeepLog(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := o.called("duration=30"); len(got) != 6 {
			t.Errorf("%d calls are left", len(got))
		}
	})
}

func TestBadCallLogs(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		db, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		o := newOffice(t, db)
		check := souktest.Unchanged(t, address)
		for query, want := range map[string]string{
			"duration=8": `{"code":300,`, "duration=x": `{"code":300,`, "method=get": `{"code":300,`, "status_code=x": `{"code":300,`, "status_code=99": `{"code":300,`,
			"page_size=9": `{"code":300,`, "page_size=101": `{"code":300,`, "next_page_token=AAAA": `{"code":301,"message":"Next page token is not valid."}`,
		} {
			if got := o.call("ada", "GET /marketplace/apps/{desk}/api_call_logs?"+query, ""); got.status != 400 || !strings.HasPrefix(got.body, want) {
				t.Errorf("%s: %d %s", query, got.status, got.body)
			}
		}
		o.walls("GET /marketplace/apps/{app}/api_call_logs", "")
		check("asking for calls in vain")
	})
}

// Calls wait a second for others, and the last are written down at the end. What
// cannot be written, and what is more than fits, is lost and said.
func TestCallsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log := newCallLog(), new(strings.Builder)
		began := time.Now()
		var writes []string
		fails := false
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			l.run(ctx, slog.New(slog.NewTextHandler(log, nil)), func(_ context.Context, calls []souk.Call) error {
				if fails {
					return errors.New("away")
				}
				writes = append(writes, fmt.Sprint(time.Since(began), " ", len(calls)))
				return nil
			})
		}()
		add := func(n int) {
			for range n {
				l.note(souk.Call{})
			}
		}
		time.Sleep(time.Hour)
		add(3)
		time.Sleep(callPause / 2)
		add(2)
		time.Sleep(time.Hour)
		add(mostCalls + 5)
		time.Sleep(2 * time.Second)
		fails = true
		add(1)
		time.Sleep(2 * time.Second)
		fails = false
		add(4)
		synctest.Wait()
		cancel()
		<-over
		if got := strings.Join(writes, ", "); got != "1h0m1s 5, 2h0m1.5s 8192, 2h0m4.5s 4" {
			t.Errorf("%s", got)
		}
		if said := log.String(); strings.Count(said, "\n") != 2 || !strings.Contains(said, "calls=5") || !strings.Contains(said, "err=away") {
			t.Errorf("the log says %s", said)
		}
	})
}
