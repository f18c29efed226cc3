package giosg

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// peopleProbe lists the people of an org, newest first or oldest first by its
// own choice, with a filter that its cursors know of.
var peopleProbe = []route{
	{"GET", "/orgs/{org}/probe", peopleFrom(souk.NewestFirst), orgMember},
	{"GET", "/orgs/{org}/probe/old", peopleFrom(souk.OldestFirst), orgMember},
}

func peopleFrom(order souk.Order) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		find := func(p souk.Page) ([]market.UserView, error) { return h.market.People(c.ctx, c.Actor, c.org(), p) }
		at := func(v market.UserView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }
		show := func(v market.UserView) names { return names{v.ID, v.FirstName} }
		return list(h, c, order, find, at, show, c.parameter("filter"))
	}
}

// hire puts people into the shop who came at given times.
func (o *company) hire(t *testing.T, at ...time.Time) (hired []souk.ID) {
	t.Helper()
	none := func(*store.Tx) (store.Locks, error) { return store.Locks{}, nil }
	err := o.db.Write(t.Context(), none, func(tx *store.Tx) error {
		hired = nil
		for _, at := range at {
			id := souk.NewID()
			u := souk.User{ID: id, Org: o.ID("orgs.shop"), Email: id.String() + "@shop.example", FirstName: "H", CreatedAt: at, UpdatedAt: at}
			if err := tx.PutUser(u, o.ID("orgs.mall")); err != nil {
				return err
			}
			hired = append(hired, id)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hired
}

func (o *company) page(t *testing.T, call string) listing[names] {
	t.Helper()
	return into[listing[names]](t, o.call(t, "sam", call, ""), 200)
}

// follow is the call that a link is.
func follow(t *testing.T, link string) string {
	t.Helper()
	path, ok := strings.CutPrefix(link, base+prefix)
	if !ok {
		t.Fatalf("%s is not below %s", link, base+prefix)
	}
	return "GET " + path
}

// walk follows links from a call, up to the last page, and answers that one and
// all ids on the way.
func (o *company) walk(t *testing.T, call string, next func(listing[names]) *string, between func()) (last listing[names], ids []souk.ID) {
	t.Helper()
	for range 1000 {
		last = o.page(t, call)
		rows := slices.Clone(last.Results)
		for _, n := range rows {
			ids = append(ids, n.ID)
		}
		link := next(last)
		if link == nil {
			return last, ids
		}
		between()
		call = follow(t, *link)
	}
	t.Fatal("the walk does not end")
	return last, ids
}

func forward(l listing[names]) *string { return l.Next }

// Walking forward meets everybody once and in order, also while others come;
// walking back meets the same again.
func TestWalks(t *testing.T) {
	everyCompany(t, peopleProbe, func(t *testing.T, o *company) {
		noon := time.Now().UTC().Truncate(time.Microsecond).Add(-time.Hour)
		youngest, oldest := noon.Add(2*time.Hour), noon.Add(-time.Hour)
		var times []time.Time
		for i := range 40 {
			times = append(times, noon.Add(time.Duration(i/4)*time.Microsecond)) // four at a time
		}
		o.hire(t, times...)
		for _, tt := range []struct {
			call  string
			size  int
			order souk.Order
		}{
			{"GET /orgs/{orgs.shop}/probe?page_size=7", 7, souk.NewestFirst},
			{"GET /orgs/{orgs.shop}/probe?page_size=11&ordering=-created_at", 11, souk.NewestFirst},
			{"GET /orgs/{orgs.shop}/probe?page_size=1&ordering=created_at", 1, souk.OldestFirst},
			{"GET /orgs/{orgs.shop}/probe/old?page_size=100", 100, souk.OldestFirst},
			{"GET /orgs/{orgs.shop}/probe/old?page_size=4", 4, souk.OldestFirst},
		} {
			everybody := o.everybody(t, tt.order)
			if got := o.page(t, tt.call); got.Previous != nil || len(got.Results) != min(tt.size, len(everybody)) {
				t.Errorf("%s begins with %d and %v before", tt.call, len(got.Results), got.Previous)
			}
			came := 0
			last, seen := o.walk(t, tt.call, forward, func() { // somebody comes where the walk has been
				came++
				if youngest, oldest = youngest.Add(time.Second), oldest.Add(-time.Second); tt.order == souk.OldestFirst {
					o.hire(t, oldest)
				} else {
					o.hire(t, youngest)
				}
			})
			if !slices.Equal(seen, everybody) {
				t.Errorf("%s met %d of %d", tt.call, len(seen), len(everybody))
			}
			if last.Previous == nil {
				if len(seen) > tt.size {
					t.Errorf("%s: nothing before the last page", tt.call)
				}
				continue
			}
			// Back again, from the end to what was the beginning and beyond.
			var pages [][]names
			first, _ := o.walk(t, follow(t, *last.Previous), func(l listing[names]) *string {
				pages = append(pages, l.Results)
				return l.Previous
			}, func() {})
			slices.Reverse(pages)
			var back []souk.ID
			for _, n := range slices.Concat(append(pages, last.Results)...) {
				back = append(back, n.ID)
			}
			if len(back) < len(seen) || !slices.Equal(back[len(back)-len(seen):], seen) || len(back) != len(seen)+came {
				t.Errorf("%s met %d there, %d back, %d came", tt.call, len(seen), len(back), came)
			}
			if first.Next == nil {
				t.Errorf("%s: nothing after the first page", tt.call)
			}
		}
	})
}

// everybody are the people of the shop in order.
func (o *company) everybody(t *testing.T, order souk.Order) (ids []souk.ID) {
	t.Helper()
	views, err := o.Market.People(t.Context(), o.As("sam"), o.ID("orgs.shop"), souk.Page{Size: 10_000, Order: order})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		ids = append(ids, v.ID)
	}
	return ids
}

// From a page whose rows have all gone, the way back begins at that end of the
// list.
func TestPagesOfWhatHasGone(t *testing.T) {
	everyCompany(t, peopleProbe, func(t *testing.T, o *company) {
		fire := func(ids ...souk.ID) {
			t.Helper()
			for _, id := range ids {
				if err := o.Market.DeactivateUser(t.Context(), souk.Operator("test"), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		old := o.hire(t, time.Now().Add(-3*time.Hour), time.Now().Add(-2*time.Hour))
		staff := len(o.everybody(t, souk.NewestFirst)) - len(old)
		before := o.page(t, fmt.Sprintf("GET /orgs/{orgs.shop}/probe?page_size=%d", staff))
		fire(old...)
		gone := o.page(t, follow(t, *before.Next))
		if len(gone.Results) != 0 || gone.Next != nil || gone.Previous == nil {
			t.Fatalf("after the last row: %+v", gone)
		}
		if back := o.page(t, follow(t, *gone.Previous)); !slices.Equal(back.Results, before.Results) || back.Next != nil || back.Previous != nil {
			t.Errorf("back from the end: %+v, want %+v", back, before)
		}
		young := o.hire(t, time.Now().Add(time.Hour))
		after := o.page(t, follow(t, *o.page(t, "GET /orgs/{orgs.shop}/probe?page_size=1").Next))
		fire(young...)
		gone = o.page(t, follow(t, *after.Previous))
		if len(gone.Results) != 0 || gone.Next == nil || gone.Previous != nil {
			t.Fatalf("before the first row: %+v", gone)
		}
		if again := o.page(t, follow(t, *gone.Next)); !slices.Equal(again.Results, after.Results) || again.Previous != nil {
			t.Errorf("on from the beginning: %+v, want %+v", again, after)
		}
	})
}

func TestPageParameters(t *testing.T) {
	everyCompany(t, peopleProbe, func(t *testing.T, o *company) {
		times := make([]time.Time, 120)
		for i := range times {
			times[i] = time.Now().Add(time.Duration(-i) * time.Minute)
		}
		o.hire(t, times...)
		for parameters, size := range map[string]int{
			"": 25, "page_size=7": 7, "page_size=+7": 7, "page_size=100": 100, "page_size=1000": 100, "page_size=99999999999999999999": 100,
			"page_size=0": 25, "page_size=-1": 25, "page_size=-99999999999999999999": 25, "page_size=abc": 25, "page_size=": 25, "page_size=7.5": 25,
			"page_size=3&page_size=4": 4, "page=3": 25, "ordering=name": 25, "ordering=": 25, "cursor=": 25, "x=%zz&a;b": 25,
		} {
			if got := o.page(t, "GET /orgs/{orgs.shop}/probe?"+parameters); len(got.Results) != size || got.Next == nil || got.Previous != nil {
				t.Errorf("%s: %d rows", parameters, len(got.Results))
			}
		}
		newest, oldest := o.everybody(t, souk.NewestFirst)[0], o.everybody(t, souk.OldestFirst)[0]
		for call, first := range map[string]souk.ID{
			"probe": newest, "probe?ordering=-created_at": newest, "probe?ordering=created_at": oldest, "probe?ordering=name,+created_at": oldest,
			"probe?ordering=updated_at": newest, "probe/old": oldest, "probe/old?ordering=-created_at,created_at": newest, "probe/old?ordering=x": oldest,
		} {
			if got := o.page(t, "GET /orgs/{orgs.shop}/"+call).Results[0].ID; got != first {
				t.Errorf("%s begins with %s, want %s", call, got, first)
			}
		}

		shouted := "GET /orgs/" + strings.ToUpper(o.ID("orgs.shop").String()) + "/probe?page_size=50&q=%C3%A5+%26&q=2&format=json&page_size=60"
		got := o.page(t, shouted)
		u, err := url.Parse(*got.Next)
		if err != nil {
			t.Fatal(err)
		}
		cursor := u.Query().Get("cursor")
		want := o.fill(base+"/api/v5/orgs/{orgs.shop}/probe?cursor=") + cursor + "&format=json&page_size=50&page_size=60&q=%C3%A5+%26&q=2"
		if *got.Next != want || len(cursor) > 256 || url.QueryEscape(cursor) != cursor {
			t.Errorf("next is %s, want %s", *got.Next, want)
		}

		bad := []string{
			"probe?cursor=x", "probe?cursor=%00", "probe?cursor=" + strings.Repeat("a", 5000), "probe?cursor=" + cursor[1:], "probe?cursor=" + cursor + "=",
			"probe?ordering=created_at&cursor=" + cursor, "probe?filter=x&cursor=" + cursor, "probe/old?cursor=" + cursor,
		}
		for _, call := range bad {
			if got := o.call(t, "sam", "GET /orgs/{orgs.shop}/"+call, ""); got.status != 404 || got.body != detailText("Invalid cursor") {
				t.Errorf("%.100s: %d %s", call, got.status, got.body)
			}
		}
		if got := o.call(t, "kim", "GET /orgs/{orgs.lapsed}/probe?cursor="+cursor, ""); got.status != 403 {
			t.Errorf("a cursor where there is no subscription: %d %s", got.status, got.body)
		}
		if got := o.call(t, "solveig", "GET /orgs/{orgs.solo}/probe?cursor="+cursor, ""); got.status != 404 {
			t.Errorf("a cursor of another org: %d %s", got.status, got.body)
		}
		if got := o.call(t, "solveig", "GET /orgs/{orgs.solo}/probe", ""); !strings.HasPrefix(got.body, `{"next":null,"previous":null,"results":[{"id":`) {
			t.Errorf("one page: %s", got.body)
		}
	})
}

// Lists without rows are empty, never null.
func TestEmptyPage(t *testing.T) {
	nobody := []route{{"GET", "/orgs/{org}/probe", func(h *Handler, c *call) (answer, error) {
		find := func(souk.Page) ([]souk.Org, error) { return nil, nil }
		return list(h, c, souk.NewestFirst, find, func(o souk.Org) souk.Position { return souk.Position{At: o.CreatedAt, ID: o.ID} }, nameOrg)
	}, orgMember}}
	everyCompany(t, nobody, func(t *testing.T, o *company) {
		if got := o.call(t, "sam", "GET /orgs/{orgs.shop}/probe", ""); got.body != `{"next":null,"previous":null,"results":[]}` {
			t.Error(got.body)
		}
	})
}
