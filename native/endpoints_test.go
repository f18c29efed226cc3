package native

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"souk"
	"souk/store"
)

// past gives a webhook a delivery that failed for good and a replay that is done.
func (o *company) past(t *testing.T, hook souk.Webhook) (over, replay souk.ID) {
	t.Helper()
	d := souk.Delivery{
		ID: souk.NewID(), Event: o.delivery.Event, Webhook: hook.ID, App: hook.App, Dialect: hook.Dialect, Body: []byte("{}"),
		Status: souk.DeliveryExhausted, Attempts: 10, LastOutcome: souk.BadStatus, Entry: souk.NewID(), EntryAt: o.at, CreatedAt: o.at, EndedAt: o.at,
	}
	r := souk.Replay{
		ID: souk.NewID(), Webhook: hook.ID, App: hook.App, Since: o.at.Add(-time.Hour), Before: o.at, Statuses: souk.Unsuccessful,
		Status: souk.ReplayDone, CreatedAt: o.at, EndedAt: o.at,
	}
	o.put(t, func(tx *store.Tx) error {
		if _, err := tx.InsertDeliveries([]souk.Delivery{d}); err != nil {
			return err
		}
		return tx.PutReplay(r)
	})
	return d.ID, r.ID
}

// becomes gives the webhook another status.
func becomes(status souk.WebhookStatus) func(*testing.T, *company) {
	return func(t *testing.T, o *company) {
		o.put(t, func(tx *store.Tx) error {
			w, err := tx.Webhook(o.hook.ID)
			if err != nil {
				return err
			}
			w.Status, w.DisabledAt, w.DisabledWhy = status, time.Time{}, ""
			if status == souk.WebhookDisabled {
				w.DisabledAt, w.DisabledWhy = o.at, "nothing succeeded"
			}
			return tx.PutWebhook(w)
		})
	}
}

// ended makes what is over be for an installation that has ended.
func ended(t *testing.T, o *company) {
	i := souk.Installation{ID: souk.NewID(), App: o.deploy.ID, Org: o.labs.ID, Kind: souk.OnWorkspace, Status: souk.InstallationEnded,
		InstalledBy: o.olga.ID, CreatedAt: o.at, UpdatedAt: o.at, EndedAt: o.at}
	d := souk.Delivery{ID: souk.NewID(), Event: o.delivery.Event, Webhook: o.hook.ID, App: o.hook.App, Installation: i.ID, Dialect: souk.Native,
		Body: []byte("{}"), Status: souk.DeliveryCancelled, Entry: souk.NewID(), EntryAt: o.at, CreatedAt: o.at, EndedAt: o.at}
	o.put(t, func(tx *store.Tx) error {
		if err := tx.PutInstallation(i); err != nil {
			return err
		}
		_, err := tx.InsertDeliveries([]souk.Delivery{d})
		return err
	})
	o.over = d.ID
}

const replayAll = `{"since":"2026-01-01T00:00:00Z"}`

// refusedEndpoints are the refusals of what somebody does about a webhook that
// nothing reached.
var refusedEndpoints = []refused{
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/enable", `{"held":"resume"}`, "not-verified", deaf},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/enable", `{"held":"resume"}`, "blocked-address", nowhere},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/verify", "", "blocked-address", nowhere},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/enable", `{"held":"replay","since":"2026-01-01T00:00:00Z"}`, "replay-goes-on", by("vic", "POST /apps/{deploy}/webhooks/{hook}/replays", replayAll)},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/enable", `{"held":"replay"}`, "invalid-input", nil},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/test", `{"event":"case.approved"}`, "webhook-inactive", becomes(souk.WebhookDisabled)},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/test", `{"event":"case.approved"}`, "webhook-inactive", becomes(souk.WebhookPaused)},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/test", `{"event":"webhook.tested"}`, "invalid-input", nil},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/rotate-secret", "", "no-own-secret", deaf},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/deliveries/{nothing}/redeliver", "", "unknown-delivery", nil},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/deliveries/{heard}/redeliver", "", "unknown-delivery", nil},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/deliveries/{delivery}/redeliver", "", "delivery-open", nil},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/deliveries/{over}/redeliver", "", "webhook-inactive", becomes(souk.WebhookDisabled)},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/deliveries/{over}/redeliver", "", "installation-over", ended},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/replays", replayAll, "webhook-inactive", becomes(souk.WebhookPaused)},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/replays", replayAll, "replay-goes-on", by("vic", "POST /apps/{deploy}/webhooks/{hook}/replays", replayAll)},
	{"vic", "POST /apps/{deploy}/webhooks/{hook}/replays", `{"since":"2026-01-02T00:00:00Z","before":"2026-01-02T00:00:00+00:00"}`, "invalid-input", nil},
	{"vic", "GET /apps/{deploy}/webhooks/{hook}/replays/{nothing}", "", "unknown-replay", nil},
	{"vic", "GET /apps/{deploy}/webhooks/{hook}/replays/all", "", "unknown-replay", nil},
	{"vic", "DELETE /apps/{deploy}/webhooks/{hook}/replays/{nothing}", "", "unknown-replay", nil},
}

// nowhere has Souk send to no URL any more.
func nowhere(t *testing.T, o *company) {
	o.market.CheckURL = func(string) error { return http.ErrNotSupported }
}

// What is wrong with the input is said with its place.
func TestEndpointInput(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		at := "POST /apps/{deploy}/webhooks/{hook}/"
		for _, tt := range []struct{ call, body, want string }{
			{"enable", `{}`, "/held is required"},
			{"enable", `{"held":"later"}`, `/held must be one of ["resume" "skip" "replay"]`},
			{"enable", `{"held":"replay"}`, "/since is required for a replay"},
			{"enable", `{"held":"skip","since":"2026-01-01T00:00:00Z"}`, "/since is for a replay"},
			{"enable", `{"held":"replay","since":"2999-01-01T00:00:00Z"}`, "/since must not lie in the future"},
			{"enable", `{"held":"replay","since":"yesterday"}`, "/since must be a time as RFC 3339 has it, since 1970"},
			{"enable", `{"held":"replay","since":"1969-12-31T23:00:00Z"}`, "/since must be a time as RFC 3339 has it, since 1970"},
			{"replays", `{}`, "/since is required"},
			{"replays", `{"since":"2026-01-02T00:00:00Z","before":"2026-01-01T00:00:00Z"}`, "/before must be later than since"},
			{"replays", `{"since":"2026-01-02T00:00:00Z","statuses":["pending"]}`, `/statuses must be of ["cancelled" "exhausted" "skipped" "successful"]`},
			{"rotate-secret", `{"overlap_hours":169}`, "/overlap_hours must be a whole number of hours from 0 to 168"},
			{"rotate-secret", `{"overlap_hours":-1}`, "/overlap_hours must be a whole number of hours from 0 to 168"},
			{"rotate-secret", `{"overlap_hours":"1"}`, "/overlap_hours must be a whole number of hours from 0 to 168"},
			{"test", `{}`, "/event is required"},
			{"test", `{"event":"everything"}`, `/event "everything" is nothing that a webhook of the dialect native is told`},
		} {
			if got := o.call(t, "vic", at+tt.call, tt.body); got.problem() != "invalid-input" || faultsIn(t, got) != tt.want {
				t.Errorf("%s %s: %s", tt.call, tt.body, got.body)
			}
		}
	})
}

// How a webhook fares is told by the call that reads it, and nowhere else.
func TestHealth(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		read := func() webhookState {
			t.Helper()
			return into[webhookState](t, o.call(t, "vic", "GET /apps/{deploy}/webhooks/{hook}", ""), 200)
		}
		if s := read(); s.Health != (healthObject{State: healthy}) || s.DisabledAt != nil || s.DisabledWhy != nil {
			t.Errorf("before anything was sent: %+v", s)
		}
		h := souk.Health{Endpoint: o.hook.ID, App: o.deploy.ID, Dialect: souk.Native, SucceededAt: o.at, FailingSince: o.at.Add(time.Minute), Failures: 7, Breaker: souk.BreakerClosed, UpdatedAt: o.at}
		for _, tt := range []struct {
			breaker souk.Breaker
			probe   time.Time
			state   healthState
		}{
			{souk.BreakerClosed, time.Time{}, failing},
			{souk.BreakerOpen, o.at.Add(time.Hour), isOpen},
			{souk.BreakerHalfOpen, o.at.Add(time.Hour), halfOpen},
		} {
			h.Breaker, h.ProbeAt = tt.breaker, tt.probe
			o.put(t, func(tx *store.Tx) error { return tx.PutHealth([]souk.Health{h}) })
			s := read().Health
			if s.State != tt.state || *s.FailingSince != stamp(h.FailingSince) || s.Failures != 7 || *s.LastSuccess != stamp(o.at) ||
				*s.Deadline != stamp(h.FailingSince.Add(5*24*time.Hour)) || (s.ProbeAt == nil) != tt.probe.IsZero() {
				t.Errorf("%s: %+v", tt.breaker, s)
			}
		}
		becomes(souk.WebhookDisabled)(t, o)
		if s := read(); s.Status != souk.WebhookDisabled || *s.DisabledAt != stamp(o.at) || *s.DisabledWhy != "nothing succeeded" || s.Health.Deadline != nil {
			t.Errorf("disabled: %+v", s)
		}
		into[webhookObject](t, o.call(t, "vic", "PUT /apps/{deploy}/webhooks/{hook}", `{"url":"https://s.example/","events":["case.approved"]}`), 200)
		if s := read(); s.Status != souk.WebhookDisabled || s.URL != "https://s.example/" || s.Health.State != healthy {
			t.Errorf("changed: %+v", s)
		}
		into[webhookObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks/{hook}/enable", `{"held":"resume"}`), 200)
		if s := read(); s.Status != souk.WebhookActive || s.DisabledAt != nil || s.DisabledWhy != nil {
			t.Errorf("enabled: %+v", s)
		}
	})
}

// A test of every event arrives, keeps to the contract and says that it is one.
func TestTestEvents(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		schema := published.schema("#/components/schemas/Event")
		for _, name := range Wire().Events {
			d := into[deliveryObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks/{hook}/test", `{"event":"`+name+`"}`), 202)
			if d.Kind != souk.WebhookTested || d.Status != souk.DeliveryPending || d.Installation != nil || d.NextAt == nil {
				t.Errorf("%s: %+v", name, d)
			}
			var sent souk.Delivery
			id, err := souk.ParseID(d.ID)
			must(err)
			must(o.db.Read(t.Context(), func(tx *store.Tx) (err error) { sent, err = tx.Delivery(id); return err }))
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(sent.Body))
			must(err)
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			var body eventBody
			must(json.Unmarshal(sent.Body, &body))
			if !body.Test || body.Type != name || body.Data.Event.ID != d.Event.ID || body.Data.App.ID != o.deploy.ID.String() || body.Data.Webhook.ID != o.hook.ID.String() {
				t.Errorf("%s: %s", name, sent.Body)
			}
		}
		list := into[listing[deliveryObject]](t, o.call(t, "vic", "GET /apps/{deploy}/webhooks/{hook}/deliveries?status=pending", ""), 200)
		if n := len(Wire().Events); len(list.Items) != n+1 || list.Items[0].Kind != souk.WebhookTested {
			t.Errorf("%d tests are %d deliveries", n, len(list.Items))
		}
	})
}

// What somebody asks to be delivered again is the same delivery.
func TestRedeliverAndReplay(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		d := into[deliveryObject](t, o.call(t, "deploy", "POST /apps/{deploy}/webhooks/{hook}/deliveries/{over}/redeliver", ""), 202)
		if d.ID != o.over.String() || d.Status != souk.DeliveryPending || d.Attempts != 10 || d.NextAt == nil || d.EndedAt != nil {
			t.Errorf("redelivered: %+v", d)
		}
		another, _ := o.past(t, o.hook)
		made := o.call(t, "vic", "POST /apps/{deploy}/webhooks/{hook}/replays", `{"since":"2026-01-01T00:00:00Z","statuses":["exhausted","cancelled","exhausted"]}`)
		r := into[replayObject](t, made, 202)
		if r.Status != souk.ReplayRunning || !slices.Equal(r.Statuses, []souk.DeliveryStatus{"cancelled", "exhausted"}) || r.CreatedBy.ID != o.vic.ID.String() {
			t.Errorf("asked for a replay: %s", made.body)
		}
		for more := true; more; {
			var err error
			more, err = o.market.StepJob(t.Context())
			must(err)
		}
		at := strings.TrimPrefix(made.header.Get("Location"), prefix)
		if r = into[replayObject](t, o.call(t, "vic", "GET "+at, ""), 200); r.Status != souk.ReplayDone || r.Seen != 1 || r.Replayed != 1 || r.EndedAt == nil {
			t.Errorf("replayed: %+v", r)
		}
		if got := o.call(t, "vic", "DELETE "+at, ""); got.status != 204 {
			t.Errorf("cancelled when it was over: %s", got.body)
		}
		list := into[listing[deliveryObject]](t, o.call(t, "vic", "GET /apps/{deploy}/webhooks/{hook}/deliveries?status=pending", ""), 200)
		if !slices.ContainsFunc(list.Items, func(d deliveryObject) bool { return d.ID == another.String() }) || len(list.Items) != 3 {
			t.Errorf("pending: %+v", list.Items)
		}
		days := into[listing[dayObject]](t, o.call(t, "vic", "GET /apps/{deploy}/delivery-counts", ""), 200)
		var exhausted int64
		for _, d := range days.Items {
			exhausted += d.Exhausted
		}
		if exhausted != 2 || len(days.Items) == 0 {
			t.Errorf("counted: %+v", days)
		}
	})
}

// While a secret is being replaced, receivers that have either of the two take
// what is sent; afterwards the new one alone counts.
func TestRotatedSecrets(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		first := into[savedObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks", `{"dialect":"native","url":"https://r.example/","events":["case.approved"]}`), 201)
		rotate := func(body string) rotatedObject {
			t.Helper()
			return into[rotatedObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks/"+first.ID+"/rotate-secret", body), 200)
		}
		id, err := souk.ParseID(first.ID)
		must(err)
		takes := func(secret string, at time.Time) bool {
			t.Helper()
			var hook souk.Webhook
			must(o.db.Read(t.Context(), func(tx *store.Tx) error {
				sealed, err := tx.Webhook(id)
				must(err)
				hook, err = sealed.Open(o.market.Key)
				return err
			}))
			body := []byte(`{"type":"case.approved"}`)
			sent, err := Prepare(souk.Outgoing{Delivery: souk.Delivery{Event: souk.NewID(), Body: body}, Webhook: hook, At: at})
			must(err)
			header := http.Header{}
			for name, value := range sent.Header {
				header.Set(name, value)
			}
			receiver, err := standardwebhooks.NewWebhook(secret)
			must(err)
			return receiver.VerifyIgnoringTimestamp(sent.Body, header) == nil
		}
		now := time.Now()
		second := rotate(`{"overlap_hours":2}`)
		if second.Secret == *first.Secret || second.OldUntil == nil {
			t.Errorf("rotated: %+v", second)
		}
		for _, tt := range []struct {
			name, secret string
			at           time.Time
			want         bool
		}{
			{"the new one, during the overlap", second.Secret, now, true},
			{"the old one, during the overlap", *first.Secret, now, true},
			{"the old one, near its end", *first.Secret, now.Add(2*time.Hour - time.Minute), true},
			{"the old one, after it", *first.Secret, now.Add(2*time.Hour + time.Minute), false},
			{"the new one, after it", second.Secret, now.Add(2*time.Hour + time.Minute), true},
		} {
			if got := takes(tt.secret, tt.at); got != tt.want {
				t.Errorf("%s: %v", tt.name, got)
			}
		}
		third := rotate("")
		if takes(*first.Secret, now) || !takes(second.Secret, now.Add(23*time.Hour)) || takes(second.Secret, now.Add(25*time.Hour)) {
			t.Error("after a second rotation the first secret counts, or the second does not for a day")
		}
		if last := rotate(`{"overlap_hours":0}`); last.OldUntil != nil || takes(third.Secret, now) || !takes(last.Secret, now) {
			t.Errorf("without an overlap: %+v", last)
		}
		for _, secret := range []string{*first.Secret, second.Secret, third.Secret} {
			for _, call := range []string{"GET /apps/{deploy}/webhooks", "GET /apps/{deploy}/webhooks/" + first.ID} {
				if got := o.call(t, "vic", call, ""); strings.Contains(string(got.body), secret) {
					t.Errorf("%s tells a secret", call)
				}
			}
		}
		must(o.db.Read(t.Context(), func(tx *store.Tx) error {
			entries, err := tx.AuditOf(o.vendor.ID)
			for _, e := range entries {
				if strings.Contains(e.Before+e.After, "whsec_") {
					t.Errorf("the audit of %s has a secret", e.Verb)
				}
			}
			return err
		}))
	})
}
