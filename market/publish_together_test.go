package market_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"souk"
	"souk/market"
)

// Calls that come at the same time share what they write, and each is told once.
func TestPublishingTogether(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.listen("ear", all("chats")...)
		w.install("sid", "ear", w.hq)
		w.heard()
		var writes atomic.Int64
		m := w.marketOn(w.db.Watched(func(statement string) {
			if strings.HasPrefix(statement, "INSERT INTO deliveries") {
				writes.Add(1)
			}
		}))
		const callers, each = 64, 5
		var wait sync.WaitGroup
		for i := range callers {
			wait.Go(func() {
				for n := range each {
					in := market.Publishing{Items: []souk.Publication{chatAt([]souk.ID{w.hq, w.lab}[i%2], fmt.Sprint(i, " ", n))}}
					if i%4 == 0 {
						in.Key = fmt.Sprint("key ", i, " ", n)
					}
					told, err := m.Publish(context.Background(), operator, in)
					if err != nil || len(told) != 1 || told[0].Deliveries != 1-i%2 {
						t.Errorf("call %d of %d: %v, %v", n, i, told, err)
					}
				}
			})
		}
		wait.Wait()
		if n := w.count(`SELECT count(*) FROM deliveries`); n != callers*each/2 {
			t.Errorf("%d deliveries of %d calls", n, callers*each/2)
		}
		if n := writes.Load(); n >= callers*each/2 {
			t.Errorf("%d calls wrote %d times", callers*each/2, n)
		}
	})
}

// Who subscribed before a call began hears it, however many other calls are under
// way, and whoever left before it does not.
func TestPublishingToWhoIsThere(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, stop := context.WithCancel(context.Background())
		var wait sync.WaitGroup
		defer wait.Wait()
		defer stop()
		for i := range 4 {
			wait.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					in := market.Publishing{Items: []souk.Publication{chatAt(w.hq, fmt.Sprint("noise ", i, " ", n))}}
					if _, err := w.m.Publish(ctx, operator, in); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
				}
			})
		}
		for round := range 10 {
			hook := w.listen("ear", all("chats")...)
			i := w.install("sid", "ear", w.hq)
			tell := func(want int) {
				t.Helper()
				told := must(w.m.Publish(context.Background(), operator, market.Publishing{Items: []souk.Publication{chatAt(w.hq, fmt.Sprint(round))}}))(t)
				if told[0].Deliveries != want {
					t.Errorf("round %d: told %d, want %d", round, told[0].Deliveries, want)
				}
			}
			tell(1)
			ok(t, w.m.EndInstallation(context.Background(), w.as("sid"), w.hq, i.ID))
			tell(0)
			ok(t, w.m.DeleteWebhook(context.Background(), operator, w.app["ear"], hook.ID))
		}
	})
}

// What very many hear is told by a job, and counts when it is promised.
func TestPublishingToVeryMany(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.changeApp("chat", func(a *souk.App) { a.BotScopes = souk.NewScopes(souk.MarketplaceRead) })
		for app, n := range map[string]int{"monitor": 64, "chat": 6} {
			w.install("sid", app, w.hq)
			for i := range n {
				must(w.m.PutWebhook(context.Background(), operator, market.Hook{App: w.app[app], Dialect: souk.Native,
					URL: fmt.Sprintf("https://%s.example/%d", app, i), Events: []string{string(souk.ChannelPublished)}}))(t)
			}
		}
		begun := 0
		w.m.Begun = func() { begun++ }
		told := must(w.m.Publish(context.Background(), operator, market.Publishing{Items: []souk.Publication{chatAt(w.hq, "1"), chatAt(w.hq, "2")}}))(t)
		if told[0].Deliveries != 70 || told[1].Deliveries != 70 || begun != 1 {
			t.Errorf("promised %v, %d jobs begun", told, begun)
		}
		if n := w.count(`SELECT count(*) FROM deliveries`); n != 0 {
			t.Errorf("%d deliveries were made by the call", n)
		}
		for must(w.m.StepJob(context.Background()))(t) {
		}
		for _, p := range told {
			if n := w.count(`SELECT count(DISTINCT webhook_id) FROM deliveries WHERE event_id = $1`, p.Event); n != 70 {
				t.Errorf("%d webhooks are told", n)
			}
		}
	})
}
