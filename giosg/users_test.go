package giosg

import (
	"fmt"
	"testing"
	"time"

	"souk"
)

func TestMe(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		const shown = `{"id":"%s","email":"kim@shop.example","organization_id":"%s","organization":{"id":"%[2]s","name":"Shop"},` +
			`"first_name":"Kim","last_name":"","full_name":"Kim","alias":"K","created_at":"%s","updated_at":"%s","deleted_at":null,` +
			`"avatar_id":null,"avatar":null,"is_online_enabled":false,"is_online":false,"is_present":false,"is_deleted":false,` +
			`"is_bot":false,"permissions":["settings"]}`
		got := o.call(t, "kim", "GET /users/me", "")
		kim := into[user](t, got, 200)
		if want := fmt.Sprintf(shown, o.ID("users.kim"), o.ID("orgs.shop"), kim.CreatedAt, kim.UpdatedAt); got.body != want {
			t.Errorf("%s\nwant %s", got.body, want)
		}
		for _, s := range []string{kim.CreatedAt, kim.UpdatedAt} {
			if at, err := time.Parse("2006-01-02T15:04:05.000Z", s); err != nil || time.Since(at) > time.Minute {
				t.Errorf("%s: %v", s, err)
			}
		}
		if p := into[user](t, o.call(t, "sam", "GET /users/me", ""), 200).Permissions; len(p) != len(souk.Permissions) {
			t.Errorf("an owner holds %v", p)
		}
		if p := into[user](t, o.call(t, "lars", "GET /users/me", ""), 200); p.OrganizationID != o.ID("orgs.lapsed") {
			t.Errorf("without a subscription: %+v", p)
		}
		if got := o.call(t, "", "GET /users/me", ""); got.status != 401 {
			t.Errorf("nobody: %d %s", got.status, got.body)
		}
	})
}
