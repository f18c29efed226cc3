package native

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// item is one publication of sales' chats as a body has it, with more members.
func item(action, more string) string {
	return `{"organization_id":"{sales}","channel":"/api/v5/orgs/{sales}/chats","action":"` + action + `","resource_id":"7"` + more + `}`
}

// told is what a webhook was told of publications, oldest first.
func (o *company) told(t *testing.T, webhook string) (bodies []string) {
	t.Helper()
	id, err := souk.ParseID(webhook)
	must(err)
	must(o.db.Read(t.Context(), func(tx *store.Tx) error {
		found, err := souktest.Told(tx, id, "", souk.Page{Size: 2000})
		for _, d := range slices.Backward(found) {
			bodies = append(bodies, string(d.Body))
		}
		return err
	}))
	return bodies
}

// listen makes two webhooks of legal, which is installed at sales: one that
// hears of publications by name, one that hears them on their channel. The
// installation is allowed scopes.
func (o *company) listen(t *testing.T, scopes ...string) (byName, byChannel string) {
	t.Helper()
	o.channels()
	o.legal.BotScopes = souk.NewScopes(scopes...)
	o.putApp(t, o.legal)
	into[decisionObject](t, o.call(t, "sal", "POST /orgs/{sales}/apps/{legal}/approve", ""), 200)
	into[installedObject](t, o.call(t, "mo", "POST /orgs/{sales}/installations", `{"app":"{legal}","terms_accepted":true}`), 200)
	byName = into[savedObject](t, o.call(t, "vic", "POST /apps/{legal}/webhooks",
		`{"dialect":"native","url":"https://n.example/","events":["channel.published"]}`), 201).ID
	byChannel = into[savedObject](t, o.call(t, "vic", "POST /apps/{legal}/webhooks",
		`{"dialect":"giosg","url":"https://c.example/","channels":[{"pattern":"/api/v5/orgs/{organization_id}/chats","additions":true,"changes":true,"removals":true}]}`), 201).ID
	return byName, byChannel
}

// A publication is told to whoever subscribed, is installed there and holds its
// scope, by name as on the channel.
func TestPublish(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		byName, byChannel := o.listen(t, souk.MarketplaceRead, "reports")
		stranger := into[savedObject](t, o.call(t, "vic", "POST /apps/{deploy}/webhooks",
			`{"dialect":"native","url":"https://s.example/","events":["channel.published"]}`), 201).ID
		const resource = `{"id":"7","text":"<hi> \ud83d\ude00","list":[1.50,null]}`
		got := o.call(t, "operator", "POST /channels", `{"items":[`+strings.Join([]string{
			item("added", `,"resource":`+resource+`,"scope":"reports"`),
			item("changed", `,"resource":{},"scope":"settings"`),
			item("removed", ""),
			strings.ReplaceAll(item("removed", ""), "{sales}", "{labs}"),
		}, ",")+`]}`)
		published := into[publishedList](t, got, 200)
		var counts []int
		for _, p := range published.Items {
			counts = append(counts, p.Deliveries)
		}
		if fmt.Sprint(counts) != "[2 0 2 0]" || !strings.HasPrefix(published.Items[0].Event.SlackID, "Ev") {
			t.Errorf("published: %s", got.body)
		}
		told := o.told(t, byName)
		if len(told) != 2 {
			t.Fatalf("told by name: %q", told)
		}
		var first, last eventBody
		must(json.Unmarshal([]byte(told[0]), &first))
		must(json.Unmarshal([]byte(told[1]), &last))
		if p := first.Data.Publication; first.Type != "channel.published" || first.Data.Event != published.Items[0].Event ||
			string(p.Resource) != resource || *p.Scope != "reports" || p.Channel != souk.Channel(o.fill("/api/v5/orgs/{sales}/chats")) {
			t.Errorf("told by name: %s", told[0])
		}
		if p := last.Data.Publication; p.Action != souk.Removed || string(p.Resource) != "null" || p.Scope != nil {
			t.Errorf("told by name: %s", told[1])
		}
		if told := o.told(t, byChannel); fmt.Sprint(told) != "[added removed]" {
			t.Errorf("told on the channel: %q", told)
		}
		if told := o.told(t, stranger); len(told) > 0 {
			t.Errorf("an app that is not installed there was told: %q", told)
		}
		shown := into[listing[deliveryObject]](t, o.call(t, "vic", "GET /apps/{legal}/webhooks/"+byChannel+"/deliveries", ""), 200)
		if d := shown.Items[1]; *d.Channel != o.fill("/api/v5/orgs/{sales}/chats") || *d.Action != "added" || *d.Resource != "7" {
			t.Errorf("the delivery: %+v", d)
		}
		one := into[publishedList](t, o.call(t, "operator", "POST /channels", item("added", `,"resource":{}`)), 200)
		if len(one.Items) != 1 || one.Items[0].Deliveries != 2 {
			t.Errorf("one by itself: %+v", one)
		}
	})
}

// Who may not hear what happens in the marketplace hears of publications on
// channels alone.
func TestPublishByNameNeedsAScope(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		byName, byChannel := o.listen(t, "reports")
		into[publishedList](t, o.call(t, "operator", "POST /channels", item("removed", `,"scope":"reports"`)), 200)
		if told := o.told(t, byName); len(told) > 0 {
			t.Errorf("told by name: %q", told)
		}
		if told := o.told(t, byChannel); len(told) != 1 {
			t.Errorf("told on the channel: %q", told)
		}
	})
}

// A thousand publications of some size are one call.
func TestPublishMany(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		_, byChannel := o.listen(t)
		one := item("added", `,"resource":{"text":"`+strings.Repeat("é", 1500)+`"}`)
		body := `{"items":[` + strings.Repeat(one+",", souk.MaxPublications-1) + one + `]}`
		got := into[publishedList](t, o.call(t, "operator", "POST /channels", body), 200)
		if len(got.Items) != souk.MaxPublications || got.Items[999].Deliveries != 1 {
			t.Errorf("%d items", len(got.Items))
		}
		if told := o.told(t, byChannel); len(told) != souk.MaxPublications {
			t.Errorf("%d deliveries", len(told))
		}
	})
}

// A call that is repeated under its key is answered as it was, and tells nobody
// again.
func TestPublishAgain(t *testing.T) {
	everyCompany(t, func(t *testing.T, o *company) {
		_, byChannel := o.listen(t)
		publish := func(body string, keys ...string) reply {
			r := o.request(t, "operator", "POST /channels", body)
			r.Header[idempotencyKey] = keys
			return o.send(t, r)
		}
		first := publish(item("removed", ""), "a key")
		if again := publish(`{"items":[`+item("removed", "")+`]}`, "a key"); string(again.body) != string(first.body) || again.status != 200 {
			t.Errorf("first %s, again %s", first.body, again.body)
		}
		if told := o.told(t, byChannel); len(told) != 1 {
			t.Errorf("told %d times", len(told))
		}
		if got := publish(item("removed", `,"scope":"reports"`), "a key"); got.problem() != "key-reused" {
			t.Errorf("another body: %s", got.body)
		}
		for _, keys := range [][]string{{""}, {strings.Repeat("k", maxKey+1)}, {"a", "b"}, {"\xff"}} {
			if got := publish(item("removed", ""), keys...); !strings.Contains(string(got.body), `"header":"Idempotency-Key"`) {
				t.Errorf("%q: %s", keys, got.body)
			}
		}
		if got := publish(item("removed", ""), strings.Repeat("k", maxKey)); got.status != 200 {
			t.Errorf("a long key: %s", got.body)
		}
	})
}

// What is wrong with a publication is told by place, all faults of a batch at
// once, and nobody is told anything.
func TestPublicationsAreReadStrictly(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	batch := func(items ...string) string { return `{"items":[` + strings.Join(items, ",") + `]}` }
	many := strings.Repeat(item("removed", "")+",", souk.MaxPublications) + item("removed", "")
	const alien = `{"organization_id":"{labs}","channel":"/api/v5/orgs/{sales}/chats","action":"removed","resource_id":"7"}`
	tests := []struct{ body, want string }{
		{``, "/organization_id is required, /channel is required, /action is required, /resource_id is required"},
		{batch(), "/items must be 1 to 1000"},
		{batch(many), "/items must have at most 1000 items"},
		{`{"items":{}}`, "/items must be a list"},
		{`{"items":[],"action":"added"}`, "/action is not known"},
		{batch("1", item("removed", `,"extra":1`), `{}`), "/items/0 must be an object, /items/1/extra is not known, " +
			"/items/2/organization_id is required, /items/2/channel is required, /items/2/action is required, /items/2/resource_id is required"},
		{item("added", ""), "/resource is required"},
		{item("removed", `,"resource":{}`), "/resource must be absent"},
		{item("moved", ""), "/action must be added"},
		{item("added", `,"resource":null`), "/resource must be an object"},
		{item("added", `,"resource":[]`), "/resource must be an object"},
		{item("added", `,"resource":{"a":"\u0000"}`), "/resource must not contain NUL"},
		{item("added", `,"resource":{"a":"\ud800"}`), "/resource must not contain NUL"},
		{item("added", `,"resource":`+nested(maxDepth+1)), "/resource must not nest deeper than 1000 levels"},
		{item("added", `,"resource":{"a":"`+strings.Repeat("x", souk.MaxPublished)+`"}`), "/resource must be at most"},
		{batch(item("removed", ""), item("added", "")), "/items/1/resource is required"},
		{batch(item("removed", `,"scope":"`+strings.Repeat("s", 201)+`"`), item("moved", "")), "/items/0/scope must be at most, /items/1/action must be added"},
		{strings.Replace(item("removed", ""), `"7"`, `""`, 1), "/resource_id is required"},
		{strings.Replace(item("removed", ""), `"7"`, `7`, 1), "/resource_id must be a string"},
		{strings.Replace(item("removed", ""), "/chats", "/chats/*", 1), "/channel must be a path"},
		{strings.Replace(item("removed", ""), "/chats", "/users", 1), "/channel belongs to Souk"},
		{alien, "/channel is not of that organization"},
		{batch(item("removed", ""), alien, strings.ReplaceAll(item("removed", ""), "{sales}", "{nothing}")),
			"/items/1/channel is not of that organization, /items/2/organization_id names no organization"},
	}
	everyCompany(t, func(t *testing.T, o *company) {
		byName, byChannel := o.listen(t, souk.MarketplaceRead)
		for _, tt := range tests {
			if said := faultsIn(t, o.call(t, "operator", "POST /channels", tt.body)); !begins(said, tt.want) {
				t.Errorf("%.200s: %q, want %q", tt.body, said, tt.want)
			}
		}
		if said := faultsIn(t, o.call(t, "operator", "POST /channels", batch(strings.Repeat(item("added", "")+",", 99)+item("added", "")))); strings.Count(said, ",") != maxErrors-1 {
			t.Errorf("100 faults are told as %q", said)
		}
		if told := append(o.told(t, byName), o.told(t, byChannel)...); len(told) > 0 {
			t.Errorf("told: %q", told)
		}
		for _, body := range []string{
			item("added", `,"resource":`+nested(maxDepth)),
			item("added", `,"resource":{"a":"]}\"\\"}`),
			strings.Replace(item("removed", ""), "/orgs/{sales}/", "/users/{bo}/", 1),
		} {
			if got := o.call(t, "operator", "POST /channels", body); got.status != 200 {
				t.Errorf("%.100s: %s", body, got.body)
			}
		}
	})
}

// begins compares faults whose sentences may hold commas.
func begins(said, want string) bool {
	for place := range strings.SplitSeq(want, ", /") {
		if !strings.Contains(said, strings.TrimPrefix(place, "/")) {
			return false
		}
	}
	return strings.Count(said, ", /") == strings.Count(want, ", /")
}
