package courier

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/store"
)

// about is a draft about a resource, whose body is a name.
func (w world) about(hook souk.Webhook, resource, name string) souk.Delivery {
	d := w.draft(hook)
	d.Resource, d.Channel, d.Action, d.Body = resource, "/api/v5/orgs/1/chats", souk.Changed, []byte(name)
	return d
}

// log reads the log of the world's app, oldest first.
func (w world) log() (entries []souk.LogEntry) {
	w.t.Helper()
	err := w.db.Read(w.t.Context(), func(tx *store.Tx) (err error) {
		entries, err = tx.LogPage(souk.LogFilter{App: w.app.ID}, time.Now(), souk.Page{Size: 100, Order: souk.OldestFirst})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

// names is a receiver that remembers the bodies it got in their order, and
// answers 500 where it is told to fail.
type names struct {
	mu    sync.Mutex
	got   []string
	fails func(name string, before int) bool // which came so often before
}

func (n *names) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	name := string(must(io.ReadAll(r.Body)))
	n.mu.Lock()
	defer n.mu.Unlock()
	before := len(slices.DeleteFunc(slices.Clone(n.got), func(s string) bool { return s != name }))
	n.got = append(n.got, name)
	if n.fails != nil && n.fails(name, before) {
		rw.WriteHeader(http.StatusInternalServerError)
	}
}

func (n *names) all() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.got, " ")
}

// What is told about one resource arrives in order, though the first of it
// fails; another resource, one with its id on another channel, another webhook
// and what has no order do not wait.
func TestCourierKeepsTheOrderOfAResource(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		in := names{fails: func(name string, before int) bool { return name == "a1" && before < 2 }}
		hook, other := w.hook("one", souk.Giosg), w.hook("two", souk.Giosg)
		w.put(w.about(hook, "a", "a1"), w.about(hook, "a", "a2"))
		stop := start(w.courier(&in))
		time.Sleep(500 * time.Millisecond)
		theirs := w.about(hook, "a", "t1")
		theirs.Channel = "/api/v5/orgs/2/chats"
		w.put(theirs, w.about(hook, "a", "a3"), w.about(hook, "b", "b1"), w.about(other, "a", "o1"), w.about(hook, "", "free"))
		time.Sleep(2 * time.Second)
		got := strings.Fields(in.all())
		slices.Sort(got)
		if want := []string{"a1", "b1", "free", "o1", "t1"}; !slices.Equal(got, want) {
			t.Errorf("before the retry came %q", got)
		}
		time.Sleep(time.Minute)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := in.all(); !strings.HasSuffix(got, " a1 a1 a2 a3") || len(strings.Fields(got)) != 9 {
			t.Errorf("came %q", got)
		}
	})
}

// One that is given up or cancelled holds up the next no longer.
func TestCourierGoesOnInALine(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in names
		c := w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/gone" {
				rw.WriteHeader(http.StatusGone)
			}
			in.ServeHTTP(rw, r)
		}))
		hook, gone := w.hook("receiver", souk.Giosg), w.hookAt("http://receiver.example/gone", souk.Giosg)
		lost := w.about(hook, "b", "lost") // justified by what never was
		lost.Installation = souk.NewID()
		w.put(lost, w.about(hook, "b", "heir"))
		w.put(w.about(gone, "a", "a1"), w.about(gone, "a", "a2"))
		stop := start(c)
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		got := strings.Fields(in.all())
		slices.Sort(got)
		if strings.Join(got, " ") != "a1 a2 heir" {
			t.Errorf("came %q", got)
		}
	})
}

// A process that ends between sending and recording leaves the line as it is.
func TestCourierKeepsTheOrderAfterACrash(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in names
		var once sync.Once
		broken := make(chan func(), 1)
		c := w.courier(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			once.Do(func() { broken <- w.breakDatabase() })
			in.ServeHTTP(rw, r)
		}))
		hook := w.hook("receiver", souk.Giosg)
		first := w.about(hook, "a", "a1")
		w.put(first, w.about(hook, "a", "a2"))
		stop := start(c)
		time.Sleep(time.Second)
		if err := stop(); err == nil {
			t.Error("the courier did not tell that an outcome is lost")
		}
		if got := in.all(); got != "a1" {
			t.Errorf("came %q of a line whose first was not recorded", got)
		}
		(<-broken)()
		stop = start(c)
		time.Sleep(2 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := in.all(); got != "a1 a1 a2" {
			t.Errorf("came %q", got)
		}
		if log := w.log(); len(log) != 2 || log[0].ID != first.Entry || log[0].Status != souk.LogSuccessful || log[1].Status != souk.LogSuccessful {
			t.Errorf("the log shows %+v", log)
		}
	})
}

// What a race left without a leader is found.
func TestCourierFindsALineThatNobodyLeads(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		var in names
		hook := w.hook("receiver", souk.Giosg)
		stop := start(w.courier(&in))
		time.Sleep(time.Second)
		lost := w.about(hook, "a", "lost")
		lost.NextAt = time.Time{} // as put in beside one that ended unseen
		w.put(lost)
		time.Sleep(inspection)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := in.all(); got != "lost" {
			t.Errorf("came %q", got)
		}
	})
}

// Of two about one resource that were put in at the same moment, and do not see
// each other, the second waits for the first to arrive, whichever that is.
func TestTwoThatLeadAreNotInTheAirTogether(t *testing.T) {
	bubble(t, func(t *testing.T, w world) {
		s := sky{does: func(http.ResponseWriter, string, string) { time.Sleep(3 * time.Second) }}
		c := w.courier(&s)
		hook := w.hook("one", souk.Giosg)
		first := w.about(hook, "a", "first")
		time.Sleep(time.Millisecond)
		second := w.about(hook, "a", "second")
		stop := start(c)
		found := func() {
			c.Wake()
			time.Sleep(time.Second)
		}
		if w.db.Leased() {
			w.write(func(tx *store.Tx) error {
				_, err := tx.InsertDeliveries([]souk.Delivery{first})
				w.put(second)
				found()
				return err
			})
		} else {
			w.put(second)
			found()
			w.put(first)
		}
		found()
		if got := s.bodies(); len(got) != 1 || got[0] != "second" {
			t.Errorf("came %q", got)
		}
		time.Sleep(10 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := s.bodies(); len(got) != 2 {
			t.Errorf("came %q", got)
		}
	})
}
