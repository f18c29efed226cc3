package market_test

import (
	"context"
	"fmt"
	"testing"

	"souk"
	"souk/market"
)

// An event that more than 64 webhooks listen to commits one row, and a job tells
// those who listened then.
func TestManyEndpointsAreToldByAJob(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		const created = string(souk.RequestCreated)
		w.install("sid", "monitor", w.hq) // has the scope to hear of other apps
		var hooks []market.Saved
		subscribe := func(app string, n int) {
			for i := range n {
				hooks = append(hooks, must(w.m.PutWebhook(ctx, operator, market.Hook{App: w.app[app], Dialect: souk.Native,
					URL: fmt.Sprintf("https://%s.example/%d", app, i), Events: []string{created}}))(t))
			}
		}
		subscribe("monitor", 64)
		w.ask("jane", "files", w.hq)
		if n := w.count(`SELECT count(*) FROM deliveries`); n != 64 {
			t.Fatalf("64 webhooks: %d deliveries", n)
		}
		if n := w.count(`SELECT count(*) FROM fanouts`); n != 0 {
			t.Fatalf("64 webhooks: %d fanouts", n)
		}

		subscribe("chat", 6)
		w.ask("jane", "chat", w.hq)
		if n := w.count(`SELECT count(*) FROM deliveries`); n != 64 {
			t.Errorf("70 webhooks: %d deliveries were made by the verb", n-64)
		}
		late := must(w.m.PutWebhook(ctx, operator, market.Hook{App: w.app["chat"], Dialect: souk.Native,
			URL: "https://chat.example/late", Events: []string{created}}))(t)
		gone := hooks[3]
		ok(t, w.m.DeleteWebhook(ctx, operator, w.app["monitor"], gone.ID))
		told := 0
		w.m.Told = func(all []souk.Delivery) { told += len(all) }
		for more := true; more; {
			more = must(w.m.StepJob(ctx))(t)
		}
		event := w.rows(`SELECT count(*) || ' ' || count(DISTINCT webhook_id) FROM deliveries
			WHERE event_id = (SELECT id FROM events WHERE kind = 'request.created' ORDER BY id DESC LIMIT 1)`)
		wantList(t, "told, and how many of them", event, "69 69")
		if told != 69 {
			t.Errorf("the courier was handed %d", told)
		}
		if n := w.count(`SELECT count(*) FROM deliveries WHERE webhook_id = $1`, late.ID); n != 0 {
			t.Errorf("a webhook that was made later heard of it %d times", n)
		}
		for _, table := range []string{"fanouts", "jobs"} {
			if n := w.count(`SELECT count(*) FROM ` + table); n != 0 {
				t.Errorf("%d %s are left", n, table)
			}
		}
	})
}
