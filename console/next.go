package console

import (
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// maxNext is how long the way back may be, in bytes.
const maxNext = 4 << 10

// safeNext is where a visitor goes on after signing in: next if that is a page
// of our own, else the start page.
func safeNext(next string) string {
	if ownPage(next) {
		return next
	}
	return "/console"
}

// ownPage reports whether next leads to a page of our own and nowhere else.
// Anybody can make a link with a next, so it is judged by what the strictest and
// the most lenient browser make of it: it must be a clean path with at most a
// query, in characters that none of them reads differently.
func ownPage(next string) bool {
	if len(next) > maxNext || !strings.HasPrefix(next, "/") || strings.ContainsFunc(next, foreign) {
		return false
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.Contains(next, "#") {
		return false
	}
	// As written and as decoded: what stands behind an escape must not be a
	// slash too many either, for whoever decodes once more.
	escaped := strings.ToLower(u.EscapedPath())
	return !strings.ContainsFunc(u.Path, misread) && clean(u.Path) && clean(escaped) && !strings.Contains(escaped, "/%2f")
}

// clean reports whether a path has no dots and doubled slashes to be resolved.
func clean(p string) bool {
	short := path.Clean(p)
	return p == short || short != "/" && p == short+"/"
}

// foreign reports whether c stands in no address as it is sent.
func foreign(c rune) bool { return c == ' ' || c >= utf8.RuneSelf || misread(c) }

// misread reports whether browsers drop c from an address, or take it for
// another character.
func misread(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }
