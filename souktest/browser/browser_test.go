package browser

import (
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// policy is as strict as the console's.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'"

// startSite serves pages by path under the policy.
func startSite(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	page := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", policy)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>A page</title>
				<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>
				<body><main><h1>A page</h1>%s</main></body></html>`, body)
		})
	}
	page("/form", `<form method="post" action="/said">
		<p><label for="n">Name</label> <input id="n" name="name" value="Nobody"></p>
		<p><label><input type="checkbox" name="sure" value="yes"> I am sure<br><small>Really</small></label></p>
		<p><label for="c">Colour</label> <select id="c" name="colour"><option value="r">Red<option value="b">Blue</select></p>
		<p><button>Send</button> <button formtarget="_blank" formaction="/said?aside">Send aside</button> <button hidden>Never</button> <button aria-label="Clear the form">Clear</button></p>
		</form><p><a href="/wide">Something wide</a></p><p><a href="/twice">A</a> and <a href="/twice">A</a></p>
		<script src="/script.js"></script>`)
	page("/keys", `<p><a href="/form">First</a> <button class="dim">Second</button>
		<input type="radio" name="r" aria-label="one"> <input type="radio" name="r" aria-label="two">
		<a href="/wide" tabindex="-1">Third</a></p>`)
	page("/wide", `<p class="wide">This is wide.</p>`)
	page("/poor", `<p class="pale">You can hardly read this.</p><p><input><a href="/form"></a></p>`)
	page("/breach", `<p style="color: red">Not by this policy.</p>`)
	page("/thrower", `<script src="/throw.js"></script>`)
	mux.HandleFunc("POST /said", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "name", Value: r.FormValue("name")})
		http.Redirect(w, r, fmt.Sprintf("/heard?name=%s&sure=%s&colour=%s", r.FormValue("name"), r.FormValue("sure"), r.FormValue("colour")), http.StatusSeeOther)
	})
	mux.HandleFunc("/heard", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s, from %d cookies", r.URL.RawQuery, len(r.Cookies()))
	})
	mux.HandleFunc("/style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		fmt.Fprint(w, `:focus-visible { outline: 3px solid } .dim:focus-visible { outline: none } .wide { width: 500px } .pale { color: #ddd } @media (prefers-color-scheme: dark) { body { background: #000; color: #333 } }`)
	})
	script := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, text)
		})
	}
	script("/script.js", `document.querySelector('h1').textContent = 'Scripts run'`)
	script("/throw.js", `throw new Error('thrown on purpose')`)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestForm(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	for _, javascript := range []string{"with", "without"} {
		t.Run(javascript+" JavaScript", func(t *testing.T) {
			b := Open(t)
			title := "Scripts run"
			if javascript == "without" {
				b.WithoutJavaScript()
				title = "A page"
			}
			b.Go(site + "/form")
			b.Says(title)
			if got := b.Value("Name"); got != "Nobody" || b.Status() != http.StatusOK {
				t.Errorf("the form holds %q, with status %d", got, b.Status())
			}
			b.Axe()
			b.Says(title)
			b.Fill("Name", "Ada")
			b.Check("I am sure")
			if !b.Checked("I am sure") {
				t.Error("the box is not checked")
			}
			b.Choose("Colour", "Blue")
			aside := b.PressForTab("Send aside")
			aside.Says("name=Ada&sure=yes&colour=b, from 1 cookies")
			b.Says("Send aside")
			b.Screenshot(filepath.Join(t.TempDir(), "in-front.png"))
			b.Press("Send")
			b.Says("name=Ada&sure=yes&colour=b, from 1 cookies")
			if want := site + "/heard?name=Ada&sure=yes&colour=b"; b.URL() != want || b.Status() != http.StatusTeapot {
				t.Errorf("arrived at %s with status %d", b.URL(), b.Status())
			}

			other := Open(t)
			other.Go(site + "/heard")
			other.Says("from 0 cookies")
		})
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	b := Open(t)
	b.Width(360)
	b.Go(startSite(t) + "/form")
	b.NoSidewaysScroll()
	b.Follow("Something wide")
	out := run(b, "measure the page", ask[[]string]("sideways", 360))
	if len(out) != 2 || !strings.Contains(out[1], "p.wide") {
		t.Errorf("a page of 500 px at 360: %q", out)
	}
}

func TestAxe(t *testing.T) {
	t.Parallel()
	b := Open(t)
	b.Go(startSite(t) + "/poor")
	told := strings.Join(b.breaches(), "\n")
	for _, want := range []string{"color-contrast: ", ".pale", "label: ", "link-name: ", "https://dequeuniversity.com/"} {
		if !strings.Contains(told, want) {
			t.Errorf("nothing of %q in\n%s", want, told)
		}
	}
	b.Dark()
	if told := strings.Join(b.breaches(), "\n"); !strings.Contains(told, "h1") {
		t.Errorf("the heading is as good as invisible in the dark, and axe-core says\n%s", told)
	}
}

func TestKeyboardReach(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	b := Open(t)
	b.Go(site + "/form")
	b.Fill("Name", "Ada") // which is in the middle
	b.KeyboardReach()
	b.Go(site + "/keys")
	want := []string{`the focus is not to be seen on button "Second"`, `the Tab key does not reach a "Third"`}
	if got := b.unreached(); !slices.Equal(got, want) {
		t.Errorf("a page with faults: %q", got)
	}
}

func TestScreenshot(t *testing.T) {
	t.Parallel()
	b := Open(t)
	b.Go(startSite(t) + "/form")
	path := filepath.Join(t.TempDir(), "deep", "form.png")
	b.Screenshot(path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if width := picture.Bounds().Dx(); width != 1280 {
		t.Errorf("the picture is %d pixels wide", width)
	}
}

// What a person could not do fails, and names what they could have done.
func TestImpossible(t *testing.T) {
	t.Parallel()
	b := Open(t)
	b.Go(startSite(t) + "/form")
	for _, tt := range []struct{ find, name, want string }{
		{"labelled", "Surname", `0 labels are called "Surname"; there are "Name", "I am sure", "Colour"`},
		{"button", "Never", `0 buttons are called "Never"; there are "Send", "Send aside", "Clear the form"`},
		{"link", "A", `2 links are called "A"`},
	} {
		_, err := chromedp.Run(b.ctx, click(tt.find, tt.name))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: %v", tt.find, tt.name, err)
		}
	}
}

// The browser's own complaints are remembered.
func TestFaults(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	for path, want := range map[string]string{"/breach": "Content Security Policy", "/thrower": "thrown on purpose"} {
		b := Open(t)
		b.Go(site + path)
		b.mu.Lock()
		if !slices.ContainsFunc(b.faults, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s: heard %q, nothing of %q", path, b.faults, want)
		}
		b.faults = nil
		b.mu.Unlock()
	}
}
