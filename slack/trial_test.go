package slack

import (
	"testing"

	"souk"
)

// A test is an event as any other, about a request that is nobody's.
func TestTrial(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		hook := o.subscribe(t, o.deploybot)
		if _, err := o.market.TestWebhook(t.Context(), souk.Operator("test"), o.deploybot.ID, hook, appRequestedName); err != nil {
			t.Fatal(err)
		}
		got := o.told(t, hook)
		if len(got) != 1 || got[0]["type"] != "event_callback" || got[0]["token"] != "v" {
			t.Fatalf("told %v", got)
		}
		asked := got[0]["event"].(map[string]any)["app_request"].(map[string]any)
		if asked["id"] != "Ar0000000002E4NENOWZ3QMAMTD" || asked["message"] != "This is a test." || asked["app"].(map[string]any)["id"] != o.deploybot.ID.Slack(appPrefix) {
			t.Errorf("told %v", asked)
		}
		if _, err := o.market.TestWebhook(t.Context(), souk.Operator("test"), o.deploybot.ID, hook, "request.created"); err == nil {
			t.Error("the market's own name is a name here")
		}
	})
}
