package console

import (
	"net/url"
	"strings"
	"testing"
)

// registered are the redirect URIs of an app.
var registered = []string{
	"https://app.example/back", "https://app.example:8443/back?a=b", "http://dev.example/", "https://app.example/a%2Fb",
}

// refusedWays are ways on that lead to none of our pages and none of registered,
// or that somebody could read so.
var refusedWays = []string{
	// Other hosts, spelled in every way that has fooled somebody.
	"https://evil.example", "https://evil.example/back", "HTTPS://EVIL.EXAMPLE/back", "hTTps://evil.example/console",
	"https:evil.example/back", "https:/evil.example/back", "https:///evil.example/back", "https:////evil.example", "https://///evil.example",
	`https:\\evil.example`, `https:/\evil.example`, `https:\/evil.example/back`, `\\evil.example`, `/\evil.example`, `\/evil.example`, `/\/evil.example`,
	"https://souk.example@evil.example/", "https://souk.example:x@evil.example/", "https://souk.example%40evil.example/", "https://@evil.example/",
	"https://evil.example#@souk.example/", "https://evil.example?@souk.example/", `https://evil.example\@souk.example/`, `https://souk.example\.evil.example/`,
	"https://souk.example.evil.example/", "https://souk.example-evil.example/", "https://evilsouk.example/", "https://souk.exampl/", "https://souk.example.com",
	"https://app.example.evil.example/back", "https://xapp.example/back", "https://app.example@evil.example/back", "https://evil.example/https://app.example/back",
	// Characters that browsers drop or translate.
	"https://app.example\t/back", "https://app.\nexample/back", "\thttps://app.example/back", " https://app.example/back", "https://app.example/back ", "https://app.example/back\r\nX: y",
	"https://app.example/back\x00", "https://app.example/\\back", "https://app.example/back\u2028", "https://app\u3002example/back", "https://\u24d0pp.example/back", "https://\uff41pp.example/back", "https://souk\u2024example/console",
	"https://app.example%2Fevil/back", "https://app.example%00/back", "https://app%2eexample/back",
	// What is no address of the web.
	"javascript:alert(1)", "JavaScript:alert(1)", "javascript://app.example/%0aalert(1)", "java\tscript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://app.example/x", "mailto:a@app.example", "ftp://app.example/back", "app.example/back", "app://back",
	// Nearly ours, and nearly registered.
	"http://souk.example/console", "https://souk.example:8443/console", "https://souk.example:/console", "https://souk.example./console", "https://user@souk.example/console",
	"https://app.example./back", "https://app.example:/back", "https://app.example:444/back", "http://app.example/back", "//app.example/back", "https://www.app.example/back", "https://u@app.example/back",
	"https://app.example", "https://app.example/", "https://app.example/back/", "https://app.example/Back", "https://app.example/back/../back", "https://app.example//back", "https://app.example/./back", "https://app.example/b%61ck", "https://app.example/back%2f..",
	"https://app.example/back?", "https://app.example/back?x=y", "https://app.example/back#x", "https://app.example/back;x", "https://app.example:8443/back", "https://app.example:8443/back?a=c", "https://app.example:8443/back?a=b&c=d", "https://app.example:8443/back?A=b",
	"https://app.example/a/b", "https://app.example/a%2fb", "https://dev.example/", "http://dev.example:8080/", "http://dev.example/x",
	// Paths that are no page's.
	"https://souk.example//evil.example", "https://souk.example/\\evil.example", "https://souk.example/..//evil.example", "https://souk.example/console#x", "https://souk.example/%2f/evil.example",
}

// ways are all that are taken, with where they lead.
var ways = map[string]string{
	"/console":                               "/console",
	"/console/account?done=x":                "/console/account?done=x",
	"/settings/live/":                        "/settings/live/",
	"https://souk.example":                   "/",
	"https://souk.example/console":           "/console",
	"HTTPS://Souk.Example:443/console?x=%2F": "/console?x=%2F",
	"https://app.example/back":               "https://app.example/back",
	"hTTps://APP.example:443/back":           "https://app.example/back",
	"https://app.example:8443/back?a=b":      "https://app.example:8443/back?a=b",
	"http://dev.example":                     "http://dev.example/",
	"http://dev.example:80/":                 "http://dev.example/",
	"https://app.example/a%2Fb":              "https://app.example/a%2Fb",
}

// wayOn is where a visitor of https://souk.example would be sent.
func wayOn(next string) (string, bool) {
	h := &Handler{base: &url.URL{Scheme: "https", Host: "souk.example"}}
	if way, ok := h.ownWay(next); ok {
		return way, true
	}
	return registeredWay(next, registered)
}

func TestWayOn(t *testing.T) {
	for _, next := range append(refusedWays, hostile...) {
		if way, ok := wayOn(next); ok {
			t.Errorf("%q leads to %q", next, way)
		}
	}
	for next, want := range ways {
		if way, ok := wayOn(next); !ok || way != want {
			t.Errorf("%q leads to %q (%v), want %q", next, way, ok, want)
		}
	}
}

// FuzzWayOn holds to it that nobody is ever sent anywhere but to a path of ours
// that no browser takes for a host, or to a registered address to the byte.
func FuzzWayOn(f *testing.F) {
	for _, next := range append(refusedWays, hostile...) {
		f.Add(next)
	}
	for next := range ways {
		f.Add(next)
	}
	base, err := url.Parse("https://souk.example/apps/x/install")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		way, ok := wayOn(next)
		for _, uri := range registered {
			if !ok || way == uri {
				return
			}
		}
		to, err := base.Parse(way)
		if err != nil || to.Scheme != "https" || to.Host != "souk.example" || strings.HasPrefix(way, "//") || strings.Contains(way, `\`) {
			t.Errorf("%q leads to %q", next, way)
		}
	})
}

// An origin stands in headers, so that it is made of nothing that ends a word or
// a directive there.
func TestOrigins(t *testing.T) {
	for address, want := range map[string]string{
		"https://app.example/back":         "https://app.example",
		"HTTPS://App.Example:443/Back":     "https://app.example",
		"http://app.example:80":            "http://app.example",
		"http://10.0.0.7:8080/x?y;z,w":     "http://10.0.0.7:8080",
		"http://a-b.c_d.example/":          "",
		"http://[::1]:8080/x":              "http://[::1]:8080",
		"http://[2001:DB8::7]/":            "http://[2001:db8::7]",
		"https://a.example;script-src/":    "",
		"https://a.example,b.example/":     "",
		"https://a.example'unsafe-inline'": "",
		"https://*.example/":               "",
		"https://*/":                       "",
		"https://a.example\"x/":            "",
		"https://(a).example/":             "",
		"https://a!b.example/":             "",
		"https://a$b.example/":             "",
		"https://a&b=c.example/":           "",
		"https://a.example:80;x/":          "",
		"https://a.example:x/":             "",
		"https://a.example:/":              "",
		"https://a.example:123456/":        "",
		"https://:443/":                    "",
		"https://[::1];x/":                 "",
		"https://[::1%25eth0]/":            "",
		"https://[fe80::1;x]/":             "",
		"https://[]/":                      "",
		"https://[::1/":                    "",
		"https://a.example%3bx/":           "",
		"https://user@a.example/":          "",
		"ftp://a.example/":                 "",
		"https:a.example":                  "",
	} {
		if origin, _, ok := takeApart(address); origin != want || ok != (want != "") {
			t.Errorf("the origin of %q is %q, want %q", address, origin, want)
		}
		if host := hostOf(address); want == "" && host != "" || want != "" && !strings.HasSuffix(want, "://"+host) {
			t.Errorf("the host of %q is %q", address, host)
		}
	}
	got := leadsTo("http://a.example;script-src *", "http://b.example, http://c.example/", "http://d.example/x", "https://e.example/").String()
	if !strings.Contains(got, "; form-action 'self' https: http://d.example; ") || strings.Contains(got, "*") || strings.Contains(got, "b.example") {
		t.Errorf("the policy is %s", got)
	}
}

func TestCarry(t *testing.T) {
	for _, tt := range []struct{ address, want string }{
		{"/console", "/console?status=denied"},
		{"/console?x=1&y", "/console?x=1&y&status=denied"},
		{"/console?status=installed&x=a%20b&status=2", "/console?x=a%20b&status=denied"},
		{"https://app.example/back?%73tatus=installed&request_id=1", "https://app.example/back?status=denied"},
		{"https://app.example/?", "https://app.example/?status=denied"},
		{"https://app.example/back?statuses=1&%zz=2", "https://app.example/back?statuses=1&%zz=2&status=denied"},
		{"https://app.example/back?status=1#status=2", "https://app.example/back?status=denied#status=2"},
	} {
		if got := carry(tt.address, "status", wasDenied, "request_id", ""); got != tt.want {
			t.Errorf("carry(%q) = %q, want %q", tt.address, got, tt.want)
		}
	}
	if got := carry("/x", "state", "a&b=c #"); got != "/x?state=a%26b%3Dc+%23" {
		t.Errorf("a state is carried as %q", got)
	}
}
