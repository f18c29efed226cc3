package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"souk/store"
)

// applying runs souk apply in-process on a database in dir.
func applying(t *testing.T, dir string, document string, flags ...string) (code int, out, errs string) {
	t.Helper()
	file := filepath.Join(dir, "world.yaml")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	code = run(append([]string{"apply", "--db", filepath.Join(dir, "souk.db"), file}, flags...), &o, &e)
	return code, o.String(), e.String()
}

func TestApply(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const document = `
version: 1
orgs:
  acme: {kind: workspace, name: Acme, domain: acme}
tokens:
  host: {kind: platform}
`
	type report struct {
		Orgs   map[string]struct{ ID string }
		Tokens map[string]struct{ Token string }
		Plan   []any
	}
	var first, again report

	code, out, errs := applying(t, dir, document, "--dry-run")
	if err := json.Unmarshal([]byte(out), &first); err != nil || code != exitDone || len(first.Plan) == 0 {
		t.Errorf("dry run: %d %v\n%s%s", code, err, out, errs)
	}
	if !strings.Contains(errs, "nothing was written") {
		t.Errorf("dry run says %q", errs)
	}

	first = report{}
	code, out, errs = applying(t, dir, document)
	if err := json.Unmarshal([]byte(out), &first); err != nil || code != exitDone {
		t.Fatalf("first: %d %v\n%s%s", code, err, out, errs)
	}
	if len(first.Plan) == 0 || !strings.HasPrefix(first.Tokens["host"].Token, "souk-platform-") {
		t.Errorf("first: %s", out)
	}

	code, out, errs = applying(t, dir, document)
	if err := json.Unmarshal([]byte(out), &again); err != nil || code != exitDone {
		t.Fatalf("again: %d %v\n%s%s", code, err, out, errs)
	}
	if len(again.Plan) != 0 || again.Orgs["acme"].ID != first.Orgs["acme"].ID || again.Tokens["host"].Token != "" {
		t.Errorf("again: %s", out)
	}
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a bad document, every problem at its place", func(t *testing.T) {
		t.Parallel()
		code, out, errs := applying(t, t.TempDir(), `
version: 1
orgs:
  acme: {kind: workspace, name: Acme, domain: acme, polcy: open}
apps:
  bot: {owner: nobody, name: Bot, bot_scopes: [users:raed]}
`)
		if code != exitBadText || out != "" || !strings.Contains(errs, "polcy") {
			t.Errorf("%d %q %s", code, out, errs)
		}
	})
	t.Run("a document that does not fit", func(t *testing.T) {
		t.Parallel()
		code, _, errs := applying(t, t.TempDir(), `
version: 1
orgs:
  acme: {kind: workspace, name: Acme, domain: acme}
apps:
  bot: {owner: acme, name: Bot, bot_scopes: [users:raed]}
`)
		if code != exitBadText || !strings.Contains(errs, `apps.bot.bot_scopes[0]`) || !strings.Contains(errs, `did you mean "users:read"?`) {
			t.Errorf("%d %s", code, errs)
		}
	})
	t.Run("a database that a server holds", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if code, _, errs := applying(t, dir, "version: 1"); code != exitDone {
			t.Fatalf("%d %s", code, errs)
		}
		db, err := store.Open(t.Context(), filepath.Join(dir, "souk.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if code, _, errs := applying(t, dir, "version: 1"); code != exitFailed || !strings.Contains(errs, "in use") {
			t.Errorf("%d %s", code, errs)
		}
	})
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if code, _, errs := applying(t, dir, "version: 1"); code != exitDone {
			t.Fatalf("%d %s", code, errs)
		}
		other := filepath.Join(dir, "other.key")
		if err := os.WriteFile(other, []byte(strings.Repeat("7", 64)), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := applying(t, dir, "version: 1", "--key-file", other); code != exitFailed || !strings.Contains(errs, "another server key") {
			t.Errorf("%d %s", code, errs)
		}
	})
}
