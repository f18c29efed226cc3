package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// pageOf is the page of an installation, as an org looks at it.
func (s *site) pageOf(org string, i souk.Installation) string {
	return s.fill("/console/orgs/{orgs."+org+"}/installations/") + i.ID.String()
}

// mint has the vendor make a token for an installation's app user.
func (s *site) mint(i souk.Installation, description string) souk.Token {
	s.t.Helper()
	made, err := s.Market.MintAppUserToken(s.t.Context(), s.As("vic"), i.App, i.ID, market.Minting{Description: description, Scopes: []string{"reports"}, Life: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.Token
}

func TestInstalledApps(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		list := s.fill("/console/orgs/{orgs.fair}/apps")
		fia, finn := s.in("fia"), s.in("finn")
		fia.get(list).is(t, 200, "Nothing is installed at Fair yet.", "follow such a link").lacks(t, "<table", "Older")
		i := s.install("clerk", "fair", "fia")
		s.install("notes", "fair", "fia")
		page := fia.get(list).is(t, 200, "Clerk", "Notes", "by Vendor Ltd", "by Fia Holm", "Read reports, Change the settings", "Clerky", "without permissions",
			`action="`+s.pageOf("fair", i)+`/setup" target="_blank" rel="noopener"`, s.pageOf("fair", i))
		if strings.Index(page.body, ">Notes</a></h2>") > strings.Index(page.body, ">Clerk</a></h2>") || strings.Count(page.body, "/setup") != 1 {
			t.Errorf("not the newest first, or not one of two to set up:\n%s", page.body)
		}
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https:;") {
			t.Errorf("the page's policy is %s", policy)
		}
		unwidened := finn.get(list).is(t, 200, "Clerk", "Details").lacks(t, "/setup")
		if policy := unwidened.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self';") {
			t.Errorf("the page of who sets nothing up has the policy %s", policy)
		}
		s.change("clerk", func(a *souk.App) { a.Suspended = true })
		fia.get(list).is(t, 200, "Clerk").lacks(t, "/setup")
		fia.get(list+"?status=nonsense").is(t, 200).lacks(t, "nonsense")
		fia.get(list+"?after=nonsense").is(t, 400, "This link is not whole")
		fia.get(s.fill("/console/orgs/{orgs.solo}/apps")).is(t, 404, "There is no such organization")
		fia.get("/console/orgs/"+souk.NewID().String()+"/apps").is(t, 404, "There is no such organization")
		s.in("bo").get(s.fill("/console/orgs/{orgs.labs}/apps")).is(t, 404)
		s.in("lars").get(s.fill("/console/orgs/{orgs.lapsed}/apps")).is(t, 200, "no active subscription")
	})
}

// A long list comes in pages, each of them at an address of its own.
func TestInstalledPages(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		var world strings.Builder
		world.WriteString("version: 1\napps:\n")
		for n := range installedOnPage + 2 {
			fmt.Fprintf(&world, "  tool%d: {owner: fair, name: Tool %d!, description: x, bot_scopes: [chat:write]}\n", n, n)
		}
		s.Apply(world.String())
		for n := range installedOnPage + 2 {
			s.install(fmt.Sprintf("tool%d", n), "fair", "fia")
		}
		v := s.in("fia")
		at, seen := s.fill("/console/orgs/{orgs.fair}/apps"), map[string]int{}
		first := v.get(at).is(t, 200, "Older").lacks(t, "Newest")
		next := first.between(t, `<a class="button" href="`, `"`)
		second := v.get(next).is(t, 200, "Newest").lacks(t, "Older")
		for n := range installedOnPage + 2 {
			name := fmt.Sprintf(">Tool %d!</a>", n)
			seen[name] = strings.Count(first.body, name) + strings.Count(second.body, name)
			if seen[name] != 1 {
				t.Errorf("%s is shown %d times", name, seen[name])
			}
		}
		if back := second.between(t, `<a class="button" href="`, `"`); back != at {
			t.Errorf("the second page leads back to %s", back)
		}
		v.get(strings.Replace(next, s.ID("orgs.fair").String(), s.ID("orgs.solo").String(), 1)).is(t, 404)
	})
}

// Who holds a right sees what it is for, and who does not sees the page without
// buttons.
func TestInstallationPage(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		i := s.install("clerk", "fair", "fia")
		s.mint(i, "nightly report")
		page := s.pageOf("fair", i)
		buttons := []string{"Save permissions", "Set up", "Revoke", page + "/uninstall"}
		s.in("fia").get(page).is(t, 200, append(buttons, "Clerk", "What Clerk may do", "works at Fair as Clerky", "nightly report", "For the app user",
			"Manage the users of the organization", "Has no effect through the app’s tokens")...)
		s.in("finn").get(page).is(t, 200, "Clerk", "works at Fair as Clerky", "None", "Whoever manages the users").lacks(t, append(buttons, "nightly report")...)
		s.in("flo").get(page).is(t, 200, "Save permissions").lacks(t, "Set up", "Revoke", "nightly report", page+"/uninstall")

		plain := s.install("notes", "fair", "fia")
		s.in("fia").get(s.pageOf("fair", plain)).is(t, 200, "It has no tokens at the moment.").lacks(t, "App user", "Save permissions", "Set up")
	})
}

func TestSetPermissionsOnPage(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		i := s.install("clerk", "fair", "fia")
		page := s.pageOf("fair", i)
		held := func() []souk.Permission {
			m := look(s, func(tx *store.Tx) (souk.Membership, error) { return tx.Membership(i.AppUser, i.Org) })
			return m.Permissions
		}
		s.in("finn").post(page+"/permissions", "permission", "users").is(t, 403, "You may not do this")
		s.in("solveig").post(page+"/permissions", "permission", "users").is(t, 404)
		if len(held()) != 0 {
			t.Fatalf("the app user holds %v", held())
		}
		for _, who := range []string{"flo", "fia"} {
			v := s.in(who)
			v.post(page+"/permissions", "permission", "reports", "permission", "users").leadsDone(t, page, "permissions-saved")
			saved := v.get(page).is(t, 200, "The permissions are saved.")
			if got := strings.Count(saved.body, " checked>"); got != 2 || len(held()) != 2 {
				t.Errorf("%d boxes are checked, and it holds %v", got, held())
			}
			v.post(page+"/permissions").leadsDone(t, page, "permissions-saved")
			if len(held()) != 0 {
				t.Errorf("the app user still holds %v", held())
			}
			v.post(page+"/permissions", "permission", "everything").is(t, 422)
		}
		plain := s.install("notes", "fair", "fia")
		s.in("fia").post(s.pageOf("fair", plain)+"/permissions", "permission", "users").is(t, 404, "There is no such person")
	})
}

func TestRevokeInstalledToken(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		i, other := s.install("clerk", "fair", "fia"), s.install("notes", "fair", "fia")
		token := s.mint(i, "nightly report")
		fia, page := s.in("fia"), s.pageOf("fair", i)
		s.in("finn").post(page+"/tokens/"+token.ID.String()+"/revoke").is(t, 403)
		fia.post(s.pageOf("fair", other)+"/tokens/"+token.ID.String()+"/revoke").is(t, 404, "There is no such token")
		fia.post(page+"/tokens/"+souk.NewID().String()+"/revoke").is(t, 404, "There is no such token")
		fia.post(page+"/tokens/"+token.ID.String()+"/revoke").leadsDone(t, page, "token-revoked")
		fia.get(page).is(t, 200, "It does not work any more.", "It has no tokens at the moment.")
		fia.post(page+"/tokens/"+token.ID.String()+"/revoke").is(t, 404)
	})
}

// Nothing of one org's is found at another, whatever ids are put together.
func TestInstallationsOfOthers(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		i := s.install("clerk", "fair", "fia")
		token := s.mint(i, "nightly report")
		fia, solveig := s.in("fia"), s.in("solveig")
		for _, r := range routes {
			if !strings.HasPrefix(r.path, "/console/orgs/") {
				continue
			}
			fill := func(org string) string {
				return strings.NewReplacer("{org}", s.ID("orgs."+org).String(), "{installation}", i.ID.String(), "{token}", token.ID.String(), "{app}", i.App.String()).Replace(r.path)
			}
			for _, try := range []struct {
				who *visitor
				org string
			}{{solveig, "fair"}, {solveig, "solo"}, {fia, "solo"}} {
				at := fill(try.org)
				if r.path == "/console/orgs/{org}/apps" && try.who == solveig && try.org == "solo" {
					continue // their own, which is empty
				}
				got := try.who.send(r.method, at, "application/x-www-form-urlencoded", strings.NewReader(""))
				got.is(t, 404).lacks(t, "Vendor", "nightly", "Fair")
			}
		}
		if now := look(s, func(tx *store.Tx) (souk.Installation, error) { return tx.Installation(i.ID) }); !now.Live() {
			t.Error("somebody else has ended it")
		}
	})
}

// What reaches a workspace from above is shown there and looked after above.
func TestInstallationFromAbove(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		if _, err := s.Market.Approve(t.Context(), s.As("olga"), market.Decision{App: s.ID("apps.clerk"), At: s.ID("orgs.acme")}); err != nil {
			t.Fatal(err)
		}
		done, err := s.Market.Install(t.Context(), s.As("olga"), market.Installing{
			App: s.ID("apps.clerk"), At: s.ID("orgs.acme"), Workspaces: []souk.ID{s.ID("orgs.sales")}, Terms: market.TermsAccepted,
		})
		if err != nil {
			t.Fatal(err)
		}
		sue, page := s.in("sue"), s.pageOf("sales", done.Installation)
		sue.get(s.fill("/console/orgs/{orgs.sales}/apps")).is(t, 200, "Clerk", "From Acme")
		sue.get(page).is(t, 200, "Acme has installed it, and Acme Sales has it from there.").lacks(t, "Save permissions", "Revoke", "/uninstall", "Set up")
		sue.get(s.fill("/console/orgs/{orgs.sales}/apps")).lacks(t, "Set up")
		sue.post(page+"/setup").is(t, 403, "You may not do this")
		for _, action := range []string{"/permissions", "/uninstall"} {
			sue.post(page+action).is(t, 404, "This app is not installed here")
		}
		sue.get(page+"/uninstall").is(t, 404)
		sue.get(s.link("clerk", "org", "{orgs.sales}")).is(t, 200, "Clerk is installed", "Acme has installed it for its workspaces")
		olga := s.in("olga")
		olga.get(s.pageOf("acme", done.Installation)+"/uninstall").is(t, 200, "1 workspace loses the app:", "Acme Sales")
	})
}

func TestUninstallPage(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		i := s.install("clerk", "fair", "fia")
		for _, name := range []string{"one", "two", "three"} {
			s.mint(i, name)
		}
		v, page := s.in("fia"), s.pageOf("fair", i)+"/uninstall"
		for _, who := range []string{"finn", "flo"} {
			other := s.in(who)
			other.get(page).is(t, 403, "You may not do this")
			other.post(page).is(t, 403, "You may not do this")
		}
		v.get(page).is(t, 200, "Uninstall Clerk?", "What stops at once", "3 tokens of the app stop working", "1 person is no longer spoken for",
			"The app user Clerky is deactivated for good", "Uninstall", "Cancel").lacks(t, "workspace", "messages")
		if _, err := s.Market.InstallationOf(t.Context(), s.As("fia"), i.App, i.Org); err != nil {
			t.Fatalf("looking at what would stop has stopped it: %v", err)
		}
		list := s.fill("/console/orgs/{orgs.fair}/apps")
		v.post(page).leadsDone(t, list, "uninstalled")
		v.get(list).is(t, 200, "The app is uninstalled.", "Nothing is installed at Fair yet.")
		v.post(page).is(t, 404, "This app is not installed here")
		v.get(page).is(t, 404, "This app is not installed here")
		v.get(s.pageOf("fair", i)).is(t, 404)

		idle := s.install("notes", "fair", "fia")
		given := look(s, func(tx *store.Tx) (souk.Grant, error) {
			return grantTo(tx, idle.ID, s.ID("users.fia"), idle.Org)
		})
		v.get(s.pageOf("fair", idle)+"/uninstall").is(t, 200, "1 person is no longer spoken for").lacks(t, "token", "user")
		v.post("/console/account/grants/"+given.ID.String()+"/revoke").leadsDone(t, accountPath, "grant-revoked")
		v.get(s.pageOf("fair", idle)+"/uninstall").is(t, 200, "Nothing else: the app has no tokens here").lacks(t, "0 ")
		v.post(s.pageOf("fair", idle)+"/uninstall").leadsDone(t, list, "uninstalled")

		s.change("notes", func(a *souk.App) { a.Protected = true })
		kept := s.install("notes", "fair", "fia")
		v.get(s.pageOf("fair", kept)).is(t, 200, "Only the operator").lacks(t, "/uninstall")
		v.get(s.pageOf("fair", kept)+"/uninstall").is(t, 200, "Only the operator").lacks(t, `action="`+s.pageOf("fair", kept))
		v.post(s.pageOf("fair", kept)+"/uninstall").is(t, 403, "This app is protected")
	})
}

func TestSetUp(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		i := s.install("clerk", "fair", "fia")
		told := s.in("fia").post(s.pageOf("fair", i)+"/setup").toldAt(t, "https://clerk.example/open")
		if told.Get("type") != "setup" || told.Get("redirect_uri") != "" || told.Get("user") != s.ID("users.fia").String() {
			t.Errorf("the app is told %v", told)
		}
		s.in("finn").post(s.pageOf("fair", i)+"/setup").is(t, 403)
		plain := s.install("notes", "fair", "fia")
		s.in("fia").post(s.pageOf("fair", plain)+"/setup").is(t, 422, "This app has no page to open")
	})
}

// An app opens inside of our page, in a frame that is let do little; the page
// lets in no other.
func TestOpenApp(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		s.install("clerk", "fair", "fia")
		s.install("notes", "fair", "fia")
		v := s.in("finn")
		open := s.fill("/console/orgs/{orgs.fair}/open/{apps.clerk}")
		v.get("/console").is(t, 200, `<a href="`+open+`">Clerk</a>`).lacks(t, "Notes</a>")
		page := v.get(open).is(t, 200, "Clerk", `title="Clerk, an app inside of this page"`, `width="700" height="400"`,
			`referrerpolicy="no-referrer"`, `sandbox="allow-scripts allow-forms allow-popups"`)
		if address := page.between(t, `src="https`, `"`); !strings.HasPrefix(address, "://clerk.example/open?v=1&type=manual_nav&") {
			t.Errorf("the frame shows %s", address)
		}
		policy := page.header.Get("Content-Security-Policy")
		if !strings.HasSuffix(policy, "; frame-src https://clerk.example") || !strings.Contains(policy, "form-action 'self';") {
			t.Errorf("the page's policy is %s", policy)
		}
		if other := v.get("/console").header.Get("Content-Security-Policy"); strings.Contains(other, "frame-src") {
			t.Errorf("the policy of another page is %s", other)
		}
		for _, from := range []string{"cross-site", "same-site"} {
			v.header.Set("Sec-Fetch-Site", from)
			asked := v.get(open).is(t, 200, "A link on another site brought you here.", "Open Clerk", `href="`+open+`"`).lacks(t, "<iframe", "clerk.example")
			if policy := asked.header.Get("Content-Security-Policy"); strings.Contains(policy, "frame-src") {
				t.Errorf("the page's policy is %s", policy)
			}
		}
		for _, from := range []string{"none", "same-origin"} {
			v.header.Set("Sec-Fetch-Site", from)
			v.get(open).is(t, 200, "<iframe")
		}
		v.get(s.fill("/console/orgs/{orgs.fair}/open/{apps.notes}")).is(t, 422, "This app has no page to open")
		v.get(s.fill("/console/orgs/{orgs.fair}/open/{apps.deploybot}")).is(t, 404)
		v.send(http.MethodPost, open, "", nil).is(t, 405)
	})
}
