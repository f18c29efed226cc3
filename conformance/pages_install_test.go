package conformance

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// install is the address of an app's install page, with pairs of a name and a
// value in its query.
func (v *visitor) install(app string, query ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	address := v.URL("/apps/" + v.Apps[app].ID + "/install")
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	return address
}

// arrived fails the test unless the browser is at the app's address that people
// are sent back to, which is told what came of it. It answers with all it is
// told.
func (v *visitor) arrived(status, state string) url.Values {
	v.t.Helper()
	here, err := url.Parse(v.Tab.URL())
	if err != nil {
		v.t.Fatal(err)
	}
	told := here.Query()
	if !strings.HasPrefix(v.Tab.URL(), v.app+"/back?") || told.Get("status") != status || told.Get("state") != state {
		v.t.Fatalf("%s of %s has led to %s:\n%s", status, state, here, v.Text())
	}
	return told
}

// A stranger follows a link, signs in, sees what the app wants, names its user,
// meets the app, and comes back.
func TestPagesInstall(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.Go(v.install("deploybot", "state", "left off"))
		v.at("/console/signin")
		v.enter("solveig@solo.example", password)
		v.at("/apps/" + v.Apps["deploybot"].ID + "/install")
		v.Says("Install Deploybot", "by Vendor Ltd", "Ships what you merge", "Solo", "What Deploybot may do",
			"Read every file that people share", "Sensitive", "Who gets the data", "After this you go on to "+strings.TrimPrefix(v.app, "http://"))
		if v.Value("First name") != "Deploy" || v.Value("Last name") != "Bot" || v.Value("Alias (optional)") != "" {
			t.Errorf("the app user is called %q %q %q", v.Value("First name"), v.Value("Last name"), v.Value("Alias (optional)"))
		}
		v.look("install", dark, phone)

		v.Fill("First name", "Ship")
		v.Fill("Last name", strings.Repeat("x", 300))
		v.Check("I accept the terms of Vendor Ltd")
		v.Press("Install")
		v.at("/apps/" + v.Apps["deploybot"].ID + "/install")
		if v.Value("First name") != "Ship" || v.Status() != http.StatusUnprocessableEntity {
			t.Errorf("a name that is too long: the form keeps %q, with status %d", v.Value("First name"), v.Status())
		}
		v.look("install-wrong")
		v.Fill("Last name", "Bot")
		v.Press("Install")
		v.Says("Deploybot: install") // which is the app's own page
		v.Follow("Done")
		v.at("/console/orgs/" + v.Orgs["solo"].ID + "/apps")
		if !strings.HasSuffix(v.Tab.URL(), "?status=installed&state=left+off") {
			t.Errorf("led back to %s", v.Tab.URL())
		}
		v.Says("Deploybot", "Ship Bot")

		v.Go(v.install("deploybot"))
		v.Says("Deploybot is installed")
		v.look("install-installed")
		v.Follow("Go on")
		v.at("/console/orgs/" + v.Orgs["solo"].ID + "/apps")
	})
}

// A site outside sends people here and gets them back, whatever they decide.
func TestPagesInstallFromOutside(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.signIn("solveig@solo.example")
		v.Go(v.install("notes", "next", v.app+"/back", "state", "a&b=c"))
		v.Follow("Cancel")
		v.arrived("denied", "a&b=c")
		v.Go(v.install("notes", "next", v.app+"/back", "state", "a&b=c"))
		v.Press("Install")
		v.arrived("installed", "a&b=c")

		// An app that wants to meet them first sends them on here.
		v.Go(v.install("deploybot", "next", v.app+"/back", "state", "two"))
		v.Check("I accept the terms of Vendor Ltd")
		v.Press("Install")
		v.Follow("Done")
		v.arrived("installed", "two")
	})
}

// An app that asks for more than it has been allowed gets that when somebody
// agrees, who sees what is new.
func TestPagesUpgrade(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.api("vic", http.MethodPatch, "/api/v5/orgs/"+v.Orgs["vendor"].ID+"/owned_apps/"+v.Apps["diary"].ID, `{"required_scopes": ["reports", "users", "settings"]}`)
		v.signIn("solveig@solo.example")
		v.Go(v.install("diary"))
		v.Says("Diary has changed what it asks for", "What is new is marked.", "New")
		v.look("install-upgrade")
		v.Press("Upgrade")
		v.at("/console/orgs/" + v.Orgs["solo"].ID + "/apps")
		v.Go(v.install("diary"))
		v.Says("Diary is installed")
	})
}

// Where apps need an approval the page files a request, and says who decides.
func TestPagesRequestInsteadOfInstall(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.signIn("bo@acme.example")
		v.Go(v.install("notes", "next", v.app+"/back", "state", "three"))
		v.Says("Where do you want to have it?")
		v.look("install-where", phone)
		v.Follow("Choose Acme Sales")
		v.Says("Ask for Notes", "Apps need an approval at Acme Sales", "Olga Berg")
		v.look("install-request", dark, phone)
		v.Fill("Why do you want it? (optional)", "We forget what was said.")
		v.Press("Ask for it")
		told := v.arrived("requested", "three")

		v.Go(v.install("notes", "org", v.Orgs["sales"].ID))
		v.Says("You have asked for Notes", "Olga Berg")
		v.look("install-waiting")

		v.api("olga", http.MethodPost, "/souk/v1/requests/"+told.Get("request_id")+"/approve", "{}")
		v.Go(v.install("notes", "org", v.Orgs["sales"].ID))
		v.Says("Notes is installed")
		if told.Get("case_id") == "" {
			t.Error("the developer does not hear of the case")
		}
	})
}

// api calls an API with somebody's token.
func (v *visitor) api(who, method, path, body string) {
	v.t.Helper()
	call, err := http.NewRequestWithContext(v.t.Context(), method, v.URL(path), strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	call.Header.Set("Authorization", "Bearer "+v.Tokens[who].Token)
	call.Header.Set("Content-Type", "application/json")
	answered(v.t, http.DefaultClient, call)
}

// What cannot be had says why, and whom to ask.
func TestPagesBarred(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.api("olga", http.MethodPost, "/souk/v1/orgs/"+v.Orgs["acme"].ID+"/apps/"+v.Apps["spy"].ID+"/restrict", `{"reason": "It reads more than it needs."}`)
		v.signIn("bo@acme.example")
		v.Go(v.install("spy", "org", v.Orgs["sales"].ID, "next", v.app+"/back"))
		v.is(http.StatusBadRequest) // this app has registered no address
		v.Go(v.install("spy", "org", v.Orgs["sales"].ID))
		v.is(http.StatusForbidden)
		v.Says("Spyglass is restricted", "Olga Berg", "It reads more than it needs.")
		v.look("install-restricted", phone)

		v.Go(v.install("secret"))
		v.is(http.StatusNotFound)
		unseen := v.Text()
		v.Go(v.URL("/apps/" + v.Orgs["acme"].ID + "/install")) // which is no app at all
		v.is(http.StatusNotFound)
		if got := v.Text(); withoutNumber(got) != withoutNumber(unseen) {
			t.Errorf("whether there is an app is told:\n%s\nand\n%s", unseen, got)
		}
		v.look("install-unknown")

		v.Go(v.URL("/console"))
		v.Press("Sign out")
		v.signIn("noa@frugal.example")
		v.Go(v.install("notes"))
		v.is(http.StatusPaymentRequired)
		v.Says("Apps are not part of what Frugal has booked")
		v.look("install-no-feature")

		v.Press("Sign out")
		v.signIn("kim@shut.example")
		v.Go(v.install("notes"))
		v.is(http.StatusForbidden)
		v.Says("At Shut nobody gets an app that was not decided about")
		v.Unfold("Why this is so")
		v.look("install-closed")
	})
}

// withoutNumber is what a problem's page says but for the number of the request.
func withoutNumber(text string) string {
	before, after, _ := strings.Cut(text, "Number of this request:")
	_, after, _ = strings.Cut(strings.TrimLeft(after, " \n"), "\n")
	return before + after
}

// is fails the test unless the page was answered with a status.
func (v *visitor) is(status int) {
	v.t.Helper()
	if v.Status() != status {
		v.t.Fatalf("%s is answered with %d, not %d:\n%s", v.Tab.URL(), v.Status(), status, v.Text())
	}
}

// No spelling of next leads anywhere but to this server and to what the app has
// registered. The browser is the judge: it would go there.
func TestPagesRefusedRedirects(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		var reached atomic.Int32
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
		defer elsewhere.Close()
		evil, here := strings.TrimPrefix(elsewhere.URL, "http://"), strings.TrimPrefix(v.server.URL, "http://")
		app := strings.TrimPrefix(v.app, "http://")
		_, port, _ := strings.Cut(app, ":")

		v.signIn("solveig@solo.example")
		for _, next := range []string{
			elsewhere.URL, elsewhere.URL + "/", "HTTP://" + evil, "https://" + evil, "ftp://" + evil,
			"//" + evil, "///" + evil, "////" + evil, "http:" + evil, "http:/" + evil, "http:///" + evil, "//" + evil + "/%2f..",
			`\\` + evil, `/\` + evil, `\/` + evil, `/\/` + evil, `//\` + evil, `http:\\` + evil, `/console\..\..\\` + evil,
			"/\t/" + evil, "/\n/" + evil, "/\r\n/" + evil, "\t//" + evil, " //" + evil, "/ /" + evil, "//" + evil + "\x00", "\u00a0//" + evil,
			"/.//" + evil, "/..//" + evil, "/console/..//" + evil, "/%2e//" + evil, "/%2f" + evil, "/%5c" + evil, "/%09/" + evil,
			"http://" + here + "@" + evil, "http://" + here + ":x@" + evil, "http://" + here + "." + evil, `http://` + evil + `\@` + here, "http://" + evil + "#@" + here,
			"@" + evil, ":" + evil, "?//" + evil, "#//" + evil, "\u2215\u2215" + evil, "\uff0f\uff0f" + evil,
			"javascript:location='" + elsewhere.URL + "'", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)",
			"data:text/html,<script>location='" + elsewhere.URL + "'</script>", "vbscript:x", "file:///etc/passwd", "blob:" + elsewhere.URL + "/x", "about:blank",
			// Nearly what the app has registered.
			v.app + "/back/", v.app + "/Back", v.app + "/back?x=1", v.app + "/back#x", v.app + "//back", v.app + "/./back", v.app + "/x/../back", v.app + "/%62ack",
			v.app, v.app + "/", "https://" + app + "/back", "http://a@" + app + "/back", "http://" + app + ".example/back", "http://localhost:" + port + "/back",
			"http://127.1:" + port + "/back", "http://2130706433:" + port + "/back", "http://0x7f.1:" + port + "/back", "http://127.0.0.1.:" + port + "/back", "http://\uff11\uff12\uff17.0.0.1:" + port + "/back",
			"http://127.0.0.1/back", "//" + app + "/back", v.app + "/back\n", " " + v.app + "/back", v.app + "\\back",
		} {
			v.Go(v.install("notes", "next", next))
			if v.Status() != http.StatusBadRequest || !strings.Contains(v.Text(), "This link leads elsewhere") {
				t.Errorf("next=%q is answered with %d at %s:\n%s", next, v.Status(), v.Tab.URL(), v.Text())
			}
			if !v.scripts {
				continue // it was said once
			}
			// The way back from an app's own page is judged in the same way.
			v.Go(v.URL("/apps/" + v.Apps["notes"].ID + "/install/return?" + url.Values{"next": {next}, "status": {"installed"}}.Encode()))
			if v.Status() != http.StatusBadRequest {
				t.Errorf("on the way back next=%q is answered with %d at %s", next, v.Status(), v.Tab.URL())
			}
		}
		v.look("install-elsewhere")
		if n := reached.Load(); n > 0 {
			t.Errorf("the other server was reached %d times", n)
		}
		for _, next := range []string{"/console/account", v.URL("/console/account?x=1"), v.app + "/back", "HTTP://" + app + "/back"} {
			v.Go(v.install("notes", "next", next))
			v.is(http.StatusOK)
		}
	})
}
