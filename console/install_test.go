package console

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// Somebody sees what an app wants, accepts it, meets the app, and comes back.
func TestInstall(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		v, link := s.in("fia"), s.link("clerk", "next", "https://clerk.example/back?a=b", "state", "left & off")
		page := v.get(link).is(t, 200,
			"Install Clerk", "by Vendor Ltd", "Answers for you.", "Fair", "What Clerk may do", "Read reports", "Read files", "Sensitive",
			"Vendor Ltd runs Clerk.", "I accept the terms of Vendor Ltd", "https://vendor.example/terms", "https://vendor.example/privacy",
			`value="Friendly"`, `value="Clerky"`, "After this you go on to clerk.example").
			lacks(t, "Why do you want it?", "Who decides")
		before, after, _ := strings.Cut(page.body, ">Manage</h3>")
		if !strings.Contains(before, ">View</h3>") || !strings.Contains(before, "Read reports") || !strings.Contains(after, "Change the settings") {
			t.Errorf("the scopes are not grouped:\n%s", page.body)
		}

		names := []string{"first_name", "Ship", "last_name", "Clerk", "alias", ""}
		v.accept(page, names...).is(t, 422, "only by somebody who accepts the terms", `value="Ship"`)
		long := v.accept(page, "first_name", strings.Repeat("x", 300), "last_name", "Clerk", "alias", "", "terms", "accepted")
		long.is(t, 422, "First name: must be at most", "checked")
		if n := s.installations("clerk"); n != 0 {
			t.Fatalf("%d installations after forms that were wrong", n)
		}

		told := v.accept(page, append(names, "terms", "accepted")...).toldAt(t, "https://clerk.example/open")
		if told.Get("type") != "install" || told.Get("v") != "1" || told.Get("user") != s.ID("users.fia").String() {
			t.Errorf("the app is told %v", told)
		}
		back, ok := strings.CutPrefix(told.Get("redirect_uri"), "http://souk.example/")
		if !ok {
			t.Fatalf("the app is to send people to %q", told.Get("redirect_uri"))
		}
		v.get("/"+back).leads(t, "https://clerk.example/back?a=b&status=installed&state=left+%26+off")

		i := look(s, func(tx *store.Tx) (souk.Installation, error) {
			return tx.InstallationAt(s.ID("apps.clerk"), s.ID("orgs.fair"))
		})
		u := look(s, func(tx *store.Tx) (souk.User, error) { return tx.User(i.AppUser) })
		if u.FirstName != "Ship" || u.LastName != "Clerk" || u.Alias != "Clerky" || i.InstalledBy != s.ID("users.fia") {
			t.Errorf("installed by %s with the user %+v", i.InstalledBy, u)
		}
		again := v.get(link).is(t, 200, "Clerk is installed", "It works at Fair", "Go on")
		if on := again.between(t, `<a class="button primary" href="`, `"`); on != "https://clerk.example/back?a=b&status=installed&state=left+%26+off" {
			t.Errorf("who has it already goes on to %q", on)
		}
		s.record(func(tx *store.Tx) error {
			i.Status = souk.InstallationSuspended
			return tx.PutInstallation(i)
		})
		if page := v.get(link).is(t, 200, "Clerk is installed", "It is installed at Fair, and suspended", "Go on"); strings.Contains(page.body, "It works at") {
			t.Error("what is suspended is said to work")
		}
	})
}

// installations counts the live installations of an app.
func (s *site) installations(app string) (n int) {
	s.t.Helper()
	for _, org := range []string{"fair", "sales", "labs", "acme", "solo"} {
		_, err := s.Market.InstallationOf(s.t.Context(), souk.Operator("test"), s.ID("apps."+app), s.ID("orgs."+org))
		if err == nil {
			n++
		}
	}
	return n
}

// Without a way on people go on to the apps that are installed where they chose.
func TestInstallWithoutNext(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		v := s.in("fia")
		page := v.get(s.link("notes"))
		if cancel := page.between(t, `</button><a class="button" href="`, `"`); cancel != s.fill("/console/orgs/{orgs.fair}/apps?status=denied") {
			t.Errorf("cancelling leads to %q", cancel)
		}
		on := v.accept(page)
		on.leads(t, s.fill("/console/orgs/{orgs.fair}/apps?status=installed"))
		v.get(on.header.Get("Location")).is(t, 200, "The app is installed.", "Notes")
	})
}

// Each state of the install page, with its status.
func TestInstallOffers(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		s.install("notes", "fair", "fia")
		_, err := s.Market.Restrict(t.Context(), s.As("olga"), market.Decision{App: s.ID("apps.clerk"), At: s.ID("orgs.acme"), Reason: "It reads too much."})
		if err != nil {
			t.Fatal(err)
		}
		visitors := map[string]*visitor{"": s.visitor()}
		for _, tt := range []struct {
			who, app string
			query    []string
			status   int
			says     []string
		}{
			{"fia", "clerk", nil, 200, []string{"Install Clerk"}},
			{"fia", "notes", nil, 200, []string{"Notes is installed"}},
			{"fia", "clerk", []string{"org", "{orgs.fair}"}, 200, []string{"Install Clerk"}},
			{"finn", "clerk", nil, 200, []string{"Ask for Clerk", "Apps need an approval at Fair", "Fia Holm", "fia@fair.example"}},
			{"solveig", "clerk", nil, 200, []string{"Ask for Clerk", "Solveig Dahl"}},
			{"bo", "clerk", nil, 403, []string{"Clerk is restricted", "Olga Berg", "Acme", "It reads too much.", "Why this is so", "This decides"}},
			{"shia", "clerk", nil, 403, []string{"Clerk cannot be installed", "nobody can ask for one", "Shia", "the policy is closed"}},
			{"fred", "clerk", nil, 402, []string{"Apps are not part of what Frugal has booked"}},
			{"lars", "clerk", nil, 403, []string{"Lapsed has no active subscription"}},
			{"fia", "unheard", nil, 404, []string{"There is no such app"}},
			{"lars", "unheard", nil, 404, []string{"There is no such app"}},
			{"bo", "lunch", nil, 200, []string{"Ask for Lunch"}},
			{"fia", "lunch", nil, 404, []string{"There is no such app"}},
			{"fia", "clerk", []string{"org", "{orgs.solo}"}, 404, []string{"There is no such organization"}},
			{"fia", "clerk", []string{"org", "x"}, 404, []string{"There is no such organization"}},
			{"bo", "clerk", []string{"org", "{orgs.labs}"}, 403, []string{"You may not do this"}},
			{"fia", "clerk", []string{"next", "https://evil.example/"}, 400, []string{"This link leads elsewhere"}},
			{"bo", "clerk", []string{"next", "https://evil.example/"}, 400, []string{"This link leads elsewhere"}},
			{"fia", "clerk", []string{"next", "https://notes.example/back"}, 400, []string{"This link leads elsewhere"}}, // another app's
			{"fia", "unheard", []string{"next", "https://evil.example/"}, 404, []string{"There is no such app"}},
			{"fia", "clerk", []string{"state", strings.Repeat("x", souk.MaxState)}, 200, nil},
			{"fia", "clerk", []string{"state", strings.Repeat("x", souk.MaxState+1)}, 400, []string{"This link is not whole"}},
			{"fia", "clerk", []string{"state", "\xff"}, 400, []string{"This link is not whole"}},
		} {
			v := visitors[tt.who]
			if v == nil {
				v = s.in(tt.who)
				visitors[tt.who] = v
			}
			link := s.link(tt.app, tt.query...)
			page := v.get(link).is(t, tt.status, tt.says...)
			if tt.status >= 400 {
				page.lacks(t, "<button class=\"primary\">")
			}
			v.send(http.MethodHead, link, "", nil).is(t, tt.status)
			at := s.visitor().get(link)
			at.leads(t, "/console/signin?"+url.Values{"next": {link}}.Encode())
		}
		for _, query := range []string{"?next=/console&next=/console", "?state=a&state=b", "?org=a&org=b", "?next=%zz", "?next=/console;x=y"} {
			visitors["fia"].get(s.link("clerk")+query).is(t, 400, "This link is not whole")
		}
	})
}

// An app that somebody may not see is, to the byte, one that does not exist:
// also to those who belong to several places.
func TestInvisibleAppIsUnknown(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		unknown := "/apps/" + souk.NewID().String() + "/install"
		for _, name := range []string{"fia", "olga"} {
			v := s.in(name)
			for _, query := range []string{"", "?next=https://unheard.example/back", "?next=https://evil.example", "?state=x"} {
				missing := v.get(unknown+query).is(t, 404)
				for _, link := range []string{s.link("unheard"), "/apps/x/install"} {
					if got := v.get(link+query).is(t, 404); got.anonymous() != missing.anonymous() {
						t.Errorf("%s sees that %s is there:\n%s\nand\n%s", name, link, got.body, missing.body)
					}
					v.post(link+query, "offer", "install", "scopes", "").is(t, 404)
				}
			}
		}
	})
}

// Who belongs to several places chooses one, of those where the app is offered.
func TestInstallWhere(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		v := s.in("olga")
		link := s.link("clerk", "next", "/console", "state", "x")
		page := v.get(link).is(t, 200, "Where do you want to have it?", "Acme Sales", "Acme Labs", "You can ask for it")
		to := page.between(t, `<a class="button small" href="`, `"`)
		if to != s.link("clerk", "next", "/console", "state", "x", "org", "{orgs.acme}") {
			t.Errorf("the first choice leads to %q", to)
		}
		v.get(to).is(t, 200, "Ask for Clerk", "Acme")
		v.post(link, "offer", "request", "scopes", page.of).is(t, 200, "Where do you want to have it?")
		v.get(s.link("clerk", "next", "https://evil.example")).is(t, 400)

		// An app of one of the workspaces is offered there alone.
		v.get(s.link("lunch")).is(t, 200, "Ask for Lunch", "Acme Sales").lacks(t, "Where do you want to have it?")
	})
}

// Where somebody has to approve, the form files a request, which the developer
// hears of, and the approval installs it.
func TestRequestInsteadOfInstall(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		v := s.in("bo")
		link := s.link("clerk", "next", "https://clerk.example/back?a=b", "state", "s1")
		page := v.get(link).is(t, 200, "Ask for Clerk", "Ask for it", "Why do you want it?", "Ada Virtanen", "Sue Ek", "After this you go on to clerk.example")
		v.accept(page, "first_name", "Ship", "last_name", "Clerk", "alias", "", "reason", "We drown.").is(t, 422, "We drown.", "accepts the terms")
		v.accept(page, "first_name", "S", "last_name", "C", "terms", "accepted", "reason", strings.Repeat("x", souk.MaxReason+1)).is(t, 422, "Why do you want it?: must be at most")
		told := v.accept(page, "first_name", "Ship", "last_name", "Clerk", "alias", "", "terms", "accepted", "reason", "We drown.").
			toldAt(t, "https://clerk.example/back")
		q := look(s, func(tx *store.Tx) (souk.Request, error) {
			return tx.PendingRequest(s.ID("apps.clerk"), s.ID("orgs.sales"), s.ID("users.bo"))
		})
		want := url.Values{"a": {"b"}, "status": {"requested"}, "state": {"s1"}, "request_id": {q.ID.String()}, "case_id": {q.Case.String()}}
		if told.Encode() != want.Encode() {
			t.Errorf("the developer is told %v, want %v", told, want)
		}
		if q.Reason != "We drown." || q.State != "s1" || q.Wish == nil || q.Wish.AppUser.FirstName != "Ship" || q.Wish.AcceptedAt.IsZero() {
			t.Errorf("the request is %+v", q)
		}
		again := v.get(link).is(t, 200, "You have asked for Clerk", "Ada Virtanen").lacks(t, "<textarea")
		if on := again.between(t, `<a class="button primary" href="`, `"`); on != "https://clerk.example/back?"+
			"a=b&status=requested&request_id="+q.ID.String()+"&case_id="+q.Case.String()+"&state=s1" {
			t.Errorf("who waits goes on to %q", on)
		}
		v.accept(page, "first_name", "Ship", "last_name", "Clerk", "terms", "accepted").is(t, 409, "You have asked for Clerk")

		if _, err := s.Market.Approve(t.Context(), s.As("ada"), market.Decision{Request: q.ID}); err != nil {
			t.Fatal(err)
		}
		v.get(link).is(t, 200, "Clerk is installed")

		// Without a way on.
		on := s.in("solveig")
		page = on.get(s.link("notes"))
		at := on.accept(page, "reason", "")
		at.toldAt(t, s.fill("/console/orgs/{orgs.solo}/apps"))
		on.get(at.header.Get("Location")).is(t, 200, "Your request is on its way.")
	})
}

// An app that asks for more than it has is upgraded, with what is new marked; by
// those who may, and for others it is a request.
func TestUpgrade(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		i := s.install("notes", "fair", "fia")
		fia, finn := s.in("fia"), s.in("finn")
		s.change("notes", func(a *souk.App) { a.BotScopes = souk.NewScopes("chat:write", "files:read") })
		link := s.link("notes", "next", "https://notes.example/back")
		finn.get(link).is(t, 200, "Ask for Notes", "asks for more now than was approved", "Ask for it")
		page := fia.get(link).is(t, 200, "Notes has changed what it asks for", "Upgrade", "What is new is marked.", "New").lacks(t, "First name")
		if strings.Count(page.body, ">New<") != 1 || !strings.Contains(page.between(t, "Read files", "</li>"), ">New<") {
			t.Errorf("what is new is not what is marked:\n%s", page.body)
		}
		fia.accept(page).leads(t, "https://notes.example/back?status=installed")
		now := look(s, func(tx *store.Tx) (souk.Installation, error) { return tx.Installation(i.ID) })
		if !now.Scopes.Equal(souk.NewScopes("chat:write", "files:read")) {
			t.Errorf("it has %s", now.Scopes)
		}

		s.change("notes", func(a *souk.App) { a.BotScopes = souk.NewScopes("chat:write") })
		fia.get(link).is(t, 200, "It is installed, and asks for less now")
		finn.get(link).is(t, 200, "Notes is installed") // there is nothing to ask anybody for
	})
}

// What changes while somebody reads the page is shown to them before anything is
// done.
func TestInstallMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name      string
		meanwhile func(s *site)
		status    int
		says      []string
	}{
		{"the app asks for more", func(s *site) {
			s.change("notes", func(a *souk.App) { a.BotScopes = souk.NewScopes("chat:write", "files:read") })
		}, 409, []string{"Install Notes", "Something has changed", "Read files"}},
		{"it was installed", func(s *site) { s.install("notes", "fair", "fia") }, 409, []string{"Notes is installed"}},
		{"it was restricted", func(s *site) {
			if _, err := s.Market.Restrict(s.t.Context(), s.As("fia"), market.Decision{App: s.ID("apps.notes"), At: s.ID("orgs.fair")}); err != nil {
				s.t.Fatal(err)
			}
		}, 403, []string{"Notes is restricted", "No reason was given"}},
		{"somebody has to approve now", func(s *site) {
			if err := s.Market.SetPolicy(s.t.Context(), s.As("fia"), s.ID("orgs.fair"), market.Rules{Policy: souk.Approval, Switches: souk.DefaultSwitches}); err != nil {
				s.t.Fatal(err)
			}
		}, 409, []string{"Ask for Notes", "Something has changed"}},
		{"it was suspended", func(s *site) { s.change("notes", func(a *souk.App) { a.Suspended = true }) }, 404, []string{"There is no such app"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			everyTown(t, func(t *testing.T, s *site) {
				v := s.in("fia")
				page := v.get(s.link("notes")).is(t, 200, "Install Notes")
				tt.meanwhile(s)
				n := s.installations("notes")
				v.accept(page).is(t, tt.status, tt.says...)
				if got := s.installations("notes"); got != n {
					t.Errorf("%d installations, and then %d", n, got)
				}
			})
		})
	}
}

// Two people press at once: one installs it, the other is told that it is there.
func TestInstallRace(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		a, b := s.in("fia"), s.in("fia")
		pages := []reply{a.get(s.link("notes")), b.get(s.link("notes"))}
		replies := make(chan reply)
		for i, v := range []*visitor{a, b} {
			go func() { replies <- v.accept(pages[i]) }()
		}
		statuses := map[int]int{}
		for range pages {
			statuses[(<-replies).status]++
		}
		if statuses[http.StatusSeeOther] != 1 || statuses[409] != 1 || s.installations("notes") != 1 {
			t.Errorf("answers: %v, and %d installations", statuses, s.installations("notes"))
		}
	})
}

// What stands on the way to an app that was installed does not undo that it was.
func TestInstallTriggerThatCannotOpen(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		if _, err := s.Market.Approve(t.Context(), s.As("fia"), market.Decision{App: s.ID("apps.clerk"), At: s.ID("orgs.fair")}); err != nil {
			t.Fatal(err)
		}
		s.Market.Wires = nil
		v := s.in("finn")
		page := v.get(s.link("clerk", "next", "/console")).is(t, 200, "Install Clerk")
		v.accept(page, "first_name", "A", "last_name", "B", "terms", "accepted").leads(t, "/console?status=installed")
		if !strings.Contains(s.log.String(), "console could not open an install trigger") {
			t.Error("nobody hears that apps cannot be opened")
		}
	})
}

// The form may lead to the app and to wherever people go on, and to no http but
// theirs.
func TestInstallPolicy(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		v := s.in("fia")
		for _, tt := range []struct{ link, forms string }{
			{s.link("clerk"), "form-action 'self' https:;"},
			{s.link("notes", "next", "https://notes.example/back"), "form-action 'self' https:;"},
			{s.link("notes", "next", "http://notes.example:8080/back"), "form-action 'self' https: http://notes.example:8080;"},
		} {
			if got := v.get(tt.link).is(t, 200).header.Get("Content-Security-Policy"); !strings.Contains(got, tt.forms) || strings.Contains(got, "frame-src") {
				t.Errorf("%s: %s", tt.link, got)
			}
		}
	})
}

// Who belongs to many places says first where: before that nothing is found out
// about the app, so that one which is hidden from them, or does not exist, is
// asked about alike.
func TestInstallWhereOfMany(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		var world strings.Builder
		world.WriteString("version: 1\norgs:\n")
		for n := range fewPlaces {
			fmt.Fprintf(&world, "  shop-%c: {kind: workspace, enterprise: acme, name: Shop %d}\n", 'a'+n, n)
		}
		s.Apply(world.String())
		v := s.in("olga")
		query := []string{"next", "/console", "state", "x"}
		page := v.get(s.link("clerk", query...)).is(t, 200, "Install an app", "Where do you want to have it?", "Acme Labs", "Shop 0", "Shop 7").lacks(t, "Clerk", "Vendor")
		v.get(s.link("clerk", append(query, "org", "{orgs.shop-h}")...)).is(t, 200, "Ask for Clerk", "Shop 7")
		if !strings.Contains(page.body, html.EscapeString(s.link("clerk", append(query, "org", "{orgs.shop-h}")...))) {
			t.Errorf("no link leads to Shop 7:\n%s", page.body)
		}
		v.post(s.link("clerk"), "offer", "request", "scopes", "").is(t, 200, "Where do you want to have it?")

		for _, app := range []string{s.ID("apps.unheard").String(), souk.NewID().String()} {
			hidden := v.get(carry("/apps/"+app+"/install", query...)).is(t, 200)
			if strings.ReplaceAll(hidden.body, app, "") != strings.ReplaceAll(page.body, s.ID("apps.clerk").String(), "") {
				t.Errorf("an app that is not offered has another page:\n%s", hidden.body)
			}
			v.get(carry("/apps/"+app+"/install", append(query, "org", s.ID("orgs.shop-h").String())...)).is(t, 404, "There is no such app")
		}
	})
}

// To hear that there is no such app takes as long for one that is hidden.
func TestInvisibleAppTakesAsLong(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		s.settle()
		v := s.in("fia")
		for _, app := range []string{s.ID("apps.unheard").String(), souk.NewID().String()} {
			for _, at := range []string{"", "?org=" + s.ID("orgs.fair").String()} {
				began := time.Now()
				v.get("/apps/"+app+"/install"+at).is(t, 404, "There is no such app")
				if took := time.Since(began); took != unknownTakes {
					t.Errorf("%s%s is unknown after %s", app, at, took)
				}
			}
		}
	})
}
