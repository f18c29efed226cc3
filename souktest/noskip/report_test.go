package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each row is a test file that go test really runs.
func TestRun(t *testing.T) {
	const tests = "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Log(\"said\") }\n"
	rows := []struct {
		name, file string
		out        string // a regular expression for the whole output
		err        string
	}{
		{"pass", tests, `ok  \ta\t[\d.]+s\n1 passed, 0 failed\n`, "<nil>"},
		{"fail", tests + "func TestB(t *testing.T) { t.Run(\"c\", func(t *testing.T) { t.Fatal(\"why\") }) }\n",
			`--- FAIL: TestB .*\n--- FAIL: TestB/c .*\n    a_test.go:6: why\nFAIL\nFAIL\ta\t[\d.]+s\n1 passed, 2 failed\n`,
			"a test failed"},
		{"skip", tests + "func TestB(t *testing.T) { t.Skip(\"no time\") }\n",
			`--- SKIP: TestB .*\n    a_test.go:6: no time\nok  \ta\t[\d.]+s\nFAIL\ta TestB \[skipped\]\n1 passed, 1 failed\n`,
			"a test that is skipped proves nothing"},
		{"panic", tests + "func TestB(t *testing.T) { panic(\"boo\") }\n",
			`--- FAIL: TestB (.*\n)*panic: boo (.*\n)*FAIL\ta\t[\d.]+s\n1 passed, 1 failed\n`, "a test failed"},
		{"exit", tests + "func TestB(t *testing.T) { println(\"bye\"); exit(3) }\n\nvar exit = os.Exit\n",
			`(.*\n)*FAIL\ta\t[\d.]+s\n1 passed, 1 failed\n`, "a test failed"},
		{"does not build", tests + "func TestB(t *testing.T) { nonsense }\n",
			`# a \[a.test\]\n./a_test.go:6:28: undefined: nonsense\nFAIL\ta \[build failed\]\n0 passed, 1 failed\n`, "a test failed"},
		{"no test", "package a\n", `testing: warning: no tests to run\nok  \ta\t[\d.]+s \[no tests to run\]\n0 passed, 0 failed\n`,
			"no test ran"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			file := row.file
			if strings.Contains(file, "os.") {
				file = strings.Replace(file, "import \"testing\"", "import (\n\t\"os\"\n\t\"testing\"\n)", 1)
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "go.mod"), "module a\n")
			write(t, filepath.Join(dir, "a_test.go"), file)
			var out bytes.Buffer
			err := run(dir, []string{"-count=1", "./..."}, &out)
			if fmt.Sprint(err) != row.err {
				t.Errorf("run: %v, want %s", err, row.err)
			}
			if !regexp.MustCompile("^" + row.out + "$").Match(out.Bytes()) {
				t.Errorf("wrote\n%s\nwant\n%s", &out, row.out)
			}
		})
	}
}

func TestRunWithoutPackages(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module a\n")
	var out bytes.Buffer
	if err := run(dir, []string{"./nowhere"}, &out); err == nil {
		t.Errorf("a run of nothing succeeded: %s", &out)
	}
}

// A stream that breaks off leaves packages without an end.
func TestReportOfHalfARun(t *testing.T) {
	var out bytes.Buffer
	r := report{out: &out, packages: map[string]*pkg{}}
	const half = `{"Action":"start","Package":"a"}
{"Action":"pass","Package":"a","Test":"TestA"}
`
	if err := r.read(strings.NewReader(half)); err != nil {
		t.Fatal(err)
	}
	const want = "FAIL\ta [did not end]\n1 passed, 1 failed\n"
	if err := r.sum(); err == nil || out.String() != want {
		t.Errorf("sum: %v\n%s\nwant %s", err, &out, want)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
