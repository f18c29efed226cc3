package native

import (
	"net/url"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// A condition that the host product tells of is called in the background or
// opened by a browser, for each app that has it.
func TestTriggers(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		said := o.call(t, "operator", "POST /triggers", `{"condition":"chat_start","org":"{sales}","user":"{bo}","chat":"78","visitor":"v","room":"r","domain":"d.example"}`)
		told := into[triggeredList](t, said, 200).Items
		if len(told) != 1 || told[0].App.SlackID != o.notes.ID.Slack("A") || told[0].Installation.ID != o.notebot.ID.String() || told[0].Delivery == nil || told[0].URL != nil {
			t.Fatalf("in the background: %s", said.body)
		}
		calls := into[listing[triggerCallObject]](t, o.call(t, "notes", "GET /apps/{notes}/trigger/deliveries?status=pending", ""), 200).Items
		if len(calls) != 2 || calls[0].ID != told[0].Delivery.ID || calls[0].Condition != "chat_start" || calls[0].Installation.ID != o.notebot.ID.String() ||
			calls[0].Status != souk.DeliveryPending || calls[0].Attempts != 0 || calls[0].NextAt == nil || calls[0].EndedAt != nil || calls[1].ID != o.heard.ID.String() {
			t.Errorf("calls: %+v", calls)
		}
		tried := into[listing[attemptObject]](t, o.call(t, "vic", "GET /apps/{notes}/trigger/deliveries/{heard}/attempts", ""), 200).Items
		if len(tried) != 1 || tried[0].URL != o.notes.TriggerURL || *tried[0].Status != 500 {
			t.Errorf("attempts: %+v", tried)
		}

		said = o.call(t, "operator", "POST /triggers", `{"condition":"manual_dialog","org":"{sales}","app":"{notes}","user":"{bo}","chat":"78"}`)
		told = into[triggeredList](t, said, 200).Items
		if len(told) != 1 || told[0].Delivery != nil || told[0].URL == nil {
			t.Fatalf("in the browser: %s", said.body)
		}
		opened, err := url.Parse(*told[0].URL)
		if err != nil || !strings.HasPrefix(*told[0].URL, o.notes.TriggerURL+"?") || opened.Query().Get("type") != "manual_dialog" ||
			opened.Query().Get("chat") != "78" || opened.Query().Get("user") != o.bo.ID.String() {
			t.Errorf("opens %s: %v", *told[0].URL, err)
		}
		if strings.Contains(o.log.String(), "notes.example") {
			t.Errorf("a signed address is in the log:\n%s", o.log)
		}
		if now := into[listing[triggerCallObject]](t, o.call(t, "vic", "GET /apps/{notes}/trigger/deliveries", ""), 200).Items; len(now) != 2 {
			t.Errorf("a browser's are %d calls", len(now)-2)
		}

		// Nobody has the condition, or is installed there.
		for _, body := range []string{`{"condition":"chat_end","org":"{sales}"}`, `{"condition":"chat_start","org":"{labs}"}`} {
			if said := o.call(t, "operator", "POST /triggers", body); len(into[triggeredList](t, said, 200).Items) != 0 {
				t.Errorf("%s: %s", body, said.body)
			}
		}
	})
}

// The end of an installation is told, and shown among the calls.
func TestUninstallIsCalled(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		into[endedObject](t, o.call(t, "olga", "DELETE /orgs/{acme}/apps/{notes}/installation", ""), 200)
		calls := into[listing[triggerCallObject]](t, o.call(t, "notes", "GET /apps/{notes}/trigger/deliveries", ""), 200).Items
		if len(calls) != 2 || calls[0].Condition != souk.OnUninstall || calls[0].Status != souk.DeliveryPending || calls[1].Status != souk.DeliveryCancelled || calls[1].EndedAt == nil {
			t.Errorf("calls: %+v", calls)
		}
	})
}

// The words of whoever decides and of whoever asks are kept and shown to their
// own, and a decider's to no app.
func TestReasons(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		wished := into[wishedObject](t, o.call(t, "mo", "POST /orgs/{sales}/installations", `{"app":"{guard}","reason":"For releases","state":"from-42"}`), 202).Request
		if wished.Reason != "For releases" || wished.State != "from-42" {
			t.Errorf("wished: %+v", wished)
		}
		done := into[decisionObject](t, o.call(t, "sal", "POST /requests/{asked}/restrict", `{"reason":"It leaks, we fear"}`), 200)
		if done.Resolution.Reason != "It leaks, we fear" {
			t.Errorf("restricted: %+v", done.Resolution)
		}
		listed := into[listing[resolutionView]](t, o.call(t, "sal", "GET /orgs/{sales}/resolutions?status=restricted", ""), 200).Items
		if len(listed) != 1 || listed[0].Reason != "It leaks, we fear" {
			t.Errorf("listed: %+v", listed)
		}
		if done = into[decisionObject](t, o.call(t, "olga", "POST /orgs/{sales}/apps/{deploy}/approve", `{"scopes":["team:read"],"reason":"Not any more"}`), 200); done.Resolution.Reason != "Not any more" {
			t.Errorf("approved: %+v", done.Resolution)
		}
		again := into[askedObject](t, o.call(t, "bo", "POST /orgs/{sales}/requests", `{"app":"{deploy}"}`), 201)
		if q := into[requestView](t, o.call(t, "bo", "GET /requests/"+again.Request.ID, ""), 200); q.Previous == nil || q.Previous.Reason != "Not any more" {
			t.Errorf("asked again: %+v", q.Previous)
		}
		if done = into[decisionObject](t, o.call(t, "sal", "POST /orgs/{sales}/apps/{legal}/approve", ""), 200); done.Resolution.Reason != "" {
			t.Errorf("without words: %+v", done.Resolution)
		}
		must(o.db.Read(t.Context(), func(tx *store.Tx) error {
			told, err := souktest.Told(tx, o.hook.ID, "", souk.Page{Size: 100})
			for _, d := range told {
				if strings.Contains(string(d.Body), "It leaks") || strings.Contains(string(d.Body), "Not any more") {
					t.Errorf("told %s", d.Body)
				}
			}
			return err
		}))
	})
}
