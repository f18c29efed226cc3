package console

import (
	"net/url"
	"path"
	"strings"
)

// maxNext is how long the way back may be, in bytes.
const maxNext = 4 << 10

// safeNext is where a visitor goes on after signing in: next if that is a page
// of our own, else the start page. Anybody can make a link with a next, so it is
// judged by what the strictest and the most lenient browser make of it: it must
// be a clean path with at most a query, in characters that none of them reads
// differently.
func safeNext(next string) string {
	const home = "/console"
	if len(next) > maxNext || !strings.HasPrefix(next, "/") || strings.ContainsFunc(next, misread) {
		return home
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return home
	}
	// What stands behind an escape must not change the way either.
	if path.Clean(u.Path) != u.Path || strings.ContainsFunc(u.Path, misread) {
		return home
	}
	return next
}

// misread reports whether browsers drop c from an address, or take it for
// another character.
func misread(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' }
