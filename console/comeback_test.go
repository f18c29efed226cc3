package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"souk"
)

// began is the address at which somebody comes back from Clerk, who has just
// installed it.
func (v *visitor) began(pairs ...string) (back string) {
	v.t.Helper()
	page := v.get(v.link("clerk", pairs...)).is(v.t, 200)
	told := v.accept(page, "first_name", "A", "last_name", "B", "terms", "accepted").toldAt(v.t, "https://clerk.example/open")
	return strings.TrimPrefix(told.Get("redirect_uri"), v.base)
}

// Who comes back from an app goes on to where the link said that began it, and
// nobody else does.
func TestComeBack(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		v := s.in("fia")
		back := v.began("next", "https://clerk.example/back", "state", "s")
		for range 2 { // also by the button that goes back
			v.get(back).leads(t, "https://clerk.example/back?status=installed&state=s")
		}
		v.get(back+"&status=x&next=https://evil.example/").leads(t, "https://clerk.example/back?status=installed&state=s")

		// Whose session ended signs in first, and the form there leads on.
		stranger := s.visitor()
		to := stranger.get(back)
		to.leads(t, "/console/signin?"+url.Values{"next": {back}}.Encode())
		if policy := stranger.get(to.header.Get("Location")).header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https:;") {
			t.Errorf("the page to sign in has the policy %s", policy)
		}
		s.in("finn").get(back).is(t, 400, "This link is not whole")

		s.change("clerk", func(a *souk.App) { a.RedirectURIs = nil })
		v.get(back).is(t, 400, "This link leads elsewhere")
	})
}

// No link that somebody else makes leads anywhere.
func TestComeBackForged(t *testing.T) {
	everyTown(t, func(t *testing.T, s *site) {
		v := s.in("fia")
		note := func(seal string, c comeback) string {
			sealed, err := s.console.seal(seal, c)
			if err != nil {
				t.Fatal(err)
			}
			return sealed
		}
		good := comeback{
			App: s.ID("apps.clerk"), Org: s.ID("orgs.fair"), User: s.ID("users.fia"), Way: "/console", Status: wasInstalled, Until: time.Now().Add(time.Hour),
		}
		at := func(app string) string { return "/apps/" + s.ID("apps."+app).String() + "/install/return" }
		v.get(carry(at("clerk"), "note", note(comebackSeal, good))).leadsDone(t, "/console?status=installed", "installed")
		late := good
		late.Until = time.Now()
		for name, address := range map[string]string{
			"no note":         at("clerk"),
			"an empty note":   at("clerk") + "?note=",
			"the old link":    carry(at("clerk"), "next", "https://clerk.example/back", "status", "installed", "state", "x"),
			"nonsense":        at("clerk") + "?note=nonsense",
			"an app's other":  carry(at("notes"), "note", note(comebackSeal, good)),
			"another's seal":  carry(at("clerk"), "note", note(tripSeal, good)),
			"too late":        carry(at("clerk"), "note", note(comebackSeal, late)),
			"cut":             carry(at("clerk"), "note", note(comebackSeal, good)[1:]),
			"two":             carry(at("clerk"), "note", note(comebackSeal, good)) + "&note=x",
			"nobody's":        carry(at("clerk"), "note", note(comebackSeal, comeback{})),
			"an unknown app":  carry("/apps/"+souk.NewID().String()+"/install/return", "note", note(comebackSeal, good)),
			"a broken escape": at("clerk") + "?note=%zz",
		} {
			if got := v.get(address); got.status != http.StatusBadRequest || !strings.Contains(got.body, "This link is not whole") {
				t.Errorf("%s: %d to %q", name, got.status, got.header.Get("Location"))
			}
		}
	})
}

// A note is good for an hour.
func TestComeBackLate(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		s.settle()
		v := s.in("fia")
		back := v.began("next", "https://clerk.example/back")
		time.Sleep(time.Hour - time.Second)
		v.get(back).leads(t, "https://clerk.example/back?status=installed")
		time.Sleep(time.Second)
		v.get(back).is(t, 400, "This link is not whole")
	})
}
