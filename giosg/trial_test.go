package giosg

import (
	"encoding/json"
	"strings"
	"testing"

	"souk"
	"souk/store"
)

// Whatever this wire tells can be tried: a notification as it would be, about a
// resource that is nobody's, without a token, in no line.
func TestTrials(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		hook := o.hooked(t, `{"endpoint_url":"https://shop.example/1","channel_subscriptions":[`+subscribe(ownPattern)+`]}`)
		tried := 0
		for _, kind := range souk.EventKinds {
			action, told := actions[kind]
			if kind == souk.ChannelPublished {
				action, told = souk.Added, true
			}
			v, err := o.Market.TestWebhook(t.Context(), souk.Operator("test"), o.ID("apps.clerk"), hook.ID, string(kind))
			if (err == nil) != told {
				t.Errorf("%s: %v", kind, err)
			}
			if err != nil {
				continue
			}
			tried++
			var d souk.Delivery
			if err := o.db.Read(t.Context(), func(tx *store.Tx) (err error) { d, err = tx.Delivery(v.ID); return err }); err != nil {
				t.Fatal(err)
			}
			var n notification
			if err := json.Unmarshal(d.Body, &n); err != nil {
				t.Fatalf("%s: %v", d.Body, err)
			}
			if n.Action != action || d.Action != action || n.Channel != d.Channel || !strings.HasPrefix(string(n.Channel), prefix+"/orgs/") || n.ResourceID != souk.SampleID.String() ||
				n.AppUserAuth != nil || (n.Resource == nil) != (action == souk.Removed) || d.Resource != "" {
				t.Errorf("%s: %s", kind, d.Body)
			}
		}
		if tried != len(actions)+1 {
			t.Errorf("%d kinds can be tried", tried)
		}
	})
}
