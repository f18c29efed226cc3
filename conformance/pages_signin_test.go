package conformance

import (
	"net/http"
	"path/filepath"
	"regexp"
	"testing"
)

var welcomes = regexp.MustCompile(`http://\S+/console/welcome\?\S+`)

// A new server prints a link, and the link makes the first operator's account,
// once.
func TestPagesFirstRun(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, v *visitor) {
		flags, _ := place(t, filepath.Join(t.TempDir(), "souk.db"))
		said := serve(t, nil, flags...)
		v.server.URL = said.base
		link := welcomes.FindString(said.String())
		if link == "" {
			t.Fatalf("no link is printed:\n%s", said)
		}
		v.Go(link)
		v.Says("Welcome to Souk")
		v.look("welcome", dark, phone)

		v.Fill("Organization", "Harbour & Sons")
		v.Fill("First name", "Inga")
		v.Fill("E-mail", "inga@harbour.example")
		v.Fill("Password", "too short")
		v.Press("Make the account")
		v.Says("At least 12 characters")
		if v.Value("Organization") != "Harbour & Sons" || v.Value("Password") != "" {
			t.Errorf("the form keeps %q and %q", v.Value("Organization"), v.Value("Password"))
		}
		v.look("welcome-again")

		v.Fill("Password", password)
		v.Press("Make the account")
		v.at("/console")
		v.Says("Hello, Inga", "Harbour & Sons", "Operator", "Your account is ready")
		v.look("home-operator", phone)

		v.Go(link)
		v.Says("This link is not good any more")
		if v.Status() != http.StatusGone {
			t.Errorf("the link answers %d", v.Status())
		}
		v.look("welcome-spent")
	})
}

// A wrong password says no more than that, and lets nobody in.
func TestPagesSignIn(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.Go(v.URL("/console/account"))
		v.at("/console/signin")
		v.look("signin", dark, phone)
		var said []string
		for _, email := range []string{"solveig@solo.example", "nobody@solo.example"} {
			v.enter(email, "wrong horse battery")
			v.Says("That e-mail and password do not go together")
			if v.Value("E-mail") != email || v.Value("Password") != "" {
				t.Errorf("the form keeps %q and %q", v.Value("E-mail"), v.Value("Password"))
			}
			said = append(said, v.Text())
		}
		if said[0] != said[1] {
			t.Errorf("whether somebody is known is told:\n%s\nand\n%s", said[0], said[1])
		}
		v.look("signin-wrong")
		v.Go(v.URL("/console"))
		v.at("/console/signin")

		v.Go(v.URL("/console/account"))
		v.enter("solveig@solo.example", password)
		v.at("/console/account")
		v.Says("Solveig Dahl", "solveig@solo.example", "Solo")
		v.Press("Sign out")
		v.at("/console/signin")
		v.Says("You are signed out.")
		v.Go(v.URL("/console/account"))
		v.at("/console/signin")
	})
}

// Who has the same e-mail in two organizations says which is meant.
func TestPagesSignInToOneOfTwo(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.signIn("sam@both.example")
		v.Says("Which organization?", "Solo", "Vendor Ltd")
		v.look("signin-choose")
		v.Press("Continue to Vendor Ltd")
		v.at("/console")
		v.Says("Hello, Sam", "Vendor Ltd")
		v.Lacks("Solo")
	})
}

// A person's own page: tokens are shown once, another password ends all other
// sessions.
func TestPagesAccount(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.signIn("solveig@solo.example")
		v.look("home", dark)
		v.Follow("Solveig Dahl")
		v.at("/console/account")
		v.look("account", dark, phone)

		v.Unfold("New token")
		v.Fill("What is it for?", "nightly report")
		v.look("account-token-new")
		v.Press("Make token")
		v.Says("Your new token “nightly report”", "Copy it now.")
		v.look("account-token", phone)
		v.Follow("I have copied it")
		v.Says("nightly report")
		v.Lacks("Copy it now.")
		v.Press("Revoke the token nightly report")
		v.Says("The token is revoked.", "You have no tokens.")

		v.Fill("Current password", "wrong horse battery")
		v.Fill("New password", "another horse battery")
		v.Press("Change password")
		v.Lacks("Your password is changed.")
		v.look("account-wrong")
		v.Fill("Current password", password)
		v.Fill("New password", "another horse battery")
		v.Press("Change password")
		v.Says("Your password is changed.")
		v.Go(v.URL("/console"))
		v.Press("Sign out")
		v.enter("solveig@solo.example", password)
		v.Says("do not go together")
		v.enter("solveig@solo.example", "another horse battery")
		v.Says("Hello, Solveig")
	})
}
