package conformance

import (
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"

	"souk/souktest"
	"souk/souktest/zoomwire"
)

var zoomStories = []story{
	{
		name: "events", script: []string{"zoom-events.mjs"}, limits: "on",
		checks: []string{
			"a URL is validated when it is saved",
			"a request is told with all its parts",
			"what is not known is not said",
			"hostile texts arrive as they are",
			"an app for administrators says so",
			"two of three are approved",
			"what changes nothing is not told",
			"all are approved",
			"one is declined",
			"a cancelled request is told to nobody",
			"all are declined, those who were approved too",
			"who leaves an app is told to it",
			"nobody heard anything else",
			"a receiver with another secret refuses once",
		},
	},
	{
		name: "saving", script: []string{"zoom-saving.mjs"}, limits: "on",
		checks: []string{
			"a webhook that is not proved is not saved",
			"nor is one that the client makes",
			"one with the client behind it is saved",
			"a changed URL is asked anew, and kept as it was when it fails",
		},
	},
	{
		name: "rest", script: []string{"zoom-rest.mjs"}, limits: "off",
		checks: []string{
			"listApps tells what is asked for",
			"listApps walks all types",
			"getInformationAboutApp",
			"addAppAllowRequestsForUsers",
			"getAppsUserRequests",
			"getUsersAppRequests",
			"updateAppsRequestStatus",
			"updateAppPreApprovalSetting",
			"event subscriptions",
			"getWebhookLogs",
			"enableOrDisableUserAppSubscription",
			"manifests",
			"apps are made and deleted",
			"getAPICallLogs and entitlements",
			"rotateClientSecret",
			"a token that does not answer",
		},
	},
}

// Zoom's own client receives what a running Souk sends, and what the strictest
// receivers would refuse is refused beside it: both are told the same.
func TestRivet(t *testing.T) {
	hasModules(t)
	for _, s := range zoomStories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			souktest.EachAddress(t, func(t *testing.T, database string) {
				t.Parallel()
				on, _ := startWorld(t, database, filepath.Join("testdata", "zoom.yaml"), "--rate-limits", s.limits)
				beside := &zoomwire.Receiver{Secret: func() string { return on.Apps["gate"].Credentials.Zoom.WebhookSecretToken }}
				witness := httptest.NewServer(beside)
				t.Cleanup(witness.Close)
				on.Witnesses = map[string]string{"gate": witness.URL}
				heard := s.tell(t, on)
				for _, body := range heard {
					for name, layer := range layers {
						if err := layer([]byte(body)); err != nil {
							t.Errorf("by %s: %v\n%s", name, err, body)
						}
					}
				}
				compare(t, heard, beside)
			})
		})
	}
}

// layers are what every body passes.
var layers = map[string]func([]byte) error{
	"Zoom's schema": zoomwire.Published, "the strict schema": zoomwire.Strict, "the bytes": zoomwire.Bytes,
}

// compare holds what Rivet's listeners heard, spelled by JSON.stringify, to what
// came to the receiver beside it, byte for byte. That one is told nothing of other
// apps, and is told what comes when Rivet has stopped.
func compare(t *testing.T, heard []string, beside *zoomwire.Receiver) {
	t.Helper()
	for _, err := range beside.Faults() {
		t.Error(err)
	}
	var came []string
	for _, r := range beside.Got() {
		if event := r.Event(); event != zoomwire.Validation {
			came = append(came, string(r.Body))
		}
	}
	for _, body := range heard {
		i := slices.Index(came, body)
		if goodbye := (zoomwire.Request{Body: []byte(body)}).Event() == zoomwire.Deauthorized; goodbye != (i < 0) {
			t.Errorf("beside Rivet came as often as %d this: %s", i, body)
		}
		if i >= 0 {
			came = slices.Delete(came, i, i+1)
		}
	}
	if len(heard) > 0 && len(came) != 1 { // the one that Rivet refused
		t.Errorf("beside Rivet came alone: %q", came)
	}
}
