package console

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
)

// english is the catalogue: each text with all its plural forms.
func english(t *testing.T) map[string]string {
	t.Helper()
	file, err := textFiles.ReadFile("text/en.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := json.Unmarshal(file, &raw); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for key, value := range raw {
		switch value := value.(type) {
		case string:
			texts[key] = value
		case map[string]any:
			for _, form := range value {
				texts[key] += form.(string) + "\n"
			}
		}
		if strings.TrimSpace(texts[key]) == "" {
			t.Errorf("text %s is empty", key)
		}
	}
	return texts
}

// use is a place where a text is said.
type use struct {
	where, key string   // a key with %s stands for all that fit
	names      []string // of the arguments; nil where they are not known
}

// fits reports whether a key is meant.
func (u use) fits(key string) bool {
	before, after, open := strings.Cut(u.key, "%s")
	return key == u.key || open && strings.HasPrefix(key, before) && strings.HasSuffix(key, after)
}

// Every text that a page or the program says is in the catalogue, with the
// arguments that it names; and every text in the catalogue is said somewhere.
func TestTexts(t *testing.T) {
	texts := english(t)
	uses := append(usesOfPages(t), usesOfGo(t)...)
	if len(uses) < 100 {
		t.Fatalf("only %d uses were found", len(uses))
	}
	placeholder := regexp.MustCompile(`\{\{\.(\w+)\}\}`)
	for _, u := range uses {
		if !slices.ContainsFunc(keys(texts), u.fits) {
			t.Errorf("%s says %q, which is no text", u.where, u.key)
		}
		if u.names == nil {
			continue
		}
		for _, m := range placeholder.FindAllStringSubmatch(texts[u.key], -1) {
			if !slices.Contains(u.names, m[1]) {
				t.Errorf("%s says %q without %s", u.where, u.key, m[1])
			}
		}
	}
	for key := range texts {
		if !slices.ContainsFunc(uses, func(u use) bool { return u.fits(key) }) {
			t.Errorf("nobody says %q", key)
		}
	}
}

func keys(texts map[string]string) (all []string) {
	for key := range texts {
		all = append(all, key)
	}
	return all
}

// usesOfPages finds what templates say: {{t "key" "Name" .Value}} and
// {{t (printf "a.%s" .Value)}}.
func usesOfPages(t *testing.T) (uses []use) {
	t.Helper()
	files, err := fs.Glob(pageFiles, "html/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := pageFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		root := parse.New(file)
		root.Mode = parse.SkipFuncCheck
		trees := map[string]*parse.Tree{}
		if _, err := root.Parse(string(source), "", "", trees); err != nil {
			t.Fatal(err)
		}
		for _, tree := range trees {
			walk(tree.Root, func(c *parse.CommandNode) {
				if f, ok := c.Args[0].(*parse.IdentifierNode); !ok || f.Ident != "t" {
					return
				}
				u := use{where: file, names: []string{}}
				switch key := c.Args[1].(type) {
				case *parse.StringNode:
					u.key = key.Text
				case *parse.PipeNode:
					format, ok := key.Cmds[0].Args[1].(*parse.StringNode)
					if !ok || key.Cmds[0].Args[0].String() != "printf" || strings.Count(format.Text, "%s") != 1 {
						t.Errorf("%s says a text whose key cannot be read: %s", file, c)
						return
					}
					u.key = format.Text
				default:
					t.Errorf("%s says a text whose key cannot be read: %s", file, c)
					return
				}
				for i := 2; i < len(c.Args); i += 2 {
					name, ok := c.Args[i].(*parse.StringNode)
					if !ok {
						t.Errorf("%s: an argument without a name: %s", file, c)
						return
					}
					u.names = append(u.names, name.Text)
				}
				uses = append(uses, u)
			})
		}
	}
	return uses
}

// walk visits all commands below a node of a template.
func walk(n parse.Node, visit func(*parse.CommandNode)) {
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, n := range l.Nodes {
				walk(n, visit)
			}
		}
	}
	branch := func(b parse.BranchNode) {
		walk(b.Pipe, visit)
		list(b.List)
		list(b.ElseList)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.ActionNode:
		walk(n.Pipe, visit)
	case *parse.IfNode:
		branch(n.BranchNode)
	case *parse.RangeNode:
		branch(n.BranchNode)
	case *parse.WithNode:
		branch(n.BranchNode)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			walk(n.Pipe, visit)
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			walk(c, visit)
		}
	case *parse.CommandNode:
		visit(n)
		for _, a := range n.Args {
			walk(a, visit)
		}
	}
}

// usesOfGo finds what the program says: say("key", …), done(path, "what") and
// the problems.
func usesOfGo(t *testing.T) (uses []use) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		say := func(key string, names []string) {
			uses = append(uses, use{f.Name(), key, names})
		}
		problem := func(c *ast.CompositeLit) {
			if name, ok := literal(c.Elts[1]); ok {
				say("problem."+name+".title", []string{})
				say("problem."+name+".text", []string{})
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				switch called(n.Fun) {
				case "say":
					if key, ok := literal(n.Args[0]); ok {
						say(key, nil)
					}
				case "done":
					if what, ok := literal(n.Args[1]); ok {
						say("done."+what, []string{})
					}
				}
			case *ast.CompositeLit:
				switch kind := n.Type.(type) {
				case *ast.Ident:
					if kind.Name == "problem" {
						problem(n)
					}
				case *ast.MapType:
					if v, ok := kind.Value.(*ast.Ident); ok && v.Name == "problem" {
						for _, e := range n.Elts {
							if c, ok := e.(*ast.KeyValueExpr).Value.(*ast.CompositeLit); ok {
								problem(c)
							}
						}
					}
				}
			}
			return true
		})
	}
	return uses
}

func called(f ast.Expr) string {
	switch f := f.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

func TestLanguage(t *testing.T) {
	texts := loadTexts()
	for _, accept := range []string{"", "en", "en-GB,en;q=0.8", "tlh", "*", "nonsense;;;", strings.Repeat("a-", 5000)} {
		if got := texts.of(accept).tag.String(); got != "en" {
			t.Errorf("Accept-Language %.40q is answered in %s", accept, got)
		}
	}
	one, err := texts.of("").say("problem.wait", "Count", 1)
	many, errs := texts.of("").say("problem.wait", "Count", 2)
	if err != nil || errs != nil || one != "Try again in 1 second." || many != "Try again in 2 seconds." {
		t.Errorf("%q %v, %q %v", one, err, many, errs)
	}
}
