package console

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

// siege tries an account from ever other addresses until it has no tries left,
// and tells how many it had.
func (s *site) siege(email string) (tries int) {
	s.t.Helper()
	for last := (reply{}); last.status != http.StatusTooManyRequests; tries++ {
		if tries > 200 {
			s.t.Fatal("an account may be tried without end")
		}
		v := s.visitor()
		v.address = "192.0.2." + strconv.Itoa(tries) + ":1"
		last = v.post("/console/signin", "email", email, "password", "guess "+strconv.Itoa(tries))
	}
	return tries
}

// Whoever signed in to an account before gets in to it while strangers keep it
// without tries, and no browser gets more tries by that than it should.
func TestKnownBrowser(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		owner, stranger, neighbour := s.signedIn("ada"), s.visitor(), s.signedIn("bo")
		owner.address, stranger.address, neighbour.address = "203.0.113.1:1", "203.0.113.2:1", "203.0.113.3:1"
		owner.post("/console/signout").leadsDone(t, "/console/signin", "signed-out")
		s.siege("ada@acme.example")
		stranger.signIn("ada").is(t, http.StatusTooManyRequests)
		neighbour.signIn("ada").is(t, http.StatusTooManyRequests) // knows another account
		owner.post("/console/signin", "email", " ADA@acme.example", "password", password).leads(t, "/console")

		var refused reply
		tries := 0
		for ; tries < 100 && refused.status != http.StatusTooManyRequests; tries++ {
			refused = owner.post("/console/signin", "email", "ada@acme.example", "password", "guess "+strconv.Itoa(tries))
		}
		if tries <= burstOfBrowser || tries > burstOfBrowser+2 {
			t.Errorf("a browser that is known ran out after %d tries", tries)
		}
		s.siege("ada@acme.example")
		for _, forged := range []string{"nonsense", "", stranger.cookies["souk_known"] + "x"} {
			v := s.visitor()
			v.address, v.cookies["souk_known"] = "203.0.113.4:1", forged
			v.signIn("ada").is(t, http.StatusTooManyRequests)
		}
	})
}

// Whoever is signed in changes the password while strangers keep the account
// without tries, and has tries of their own, which end.
func TestPasswordChangeUnderSiege(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		owner := s.signedIn("ada")
		for range burstOfAddress + 1 { // also from the owner's own address
			s.visitor().signIn("gus")
		}
		s.siege("ada@acme.example")
		change := func(old, fresh string) reply {
			return owner.post("/console/account/password", "old", old, "password", fresh)
		}
		change(password, "staple battery horse").leadsDone(t, "/console/account", "password-changed")
		for range burstOfUser {
			change("not it at all", password)
		}
		wait, err := strconv.Atoi(change("staple battery horse", password).is(t, http.StatusTooManyRequests).header.Get("Retry-After"))
		if err != nil || wait < 1 || wait > 60/triesPerUser {
			t.Fatalf("Retry-After: %d, %v", wait, err)
		}
		time.Sleep(time.Duration(wait) * time.Second)
		change("staple battery horse", password).leadsDone(t, "/console/account", "password-changed")
	})
}

// A page of another site that has a browser load our pages, as pictures do, locks
// nobody out.
func TestPicturesSpendNoTries(t *testing.T) {
	everySiteInTime(t, func(t *testing.T, s *site) {
		v := s.visitor()
		for range 2 * burstOfAddress {
			v.get("/console/welcome?code=x").is(t, http.StatusGone)
			v.get(backPath+"?code=x&state=y").is(t, http.StatusNotFound) // there is no provider
		}
		v.signIn("ada").leads(t, "/console")
	})
}
