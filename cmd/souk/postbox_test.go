package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// postSecret is that of the apps whose webhooks lead to a postbox.
const postSecret = "0123456789abcdef0123456789abcdef01234567"

// postbox is a receiver of notifications. It checks each signature, remembers all
// that came in order, and answers as it is told.
type postbox struct {
	url  string
	slow func(*http.Request) // if set, is called before an answer

	mu     sync.Mutex
	got    []*receipt
	tries  map[string]int             // by receipt.id
	told   map[string]map[string]bool // resources that came, by path
	rules  map[news]reply             // what has none is answered 200 at once
	change chan struct{}              // closed and made anew with each change
}

// receipt is one request that came.
type receipt struct {
	path   string // says which webhook
	id     string // of the notification
	news          // what it tells
	body   []byte
	status int // that it was answered with; 0: it was not
}

// reply is how something is answered.
type reply struct {
	after  <-chan struct{} // not before this is closed
	failed int             // so many requests for each notification get a 500
}

func newPostbox(t *testing.T) *postbox {
	t.Helper()
	in := &postbox{tries: map[string]int{}, told: map[string]map[string]bool{}, rules: map[news]reply{}, change: make(chan struct{})}
	verifier, err := standardwebhooks.NewWebhookRaw([]byte(postSecret))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return // whoever sent it was killed, and nobody has it
		}
		r := &receipt{path: q.URL.Path, id: q.Header.Get("Webhook-Id"), news: newsIn(body), body: body}
		if err := verifier.Verify(body, q.Header); err != nil {
			t.Errorf("%s got what it cannot trust: %v\n%s", q.URL.Path, err, body)
		}
		rule, try := in.take(r)
		if in.slow != nil {
			in.slow(q)
		}
		if rule.after != nil {
			select {
			case <-rule.after:
			case <-q.Context().Done():
				return
			}
		}
		status := http.StatusOK
		if try < rule.failed {
			status = http.StatusInternalServerError
		}
		w.WriteHeader(status)
		if http.NewResponseController(w).Flush() == nil {
			in.answered(r, status)
		}
	}))
	t.Cleanup(s.Close)
	in.url = s.URL
	return in
}

// take remembers that r came. try is how many like it came before.
func (in *postbox) take(r *receipt) (rule reply, try int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	rule, try = in.rules[r.news], in.tries[r.id]
	in.tries[r.id]++
	in.got = append(in.got, r)
	if in.told[r.path] == nil {
		in.told[r.path] = map[string]bool{}
	}
	in.told[r.path][r.Resource] = true
	in.changed()
	return rule, try
}

func (in *postbox) answered(r *receipt, status int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	r.status = status
	in.changed()
}

func (in *postbox) changed() {
	close(in.change)
	in.change = make(chan struct{})
}

// rule says how all that is told of some things is answered from now on.
func (in *postbox) rule(how reply, about ...news) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, n := range about {
		in.rules[n] = how
	}
}

// receipts are copies of what came so far, in order.
func (in *postbox) receipts() []receipt {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := make([]receipt, len(in.got))
	for i, r := range in.got {
		all[i] = *r
	}
	return all
}

// counts are how many requests came for each notification.
func (in *postbox) counts() map[string]int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return maps.Clone(in.tries)
}

// await waits until what came, in order, is as it should be. Nothing more for a
// long time is a failure.
func (in *postbox) await(t *testing.T, what string, is func([]*receipt) bool) {
	t.Helper()
	for {
		in.mu.Lock()
		there, change, n := is(in.got), in.change, len(in.got)
		in.mu.Unlock()
		if there {
			return
		}
		select {
		case <-change:
		case <-time.After(patience):
			t.Fatalf("%s: nothing came for %s after %d requests", what, patience, n)
		}
	}
}

// came reports whether at least so many requests came that tell of something.
func came(atLeast int, about ...news) func([]*receipt) bool {
	return countsTo(atLeast, about, func(*receipt) bool { return true })
}

// wereAnswered reports whether at least so many of them were answered.
func wereAnswered(atLeast int, about ...news) func([]*receipt) bool {
	return countsTo(atLeast, about, func(r *receipt) bool { return r.status != 0 })
}

func countsTo(atLeast int, about []news, counts func(*receipt) bool) func([]*receipt) bool {
	return func(got []*receipt) bool {
		n := 0
		for _, r := range got {
			if slices.Contains(about, r.news) && counts(r) {
				n++
			}
		}
		return n >= atLeast
	}
}

// news is one thing that a host product publishes: the n-th about a resource.
type news struct {
	Resource string
	N        int
}

func (n news) String() string { return fmt.Sprintf("%s/%d", n.Resource, n.N) }
