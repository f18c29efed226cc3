package giosg

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// What holds on every address.
func TestAssertions(t *testing.T) {
	assertions := []struct {
		name  string
		check func(*testing.T, *estate)
	}{
		{"C1 no token and a wrong one", refusesTokens},
		{"C2 who before how", looksAtCallersFirst},
		{"C3 organizations that are not there", hidesOrganizations},
		{"C4 times and ids", spellsTimesAndIDs},
		{"C5 walking lists", walksLists},
		{"C6 sizes of pages", boundsPages},
		{"C7 bodies", readsBodies},
		{"C8 addresses", readsAddresses},
		{"C9 secrets", keepsSecrets},
		{"C10 calling too often", throttlesCallers},
	}
	everyCompany(t, nil, func(t *testing.T, o *company) {
		e, _ := o.furnished(t)
		for _, a := range assertions {
			t.Run(a.name, func(t *testing.T) { a.check(t, e) })
		}
	})
}

func refusesTokens(t *testing.T, e *estate) {
	for _, p := range promises {
		absent := e.send(t, "", p, p.call, p.body)
		r := e.request(t, "", e.at(p.call), e.say(p.body))
		r.Header.Set("Authorization", "Token "+strings.Repeat("0", 40))
		wrong := e.company.send(t, r)
		for said, got := range map[string]reply{anonymousText: absent, "Invalid token.": wrong} {
			if got.status != 401 || got.body != detailText(said) || got.header.Get("WWW-Authenticate") != "Token" {
				t.Errorf("%s: %d %s, WWW-Authenticate %q", p.call, got.status, got.body, got.header.Get("WWW-Authenticate"))
			}
		}
	}
}

func looksAtCallersFirst(t *testing.T, e *estate) {
	for who, want := range map[string]int{"": 401, "gone": 403, "lars": 403, "kim": 405} {
		for _, list := range []string{"/public_apps", "/orgs/{orgs.shop}/partner_apps", "/orgs/{orgs.shop}/owned_apps", "/orgs/{orgs.shop}/outgoing_app_shares"} {
			got := e.call(t, who, "DELETE "+list, "")
			if got.status != want || (got.header.Get("Allow") != "") != (want == 405) {
				t.Errorf("DELETE %s by %q: %d %s, Allow %q, want %d", list, who, got.status, got.body, got.header.Get("Allow"), want)
			}
		}
	}
}

func hidesOrganizations(t *testing.T, e *estate) {
	for _, p := range promises {
		method, path, _ := strings.Cut(p.call, " ")
		rest, within := strings.CutPrefix(path, anOrg)
		if !within {
			continue
		}
		if got := e.call(t, "kim", e.at(method+" "+anOrg+rest, map[string]souk.ID{anOrg: souk.NewID()}), ""); got.status != 403 || got.body != detailText(strangerText) {
			t.Errorf("%s of nobody's: %d %s", p.call, got.status, got.body)
		}
		if got := e.call(t, "kim", strings.Replace(e.at(p.call), e.ids[anOrg].String(), "shop", 1), ""); got.status != 404 || got.body != detailText(unknownText) {
			t.Errorf("%s of what is no id: %d %s", p.call, got.status, got.body)
		}
	}
}

var (
	timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	idForm   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// forms checks every time and id in a value, by their names, and counts them.
func forms(t *testing.T, name string, value any) (times, ids int) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			t, i := forms(t, name, member)
			times, ids = times+t, ids+i
		}
	case []any:
		for _, member := range v {
			t, i := forms(t, name, member)
			times, ids = times+t, ids+i
		}
	case string:
		isTime, isID := strings.HasSuffix(name, "_at"), name == "id" || strings.HasSuffix(name, "_id")
		if isTime && !timeForm.MatchString(v) || isID && name != "business_id" && !idForm.MatchString(v) {
			t.Errorf("%s is %s", name, v)
		}
		if isTime {
			times++
		}
		if isID {
			ids++
		}
	}
	return times, ids
}

func spellsTimesAndIDs(t *testing.T, e *estate) {
	for _, p := range promises {
		got := e.keep(t, p)
		if got.status >= 300 || got.body == "" {
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(got.body), &v); err != nil {
			t.Fatal(err)
		}
		if times, ids := forms(t, "", v); times == 0 || ids == 0 {
			t.Errorf("%s has %d times and %d ids: %s", p.call, times, ids, got.body)
		}
	}
}

func walksLists(t *testing.T, e *estate) {
	o := e.company
	add := func(name string) { e.publishes(t, "sam", "shop", name, "") }
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		add(name)
	}
	everything := o.page(t, "GET /orgs/{orgs.shop}/owned_apps?page_size=100").Results
	last, seen := o.walk(t, "GET /orgs/{orgs.shop}/owned_apps?page_size=2", forward, func() { add("later") })
	if want := each(everything, func(n names) souk.ID { return n.ID }); !slices.Equal(seen, want) {
		t.Errorf("walked over %d apps of %d", len(seen), len(want))
	}
	if last.Previous == nil {
		t.Fatal("there is no way back")
	}
	var back [][]names
	o.walk(t, follow(t, *last.Previous), func(l listing[names]) *string {
		back = append(back, l.Results)
		return l.Previous
	}, func() {})
	slices.Reverse(back)
	ids := each(slices.Concat(append(back, last.Results)...), func(n names) souk.ID { return n.ID })
	if now := o.page(t, "GET /orgs/{orgs.shop}/owned_apps?page_size=100").Results; len(ids) != len(now) || !slices.Equal(ids[len(ids)-len(seen):], seen) {
		t.Errorf("back there were %d apps of %d", len(ids), len(now))
	}
}

func boundsPages(t *testing.T, e *estate) {
	for range 30 {
		e.publishes(t, "sam", "shop", "many", "")
	}
	all := len(e.page(t, "GET /orgs/{orgs.shop}/owned_apps?page_size=100").Results)
	for size, want := range map[string]int{"": 25, "0": 25, "-1": 25, "abc": 25, "7": 7, "1000": min(100, all)} {
		got := e.page(t, "GET /orgs/{orgs.shop}/owned_apps?kept=%26&page_size="+size)
		if len(got.Results) != want {
			t.Errorf("page_size=%s: %d rows, want %d", size, len(got.Results), want)
		}
		if want == all {
			continue
		}
		if got.Next == nil || !strings.Contains(*got.Next, "page_size="+size) || !strings.Contains(*got.Next, "kept=%26") {
			t.Fatalf("page_size=%s goes on with %v", size, got.Next)
		}
		if next := e.page(t, follow(t, *got.Next)); len(next.Results) != min(want, all-want) {
			t.Errorf("page_size=%s goes on with %d rows", size, len(next.Results))
		}
	}
}

func readsBodies(t *testing.T, e *estate) {
	const parse = `{"detail":"JSON parse error - `
	for _, p := range promises {
		if p.body == "" {
			continue
		}
		if got := e.send(t, "kim", p, p.call, `{"name":`); got.status != 400 || !strings.HasPrefix(got.body, parse) {
			t.Errorf("%s of half a text: %d %s", p.call, got.status, got.body)
		}
		if got := e.send(t, "kim", p, p.call, `[]`); got.status != 400 || got.body != `{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}` {
			t.Errorf("%s of a list: %d %s", p.call, got.status, got.body)
		}
		r := e.request(t, "kim", e.at(p.call), e.say(p.body))
		r.Header.Set("Content-Type", "text/plain")
		if got := e.company.send(t, r); got.status != 415 || got.body != detailText(`Unsupported media type \"text/plain\" in request.`) {
			t.Errorf("%s of plain text: %d %s", p.call, got.status, got.body)
		}
	}
}

func readsAddresses(t *testing.T, e *estate) {
	for _, p := range promises {
		if !strings.HasPrefix(p.call, "GET ") {
			if got := e.call(t, "kim", e.at(p.call)+"/", e.say(p.body)); got.status != 404 {
				t.Errorf("%s/: %d %s", p.call, got.status, got.body)
			}
			continue
		}
		plain, asked := e.call(t, "kim", e.at(p.call), ""), e.call(t, "kim", e.at(p.call)+"?format=json", "")
		if asked.status != 200 || withoutCursors(asked.body) != withoutCursors(plain.body) {
			t.Errorf("%s?format=json: %d %s, without it %s", p.call, asked.status, asked.body, plain.body)
		}
		for _, other := range []string{"/", "?format=xml"} {
			if got := e.call(t, "kim", e.at(p.call)+other, ""); got.status != 404 || got.body != detailText(unknownText) {
				t.Errorf("%s%s: %d %s", p.call, other, got.status, got.body)
			}
		}
	}
}

var link = regexp.MustCompile(`^\{"next":(null|"[^"]*"),"previous":(null|"[^"]*")`)

// withoutCursors is a body without the addresses of other pages.
func withoutCursors(body string) string { return link.ReplaceAllString(body, "{") }

// everyChannel subscribes to all that happens at an organization.
const everyChannel = `{"endpoint_url":"https://shop.example/?secret=s","channel_subscriptions":[` +
	`{"channel_pattern":"/api/v5/orgs/{organization_id}/*","is_additions_subscribed":true,"is_changes_subscribed":true,"is_removals_subscribed":true},` +
	`{"channel_pattern":"/api/v5/orgs/{organization_id}/owned_apps/*/webhooks","is_additions_subscribed":true,"is_changes_subscribed":true,"is_removals_subscribed":true},` +
	`{"channel_pattern":"` + ownPattern + `","is_additions_subscribed":true,"is_changes_subscribed":true,"is_removals_subscribed":true}]}`

// told are the bodies of what a webhook is told, in their order.
func (o *company) told(t *testing.T, hook souk.ID) (bodies []string) {
	t.Helper()
	err := o.db.Read(t.Context(), func(tx *store.Tx) error {
		found, err := souktest.Told(tx, hook, "", souk.Page{Size: 1000, Order: souk.OldestFirst})
		for _, d := range found {
			bodies = append(bodies, string(d.Body))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bodies
}

// Every call is made once while the clerk listens to all that happens. Secrets
// are where an owner reads their own apps and nowhere else.
func keepsSecrets(t *testing.T, e *estate) {
	hook := e.hooked(t, everyChannel)
	e.log.take()
	secrets := []string{secret} // of the clerk
	var shown, others []string
	for _, p := range promises {
		got := e.keep(t, p)
		if path := ownApp[:len(ownApp)-len("/{app}")]; strings.HasSuffix(p.call, path) || strings.HasSuffix(p.call, ownApp) {
			shown = append(shown, got.body)
			var one ownedApp
			if err := json.Unmarshal([]byte(got.body), &one); err == nil && one.Secret != nil {
				secrets = append(secrets, *one.Secret)
			}
			continue
		}
		others = append(others, got.body)
	}
	if all := strings.Join(shown, ""); strings.Count(all, `"secret":"`) < 28 || !strings.Contains(all, secrets[1]) || len(secrets) != 5 {
		t.Errorf("%d apps were shown with their secrets, alone %d", strings.Count(all, `"secret":"`), len(secrets)-1)
	}
	notifications := e.told(t, hook.ID)
	var channels []string
	for _, body := range notifications {
		var n notification
		if err := json.Unmarshal([]byte(body), &n); err != nil {
			t.Fatal(err)
		}
		channels = append(channels, n.Channel.Last())
	}
	slices.Sort(channels)
	if got := slices.Compact(channels); !slices.Equal(got, []string{
		"app_installations", "incoming_app_shares", "installed_apps", "outgoing_app_shares", "owned_apps", "partner_apps", "partnerships", "webhooks",
	}) {
		t.Errorf("it was told on %q", got)
	}
	log := e.log.take()
	if strings.Count(log, `"call"`) < len(promises) {
		t.Errorf("%d calls are in the log", strings.Count(log, `"call"`))
	}
	for _, text := range append(append(others, notifications...), log) {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("a secret is in %.300s", text)
			}
		}
		if strings.Contains(text, `"secret"`) {
			t.Errorf("the attribute is in %.300s", text)
		}
	}
	for _, text := range append(notifications, log) {
		if strings.Contains(text, "secret=s") {
			t.Errorf("a query is in %.300s", text)
		}
	}
}

func throttlesCallers(t *testing.T, e *estate) {
	hasty := e.with(t, e.Market, Limits{PerSecond: 1, Burst: 2}, nil)
	for range 2 {
		if got := hasty.call(t, "kim", "GET /users/me", ""); got.status != 200 {
			t.Errorf("in time: %d %s", got.status, got.body)
		}
	}
	got := hasty.call(t, "kim", "GET /users/me", "")
	if got.status != 429 || got.header.Get("Retry-After") != "1" || got.body != detailText("Request was throttled. Expected available in 1 second.") {
		t.Errorf("too early: %d %s, Retry-After %q", got.status, got.body, got.header.Get("Retry-After"))
	}
}
