package zoom

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/souktest"
	"souk/store"
)

// exchanged records that a delivery to a webhook of mill was tried.
func (o *office) exchanged(d souk.Delivery, retry int, outcome souk.Outcome, status int, at time.Time) {
	o.t.Helper()
	event, _, _ := strings.Cut(strings.TrimPrefix(string(d.Body), `{"event":"`), `"`)
	o.write(func(tx *store.Tx) error {
		a := &souk.Attempt{
			ID: souk.NewID(), Delivery: d.ID, Dialect: souk.Zoom, App: d.App, Webhook: d.Webhook, Number: retry, URL: "https://mill.example/hook?k=v",
			Outcome: outcome, Status: status, Answer: "no & <never>", Headers: `{"Server":"nginx"}`, StartedAt: at, Duration: time.Second,
			Sent: &souk.Sent{Event: event, Retry: retry, Headers: fmt.Sprintf(`{"Authorization":"********","X-Zm-Trackingid":"v=2.0;clid=souk;rid=WEB_%d"}`, retry)},
		}
		if status == 0 {
			a.Answer, a.Headers = "", ""
		}
		if retry == 0 {
			if _, err := tx.InsertDeliveries([]souk.Delivery{d}); err != nil {
				return err
			}
		}
		p := store.Progress{Delivery: d, Attempt: a, Status: souk.DeliveryPending, Attempts: retry + 1, Outcome: outcome, NextAt: at.Add(time.Hour), EntryAt: at}
		if p.Delivery.Attempts = retry; outcome == souk.OK || retry == 3 {
			p.Status = souk.DeliveryExhausted
		}
		_, err := tx.Record(souk.ID{}, at, []store.Progress{p})
		return err
	})
}

func (o *office) delivery(body string, at time.Time) souk.Delivery {
	return souk.Delivery{
		ID: souk.NewID(), Event: souk.NewID(), Webhook: souk.NewID(), App: o.mill.ID, Dialect: souk.Zoom, Body: []byte(body),
		Status: souk.DeliveryPending, NextAt: at, EntryAt: at, CreatedAt: at,
	}
}

// logged are the rows that a call lists, page by page.
func (o *office) logged(query string, size int) (rows []webhookLog) {
	o.t.Helper()
	return pageByPage(o, "/marketplace/apps/{mill}/webhook_logs?"+query, size, func(p webhookLogs) (listing, []webhookLog) { return p.listing, p.WebhookLogs })
}

// What was sent to a subscription is told with all that it said and all that
// came back, an attempt a row.
func TestWebhookLogs(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		now := o.db.Now().Truncate(time.Second)
		failing := o.delivery(`{"event":"app.authorization_request_created","event_ts":1,"payload":{"app_name":"A&B <x> `+"\u2028"+`é"}}`, now.Add(-3*time.Hour))
		for n, outcome := range []souk.Outcome{souk.BadStatus, souk.HeaderTimeout, souk.BadStatus, souk.NoConnection} {
			status := []int{503, 0, 500, 0}[n]
			o.exchanged(failing, n, outcome, status, now.Add(time.Duration(n-120)*time.Minute).Add(7*time.Millisecond))
		}
		fine := o.delivery(`{"event":"app_deauthorized","event_ts":1,"payload":{"user_id":"`+o.bob.ID.Zoom()+`"}}`, now)
		o.exchanged(fine, 0, souk.OK, 204, now)

		rows := o.logged("type=2", 30)
		if len(rows) != 4 {
			t.Fatalf("%d rows", len(rows))
		}
		want := webhookLog{
			Event: "app.authorization_request_created", Status: -1, FailedReasonType: 1, Endpoint: "https://mill.example/hook?k=v",
			SubscriptionID: failing.Webhook.Zoom(), RequestHeaders: `{"Authorization":"********","X-Zm-Trackingid":"v=2.0;clid=souk;rid=WEB_1"}`,
			RequestBody: string(failing.Body), DateTime: now.Add(-119*time.Minute).UTC().Format("2006-01-02T15:04:05") + ".007Z",
			TraceID: "WEB_1", RequestID: strings.ReplaceAll(failing.ID.String(), "-", "_"), RetryNum: 1,
		}
		if d := cmp.Diff(want, rows[2]); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		want.Status, want.FailedReasonType, want.RetryNum, want.TraceID = 503, 0, 0, "WEB_0"
		want.RequestHeaders = strings.ReplaceAll(want.RequestHeaders, "WEB_1", "WEB_0")
		want.ResponseBody, want.ResponseHeaders = "no & <never>", `{"Server":"nginx"}`
		want.DateTime = strings.Replace(want.DateTime, ":"+now.Add(-119*time.Minute).UTC().Format("04")+":", ":"+now.Add(-120*time.Minute).UTC().Format("04")+":", 1)
		want.DateTime = now.Add(-120*time.Minute).UTC().Format("2006-01-02T15:04:05") + ".007Z"
		if d := cmp.Diff(want, rows[3]); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		last := o.logged("type=3", 30)
		if len(last) != 1 || last[0].UserID != o.bob.ID.Zoom() || last[0].Status != 204 || last[0].FailedReasonType != 0 {
			t.Errorf("%+v", last)
		}

		at := func(minutes int) string { return stamp(now.Add(time.Duration(minutes) * time.Minute)) }
		for query, want := range map[string]string{
			"":                              "3210",
			"type=1":                        "03210",
			"type=1&event=app_deauthorized": "0",
			"type=2&event=app_deauthorized": "",
			"event=app.authorization_request_created": "3210",
			"retry_num=2":                          "2",
			"type=1&retry_num=0":                   "00",
			"from=" + at(-118):                     "32",
			"to=" + at(-119):                       "10",
			"from=" + at(-119) + "&to=" + at(-118): "21",
			"type=1&from=" + at(-10080):            "03210",
			"type=1&to=" + at(60):                  "03210",
		} {
			for _, size := range []int{1, 2, 300} {
				got := ""
				for _, r := range o.logged(query, size) {
					got += fmt.Sprint(r.RetryNum)
				}
				if got != want {
					t.Errorf("%q, %d at a time: %q, want %q", query, size, got, want)
				}
			}
		}
	})
}

func TestWebhookLogsOfNothing(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.want("ada", "GET /marketplace/apps/{mill}/webhook_logs", "", 200, `{"next_page_token":"","page_size":30,"webhook_logs":[]}`)
		o.walls("GET /marketplace/apps/{app}/webhook_logs", "")
	})
}

// What cannot be asked is told by the codes that are Zoom's, and changes nothing.
func TestBadWebhookLogs(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		db, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		o := newOffice(t, db)
		now := db.Now()
		check := souktest.Unchanged(t, address)
		for query, want := range map[string]string{
			"from=" + stamp(now.Add(-time.Hour)) + "&to=" + stamp(now.Add(-2*time.Hour)): `404 {"code":1501,"message":"The 'to' date must be after the 'from' date."}`,
			"from=" + stamp(now.Add(-169*time.Hour)):                                     `404 {"code":1502,"message":"The date range must be within the last seven days."}`,
			"to=" + stamp(now.Add(-169*time.Hour)):                                       `404 {"code":1502,"message":"The date range must be within the last seven days."}`,
			"from=" + stamp(now.Add(time.Hour)):                                          `404 {"code":1504,"message":"The 'from' date must be before the current date (UTC)."}`,
			"from=yesterday":                                                             `404 {"code":1503,`,
			"to=2026-13-01T00:00:00Z":                                                    `404 {"code":1503,`,
			"to=2026-01-01":                                                              `404 {"code":1503,`,
			"from=0001-01-01T00:00:00Z":                                                  `404 {"code":1503,`,
			"retry_num=4":                                                                `400 {"code":1506,"message":"The 'retry_num' value must be an integer within the range of 0 to 3."}`,
			"retry_num=-1":                                                               `400 {"code":1506,`,
			"retry_num=x":                                                                `400 {"code":1506,`,
			"type=4":                                                                     `400 {"code":300,"message":"Validation Failed.","errors":[{"field":"type",`,
			"type=all":                                                                   `400 {"code":300,`,
			"event=%00":                                                                  `400 {"code":300,`,
			"event=%ff":                                                                  `400 {"code":300,`,
			"page_size=0":                                                                `400 {"code":300,`,
			"page_size=301":                                                              `400 {"code":300,`,
			"next_page_token=x":                                                          `400 {"code":300,`,
		} {
			got := o.call("ada", "GET /marketplace/apps/{mill}/webhook_logs?"+query, "")
			if said := fmt.Sprint(got.status, " ", got.body); !strings.HasPrefix(said, want) {
				t.Errorf("%s: %s, want %s", query, said, want)
			}
		}
		check("asking for logs in vain")
	})
}
