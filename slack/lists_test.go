package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"souk"
)

// walk reads a whole list in pages of a size, as clients do: the same
// arguments each time, and the cursor.
func (o *town) walk(t *testing.T, list string, a args, size int) (ids []string, pages int) {
	t.Helper()
	token := o.admin(t, o.ada)
	a = a.with(args{"limit": fmt.Sprint(size)})
	for {
		got := o.call(t, token, list, a)
		pages++
		for _, row := range rows(t, got, listKeys[list]) {
			ids = append(ids, row["app"].(map[string]any)["id"].(string))
		}
		cursor, ok := got.body["response_metadata"].(map[string]any)["next_cursor"].(string)
		if !ok {
			t.Fatalf("no cursor in %s", got.raw)
		}
		if cursor == "" {
			return ids, pages
		}
		a = a.with(args{"cursor": cursor})
	}
}

func TestListsInPages(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		want := map[string][]string{} // newest first
		for range 4 {
			for list, method := range map[string]string{approvedApps: "admin.apps.approve", restrictedApps: "admin.apps.restrict"} {
				app := o.app(t, o.deploybot)
				o.call(t, token, method, appArg(app).with(o.atSales()))
				want[list] = slices.Insert(want[list], 0, app.ID.Slack("A"))
			}
			app := o.app(t, o.deploybot)
			o.asks(t, o.bo, app, o.sales)
			want[openRequests] = slices.Insert(want[openRequests], 0, app.ID.Slack("A"))
		}
		for list, ids := range want {
			for size, pages := range map[int]int{1: 4, 3: 2, 4: 1, 1000: 1} {
				if got, n := o.walk(t, list, o.atSales(), size); !slices.Equal(got, ids) || n != pages {
					t.Errorf("%s in pages of %d: %d pages, %q, want %q", list, size, n, got, ids)
				}
			}
		}
	})
}

// A cursor opens for the list it was made for and for no other.
func TestCursorsAreBound(t *testing.T) {
	o := newTownSQLite(t)
	token := o.admin(t, o.ada)
	for range 2 {
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.app(t, o.deploybot)).with(o.atSales())))
	}
	first := o.call(t, token, approvedApps, o.atSales().with(args{"limit": "1"}))
	cursor := args{"cursor": first.body["response_metadata"].(map[string]any)["next_cursor"].(string)}
	want(t, "", o.call(t, token, approvedApps, o.atSales().with(cursor).with(args{"limit": "7"})))
	for name, play := range map[string]func() result{
		"another method": func() result { return o.call(t, token, restrictedApps, o.atSales().with(cursor)) },
		"another level":  func() result { return o.call(t, token, approvedApps, o.atAcme().with(cursor)) },
		"another filter": func() result {
			return o.call(t, token, approvedApps, o.atSales().with(cursor).with(args{"certified": "true"}))
		},
		"one letter less": func() result {
			return o.call(t, token, approvedApps, o.atSales().with(args{"cursor": cursor["cursor"][1:]}))
		},
	} {
		if got := play(); got.code() != invalidCursor {
			t.Errorf("%s: %s", name, got.raw)
		}
	}
}

func TestCertifiedFilter(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		for method, list := range map[string]string{"admin.apps.approve": approvedApps, "admin.apps.restrict": restrictedApps} {
			plain, certified := o.app(t, o.deploybot), o.app(t, o.certified)
			for _, app := range []souk.App{plain, certified} {
				want(t, "", o.call(t, token, method, appArg(app).with(o.atAcme())))
			}
			for _, not := range []string{"", "false", "0"} {
				if level := o.atAcme().with(args{"certified": not}); !o.shows(t, list, level, plain) || o.shows(t, list, level, certified) {
					t.Errorf("%s, certified %q", list, not)
				}
			}
			if level := o.atAcme().with(args{"certified": "1"}); o.shows(t, list, level, plain) || !o.shows(t, list, level, certified) {
				t.Errorf("%s, certified", list)
			}
		}
		plain, certified := o.app(t, o.deploybot), o.app(t, o.certified)
		o.asks(t, o.bo, plain, o.sales)
		o.asks(t, o.bo, certified, o.sales)
		if !o.shows(t, openRequests, o.atSales(), plain) || o.shows(t, openRequests, o.atSales(), certified) {
			t.Error("requests for certified apps are not left out")
		}
		if level := o.atSales().with(args{"certified": "true"}); !o.shows(t, openRequests, level, plain) || !o.shows(t, openRequests, level, certified) {
			t.Error("requests for certified apps are left out when asked for")
		}
	})
}

// The shape of each list, as a client reads it.
func TestListShapes(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		token := o.admin(t, o.ada)
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.deploybot).with(o.atSales())))
		want(t, "", o.call(t, token, "admin.apps.clearResolution", appArg(o.deploybot).with(o.atSales())))
		o.asks(t, o.bo, o.deploybot, o.sales)
		o.asks(t, o.bo, o.own, o.acme)
		want(t, "", o.call(t, token, "admin.apps.approve", appArg(o.certified).with(o.atAcme())))
		want(t, "", o.call(t, token, "admin.apps.restrict", appArg(o.own).with(o.atSales())))

		for file, got := range map[string]result{
			"requests":   o.call(t, token, openRequests, o.atAcme()),
			"approved":   o.call(t, token, approvedApps, o.atAcme().with(args{"certified": "true"})),
			"restricted": o.call(t, token, restrictedApps, o.atSales()),
			"none":       o.call(t, token, restrictedApps, o.atAcme()),
		} {
			golden(t, "testdata/lists/"+file+".json", o.named(got.raw))
		}
	})
}

// named puts names for the ids of a town and for times, so that an answer can
// be held against a file.
func (o *town) named(raw string) []byte {
	for id, name := range map[string]string{
		orgID(o.acme): "E-acme", orgID(o.sales): "T-sales", o.bo.ID.Slack("U"): "U-bo", o.ada.ID.Slack("U"): "U-ada",
		o.deploybot.ID.Slack("A"): "A-deploybot", o.own.ID.Slack("A"): "A-own", o.certified.ID.Slack("A"): "A-certified",
	} {
		raw = strings.ReplaceAll(raw, id, name)
	}
	raw = regexp.MustCompile(`"Ar[0-9A-Z]{25}"`).ReplaceAllString(raw, `"Ar-request"`)
	raw = regexp.MustCompile(`"(date_created|date_updated)":[0-9]{10}([,}])`).ReplaceAllString(raw, `"$1":1$2`)
	return []byte(raw)
}

func TestListsByGET(t *testing.T) {
	o := newTownSQLite(t)
	want(t, "", o.call(t, o.admin(t, o.ada), "admin.apps.approve", appArg(o.deploybot).with(o.atSales())))
	got := o.do(t, o.request(t, "GET", o.admin(t, o.ada), approvedApps+"?"+formOf(o.atSales().with(args{"limit": "1"})), "", ""))
	if len(rows(t, got, "approved_apps")) != 1 {
		t.Errorf("got %s", got.raw)
	}
}

// formOf spells arguments as a form or a query.
func formOf(a args) string {
	values := url.Values{}
	for name, text := range a {
		values.Set(name, text)
	}
	return values.Encode()
}

// Whatever stands where an id belongs, the answer is one of the documented
// refusals and nothing breaks.
func FuzzIDs(f *testing.F) {
	o := newTown(f, sqliteFile)
	token := o.admin(f, o.ada)
	f.Add("A"+strings.Repeat("0", 25), "T"+strings.Repeat("Z", 25))
	f.Add("A1", "E1")
	f.Add("Ar", "T\u0000")
	f.Add(souk.NewID().Slack("A"), orgID(o.sales))
	f.Fuzz(func(t *testing.T, app, level string) {
		body, err := json.Marshal(map[string]string{"app_id": app, "team_id": level})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"admin.apps.approve", "admin.apps.clearResolution"} {
			got := o.do(t, o.request(t, "POST", token, name, jsonUTF, string(body)))
			if c := got.code(); c == "" || c == internalError || c == fatalError {
				t.Errorf("%s of %q at %q: %s", name, app, level, got.raw)
			}
		}
		if id, ok := souk.ParseSlackID(appPrefix, app); ok && id.Slack(appPrefix) != app {
			t.Errorf("%q is read as %s", app, id.Slack(appPrefix))
		}
	})
}
