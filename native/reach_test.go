package native

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// reach is what a call of an operation answers to what apps were handed: a
// status that is no problem, or the problem.
type reach struct {
	none     string // to whoever has no permission: Olga's app with no scope at Sales, and an app user anywhere
	users    string // to Olga's app with the scope users alone, at Sales
	all      string // with all three: Olga's app and a newcomer's at Sales, and an app user anywhere
	own      string // with all three, to the app user of the very app that is named
	away     string // to Olga's apps at Labs and Acme, where the installation is too
	stranger string // to the newcomer's there, who does not belong there
}

const (
	notAllowed    = "not-allowed"
	needsPerson   = "needs-person"
	orgNotGranted = "org-not-granted"
	unknownApp    = "unknown-app"
)

// always is the same to all.
func always(s string) reach { return reach{s, s, s, s, s, s} }

// forMembers is for whoever belongs to the org, forSettings for those who hold
// settings there. ofOwner is for people who do where the app's owner is, and of
// apps for that one alone.
func forMembers(ok string) reach { return reach{ok, ok, ok, ok, orgNotGranted, orgNotGranted} }

func forSettings(ok string) reach {
	return reach{notAllowed, notAllowed, ok, ok, orgNotGranted, orgNotGranted}
}

func ofOwner(ok string) reach {
	return reach{notAllowed, notAllowed, notAllowed, ok, orgNotGranted, unknownApp}
}

var (
	forNobody  = forSettings(notAllowed)
	aboutAsked = reach{notAllowed, notAllowed, notAllowed, notAllowed, orgNotGranted, "unknown-request"}
)

// attempt is a call of an operation with what it answers. What stands in braces
// is that of a place (see plot).
type attempt struct {
	name string // of the operation
	call string // in place of the name, where that names other things
	body string
	reach
}

// attempts are at least one of each operation.
var attempts = []attempt{
	{"GET /openapi.yaml", "", "", always("200")},
	{"GET /me", "", "", always("200")},

	{"POST /orgs/{org}/requests", "", `{"app":"{deploy}"}`, always(needsPerson)},
	{"POST /orgs/{org}/requests", "", `{"app":"{deploy}","for":"{user}"}`, always(needsPerson)},
	{"GET /orgs/{org}/requests", "", "", forMembers("200")},
	{"GET /requests/{request}", "", "", reach{"unknown-request", "unknown-request", "unknown-request", "unknown-request", orgNotGranted, "unknown-request"}},
	{"POST /requests/{request}/cancel", "", "", aboutAsked},
	{"POST /requests/{request}/cancel", "POST /requests/{olgas}/cancel", "", aboutAsked},
	{"POST /requests/{request}/approve", "", "{}", aboutAsked},
	{"POST /requests/{request}/restrict", "", "{}", aboutAsked},
	{"POST /requests/{request}/decline", "", "{}", aboutAsked},
	{"GET /orgs/{org}/apps/{app}/explanation", "", "", forMembers("200")},
	{"GET /orgs/{org}/apps/{app}/explanation", "GET /orgs/{org}/apps/{app}/explanation?user={user}", "", forNobody},
	{"POST /orgs/{org}/apps/{app}/approve", "", "{}", forNobody},
	{"POST /orgs/{org}/apps/{app}/restrict", "", "{}", forNobody},
	{"POST /orgs/{org}/apps/{app}/decline", "", "{}", forNobody},
	{"POST /orgs/{org}/apps/{app}/clear", "", "", forNobody},
	{"POST /orgs/{org}/apps/{app}/decline-all", "", "", forNobody},
	{"POST /orgs/{org}/apps/{app}/requests", "", `{"users":["{user}"]}`, forNobody},
	{"POST /orgs/{org}/apps/{app}/requests/cancel", "", `{"users":["{user}"]}`, forNobody},
	{"POST /orgs/{org}/apps/{app}/users/{user}/disable", "", "", forNobody},
	{"POST /orgs/{org}/apps/{app}/users/{user}/enable", "", "", forNobody},
	{"GET /orgs/{org}/resolutions", "", "", forNobody},

	{"POST /orgs/{org}/installations", "", `{"app":"{deploy}"}`, always(needsPerson)},
	{"POST /orgs/{org}/installations", "", `{"app":"{grown}"}`, always(needsPerson)},
	{"GET /orgs/{org}/installations", "", "", forMembers("200")},
	{"GET /orgs/{org}/apps/{app}/installation", "", "", forMembers("200")},
	{"DELETE /orgs/{org}/apps/{app}/installation", "", "", forSettings("200")},
	{"PUT /orgs/{org}/apps/{app}/installation/workspaces", "", `{"workspaces":["{labs}"]}`, forSettings(needsPerson)},
	{"POST /orgs/{org}/installations/{installation}/resume", "", "", forSettings(needsPerson)},
	{"GET /orgs/{org}/installations/{installation}/tokens", "", "", forSettings("200")},
	{"DELETE /orgs/{org}/installations/{installation}/tokens/{token}", "", "", forSettings("204")},
	{"GET /orgs/{org}/users/{user}/permissions", "", "", forMembers("200")},
	{"PUT /orgs/{org}/users/{user}/permissions", "", `{"permissions":["users"]}`, reach{notAllowed, "200", "200", "200", orgNotGranted, orgNotGranted}},
	{"PUT /orgs/{org}/users/{user}/permissions", "", `{"permissions":["users","settings"]}`, forSettings("200")},
	{"PUT /orgs/{org}/users/{user}/permissions", "PUT /orgs/{org}/users/{bot}/permissions", `{"permissions":["reports"]}`, forSettings("200")},

	{"GET /apps/{app}/installations", "", "", ofOwner("200")},
	{"GET /apps/{app}/installations/{installation}/tokens", "", "", ofOwner(notAllowed)},
	{"POST /apps/{app}/installations/{installation}/tokens", "", `{"description":"another"}`, ofOwner(notAllowed)},
	{"POST /apps/{app}/installations/{installation}/tokens/{token}/rotate", "", `{"overlap":60}`, ofOwner(notAllowed)},
	{"DELETE /apps/{app}/installations/{installation}/tokens/{token}", "", "", ofOwner(notAllowed)},

	{"POST /channels", "", "{}", always("wrong-token-kind")},
	{"POST /triggers", "", "{}", always("wrong-token-kind")},
	{"GET /apps", "", "", always("wrong-token-kind")},
	{"GET /apps/{app}/listing", "", "", always("wrong-token-kind")},
	{"PUT /apps/{app}/listing", "", `{"listing":"draft"}`, always("wrong-token-kind")},
	{"GET /orgs/{org}/entitlements", "", "", always("wrong-token-kind")},
	{"PUT /orgs/{org}/entitlements", "", "{}", always("wrong-token-kind")},

	{"POST /apps/{app}/webhooks", "", `{"dialect":"native","url":"https://r.example/","events":["request.created"]}`, ofOwner("201")},
	{"GET /apps/{app}/webhooks", "", "", ofOwner("200")},
	{"GET /apps/{app}/webhooks/{webhook}", "", "", ofOwner("200")},
	{"PUT /apps/{app}/webhooks/{webhook}", "", `{"url":"https://r.example/","events":["case.approved"]}`, ofOwner("200")},
	{"DELETE /apps/{app}/webhooks/{webhook}", "", "", ofOwner("204")},
	{"POST /apps/{app}/webhooks/{webhook}/verify", "", "", ofOwner("200")},
	{"GET /apps/{app}/webhooks/{webhook}/deliveries", "", "", ofOwner("200")},
	{"GET /apps/{app}/webhooks/{webhook}/deliveries/{delivery}/attempts", "", "", ofOwner("200")},
	{"POST /apps/{app}/webhooks/{webhook}/enable", "", `{"held":"skip"}`, ofOwner("200")},
	{"POST /apps/{app}/webhooks/{webhook}/test", "", `{"event":"app.changed"}`, ofOwner("202")},
	{"POST /apps/{app}/webhooks/{webhook}/rotate-secret", "", "", ofOwner("200")},
	{"POST /apps/{app}/webhooks/{webhook}/deliveries/{delivery}/redeliver", "POST /apps/{app}/webhooks/{webhook}/deliveries/{over}/redeliver", "", ofOwner("202")},
	{"POST /apps/{app}/webhooks/{webhook}/replays", "", `{"since":"2026-01-01T00:00:00Z"}`, ofOwner("202")},
	{"GET /apps/{app}/webhooks/{webhook}/replays", "", "", ofOwner("200")},
	{"GET /apps/{app}/webhooks/{webhook}/replays/{replay}", "", "", ofOwner("200")},
	{"DELETE /apps/{app}/webhooks/{webhook}/replays/{replay}", "", "", ofOwner("204")},
	{"GET /apps/{app}/delivery-counts", "", "", ofOwner("200")},
	{"GET /apps/{app}/trigger/deliveries", "", "", ofOwner("200")},
	{"GET /apps/{app}/trigger/deliveries/{delivery}/attempts", "GET /apps/{app}/trigger/deliveries/{called}/attempts", "", ofOwner("200")},
}

// at is what a token gets at a place.
func (r reach) at(token, place string) string {
	switch {
	case token == "own":
		return r.own
	case token == "idle", token == "bare" && place == "sales":
		return r.none
	case token == "agent", place == "sales" && token != "users":
		return r.all
	case place == "sales":
		return r.users
	case token == "newcomer":
		return r.stranger
	}
	return r.away
}

// said is what a reply is in the words of reach.
func (r reply) said() string {
	if problem := r.problem(); problem != "" || r.status >= 300 {
		return problem
	}
	return strconv.Itoa(r.status)
}

// What apps hold for people and for their app users does what was agreed to and
// nothing else: no operation answers for an org where nobody agreed to it or about
// an app that is another, none shows a secret, or an e-mail to whom people were
// not trusted, and what is refused changes nothing.
func TestWhatAppsHold(t *testing.T) {
	for _, o := range operations {
		if !slices.ContainsFunc(attempts, func(a attempt) bool { return a.name == o.name() }) {
			t.Errorf("nobody tries %s", o.name())
		}
	}
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		db, err := store.Open(t.Context(), address)
		must(err)
		t.Cleanup(func() { must(db.Close()) })
		empty := &company{db: db}
		shared := empty.hand(t)
		var writes []func()
		for _, a := range attempts {
			unchanged := souktest.Unchanged(t, address)
			for _, token := range []string{"bare", "users", "full", "newcomer", "idle", "agent", "own"} {
				var taken []string // places, which have nothing in common
				for _, place := range places {
					if a.changes(token, place) {
						taken = append(taken, place)
					} else {
						shared.try(t, a, token, place)
					}
				}
				if len(taken) > 0 {
					writes = append(writes, func() {
						fresh := empty.hand(t)
						for _, place := range taken {
							fresh.try(t, a, token, place)
						}
					})
				}
			}
			unchanged(cmp.Or(a.call, a.name))
		}
		for _, write := range writes {
			write()
		}
	})
}

// changes reports whether an attempt is one to write that is allowed.
func (a attempt) changes(token, place string) bool {
	return !strings.HasPrefix(a.name, "GET ") && strings.HasPrefix(a.at(token, place), "2")
}

// try makes an attempt with a token at a place.
func (h *handed) try(t *testing.T, a attempt, token, place string) {
	t.Helper()
	who, call := token, cmp.Or(a.call, a.name)
	if token == "own" {
		who = ownAt(place)
	}
	got := h.call(t, who, h.fillAt(place, call), h.fillAt(place, a.body))
	if want := a.at(token, place); got.said() != want {
		t.Errorf("%s %s by %s at %s: %d %s, want %s", call, a.body, token, place, got.status, got.body, want)
	}
	secrets := h.secrets
	if token != "own" {
		secrets = append(slices.Clip(secrets), hookSecret)
	}
	for _, secret := range secrets {
		if strings.Contains(string(got.body), secret) {
			t.Errorf("%s by %s at %s shows a secret: %s", call, token, place, got.body)
		}
	}
	if token != "bare" {
		return
	}
	told := slices.DeleteFunc(emails.FindAllString(string(got.body), -1), func(m string) bool { return m == h.olga.Email })
	if len(told) > 0 {
		t.Errorf("%s by %s at %s tells %q", call, token, place, told)
	}
}

// emails finds the people of the company.
var emails = regexp.MustCompile(`[a-z]+@[a-z]+\.example`)

// signed is a JWT of HS256.
func signed(key []byte, claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// What opens other doors opens none here: the cookie of a browser, and what apps
// are handed with notifications and triggers.
func TestTokensOfOtherDoors(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		o.put(t, func(tx *store.Tx) error {
			return o.mint(tx, "session", souk.Token{Kind: souk.ConsoleSession, User: o.olga.ID})
		})
		bot := `{"iss":"souk","sub":"` + o.notebot.AppUser.String() + `","aud":["souk giosg"],"exp":4102444800,"user_id":"` + o.notebot.AppUser.String() +
			`","organization_id":"{acme}","app_id":"{notes}","inst_id":"{notebot}"}`
		person := `{"user_id":"{olga}","sub":"souk.example","perms":["settings"],"org_id":"{acme}","app_id":"{notes}","inst_id":"{notebot}","exp":4102444800}`
		o.tokens["notification"] = signed(o.market.Key.ShortTokens(), o.fill(bot))
		o.tokens["trigger"] = signed(o.market.Key.TriggerTokens(), o.fill(person))
		eachSample(t, func(t *testing.T, op operation, s sample) {
			if op.tokens == nil {
				return
			}
			for who, want := range map[string]string{"session": "wrong-token-kind", "notification": "unknown-token", "trigger": "unknown-token"} {
				if got := o.call(t, who, s.call, s.body); got.problem() != want {
					t.Errorf("%s: %s, want %s", who, got.body, want)
				}
			}
		})
	})
}
