package giosg

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// Every guard has one answer for each who comes; those who may enter get what
// the route promises. Who stays outside is told one sentence and nothing else.
func TestWall(t *testing.T) {
	const enters = 0
	answers := map[guard]map[string]reply{
		somebody: {"": {status: 401, body: anonymousText}, "solveig": {}, "gone": {}, "lars": {}, "kim": {}},
	}
	atHome := map[string]reply{
		"": {status: 401, body: anonymousText}, "solveig": {}, "gone": {status: 403, body: powerlessText},
		"lars": {status: 403, body: lapsedText}, "kim": {},
	}
	inside := map[string]reply{
		"": {status: 401, body: anonymousText}, "solveig": {status: 403, body: strangerText}, "gone": {status: 403, body: powerlessText},
		"lars": {status: 403, body: lapsedText}, "kim": {},
	}
	members := maps.Clone(inside)
	members["gone"] = reply{}
	answers[homeSettings], answers[homeRead] = atHome, atHome
	answers[orgSettings], answers[orgRead], answers[orgMember] = inside, inside, members

	everyCompany(t, nil, func(t *testing.T, o *company) {
		shop, _ := o.furnished(t)
		for _, r := range routes {
			p := promiseOf(t, r)
			for who, want := range answers[r.guard] {
				got := shop.send(t, who, p, p.call, p.body)
				switch {
				case want.status == enters:
					if got.status != p.ok {
						t.Errorf("%s by %q: %d %s, want %d", r.name(), who, got.status, got.body, p.ok)
					}
					shop.restore(t, p, got)
				case got.status != want.status || got.body != detailText(want.body):
					t.Errorf("%s by %q: %d %s, want %d %s", r.name(), who, got.status, got.body, want.status, want.body)
				}
			}
			if answers[r.guard] == nil {
				t.Errorf("%s is for %s, whom nobody has tried", r.name(), r.guard)
			}
		}
	})
}

func promiseOf(t *testing.T, r route) promise {
	t.Helper()
	i := slices.IndexFunc(promises, func(p promise) bool { return p.call == r.name() })
	if i < 0 {
		t.Fatalf("nothing is promised of %s", r.name())
	}
	return promises[i]
}

// In its own organization a stranger meets nothing of the others'.
func TestNothingShowsThroughTheWall(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		shop, solo := o.furnished(t)
		var theirs []string
		for place, id := range shop.ids {
			if place != "/public_apps/{app}" {
				theirs = append(theirs, id.String())
			}
		}
		theirs = append(theirs, o.ID("users.kim").String(), "Shop", "shop's", "Globex", "globex's", "Clerk", "Kim")
		for _, r := range routes {
			p := promiseOf(t, r)
			got := solo.send(t, "solveig", p, p.call, strings.ReplaceAll(p.body, "{orgs.globex}", "{orgs.vendor}"))
			if got.status != p.ok {
				t.Errorf("%s: %d %s", r.name(), got.status, got.body)
			}
			for _, text := range theirs {
				if at := strings.Index(got.body, text); at >= 0 {
					t.Errorf("%s shows %s: …%.80s", r.name(), text, got.body[max(0, at-40):])
				}
			}
			solo.restore(t, p, got)
		}
	})
}

// probe is a call that names something of another's, or something that nobody
// has: in the address where it says so, or in the body.
type probe struct {
	name    string
	promise promise
	body    string             // in place of the promise's, with {id} for the id
	foreign map[string]souk.ID // by the place in the address; under "" for the body
}

// ask makes the call with the ids in place.
func (p probe) ask(e *estate, ids map[string]souk.ID) (call, body string) {
	body = strings.Replace(cmp.Or(p.body, p.promise.body), "{id}", ids[""].String(), 1)
	return strings.Replace(e.at(p.promise.call, ids), "{id}", ids[""].String(), 1), body
}

// unknown are ids of nothing in place of those of another.
func (p probe) unknown() map[string]souk.ID {
	ids := map[string]souk.ID{}
	for place := range p.foreign {
		ids[place] = souk.NewID()
	}
	return ids
}

// namedElsewhere are the calls that name something of another's otherwise than
// by the path, with what is at that place in the other estate. Whom one invites
// is not among them: the invitation is made, whoever it is to.
var namedElsewhere = []struct{ call, body, place string }{
	{"GET /orgs/{org}/owned_apps/{app}/webhook_log_entries?webhook_id={id}", "", ownHook},
	{"POST /orgs/{org}/app_installations", `{"app_id":"{id}","is_terms_accepted":true}`, ownApp},
	{"POST /orgs/{org}/outgoing_app_shares", `{"app_id":"{id}","organization_id":"{partner}"}`, ownApp},
	{"POST /orgs/{org}/outgoing_app_shares", `{"app_id":"{app}","organization_id":"{id}"}`, anAlly},
	{"POST /orgs/{org}/owned_apps", newApp("N", `,"icon_asset_id":"{id}"`), anIcon},
	{"PUT /orgs/{org}/owned_apps/{app}", newApp("N", `,"icon_asset_id":"{id}"`), anIcon},
	{"PATCH /orgs/{org}/owned_apps/{app}", `{"icon_asset_id":"{id}"}`, anIcon},
}

// probes are all calls that name things of another estate: each id of each
// address by itself, those within an organization together, and all other ids
// that a call can name.
func (e *estate) probes(t *testing.T, other *estate) (all []probe) {
	t.Helper()
	for _, r := range routes {
		p := promiseOf(t, r)
		together := map[string]souk.ID{}
		for _, place := range placesOf(r.path) {
			foreign, known := other.ids[place]
			if place == "/public_apps/{app}" {
				foreign = other.ids[ownApp]
			}
			if !known {
				t.Fatalf("%s: the other estate has no %s", r.name(), place)
			}
			all = append(all, probe{name: r.name() + " of another " + place, promise: p, foreign: map[string]souk.ID{place: foreign}})
			if place != anOrg {
				together[place] = foreign
			}
		}
		if len(together) > 1 {
			all = append(all, probe{name: r.name() + " of others", promise: p, foreign: together})
		}
	}
	for _, n := range namedElsewhere {
		all = append(all, probe{n.call + " with another's " + n.body, promise{call: n.call}, n.body, map[string]souk.ID{"": other.ids[n.place]}})
	}
	return all
}

// What is another's is answered like what nobody has: with the same bytes and
// after the same statements.
func TestForeignIsUnknown(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		shop, solo := o.furnished(t)
		var mu sync.Mutex
		var statements []string
		market := *o.Market
		market.DB = o.db.Watched(func(statement string) {
			mu.Lock()
			defer mu.Unlock()
			statements = append(statements, statement)
		})
		solo.company = o.with(t, &market, Limits{}, nil)
		ask := func(p probe, ids map[string]souk.ID) (string, []string) {
			call, body := p.ask(solo, ids)
			solo.call(t, "solveig", "GET /public_apps", "") // so that who comes with the token is known
			statements = nil
			got := solo.send(t, "solveig", p.promise, call, body)
			got.header.Del("Date")
			got.header.Del("X-Request-Id")
			if got.status < 400 && !strings.Contains(call, "webhook_id") {
				t.Errorf("%s: %d %s", p.name, got.status, got.body)
			}
			return strings.ReplaceAll(fmt.Sprint(got), ids[""].String(), "<id>"), statements
		}
		for _, p := range solo.probes(t, shop) {
			foreign, costs := ask(p, p.foreign)
			unknown, cost := ask(p, p.unknown())
			if foreign != unknown {
				t.Errorf("%s:\nanother's %s\nunknown   %s", p.name, foreign, unknown)
			}
			if !slices.Equal(costs, cost) {
				same := 0
				for same < min(len(costs), len(cost)) && costs[same] == cost[same] {
					same++
				}
				t.Errorf("%s: after %d statements, another's costs\n%q\nand what nobody has\n%q", p.name, same, costs[same:], cost[same:])
			}
		}
	})
}

// How exactly times are compared. By default it takes another read to fail; as
// exactly as medians can be told apart it is measured by make soak, since
// machines that do other things as well have moods longer than a test.
var (
	timedCalls = flag.Int("giosg.calls", 50, "calls of each kind whose median time is taken")
	apart      = flag.Float64("giosg.apart", 0.5, "by what part medians may differ")
)

// It takes as long to be told nothing of what is there as of what is not. The
// calls alternate, so that whatever slows them down slows both down; three
// measurements have to agree that they differ.
func TestForeignTakesAsLongAsUnknown(t *testing.T) {
	souktest.Each(t, func(t *testing.T, db *store.DB) { // alone: other tests would disturb it
		o := newCompany(t, db, nil)
		shop, solo := o.furnished(t)
		took := func(p probe, ids map[string]souk.ID) time.Duration {
			call, body := p.ask(solo, ids)
			r := solo.request(t, "solveig", call, solo.say(body))
			began := time.Now()
			solo.company.send(t, r)
			return time.Since(began)
		}
		measure := func(p probe) (foreign, unknown time.Duration) {
			var a, b []time.Duration
			for range *timedCalls {
				a = append(a, took(p, p.foreign))
				b = append(b, took(p, p.unknown()))
			}
			slices.Sort(a)
			slices.Sort(b)
			return a[len(a)/2], b[len(b)/2]
		}
		for _, p := range solo.probes(t, shop) {
			if !p.isTimed() {
				continue
			}
			var said []string
			for range 3 {
				foreign, unknown := measure(p)
				if difference := float64(foreign-unknown) / float64(min(foreign, unknown)); -*apart < difference && difference < *apart {
					said = nil
					break
				}
				said = append(said, fmt.Sprintf("%v and %v", foreign, unknown))
			}
			if said != nil {
				t.Errorf("%s: another's and what nobody has take %s", p.name, strings.Join(said, ", then "))
			}
		}
	})
}

// isTimed reports whether a probe stands for others that run the same: one of
// each place of an address, when it is read.
func (p probe) isTimed() bool {
	return strings.HasPrefix(p.name, "GET ") && strings.HasSuffix(p.name, strings.TrimPrefix(p.promise.call, "GET "))
}
