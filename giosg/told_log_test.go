package giosg

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"souk"
)

// entry is an entry of the log in short: its resource, which request it is, and
// what came of it.
func (e logEntry) String() string {
	short := fmt.Sprintf("%s %d %s", e.ResourceID, e.RetryIndex, e.Status)
	if e.ResponseStatusCode != nil {
		short += fmt.Sprintf(" %d", *e.ResponseStatusCode)
	}
	if e.Reason != nil {
		short += " " + *e.Reason
	}
	return short
}

// log is the clerk's, oldest first, once nothing but pending is left to come.
func (n *newsroom) entries(t *testing.T, pending int) []logEntry {
	t.Helper()
	n.settle(t, pending)
	return into[listing[logEntry]](t, n.call(t, "sam", clerkLog+"?ordering=created_at", ""), 200).Results
}

func (n *newsroom) logs(t *testing.T, pending int, want ...string) []logEntry {
	t.Helper()
	entries := n.entries(t, pending)
	if got := each(entries, logEntry.String); !slices.Equal(got, want) {
		t.Errorf("the log is %q, want %q", got, want)
	}
	return entries
}

// W6, W12: one entry for each request, there from the commit on, empty until an
// answer comes.
func TestToldLog(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		n.stop()
		hook := n.listen(t, hears("a", rooms))
		n.happens(t, souk.Added, "7/messages", "m")
		first := n.logs(t, 1, "m 0 pending")[0]
		if first.ResponseStatusCode != nil || first.ResponseBody != nil || string(first.ResponseHeaders) != "null" || first.Duration != nil || first.CompletedAt != nil {
			t.Errorf("pending: %+v", first)
		}
		n.answers <- 500
		n.answers <- 500
		n.deliver(t)
		var ids []string
		for retries := range 3 {
			if retries > 0 {
				n.hurry(t, 1)
			}
			ids = append(ids, n.next(t).header.Get("Webhook-Id"))
		}
		done := n.logs(t, 0, "m 0 failed 500 http_status", "m 1 failed 500 http_status", "m 2 successful 200")
		if ids[0] != ids[1] || ids[1] != ids[2] {
			t.Errorf("ids %q", ids)
		}
		if done[0].CreatedAt != first.CreatedAt {
			t.Errorf("the entry came at %s and is from %s", first.CreatedAt, done[0].CreatedAt)
		}
		for _, e := range done {
			if e.WebhookID != hook.ID || e.EndpointURL != n.receiver+"/?secret=s3" || e.Channel != below(n.ID("orgs.shop"), "rooms/7/messages") || e.Action != souk.Added ||
				*e.ResponseBody != "heard" || !strings.Contains(string(e.ResponseHeaders), `"X-Receiver":"bot"`) || *e.Duration < 0 || *e.CompletedAt < e.CreatedAt {
				t.Errorf("%+v", e)
			}
		}
		if got := attributesOf(t, n.first(t, "sam", clerkLog)); len(got) != 16 {
			t.Errorf("an entry has %q", got)
		}

		// A week later the log is empty.
		n.change(t, fmt.Sprintf("UPDATE attempts_1 SET listed_at = listed_at - %d", souk.LogKept.Microseconds()))
		n.logs(t, 0)
	})
}

// W7: a redirect is not followed, who is gone is not asked again, and where
// nobody listens there is no answer to show.
func TestToldFailures(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		n.listen(t, hears("a", rooms))
		n.answers <- 302
		n.happens(t, souk.Added, "7/messages", "moved")
		n.next(t)
		n.failed(t, 1)
		moved := n.logs(t, 1, "moved 0 failed 302 redirect", "moved 1 pending")
		if !strings.Contains(string(moved[0].ResponseHeaders), "/elsewhere") {
			t.Errorf("moved: %s", moved[0].ResponseHeaders)
		}
		n.hurry(t, 1)
		if again := n.next(t); again.url != "/?secret=s3" {
			t.Errorf("asked again at %s", again.url)
		}
		n.answers <- 410
		n.happens(t, souk.Added, "7/messages", "gone")
		n.next(t)
		n.logs(t, 0, "moved 0 failed 302 redirect", "moved 1 successful 200", "gone 0 failed 410 http_status")

		deaf, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := deaf.Close(); err != nil {
			t.Fatal(err)
		}
		n.hooked(t, `{"endpoint_url":"http://`+deaf.Addr().String()+`/","channel_subscriptions":[`+hears("r", rooms)+`]}`)
		n.happens(t, souk.Removed, "7/messages", "deaf")
		n.failed(t, 1)
		e := n.entries(t, 1)[3]
		if e.String() != "deaf 0 failed connection_error" || e.ResponseBody != nil || string(e.ResponseHeaders) != "null" || e.Duration == nil || e.CompletedAt == nil {
			t.Errorf("nobody there: %+v", e)
		}
	})
}

// W8: what was committed is told, also by the next server.
func TestToldAfterARestart(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		hook := n.listen(t, hears("a", rooms))
		n.stop()
		n.happens(t, souk.Added, "7/messages", "m")
		if err := n.db.Close(); err != nil {
			t.Fatal(err)
		}
		n.db = n.open(t)
		n.Market.DB = n.db
		n.deliver(t)
		if l := n.next(t); l.ResourceID != "m" || l.Channel != below(n.ID("orgs.shop"), "rooms/7/messages") {
			t.Errorf("told %s", l.body)
		}
		if e := n.logs(t, 0, "m 0 successful 200")[0]; e.WebhookID != hook.ID {
			t.Errorf("%+v", e)
		}
	})
}

// W9: what happens to one resource is told in its order, whatever fails; others
// do not wait for it.
func TestToldInOrder(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		n.listen(t, hears("acr", rooms))
		n.answers <- 500
		n.happens(t, souk.Added, "7/messages", "one")
		if l := n.next(t); l.Action != souk.Added {
			t.Errorf("first came %s", l.body)
		}
		n.happens(t, souk.Changed, "7/messages", "one")
		n.happens(t, souk.Removed, "7/messages", "one")
		n.happens(t, souk.Added, "7/messages", "two")
		if l := n.next(t); l.ResourceID != "two" {
			t.Errorf("another waited for %s", l.body)
		}
		n.settle(t, 3)
		n.hurry(t, 1)
		for _, want := range souk.Actions {
			if l := n.next(t); l.ResourceID != "one" || l.Action != want {
				t.Errorf("then came %s, want %s", l.body, want)
			}
		}
		got := each(n.entries(t, 0), logEntry.String)
		slices.Sort(got)
		if want := []string{"one 0 failed 500 http_status", "one 0 successful 200", "one 0 successful 200", "one 1 successful 200", "two 0 successful 200"}; !slices.Equal(got, want) {
			t.Errorf("the log is %q, want %q", got, want)
		}
	})
}
