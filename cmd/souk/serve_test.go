package main

import (
	"bytes"
	"database/sql"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
)

var platformToken = regexp.MustCompile(`souk-platform-[0-9A-Za-z]{43}`)

// In an empty directory nothing need be said: the database and the key are
// made for their owner alone, and a platform token is told once.
func TestServeNeedsNoFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// The address is the one thing that a test cannot leave as it is.
	first := start(t, dir, []string{"SOUK_ADDR=127.0.0.1:0"}, "serve")
	first.ready(t)
	told := platformToken.FindAllString(first.Out.String(), -1)
	if len(told) != 1 {
		t.Fatalf("the first start told %d tokens:\n%s", len(told), first.Out)
	}
	a, err := newClient(t, first.Base).native(t, told[0], "GET", "/me", "")
	if err != nil || a.status != http.StatusOK {
		t.Errorf("the token that was told got %d %s (%v)", a.status, a.body, err)
	}
	for _, name := range []string{"souk.db", "souk.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.FileMode(0o600) {
			t.Errorf("%s has mode %s", name, info.Mode())
		}
	}

	rival := start(t, dir, []string{"SOUK_ADDR=127.0.0.1:0"}, "serve")
	if code := rival.exit(t); code != exitFailed || !strings.Contains(rival.Log.String(), "in use by another process") {
		t.Errorf("a second server of the file ended with %d:\n%s", code, rival.Log)
	}
	first.stop(t)

	second := start(t, dir, []string{"SOUK_ADDR=127.0.0.1:0"}, "serve")
	second.ready(t)
	if again := platformToken.FindString(second.Out.String()); again != "" {
		t.Errorf("the second start told a token")
	}
	if a, err = newClient(t, second.Base).native(t, told[0], "GET", "/me", ""); err != nil || a.status != http.StatusOK {
		t.Errorf("after a restart the token got %d %s (%v)", a.status, a.body, err)
	}
	second.stop(t)
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	one := strings.Repeat("1f", souk.KeySize)
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string)
		args    []string
		code    int
		says    string
	}{
		{name: "another key", args: []string{"--key-file", "other"}, code: exitFailed, says: "this database was written with another server key",
			prepare: func(t *testing.T, dir string) {
				served(t, dir)
				write(t, dir, "other", one)
			}},
		{name: "a lost key", code: exitFailed, says: "its key file", prepare: func(t *testing.T, dir string) {
			served(t, dir)
			if err := os.Remove(filepath.Join(dir, "souk.key")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "no key on PostgreSQL", args: []string{"--db", "postgres://db.example/souk"}, code: exitBadText,
			says: "--key-file (SOUK_KEY_FILE) is required on PostgreSQL: the same file for every node."},
		{name: "a short key", args: []string{"--key-file", "short"}, code: exitFailed, says: "want 64 hexadecimal digits",
			prepare: func(t *testing.T, dir string) { write(t, dir, "short", one[2:]) }},
		{name: "a key of other letters", args: []string{"--key-file", "odd"}, code: exitFailed, says: "want hexadecimal digits only",
			prepare: func(t *testing.T, dir string) { write(t, dir, "odd", "zz"+one[2:]) }},
		{name: "a newer schema", code: exitFailed, says: "newer schema", prepare: func(t *testing.T, dir string) {
			served(t, dir)
			age(t, "sqlite", filepath.Join(dir, "souk.db"))
		}},
		{name: "an unknown flag", args: []string{"--frobnicate"}, code: exitBadText, says: "unknown flag --frobnicate"},
		{name: "an odd URL", args: []string{"--url", "ftp://souk.example"}, code: exitBadText, says: "--url must be an http or https URL"},
		{name: "a URL with a password", args: []string{"--url", "https://souk:" + one[2:] + "@souk.example"}, code: exitBadText, says: "without user, query and fragment"},
		{name: "a URL with a query", args: []string{"--url", "https://souk.example/?"}, code: exitBadText, says: "without user, query and fragment"},
		{name: "a URL with a path", args: []string{"--url", "https://souk.example/market"}, code: exitBadText, says: "--url must have no path: pages and links stand at the top of a host"},
		{name: "odd proxies", args: []string{"--trusted-proxies", "next door"}, code: exitBadText, says: "next door"},
		{name: "odd limits", args: []string{"--rate-limits", "some"}, code: exitBadText, says: "--rate-limits"},
		{name: "an address of others", args: []string{"--addr", "192.0.2.1:80"}, code: exitFailed, says: "192.0.2.1:80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tt.prepare != nil {
				tt.prepare(t, dir)
			}
			p := start(t, dir, nil, append([]string{"serve", "--addr", "127.0.0.1:0"}, tt.args...)...)
			if code := p.exit(t); code != tt.code || !strings.Contains(p.Log.String(), tt.says) {
				t.Errorf("ended with %d, want %d and %q:\n%s%s", code, tt.code, tt.says, p.Out, p.Log)
			}
			if strings.Contains(p.Log.String(), one[2:]) {
				t.Errorf("told the key:\n%s", p.Log)
			}
		})
	}
}

// A database that a newer souk has served is refused on PostgreSQL too.
func TestServeRefusesANewerSchemaOnPostgres(t *testing.T) {
	t.Parallel()
	site := newSite(t, souktest.Postgres(t))
	age(t, "pgx", site.Address)
	p := start(t, site.dir, nil, "serve", "--addr", "127.0.0.1:0", "--db", site.Address, "--key-file", site.keyFile)
	if code := p.exit(t); code != exitFailed || !strings.Contains(p.Log.String(), "newer schema") {
		t.Errorf("ended with %d:\n%s", code, p.Log)
	}
}

// served has a server run once in dir, so that a database and a key are there.
func served(t *testing.T, dir string) {
	t.Helper()
	serve(t, dir).stop(t)
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// age makes a database one that a souk of the future has served.
func age(t *testing.T, driver, address string) {
	t.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO migrations (name, sha256, applied_at) VALUES ('9999_things_to_come', '', 0)`); err != nil {
		t.Fatal(err)
	}
}

// Each flag has a twin in the environment, and both do what they say.
func TestServeFlagsAndTheirTwins(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]func(t *testing.T, dir string, flags [][2]string) *process{
		"flags": func(t *testing.T, dir string, flags [][2]string) *process {
			args := []string{"serve"}
			for _, f := range flags {
				args = append(args, "--"+f[0]+"="+f[1])
			}
			return start(t, dir, nil, args...)
		},
		"environment": func(t *testing.T, dir string, flags [][2]string) *process {
			var env []string
			for _, f := range flags {
				env = append(env, "SOUK_"+strings.ToUpper(strings.ReplaceAll(f[0], "-", "_"))+"="+f[1])
			}
			return start(t, dir, env, "serve")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := free.Addr().String()
			if err := free.Close(); err != nil {
				t.Fatal(err)
			}
			site := newSite(t, filepath.Join(t.TempDir(), "market.db"))
			var c company
			site.seed(t, func(s *souktest.Seeder) { c = newCompany(s, "Acme", 1, newReceiver(t)) })
			p := given(t, site.dir, [][2]string{
				{"addr", addr}, {"db", site.Address}, {"key-file", site.keyFile}, {"url", "https://souk.example/"},
				{"allow-private-targets", "true"}, {"trusted-proxies", "127.0.0.1,192.0.2.0/24"}, {"rate-limits", "off"},
			})
			if said := p.Out.await(listens); said == nil || said[1] != "https://souk.example" {
				t.Fatalf("it does not go by its URL:\n%s%s", p.Out, p.Log)
			}
			on := newClient(t, "http://"+addr)
			a, err := on.do(t, "POST", "/api/auth.test", c.adminToken, "", nil)
			if err != nil || !bytes.Contains(a.body, []byte(`"url":"https://souk.example/`)) {
				t.Errorf("auth.test says %s (%v)", a.body, err)
			}
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+"/souk/v1/nowhere", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Forwarded-For", "203.0.113.9, 192.0.2.7")
			got, err := on.http.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Body.Close(); err != nil {
				t.Error(err)
			}
			if p.Log.await(regexp.MustCompile(`"client":"203.0.113.9"`)) == nil {
				t.Errorf("the proxies are not believed:\n%s", p.Log)
			}
			for range 300 { // more than any burst
				if code, err := on.slack(t, "", "api.test", nil); err != nil || code != "ok" {
					t.Fatalf("api.test got %q (%v)", code, err)
				}
			}
			if a, err := on.native(t, c.operator, "POST", "/apps/"+c.listener.ID.String()+"/webhooks",
				`{"dialect": "native", "url": "http://127.0.0.1:9/", "events": ["case.approved"]}`); err != nil || a.status != http.StatusCreated {
				t.Errorf("a private target got %d %s (%v)", a.status, a.body, err)
			}
			p.stop(t)
		})
	}
}

// What the flags turn off is on where nothing is said.
func TestServeIsCarefulByDefault(t *testing.T) {
	t.Parallel()
	site := newSite(t, filepath.Join(t.TempDir(), "souk.db"))
	var c company
	site.seed(t, func(s *souktest.Seeder) { c = newCompany(s, "Acme", 1, newReceiver(t)) })
	p := serve(t, site.dir, "--db", site.Address, "--key-file", site.keyFile)
	on := newClient(t, p.Base)
	limited := false
	for range 300 {
		a, err := on.do(t, "POST", "/api/api.test", "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if limited = a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") != ""; limited {
			break
		}
	}
	if !limited {
		t.Error("300 calls at once were not limited")
	}
	a, err := on.native(t, c.operator, "POST", "/apps/"+c.listener.ID.String()+"/webhooks",
		`{"dialect": "native", "url": "http://127.0.0.1:9/", "events": ["case.approved"]}`)
	if err != nil || a.status != http.StatusUnprocessableEntity || !bytes.Contains(a.body, []byte("blocked-address")) {
		t.Errorf("a private target got %d %s (%v)", a.status, a.body, err)
	}
	p.stop(t)
}
