package conformance

import (
	"flag"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/souktest/browser"
)

var screenshots = flag.Bool("screenshots", false, "write pictures of the console's pages to docs/screenshots")

// visitor is a person before the console's pages.
type visitor struct {
	*browser.Tab
	server
	t       *testing.T
	app     string      // URL of the server of Vendor's apps
	met     chan string // types of the triggers that it was opened by
	scripts bool        // the browser runs them
}

// visit is a journey through the pages of a Souk with the world of
// testdata/pages.yaml: once with JavaScript, and once without.
func visit(t *testing.T, journey func(t *testing.T, v *visitor)) {
	t.Parallel()
	eachWay(t, func(t *testing.T, v *visitor) {
		v.app, v.met = startApp(t)
		document, err := os.ReadFile(filepath.Join("testdata", "pages.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "pages.yaml")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(document), "APP/", v.app+"/")), 0o600); err != nil {
			t.Fatal(err)
		}
		v.server, _ = startWorld(t, filepath.Join(t.TempDir(), "souk.db"), path)
		journey(t, v)
	})
}

// eachWay runs a test with a browser that runs scripts, and with one that does
// not.
func eachWay(t *testing.T, test func(t *testing.T, v *visitor)) {
	for _, scripts := range []bool{true, false} {
		name := "with JavaScript"
		if !scripts {
			name = "without JavaScript"
		}
		t.Run(name, func(t *testing.T) {
			v := &visitor{Tab: browser.Open(t), t: t, scripts: scripts}
			if !scripts {
				v.WithoutJavaScript()
			}
			test(t, v)
		})
	}
}

// startApp is the server of an app: it greets whoever a trigger brings, and
// those who come back. It tells the types of the triggers.
func startApp(t *testing.T) (address string, met chan string) {
	t.Helper()
	met = make(chan string, 100) // more than any journey brings
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, title, body string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%s</title></head>
			<body style="font: 1rem/1.5 sans-serif; padding: 1rem"><h1>%[1]s</h1>%s</body></html>`, title, body)
	}
	mux.HandleFunc("/trigger", func(w http.ResponseWriter, r *http.Request) {
		met <- r.FormValue("type")
		body := "<p>This is the app's own page.</p>"
		if back := r.FormValue("redirect_uri"); back != "" {
			body += `<p><a href="` + html.EscapeString(back) + `">Done</a></p>`
		}
		page(w, "Deploybot: "+html.EscapeString(r.FormValue("type")), body)
	})
	mux.HandleFunc("/back", func(w http.ResponseWriter, r *http.Request) {
		page(w, "Back at Vendor", "<p>"+html.EscapeString(r.URL.RawQuery)+"</p>")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL, met
}

// meets fails the test unless the next trigger that reaches the app is of a
// type.
func (v *visitor) meets(kind string) {
	v.t.Helper()
	select {
	case got := <-v.met:
		if got != kind {
			v.t.Fatalf("the app hears of %s, not of %s", got, kind)
		}
	case <-time.After(patience):
		v.t.Fatalf("the app does not hear of %s", kind)
	}
}

// password is that of everybody in testdata/pages.yaml.
const password = "correct horse battery"

// signIn signs somebody in and lands at a path.
func (v *visitor) signIn(email string) {
	v.t.Helper()
	v.Go(v.URL("/console/signin"))
	v.enter(email, password)
}

// enter fills in the page to sign in.
func (v *visitor) enter(email, secret string) {
	v.t.Helper()
	v.Fill("E-mail", email)
	v.Fill("Password", secret)
	v.Press("Sign in")
}

// URL is the address of a path of the server's.
func (v *visitor) URL(path string) string { return v.server.URL + path }

// at fails the test unless the browser is at a path, whatever its query.
func (v *visitor) at(path string) {
	v.t.Helper()
	here, _, _ := strings.Cut(v.Tab.URL(), "?")
	here, _, _ = strings.Cut(here, "#")
	if here != v.URL(path) {
		v.t.Fatalf("at %s, not at %s:\n%s", v.Tab.URL(), path, v.Text())
	}
}

// How a page is pictured, besides in light colours on a desk.
const (
	dark  = "dark"
	phone = "360"
)

// look holds the page before the visitor to what holds for all pages: it can be
// operated by keyboard, and keeps to WCAG 2.2 in both schemes of colours, on a
// desk and at 360 pixels, which it does not exceed. With -screenshots it is pictured under its name.
func (v *visitor) look(name string, also ...string) {
	v.t.Helper()
	if !v.scripts {
		return // it is the same page
	}
	picture := func(suffix string) {
		if *screenshots {
			v.Screenshot(filepath.Join("..", "docs", "screenshots", name+suffix+".png"))
		}
	}
	v.Axe()
	picture("")
	v.Dark()
	v.Axe()
	if slices.Contains(also, dark) {
		picture("-dark")
	}
	v.Light()
	v.Width(360)
	v.NoSidewaysScroll()
	v.Axe()
	if slices.Contains(also, phone) {
		picture("-360")
	}
	v.Width(1280)
	v.KeyboardReach()
}
