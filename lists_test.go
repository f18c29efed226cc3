package souk_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"souk"
)

// constants reads the values of a string type's constants from the source.
func constants(t *testing.T, file, typeName string) (values []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == typeName {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				v, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, v)
			}
		}
		return true
	})
	return values
}

func texts[T ~string](list []T) (out []string) {
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

// The lists that other packages go through are whole, and no word comes twice.
func TestTheListsAreWhole(t *testing.T) {
	for _, tt := range []struct {
		file, typeName string
		list           []string
	}{
		{"refusal.go", "Refusal", texts(souk.Refusals())},
		{"event.go", "EventKind", texts(souk.EventKinds)},
		{"request.go", "RequestStatus", texts(souk.RequestStatuses)},
		{"delivery.go", "DeliveryStatus", texts(souk.DeliveryStatuses)},
		{"replay.go", "ReplayStatus", texts(souk.ReplayStatuses)},
		{"token.go", "TokenKind", texts(souk.TokenKinds)},
		{"user.go", "Permission", texts(souk.Permissions)},
	} {
		want := constants(t, tt.file, tt.typeName)
		if len(want) < 3 {
			t.Errorf("%s has the constants %q", tt.typeName, want)
		}
		got := slices.Clone(tt.list)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the list has %q, the source %q", tt.typeName, got, want)
		}
		if n := len(slices.Compact(want)); n != len(got) {
			t.Errorf("%s: %d of %d constants are distinct", tt.typeName, n, len(got))
		}
	}
}

func TestRefusalsAreErrorsThatDetailWraps(t *testing.T) {
	for _, r := range souk.Refusals() {
		var found souk.Refusal
		if err := fmt.Errorf("app x: %w", r); !errors.Is(err, r) || !errors.As(err, &found) || found != r || !strings.Contains(err.Error(), r.Error()) {
			t.Errorf("%v does not carry %q", err, r)
		}
	}
	problems := souk.Invalid{{Field: "reason", Reason: "must be short"}, {Field: "scopes[1]", Reason: "is empty"}}
	if got := problems.Error(); got != "reason: must be short; scopes[1]: is empty" {
		t.Errorf("bad input reads %q", got)
	}
	if got := (souk.Dead{Kind: souk.BotToken, Cause: souk.DeadByApp}).Error(); got != "token is dead: app" {
		t.Errorf("a dead token reads %q", got)
	}
}
