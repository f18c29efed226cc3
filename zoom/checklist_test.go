package zoom

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// packages are where tests of the checklist are.
var packages = map[string]string{
	"zoom": ".", "market": "../market", "courier": "../courier", "conformance": "../conformance",
	"zoomwire": "../souktest/zoomwire", "main": "../cmd/souk",
}

// The tests that docs/dialects/zoom-checklist.md names are there, and each of its
// rows names one.
func TestChecklist(t *testing.T) {
	text, err := os.ReadFile("../docs/dialects/zoom-checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+) \|.*\| ([^|]+) \|$`)
	named := regexp.MustCompile("^`(?:([a-z]+)\\.(Test\\w+)|([a-z-]+\\.mjs): (.+))`$")
	rows := row.FindAllStringSubmatch(string(text), -1)
	for i, r := range rows {
		if r[1] != fmt.Sprint(i+1) {
			t.Errorf("row %d is called %s", i+1, r[1])
		}
		for _, proof := range strings.Split(r[2], "`, `") {
			proof = "`" + strings.Trim(proof, "`") + "`"
			found := named.FindStringSubmatch(proof)
			switch {
			case found == nil:
				t.Errorf("row %s: %s names no test", r[1], proof)
			case found[1] != "" && !declares(t, packages[found[1]], found[2]):
				t.Errorf("row %s: there is no %s in %s", r[1], found[2], found[1])
			case found[3] != "" && !holds(t, filepath.Join("../conformance", found[3]), "await check('"+found[4]+"'"):
				t.Errorf("row %s: %s has no check %q", r[1], found[3], found[4])
			}
		}
	}
	if len(rows) != 46 {
		t.Errorf("%d rows", len(rows))
	}
}

// declares reports whether tests of a directory have a function of that name.
func declares(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || dir == "" {
		t.Fatalf("%q: %v", dir, err)
	}
	for _, file := range files {
		if holds(t, file, "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}

func holds(t *testing.T, file, text string) bool {
	t.Helper()
	all, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
	}
	return strings.Contains(string(all), text)
}
