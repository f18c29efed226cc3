package giosg

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// What apps hold does what was agreed to, and nothing else: no route answers for
// an organization where nobody agreed to it or looks after another app, none shows
// a secret of an app, or an e-mail to whoever lacks the scope for people, and what
// is refused changes nothing.
func TestWhatAppsHold(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		db, err := store.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		o := newCompany(t, db, nil)
		o.Apply(furnishings)
		o.Apply(mallwide)
		secrets := []string{kioskSecret, boothSecret}
		var estates []*estate
		for _, e := range []*estate{
			{company: o, org: "shop", owner: "mia", partner: "globex", friend: "gus"},
			{company: o, org: "stall", owner: "mia", partner: "vendor", friend: "vic"},
			{company: o, org: "mall", owner: "mia", partner: "solo", friend: "solveig"},
		} {
			e.ids, e.workers = map[string]souk.ID{}, map[souk.ID]string{}
			e.renew(t, pathsOf(things)...)
			e.ids[anOrg+"/users/{user}"] = o.ID("users." + map[string]string{"shop": "sam", "stall": "stan", "mall": "mia"}[e.org])
			own := into[ownedApp](t, o.call(t, "mia", e.at("GET "+ownApp), ""), 200)
			secrets = append(secrets, *own.Secret)
			estates = append(estates, e)
		}
		all := append(o.handsOut(t), handed{name: "its own", scopes: souk.NewScopes("settings"), everywhere: true, own: true})
		for _, r := range routes {
			p := promiseOf(t, r)
			var writes []func()
			for _, e := range estates {
				e.worker(t) // there before anything is compared
			}
			unchanged := souktest.Unchanged(t, address)
			for _, e := range estates {
				for _, h := range all {
					status, said := h.reaches(t, r, e.org)
					if status == 0 {
						status = p.ok
					}
					try := func() reply {
						q := e.promised(t, "", p, p.call, strings.ReplaceAll(p.body, "{orgs.globex}", "{partner}"))
						q.Header.Set("Authorization", cmp.Or(h.header, "Token "+e.worker(t)))
						got := e.company.send(t, q)
						if got.status != status || said != "" && got.body != detailText(said) {
							t.Errorf("%s by %s at %s: %d %s, want %d %s", r.name(), h.name, e.org, got.status, got.body, status, said)
						}
						h.keepsQuiet(t, r.name(), got, secrets)
						return got
					}
					if status < 300 && r.method != http.MethodGet {
						writes = append(writes, func() { e.restore(t, p, try()) })
					} else {
						try()
					}
				}
			}
			unchanged(r.name())
			for _, write := range writes {
				write()
			}
		}
	})
}

func pathsOf(things []thing) (paths []string) {
	for _, one := range things {
		paths = append(paths, one.path)
	}
	return paths
}

// reaches is what a route answers at an organization: a status and a sentence,
// or neither where it does what it promises.
func (h handed) reaches(t *testing.T, r route, org string) (status int, said string) {
	t.Helper()
	switch r.guard {
	case somebody:
		return 0, ""
	case homeSettings, homeRead:
		org = h.home
	case orgMember, orgSettings, orgRead:
	default:
		t.Fatalf("%s is for %s, whom nobody has tried", r.name(), r.guard)
	}
	switch {
	case !h.everywhere && org != "shop":
		return 403, strangerText
	case r.guard != orgMember && (h.idle || !h.scopes.Has("settings")):
		return 403, powerlessText
	case !h.own && looksAfter(r), r.name() == "DELETE /orgs/{org}/outgoing_app_shares/{share}": // which is another app's
		return 403, powerlessText
	case r.name() == "POST /orgs/{org}/app_installations":
		return 403, "You do not have permission to perform this action."
	}
	return 0, ""
}

// looksAfter reports whether a route changes an app of the organization's, or
// tells what that is told and where.
func looksAfter(r route) bool {
	return strings.HasPrefix(r.path, ownApp+"/") || r.path == ownApp && r.method != http.MethodGet ||
		strings.HasPrefix(r.path, "/orgs/{org}/outgoing_app_shares") && r.method != http.MethodGet
}

// emails finds the people of the company.
var emails = regexp.MustCompile(`[a-z]+@[a-z]+\.example`)

// keepsQuiet fails when an answer tells more than it may.
func (h handed) keepsQuiet(t *testing.T, call string, got reply, secrets []string) {
	t.Helper()
	if !h.own {
		secrets = append(slices.Clip(secrets), "?secret=s") // in the address of every webhook
	}
	for _, secret := range secrets {
		if strings.Contains(got.body, secret) {
			t.Errorf("%s by %s shows a secret: %s", call, h.name, got.body)
		}
	}
	if strings.Count(got.body, `"secret":`) != strings.Count(got.body, `"secret":null`) {
		t.Errorf("%s by %s shows the secret of a new app: %s", call, h.name, got.body)
	}
	if h.scopes.Has("users") {
		return
	}
	told := emails.FindAllString(got.body, -1)
	if told = slices.DeleteFunc(told, func(m string) bool { return m == h.mail }); len(told) > 0 {
		t.Errorf("%s by %s tells %q", call, h.name, told)
	}
}
