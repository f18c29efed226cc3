package console

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// ownWay is the page of ours that next leads to, given as a path or with our
// origin; ok is false when it leads elsewhere.
func (h *Handler) ownWay(next string) (page string, ok bool) {
	page = next
	ours, _, _ := takeApart(h.base.String())
	if origin, rest, ok := takeApart(next); ok && origin == ours {
		page = rest
	}
	return page, ownPage(page)
}

// registeredWay is the one of an app's redirect URIs that next is: to the byte,
// or but for how its scheme, host and port are spelled. It is answered as it was
// registered, so that nothing that a stranger wrote is ever gone to.
func registeredWay(next string, uris []string) (uri string, ok bool) {
	if slices.Contains(uris, next) {
		return next, true
	}
	origin, rest, ok := takeApart(next)
	if !ok {
		return "", false
	}
	for _, uri := range uris {
		if itsOrigin, itsRest, ok := takeApart(uri); ok && itsOrigin == origin && itsRest == rest {
			return uri, true
		}
	}
	return "", false
}

// standardPorts are those that browsers leave out, by scheme.
var standardPorts = map[string]string{"http": ":80", "https": ":443"}

// plainHost is a host, with a port or without, that stands in an address and in
// a header alike: it has nothing that ends a word or a directive there.
var plainHost = regexp.MustCompile(`^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)

// takeApart splits an http or https address into its origin, in the spelling
// that browsers give it, and all that follows, as it is written. It takes no
// address that two readers could read in two ways.
func takeApart(address string) (origin, rest string, ok bool) {
	scheme, rest, _ := strings.Cut(address, "://")
	scheme = strings.ToLower(scheme)
	port, known := standardPorts[scheme]
	if !known || strings.ContainsFunc(address, foreign) {
		return "", "", false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, rest := strings.ToLower(rest[:end]), rest[end:]
	if !plainHost.MatchString(authority) {
		return "", "", false
	}
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	return scheme + "://" + strings.TrimSuffix(authority, port), rest, true
}

// carry puts pairs of a name and a value into the query of an address, in place
// of all that it has by those names. An empty value only takes away.
func carry(address string, pairs ...string) string {
	address, fragment, hasFragment := strings.Cut(address, "#")
	address, query, _ := strings.Cut(address, "?")
	var parts []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		taken := false
		for i := 0; i < len(pairs); i += 2 {
			taken = taken || pairs[i] == name
		}
		if part != "" && !taken {
			parts = append(parts, part)
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
		}
	}
	if len(parts) > 0 {
		address += "?" + strings.Join(parts, "&")
	}
	if hasFragment {
		address += "#" + fragment
	}
	return address
}
