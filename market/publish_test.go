package market_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"souk"
	"souk/market"
	"souk/souktest"
)

// What the host product publishes goes to those who subscribed, are installed
// where it happened and hold the scope that it names.
func TestPublishing(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.listen("ear", all("chats", "chats/*/messages")...)
		w.listen("chat", all("chats", "chats/*/messages")...)
		w.subscribe("monitor", souk.Native, "channel.published")
		ear := w.install("sid", "ear", w.hq)
		for _, app := range []string{"chat", "monitor"} {
			w.install("sid", app, w.hq)
		}
		w.install("gus", "ear", w.globex)
		w.heard()
		woken := 0
		w.m.Told = func([]souk.Delivery) { woken++ }
		message := chatAt(w.hq, "7")
		message.Channel += "/3/messages"
		message.Action, message.Body = souk.Added, souk.Document(`{"text":"<hello> & \u00e9"}`)
		secret := chatAt(w.hq, "1")
		secret.Scope = "settings"
		theirs := chatAt(w.globex, "9")
		nobodys := chatAt(w.vendor, "8")
		audited := w.count(`SELECT count(*) FROM audit`)
		told := must(w.m.Publish(ctx, operator, market.Publishing{Items: []souk.Publication{message, secret, theirs, nobodys}}))(t)
		w.wantHeard("told", `ear: added orgs/hq/chats/3/messages 7 {"text":"<hello> & \u00e9"}`, `chat: added orgs/hq/chats/3/messages 7 {"text":"<hello> & \u00e9"}`,
			"ear: removed orgs/hq/chats 1", "ear: removed orgs/globex/chats 9")
		var counts []int
		for i, p := range told {
			counts = append(counts, p.Deliveries)
			if n := w.count(`SELECT count(*) FROM deliveries WHERE event_id = $1`, p.Event); n != p.Deliveries {
				t.Errorf("publication %d: %d deliveries, %d counted", i, n, p.Deliveries)
			}
		}
		if n := w.count(`SELECT count(*) FROM events WHERE kind = $1`, string(souk.ChannelPublished)); n != 0 {
			t.Errorf("the marketplace's history has %d publications", n)
		}
		if !slices.Equal(counts, []int{3, 1, 1, 0}) || woken != 1 { // the native one hears at hq what needs no scope
			t.Errorf("%d deliveries, woken %d times", counts, woken)
		}
		if n := w.count(`SELECT count(*) FROM audit`); n != audited {
			t.Errorf("what happened outside is on record %d times", n-audited)
		}
		if n := w.count(`SELECT count(*) FROM deliveries WHERE channel LIKE '%/chats' AND installation_id = $1 AND speaker_id = $1`, ear.ID); n != 1 {
			t.Errorf("%d deliveries speak for the installation", n)
		}

		// One bad item, and nothing is told.
		before := w.digest()
		var bad souk.Invalid
		err := drop(w.m.Publish(ctx, operator, market.Publishing{Items: []souk.Publication{message, chatAt(souk.NewID(), "1"), {}}}))
		if !errors.As(err, &bad) || w.digest() != before {
			t.Errorf("one bad item: %v", err)
		}
		// The users channel of an app user is its org's as long as it is there.
		bot := souk.Publication{Org: w.hq, Channel: souk.Channel("/api/v5/users/" + ear.AppUser.String() + "/chats"), Action: souk.Removed, Resource: "1"}
		must(w.m.Publish(ctx, operator, market.Publishing{Items: []souk.Publication{bot}}))(t)
		bot.Org = w.globex
		if err := drop(w.m.Publish(ctx, operator, market.Publishing{Items: []souk.Publication{bot}})); !errors.As(err, &bad) {
			t.Errorf("as another org's: %v", err)
		}
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, ear.ID))
		bot.Org = w.hq
		if err := drop(w.m.Publish(ctx, operator, market.Publishing{Items: []souk.Publication{bot}})); !errors.As(err, &bad) {
			t.Errorf("when it is gone: %v", err)
		}
	})
}

// A call that is repeated with its key tells nothing again.
func TestPublishingAgain(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.listen("ear", all("chats")...)
		w.install("sid", "ear", w.hq)
		many := make([]souk.Publication, souk.MaxPublications)
		for i := range many {
			many[i] = chatAt([]souk.ID{w.hq, w.lab}[i%2], "1")
		}
		first := must(w.m.Publish(ctx, operator, market.Publishing{Key: "key", Items: many}))(t)
		if n := w.count(`SELECT count(*) FROM deliveries`); n != len(many)/2 || first[0].Deliveries != 1 || first[1].Deliveries != 0 {
			t.Errorf("%d deliveries of %d publications, the first of %+v and %+v", n, len(many), first[0], first[1])
		}
		before := w.digest()
		again := must(w.m.Publish(ctx, operator, market.Publishing{Key: "key", Items: many}))(t)
		if !slices.Equal(first, again) || w.digest() != before {
			t.Error("a call repeated with its key told something again")
		}
		for what, change := range map[string]func(*souk.Publication){
			"org": func(p *souk.Publication) { *p = chatAt(w.lab, p.Resource) }, "resource": func(p *souk.Publication) { p.Resource = "2" },
			"scope": func(p *souk.Publication) { p.Scope = "users" }, "channel": func(p *souk.Publication) { p.Channel += "s" },
			"action": func(p *souk.Publication) { p.Action, p.Body = souk.Added, souk.Document("{}") },
		} {
			other := slices.Clone(many)
			change(&other[len(other)-2])
			wantRefusal(t, "another "+what, drop(w.m.Publish(ctx, operator, market.Publishing{Key: "key", Items: other})), souk.KeyReused)
		}
		wantRefusal(t, "one less", drop(w.m.Publish(ctx, operator, market.Publishing{Key: "key", Items: many[1:]})), souk.KeyReused)
		if w.digest() != before {
			t.Error("a key that was used again changed something")
		}
		if other := must(w.m.Publish(ctx, operator, market.Publishing{Key: "Key", Items: many[:1]}))(t); other[0].Event == first[0].Event {
			t.Error("another key answers the same")
		}
	})
}

// A large call is told in portions, each in a transaction of its own, so that no
// other writer waits for all of it. One that was broken off tells, when it is
// repeated, what it had not come to.
func TestPublishingInPortions(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		const ears = 9 // so that ten items weigh a hundred, and 51 make a portion
		for range ears {
			w.listen("ear", all("chats")...)
		}
		w.install("sid", "ear", w.hq)
		w.heard()
		items := make([]souk.Publication, 120)
		for i := range items {
			items[i] = chatAt(w.hq, fmt.Sprint(i))
		}
		in := market.Publishing{Key: "key", Items: items}
		last := slices.Clone(items)
		last[119].Org = souk.NewID()
		before := w.digest()
		var bad souk.Invalid
		err := drop(w.m.Publish(t.Context(), operator, market.Publishing{Key: "key", Items: last}))
		if !errors.As(err, &bad) || len(bad) != 1 || bad[0].Field != "items[119].organization_id" || w.digest() != before {
			t.Errorf("the last item at no organization: %v", err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		woken := 0
		w.m.Told = func([]souk.Delivery) {
			if woken++; woken == 2 {
				cancel()
			}
		}
		if err := drop(w.m.Publish(ctx, operator, in)); !errors.Is(err, context.Canceled) {
			t.Fatalf("broken off: %v", err)
		}
		inPortions := func(want ...int) {
			t.Helper()
			var counts []int
			for _, n := range w.list(`SELECT CAST(count(*) AS TEXT) FROM deliveries GROUP BY created_at ORDER BY created_at`) {
				counts = append(counts, must(strconv.Atoi(n))(t)/ears)
			}
			if !slices.Equal(counts, want) {
				t.Errorf("told in portions of %d, want %d", counts, want)
			}
		}
		inPortions(51, 51)
		wantRefusal(t, "another item at the end", drop(w.m.Publish(t.Context(), operator, market.Publishing{Key: "key", Items: last})), souk.KeyReused)
		told := must(w.m.Publish(t.Context(), operator, in))(t)
		inPortions(51, 51, 18)
		again := must(w.m.Publish(t.Context(), operator, in))(t)
		if len(told) != len(items) || !slices.Equal(told, again) || woken != 3 {
			t.Errorf("told %d, then %d, woken %d times", len(told), len(again), woken)
		}
		for i, p := range told {
			if resources := w.list(`SELECT DISTINCT resource FROM deliveries WHERE event_id = $1`, p.Event); len(resources) != 1 || resources[0] != fmt.Sprint(i) || p.Deliveries != ears {
				t.Errorf("item %d was told as %v, to %d", i, resources, p.Deliveries)
			}
		}
	})
}

// Of calls that race with one key, one tells and all answer alike.
func TestPublishingAtOnce(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newTown(t, address)
		w.listen("ear", all("chats")...)
		w.install("sid", "ear", w.hq)
		w.heard()
		here, there := w.nodes(address)
		for round := range 30 {
			in := market.Publishing{Key: souk.NewID().String(), Items: []souk.Publication{chatAt(w.hq, "1"), chatAt(w.hq, "2")}}
			if round%3 == 0 { // more than one transaction
				in.Items = slices.Repeat(in.Items, 150)
			}
			var answers [4][]market.Published
			var errs [4]error
			var all sync.WaitGroup
			start := make(chan struct{})
			for i := range answers {
				m := []*market.Market{here, there}[i%2]
				all.Go(func() {
					<-start
					answers[i], errs[i] = m.Publish(context.Background(), operator, in)
				})
			}
			close(start)
			all.Wait()
			ok(t, errors.Join(errs[:]...))
			for _, a := range answers {
				if !slices.Equal(a, answers[0]) {
					t.Fatalf("round %d: %v and %v", round, a, answers[0])
				}
			}
			if n := len(w.heard()); n != len(in.Items) {
				t.Fatalf("round %d: told %d times", round, n)
			}
		}
	})
}
