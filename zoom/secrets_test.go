package zoom

import (
	"encoding/json"
	"strings"
	"testing"
)

// An app replaces its secret: both answer until the old one ends.
func TestRotatingClientSecrets(t *testing.T) {
	eachBureau(t, func(t *testing.T, b *bureau) {
		const rotate = "POST /marketplace/apps/{mill}/rotate_client_secret"
		b.token["own"] = b.got(b.ask("/oauth/token", "mill", "grant_type=client_credentials")).AccessToken
		b.token["other"] = b.got(b.ask("/oauth/token", "desk", "grant_type=client_credentials")).AccessToken
		now := b.m.DB.Now()
		old := b.client["mill"].ZoomClientSecret
		tries := func(secret string) int {
			return b.ask("/oauth/token", "", filled("grant_type", "client_credentials", "client_id", b.client["mill"].ZoomClientID, "client_secret", secret)).status
		}
		in := func(action, until string) string {
			return `{"action":"` + action + `","revoke_old_secret_time":"` + until + `"}`
		}
		soon := stamp(now.AddDate(0, 0, 29))
		for _, tt := range []struct {
			who, path, body string
			status          int
			says            string
		}{
			{"own", rotate, `{"action":"new"}`, 400, `{"code":1500,"message":"Missing request parameters."}`},
			{"own", rotate, in("", "now"), 400, `{"code":1500,"message":"Missing request parameters."}`},
			{"own", rotate, in("renew", "now"), 400, "{\"code\":1500,\"message\":\"Invalid request parameter `action`. Can be `new` or `update`.\"}"},
			{"own", rotate, in("new", "tomorrow"), 400, "{\"code\":1500,\"message\":\"Invalid format of request param `revoke_old_secret_time`. Should be in format `yyyy-MM-dd'T'HH:mm:ss'Z'` for example `2025-03-14T12:34:56Z`.\"}"},
			{"own", rotate, in("new", stamp(now.AddDate(0, 0, 31))), 400, "{\"code\":2001,\"message\":\"Invalid value of request param `revoke_old_secret_time`.\"}"},
			{"own", rotate, in("new", stamp(now.AddDate(0, 0, -1))), 400, "{\"code\":2001,\"message\":\"Invalid value of request param `revoke_old_secret_time`.\"}"},
			{"own", rotate, in("update", soon), 404, `{"code":1401,"message":"Secret ID does not exist."}`},
			{"other", rotate, in("new", "now"), 404, `{"code":1401,"message":"App ID does not exist."}`},
			{"own", "POST /marketplace/apps/{nobody}/rotate_client_secret", in("new", "now"), 404, `{"code":1401,"message":"App ID does not exist."}`},
			{"none", rotate, in("new", "now"), 401, `{"code":201,"message":"Invalid access token, does not contain scopes:[marketplace:update:client_secret]."}`},
			{"bob", rotate, in("new", "now"), 400, ownTokenOnlySays},
			{"ada", rotate, in("new", "now"), 400, ownTokenOnlySays}, // an admin's, by another app
		} {
			b.want(tt.who, tt.path, tt.body, tt.status, tt.says)
		}
		type told struct {
			ID    string `json:"secret_id"`
			New   string `json:"new_secret"`
			Until string `json:"revoke_old_secret_time"`
		}
		rotated := func(body string) (done told) {
			t.Helper()
			a := b.call("own", rotate, body)
			if err := json.Unmarshal([]byte(a.body), &done); err != nil || a.status != 201 || len(done.ID) != 22 {
				t.Fatalf("%s: %d %s", body, a.status, a.body)
			}
			return done
		}
		first := rotated(in("new", soon))
		if first.New == "" || first.New == old || first.Until != soon || tries(old) != 200 || tries(first.New) != 200 {
			t.Errorf("rotated to %+v; the old one answers %d, the new one %d", first, tries(old), tries(first.New))
		}
		if sooner := stamp(now.AddDate(0, 0, 1)); rotated(in("update", sooner)) != (told{first.ID, "", sooner}) || tries(old) != 200 {
			t.Error("the old one does not answer until tomorrow")
		}
		if ended := rotated(in("update", "now")); ended.ID != first.ID || tries(old) != 401 || tries(first.New) != 200 {
			t.Errorf("ended: %+v; the old one answers %d, the new one %d", ended, tries(old), tries(first.New))
		}
		b.want("own", rotate, in("new", "now"), 400, `{"code":2000,"message":"Working on processing your request. Can only change client secret rotate schedule 3 times in 15 minutes."}`)
		if strings.Contains(b.log.String(), first.New) {
			t.Error("a secret is in the log")
		}
	})
}

const ownTokenOnlySays = `{"code":200,"message":"No permission: this takes a token of the app itself, by client credentials."}`
