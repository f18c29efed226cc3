package zoom

import "testing"

// Nothing is sold, whoever is asked about.
func TestEntitlements(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		const none = `{"code":1402,"message":"App is not monetized."}`
		for _, request := range []string{
			"GET /marketplace/users/{ada}/entitlements", "GET /marketplace/users/me/entitlements", "GET /marketplace/users/{gus}/entitlements",
			"GET /marketplace/users/x/entitlements", "GET /marketplace/monetization/entitlements", "GET /marketplace/monetization/entitlements?user_id={gus}",
		} {
			o.want("ada", request, "", 404, none)
			o.want("", request, "", 401, `{"code":124,"message":"Invalid access token."}`)
			if got := o.call("none", request, ""); got.status != 401 {
				t.Errorf("%s without a scope: %d %s", request, got.status, got.body)
			}
		}
	})
}
