package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// hostile are ways that somebody has tried, somewhere, to lead a browser
// elsewhere by a path.
var hostile = []string{
	"", ".", "..", "console", "evil.example", "?x", "#x",
	"https://evil.example", "http://evil.example/console", "HTTPS://evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example",
	"//evil.example", "///evil.example", "////evil.example", "//evil.example/%2f..", "//user@evil.example", "//evil.example:443/x", "/ /evil.example",
	`\\evil.example`, `/\evil.example`, `\/evil.example`, `/\/evil.example`, `/console\..\..\evil`, `/\t/evil.example`,
	"/\t/evil.example", "/\n/evil.example", "/\r\n/evil.example", "\t//evil.example", " //evil.example", "/\x00/evil.example", "/console\r\nSet-Cookie: a=b",
	"/%09/evil.example", "/%0a/evil.example", "/%0d%0aLocation:https://evil.example", "/%5cevil.example", "/%2fevil.example", "/%2f%2fevil.example", "/%2Fevil.example", "/x/%2f%2fevil.example",
	"/.//evil.example", "/..//evil.example", "/x/..//evil.example", "/console/../../evil", "/console/./x", "/console//x", "/%2e%2e//evil.example", "/%2e/evil",
	"javascript:alert(1)", "data:text/html,x", "javascript://souk.example/%0aalert(1)", "blob:x", "mailto:a@evil.example",
	"http://souk.example@evil.example", "https://souk.example.evil.example", "http://souk.example:80@evil.example/", "@evil.example", ":evil.example", "souk.example/console",
	"/console#//evil.example", "/console\u2028", "/\u2215evil.example", "/\uff0fevil.example", "/\u3002evil.example", "/console\x7f", "/%00", "/%zz", "/console?x=\n", `/console?x=\`, "/console?next= x",
	"/" + strings.Repeat("a", maxNext),
}

func TestSafeNext(t *testing.T) {
	for _, next := range hostile {
		if got := safeNext(next); got != "/console" {
			t.Errorf("safeNext(%q) = %q", next, got)
		}
	}
	for _, next := range []string{
		"/", "/console", "/console/account", "/console/account?done=token-revoked", "/console/orgs/1/apps?after=x&limit=20",
		"/apps/1/install?next=https%3A%2F%2Fapp.example%2Fback%3Fa%3Db&state=x", "/identity/authorize?redirect_uri=https://app.example/back&scope=a+b", "/console/a%20b",
	} {
		if got := safeNext(next); got != next {
			t.Errorf("safeNext(%q) = %q", next, got)
		}
	}
}

// FuzzSafeNext resolves what comes out as a browser would, and as one would that
// takes a backslash for a slash and drops tabs.
func FuzzSafeNext(f *testing.F) {
	for _, next := range hostile {
		f.Add(next)
	}
	base, err := url.Parse("https://souk.example/console/signin")
	if err != nil {
		f.Fatal(err)
	}
	lenient := strings.NewReplacer(`\`, "/", "\t", "", "\n", "", "\r", "", "%5c", "/", "%5C", "/", "%2f", "/", "%2F", "/")
	f.Fuzz(func(t *testing.T, next string) {
		safe := safeNext(next)
		for _, s := range []string{safe, lenient.Replace(safe)} {
			path, _, _ := strings.Cut(s, "?")
			to, err := base.Parse(s)
			if err != nil || to.Scheme != "https" || to.Host != "souk.example" || strings.HasPrefix(path, "//") {
				t.Errorf("safeNext(%q) = %q leads to %v, %v", next, safe, to, err)
			}
		}
	})
}

// Wherever a next comes from, signing in does not leave the origin.
func TestNextStaysHere(t *testing.T) {
	everySite(t, func(t *testing.T, s *site) {
		inside := s.signedIn("ada")
		for _, next := range hostile {
			query := url.Values{"next": {next}}.Encode()
			if got := s.visitor().get("/console/signin?"+query).is(t, http.StatusOK).value(t, "next"); got != "/console" {
				t.Errorf("next=%q: the form leads to %q", next, got)
			}
			inside.get("/console/signin?"+query).leads(t, "/console")
		}
		for _, next := range []string{"//evil.example", `/\evil.example`, "https://evil.example"} {
			s.visitor().post("/console/signin", "email", "ada@acme.example", "password", password, "next", next).leads(t, "/console")
			wrong := s.visitor().post("/console/signin", "email", "ada@acme.example", "password", "nonsense", "next", next)
			if got := wrong.is(t, http.StatusUnprocessableEntity).value(t, "next"); got != "/console" {
				t.Errorf("next=%q: the form leads to %q after a wrong password", next, got)
			}
		}
		v := s.visitor()
		next := v.get("/console/account?done=x&y=1").header.Get("Location")
		at, err := url.Parse(next)
		if err != nil || at.Path != "/console/signin" {
			t.Fatalf("a stranger is sent to %q, %v", next, err)
		}
		page := v.get(next).is(t, http.StatusOK)
		v.post("/console/signin", "email", "ada@acme.example", "password", password, "next", page.value(t, "next")).leads(t, "/console/account?done=x&y=1")
	})
}
