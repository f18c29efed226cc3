package souk_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// rule is what the code of a package may import besides the standard library.
type rule struct {
	ours   []string // packages of this module
	theirs []string // modules of others, or packages of them
	never  []string // packages of the standard library that it must do without
}

// arrows are docs/architecture.md in a form that can fail. A package that is not
// here may not exist: who adds one says first whom it may know.
var arrows = map[string]rule{
	"souk": {never: []string{"net/http", "encoding/json"}},
	"souk/store": {
		ours:   []string{"souk"},
		theirs: []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5"},
		never:  []string{"net/http"},
	},
	"souk/market": {
		ours:   []string{"souk", "souk/store"},
		theirs: []string{"golang.org/x/crypto/argon2"},
		never:  []string{"net/http", "encoding/json", "database/sql"},
	},
	"souk/courier": {
		ours:   []string{"souk", "souk/store"},
		theirs: []string{"code.dny.dev/ssrf", "golang.org/x/time/rate"},
	},
	"souk/web": {
		ours:   []string{"souk"},
		theirs: []string{"golang.org/x/time/rate"},
	},
	"souk/slack": {
		ours:   []string{"souk", "souk/market", "souk/web"},
		theirs: []string{"golang.org/x/time/rate"},
		never:  []string{"database/sql"},
	},
	"souk/native": {
		ours:  []string{"souk", "souk/market", "souk/web"},
		never: []string{"database/sql"},
	},
	"souk/giosg": {
		ours:   []string{"souk", "souk/market", "souk/web"},
		theirs: []string{"github.com/go-jose/go-jose/v4", "golang.org/x/time/rate"},
		never:  []string{"database/sql"},
	},
	"souk/zoom": {
		ours:  []string{"souk", "souk/market", "souk/web"},
		never: []string{"database/sql"},
	},
	"souk/console": {
		ours:   []string{"souk", "souk/market", "souk/web"},
		theirs: []string{"github.com/nicksnyder/go-i18n/v2", "golang.org/x/text/language", "github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"},
		never:  []string{"database/sql"},
	},
	"souk/world": {
		ours:   []string{"souk", "souk/market"},
		theirs: []string{"go.yaml.in/yaml/v3"},
		never:  []string{"net/http", "database/sql"},
	},
	"souk/mail": {
		ours:   []string{"souk"},
		theirs: []string{"github.com/wneessen/go-mail"},
		never:  []string{"database/sql"},
	},
	"souk/telemetry": {
		ours:   []string{"souk"},
		theirs: []string{"github.com/prometheus/client_golang", "go.opentelemetry.io/otel"},
		never:  []string{"database/sql"},
	},
	"souk/cmd/souk": {
		ours:   append([]string{"souk/mail", "souk/telemetry"}, wired...),
		theirs: []string{"github.com/alecthomas/kong"},
	},
	"souk/souktest": {
		ours:   []string{"souk", "souk/store", "souk/market", "souk/world"},
		theirs: []string{"github.com/jackc/pgx/v5"},
	},
	"souk/souktest/oidc":     {theirs: []string{"github.com/go-jose/go-jose/v4"}},
	"souk/souktest/browser":  {theirs: []string{"github.com/chromedp/chromedp", "github.com/chromedp/cdproto"}},
	"souk/souktest/smtp":     {},
	"souk/souktest/zoomwire": {theirs: []string{"github.com/santhosh-tekuri/jsonschema/v6"}},
	"souk/souktest/pgserver": {ours: []string{"souk/souktest"}},
	"souk/souktest/noskip":   {},
	"souk/bench":             {ours: append([]string{"souk/souktest"}, wired...)},
	"souk/conformance":       {},
}

// wired is what a program puts together.
var wired = []string{
	"souk", "souk/store", "souk/market", "souk/courier", "souk/web", "souk/slack", "souk/native", "souk/giosg", "souk/zoom", "souk/console", "souk/world",
}

// dialects are strangers to one another.
var dialects = []string{"souk/slack", "souk/native", "souk/giosg", "souk/zoom", "souk/console"}

// forTests are modules of others that tests may import and the product may not.
var forTests = []string{
	"github.com/coreos/go-oidc/v3",
	"github.com/getkin/kin-openapi",
	"github.com/google/go-cmp",
	"github.com/jackc/pgx/v5",
	"github.com/santhosh-tekuri/jsonschema/v6",
	"golang.org/x/oauth2",
	"github.com/prometheus/client_model",
	"github.com/prometheus/common",
	"github.com/slack-go/slack",
	"github.com/standard-webhooks/standard-webhooks/libraries",
	"go.opentelemetry.io/proto/otlp",
	"go.yaml.in/yaml/v3",
	"google.golang.org/protobuf",
	"pgregory.net/rapid",
}

// source is a Go file as far as the arrows care.
type source struct {
	name    string // slash-separated, from the module's root
	imports []string
}

func (s source) importPath() string { return path.Join("souk", path.Dir(s.name)) }

// violation says what is wrong with a file importing p, and nothing when all is well.
// A test wires packages together as main does, so it may import all but
// programs, and a dialect's test all but programs and other dialects.
func violation(s source, p string) string {
	from, known := arrows[s.importPath()]
	test := strings.HasSuffix(s.name, "_test.go")
	switch {
	case !known:
		return "has no arrows yet: name the package in arrows_test.go"
	case p == "C":
		return "needs cgo: the product is pure Go"
	case within(p, "souk"):
		if slices.Contains(from.ours, p) || test && mayTestWith(s.importPath(), p) {
			return ""
		}
		return "may not know " + p
	case strings.Contains(strings.Split(p, "/")[0], "."):
		ok := func(module string) bool { return within(p, module) }
		if slices.ContainsFunc(from.theirs, ok) || test && slices.ContainsFunc(forTests, ok) {
			return ""
		}
		return "may not depend on " + p
	case !test && slices.Contains(from.never, p):
		return "does without " + p
	}
	return ""
}

// mayTestWith reports whether tests of package from may import p, of this module.
func mayTestWith(from, p string) bool {
	_, known := arrows[p]
	program := within(p, "souk/cmd") || within(p, "souk/bench") || p == "souk/souktest/pgserver" || p == "souk/souktest/noskip"
	stranger := p != from && slices.Contains(dialects, from) && slices.Contains(dialects, p)
	return known && !program && !stranger
}

// within reports whether the package p is root or lies below it.
func within(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

func TestArrows(t *testing.T) {
	sources := readSources(t, os.DirFS("."))
	seen := map[string]bool{}
	for _, s := range sources {
		seen[s.importPath()] = true
		for _, p := range s.imports {
			if wrong := violation(s, p); wrong != "" {
				t.Errorf("%s: %s %s", s.name, s.importPath(), wrong)
			}
		}
	}
	for _, p := range []string{"souk", "souk/store", "souk/market", "souk/courier", "souk/web", "souk/slack"} {
		if !seen[p] {
			t.Errorf("no file of package %s was looked at", p)
		}
	}
}

// readSources reads every Go file of the module, whatever system it is built for.
func readSources(t *testing.T, module fs.FS) []source {
	t.Helper()
	var sources []source
	err := fs.WalkDir(module, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(module, name)
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{name: name}
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: import %s: %w", name, i.Path.Value, err)
			}
			s.imports = append(s.imports, p)
		}
		sources = append(sources, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// skipDir leaves out what the go command leaves out, other people's JavaScript and
// modules within the module.
func skipDir(module fs.FS, name string) error {
	base := path.Base(name)
	if name == "." {
		return nil
	}
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(module, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// What the arrows forbid is forbidden: each of these files stands in a tree of its
// own and is read as the real ones are.
func TestArrowsForbid(t *testing.T) {
	tests := []struct {
		name, imports string
		want          string // "" for an import that is fine
	}{
		{"id.go", "time", ""},
		{"id.go", "souk/store", "may not know souk/store"},
		{"id.go", "net/http", "does without net/http"},
		{"id.go", "golang.org/x/text/cases", "may not depend on golang.org/x/text/cases"},
		{"id_test.go", "net/http", ""},
		{"id_test.go", "pgregory.net/rapid", ""},
		{"id_test.go", "souk/store", ""},
		{"store/app.go", "souk", ""},
		{"store/app.go", "souk/market", "may not know souk/market"},
		{"store/app.go", "github.com/jackc/pgx/v5/stdlib", ""},
		{"store/app.go", "github.com/jackc/pgx/v5beta", "may not depend on github.com/jackc/pgx/v5beta"},
		{"store/app.go", "github.com/google/go-cmp/cmp", "may not depend on github.com/google/go-cmp/cmp"},
		{"store/app_test.go", "github.com/google/go-cmp/cmp", ""},
		{"store/app.go", "C", "needs cgo: the product is pure Go"},
		{"market/approve.go", "encoding/json", "does without encoding/json"},
		{"market/approve.go", "souk/slack", "may not know souk/slack"},
		{"market/approve.go", "souk/souktest", "may not know souk/souktest"},
		{"market/approve_test.go", "encoding/json", ""},
		{"market/approve_test.go", "souk/souktest", ""},
		{"courier/send.go", "code.dny.dev/ssrf", ""},
		{"courier/send.go", "souk/market", "may not know souk/market"},
		{"slack/approve.go", "souk/market", ""},
		{"slack/approve.go", "souk/store", "may not know souk/store"},
		{"slack/approve.go", "souk/courier", "may not know souk/courier"},
		{"slack/approve.go", "souk/native", "may not know souk/native"},
		{"slack/approve_test.go", "souk/store", ""},
		{"slack/approve_test.go", "souk/slack", ""},
		{"slack/approve_test.go", "souk/native", "may not know souk/native"},
		{"slack/approve_test.go", "souk/cmd/souk", "may not know souk/cmd/souk"},
		{"native/request.go", "souk/slack", "may not know souk/slack"},
		{"web/web.go", "souk/market", "may not know souk/market"},
		{"web/web.go", "golang.org/x/time/rate", ""},
		{"mail/mail.go", "github.com/wneessen/go-mail", ""},
		{"mail/mail.go", "souk/market", "may not know souk/market"},
		{"telemetry/trace.go", "go.opentelemetry.io/otel/trace", ""},
		{"telemetry/courier.go", "souk/courier", "may not know souk/courier"},
		{"courier/attempt.go", "souk/telemetry", "may not know souk/telemetry"},
		{"market/emit.go", "go.opentelemetry.io/otel/trace", "may not depend on go.opentelemetry.io/otel/trace"},
		{"world/read.go", "go.yaml.in/yaml/v3", ""},
		{"world/read.go", "souk/store", "may not know souk/store"},
		{"cmd/souk/serve.go", "souk/slack", ""},
		{"cmd/souk/serve.go", "souk/souktest", "may not know souk/souktest"},
		{"cmd/souk/serve_test.go", "souk/souktest", ""},
		{"slack/approve_test.go", "souk/souktest/browser", ""},
		{"slack/approve_test.go", "souk/souktest/pgserver", "may not know souk/souktest/pgserver"},
		{"slack/approve.go", "souk/souktest/browser", "may not know souk/souktest/browser"},
		{"util/util.go", "fmt", "has no arrows yet: name the package in arrows_test.go"},
		{"tools/tools.go", "souk/store", ""}, // a module of its own
		{"slack/testdata/a.go", "souk/store", ""},
		{"conformance/node_modules/a/a.go", "souk/store", ""},
		{".ci/a.go", "souk/store", ""},
	}
	for _, tt := range tests {
		tree := fstest.MapFS{
			tt.name:        {Data: fmt.Appendf(nil, "package p\n\nimport _ %q\n", tt.imports)},
			"tools/go.mod": {Data: []byte("module souk/tools\n")},
			"web/doc.go":   {Data: []byte("package web\n")},
		}
		var got []string
		for _, s := range readSources(t, tree) {
			for _, p := range s.imports {
				if wrong := violation(s, p); wrong != "" {
					got = append(got, wrong)
				}
			}
		}
		if strings.Join(got, "; ") != tt.want {
			t.Errorf("%s imports %s: %q, want %q", tt.name, tt.imports, got, tt.want)
		}
	}
}
