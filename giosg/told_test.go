package giosg

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"souk"
	"souk/courier"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// How soon retries come, in which order and at what times is the courier's, and
// proved there in virtual time (courier/giosg_test.go, order_test.go,
// live_test.go). Here a market, a courier and a receiver speak to each other over
// HTTP, and what a receiver and a reader of the log see is looked at.

// newsroom is a company whose notifications go out to a receiver.
type newsroom struct {
	*company
	address  string  // of the database
	beside   *sql.DB // the same
	receiver string  // its URL
	inbox    chan letter
	answers  chan int // statuses to answer with; none: 200
	stop     func()   // the courier
}

// letter is one request to the receiver.
type letter struct {
	url    string
	header http.Header
	body   string
	notification
}

// everyNewsroom runs a test in a newsroom on each database.
func everyNewsroom(t *testing.T, test func(t *testing.T, n *newsroom)) {
	t.Helper()
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		n := &newsroom{address: address, inbox: make(chan letter, 100), answers: make(chan int, 100)}
		receiver := httptest.NewServer(http.HandlerFunc(n.receive))
		t.Cleanup(receiver.Close)
		n.receiver = receiver.URL
		n.company = newCompany(t, n.open(t), nil)
		n.Apply(furnishings)
		n.beside = n.besides(t)
		n.deliver(t)
		test(t, n)
	})
}

func (n *newsroom) open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), n.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (n *newsroom) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err) // the courier never breaks off here
	}
	l := letter{url: r.URL.String(), header: r.Header, body: string(body)}
	if err := json.Unmarshal(body, &l.notification); err != nil {
		panic(err)
	}
	status := http.StatusOK
	select {
	case status = <-n.answers:
	default:
	}
	if status == http.StatusFound {
		w.Header().Set("Location", n.receiver+"/elsewhere")
	}
	w.Header().Set("X-Receiver", "bot")
	w.WriteHeader(status)
	fmt.Fprint(w, "heard")
	n.inbox <- l
}

// deliver starts a courier, whose attempts are made as if each were half a minute
// later than the one before: retries that tests hurry still differ in time.
func (n *newsroom) deliver(t *testing.T) {
	t.Helper()
	prepare := Prepare(souktest.Key)
	client := courier.NewClient(courier.ClientOptions{AllowPrivate: true})
	c := courier.New(courier.Config{DB: n.db, Client: client, Log: n.handler(n.Market, Limits{}).log, Key: souktest.Key,
		Prepare: map[souk.Dialect]courier.Prepare{souk.Giosg: func(o souk.Outgoing) (souk.Prepared, error) {
			o.At = o.At.Add(time.Duration(o.Number-3) * 30 * time.Second)
			return prepare(o)
		}}})
	n.Market.Told = c.Offer
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	n.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		client.Close()
	}
	t.Cleanup(n.stop)
}

// next is the next letter.
func (n *newsroom) next(t *testing.T) letter {
	t.Helper()
	select {
	case l := <-n.inbox:
		return l
	case <-time.After(30 * time.Second): // never, unless something is wrong
		t.Fatal("no notification came")
		return letter{}
	}
}

// silence checks that nothing is on its way when all has been told.
func (n *newsroom) silence(t *testing.T, when string) {
	t.Helper()
	n.settle(t, 0)
	select {
	case l := <-n.inbox:
		t.Errorf("%s was told %s", when, l.body)
	default:
	}
}

// besides opens the database beside the market, to look at it and to change it as
// time or an accident would.
func (n *newsroom) besides(t *testing.T) *sql.DB {
	t.Helper()
	driver, address := "sqlite", "file:"+n.address+"?_pragma=busy_timeout(10000)"
	if strings.HasPrefix(n.address, "postgres") {
		driver, address = "pgx", n.address
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (n *newsroom) count(t *testing.T, rows string) (found int) {
	t.Helper()
	if err := n.beside.QueryRowContext(t.Context(), "SELECT count(*) FROM "+rows).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func (n *newsroom) change(t *testing.T, statement string) {
	t.Helper()
	if _, err := n.beside.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// await waits until there are so many rows.
func (n *newsroom) await(t *testing.T, want int, rows string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second) // never, unless something is wrong
	for found := n.count(t, rows); found != want; found = n.count(t, rows) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %s, want %d", found, rows, want)
		}
	}
}

// settle waits until so many deliveries are pending, failed until so many of
// them have failed and wait for a retry.
func (n *newsroom) settle(t *testing.T, pending int) {
	t.Helper()
	n.await(t, pending, "deliveries WHERE status = 'pending'")
}

// waiting are those of deliveries whose retry is due later than now.
func waiting() string {
	return fmt.Sprintf("status = 'pending' AND attempts > 0 AND next_at > %d", time.Now().UnixMicro())
}

func (n *newsroom) failed(t *testing.T, retries int) {
	t.Helper()
	n.await(t, retries, "deliveries WHERE "+waiting())
}

// hurry makes the time pass after which retries are due, when so many wait for
// it.
func (n *newsroom) hurry(t *testing.T, retries int) {
	t.Helper()
	n.failed(t, retries)
	n.change(t, fmt.Sprintf("UPDATE deliveries SET next_at = %d WHERE %s", time.Now().UnixMicro(), waiting()))
	n.Market.Told(nil)
}

// listen gives the clerk a webhook.
func (n *newsroom) listen(t *testing.T, subscriptions ...string) webhook {
	t.Helper()
	return n.hooked(t, `{"endpoint_url":"`+n.receiver+`/?secret=s3","channel_subscriptions":[`+strings.Join(subscriptions, ",")+`]}`)
}

// hears spells a subscription by the first letters of its actions.
func hears(actions, pattern string) string {
	return fmt.Sprintf(`{"channel_pattern":%q,"is_additions_subscribed":%t,"is_changes_subscribed":%t,"is_removals_subscribed":%t}`,
		pattern, strings.Contains(actions, "a"), strings.Contains(actions, "c"), strings.Contains(actions, "r"))
}

const (
	ofOrg = "/api/v5/orgs/{organization_id}/"
	rooms = ofOrg + "rooms/*/messages"
)

// happens publishes what happened in a room of the shop.
func (n *newsroom) happens(t *testing.T, action souk.Action, room, resource string) {
	t.Helper()
	shop := n.ID("orgs.shop")
	item := souk.Publication{Org: shop, Channel: below(shop, "rooms/"+room), Action: action, Resource: resource}
	if action != souk.Removed {
		item.Body = []byte(`{"id":"` + resource + `"}`)
	}
	if _, err := n.Market.Publish(t.Context(), souk.Operator("test"), market.Publishing{Items: []souk.Publication{item}}); err != nil {
		t.Fatal(err)
	}
}

// W1, W11: what was added is told whole, what changed by what differs, what was
// removed by its id; and nobody's secret with it.
func TestToldOfApps(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		n.listen(t, hears("acr", ofOrg+"owned_apps"))
		app := n.publishes(t, "sam", "shop", "News", "")
		added := n.next(t)
		want := n.call(t, "sam", "GET /orgs/{orgs.shop}/owned_apps/"+app.ID.String(), "").body
		want = strings.Replace(want, `,"secret":"`+*app.Secret+`"`, "", 1)
		if added.Action != souk.Added || string(added.Resource) != want || added.ResourceID != app.ID.String() || added.Channel != below(n.ID("orgs.shop"), "owned_apps") {
			t.Errorf("added: %s\nwant the resource %s", added.body, want)
		}
		if !strings.HasSuffix(added.url, "/?secret=s3") {
			t.Errorf("it was told at %s", added.url)
		}
		n.settle(t, 0) // what comes sooner may wait for a while
		item := " /orgs/{orgs.shop}/owned_apps/" + app.ID.String()
		later := into[ownedApp](t, n.call(t, "kim", "PATCH"+item, `{"name":"Olds","description":"D"}`), 200)
		changed := n.next(t)
		if got := attributesOf(t, string(changed.Resource)); changed.Action != souk.Changed || !slices.Equal(got, []string{"id", "name", "updated_at", "updated_by_user", "updated_by_user_id"}) ||
			!strings.Contains(changed.body, `"name":"Olds"`) || !strings.Contains(changed.body, later.UpdatedAt) {
			t.Errorf("changed: %s", changed.body)
		}
		n.settle(t, 0)
		n.expect(t, "kim", 204, "", "DELETE"+item)
		removed := n.next(t)
		if got := attributesOf(t, removed.body); removed.Action != souk.Removed || !slices.Equal(got, []string{"action", "app_user_auth", "channel", "resource_id"}) {
			t.Errorf("removed: %s", removed.body)
		}
		for _, l := range []letter{added, changed, removed} {
			if strings.Contains(l.body, *app.Secret) || strings.Contains(l.body, `"secret"`) {
				t.Errorf("a secret is in %s", l.body)
			}
		}
	})
}

// W2, W3: a channel is told by its own name, a * is one segment, each action has
// its flag, and a webhook with two reasons is told once.
func TestToldOnChannels(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		n.listen(t, hears("a", rooms), hears("r", ofOrg+"rooms/7/messages"), hears("ac", ofOrg+"rooms/8/messages"))
		for _, what := range []struct {
			action souk.Action
			room   string
			told   bool
		}{
			{souk.Added, "7/messages", true},
			{souk.Changed, "7/messages", false},
			{souk.Removed, "7/messages", true},
			{souk.Added, "8/messages", true}, // both say so
			{souk.Changed, "8/messages", true},
			{souk.Removed, "8/messages", false},
			{souk.Added, "messages", false},
			{souk.Added, "7/old/messages", false},
			{souk.Added, "7/messages/old", false},
		} {
			n.happens(t, what.action, what.room, "m")
			if what.told {
				if l := n.next(t); l.Channel != below(n.ID("orgs.shop"), "rooms/"+what.room) || l.Action != what.action {
					t.Errorf("%s on %s: told %s", what.action, what.room, l.body)
				}
			}
			n.silence(t, fmt.Sprint(what))
		}
	})
}

// W4, W10: every attempt is signed, by the same id, and brings a token of its
// own, with which the receiver calls back as the app user until the end of the
// installation.
func TestToldWithAToken(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		oracle, err := standardwebhooks.NewWebhookRaw([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		n.listen(t, hears("a", rooms))
		clerk := n.speaker(t)
		n.answers <- 500
		n.answers <- 503
		n.happens(t, souk.Added, "7/messages", "m")
		var letters []letter
		for retries := range 3 {
			if retries > 0 {
				n.hurry(t, 1)
			}
			letters = append(letters, n.next(t))
		}
		tokens := map[string]bool{}
		var bodies []string
		for _, l := range letters {
			if err := oracle.Verify([]byte(l.body), l.header); err != nil {
				t.Error(err)
			}
			auth := l.AppUserAuth
			if auth == nil || auth.TokenType != "Bearer" || auth.ExpiresIn != 300 || auth.UserID != clerk.User || auth.OrganizationID != clerk.Org {
				t.Fatalf("it brings %s", l.body)
			}
			me := into[user](t, n.bearer(t, "GET /users/me", auth.AccessToken), 200)
			if me.ID != clerk.User || !me.IsBot {
				t.Errorf("the token is %+v", me)
			}
			tokens[auth.AccessToken] = true
			bodies = append(bodies, strings.Replace(l.body, auth.AccessToken, "", 1))
			if l.header.Get("Webhook-Id") != letters[0].header.Get("Webhook-Id") || l.header.Get("User-Agent") != "Souk-Webhook/1.0" {
				t.Errorf("header %v", l.header)
			}
		}
		if len(tokens) != 3 || bodies[0] != bodies[1] || bodies[1] != bodies[2] {
			t.Errorf("%d tokens in the bodies %q", len(tokens), bodies)
		}
		// Five minutes later the same token is none.
		old, err := mintToken(souktest.Key, clerk, time.Now().Add(-tokenLife))
		if err != nil {
			t.Fatal(err)
		}
		if got := n.bearer(t, "GET /users/me", old); got.status != 401 {
			t.Errorf("after 300 s: %d %s", got.status, got.body)
		}
		n.expect(t, "sam", 204, "", "DELETE /orgs/{orgs.shop}/app_installations/"+clerk.Installation.String())
		if got := n.bearer(t, "GET /users/me", letters[2].AppUserAuth.AccessToken); got.status != 401 {
			t.Errorf("after the installation: %d %s", got.status, got.body)
		}
	})
}

// W5: an app hears of its own installations wherever they are, and of
// organizations only while it is installed there. Without an app user there is
// no token.
func TestToldOfInstallations(t *testing.T) {
	everyNewsroom(t, func(t *testing.T, n *newsroom) {
		app := n.publishes(t, "sam", "shop", "Everywhere", `,"is_available_to_partners":true`)
		n.befriend(t, "sam", "shop", "solveig", "solo")
		into[webhook](t, n.call(t, "sam", "POST /orgs/{orgs.shop}/owned_apps/"+app.ID.String()+"/webhooks",
			`{"endpoint_url":"`+n.receiver+`","channel_subscriptions":[`+hears("ar", ownPattern)+`,`+hears("acr", ofOrg+"chats")+`]}`), 201)
		for _, at := range []struct{ who, org string }{{"solveig", "solo"}, {"sam", "shop"}} {
			chat := func() {
				t.Helper()
				org := n.ID("orgs." + at.org)
				item := souk.Publication{Org: org, Channel: below(org, "chats"), Action: souk.Added, Resource: "c", Body: []byte(`{"id":"c"}`)}
				if _, err := n.Market.Publish(t.Context(), souk.Operator("test"), market.Publishing{Items: []souk.Publication{item}}); err != nil {
					t.Fatal(err)
				}
			}
			chat()
			n.silence(t, "before it was installed")
			id := n.buys(t, at.who, at.org, app.ID)
			own := below(n.ID("orgs.shop"), "owned_apps/"+app.ID.String()+"/installations")
			item := "/orgs/{orgs.shop}/owned_apps/" + app.ID.String() + "/installations/" + id.String()
			if l := n.next(t); l.Channel != own || l.Action != souk.Added || l.ResourceID != id.String() || l.AppUserAuth != nil ||
				string(l.Resource) != n.call(t, "sam", "GET "+item, "").body {
				t.Errorf("installed at %s: %s", at.org, l.body)
			}
			chat()
			if l := n.next(t); l.Channel != below(n.ID("orgs."+at.org), "chats") {
				t.Errorf("at %s: %s", at.org, l.body)
			}
			n.expect(t, at.who, 204, "", "DELETE /orgs/{orgs."+at.org+"}/app_installations/"+id.String())
			if l := n.next(t); l.Channel != own || l.Action != souk.Removed || l.ResourceID != id.String() || l.AppUserAuth != nil {
				t.Errorf("uninstalled from %s: %s", at.org, l.body)
			}
			chat()
			n.silence(t, "after it was uninstalled")
		}
	})
}
