package courier

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"souk"
)

// ErrAddress is what every refusal of an address wraps, whether it was refused
// when the URL was saved or when it was dialled.
var ErrAddress = errors.New("address not allowed")

// guard decides which addresses Souk may connect to. It looks at the address a
// name resolved to, at the moment of dialling, so a name that changes its mind
// between the check and the dial gains nothing.
type guard struct {
	allowed []netip.Prefix // beside the public ones
	ssrf    *ssrf.Guardian // knows which are public
}

// private are the networks of one's own.
var private = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"),
}

func newGuard(allowPrivate bool, allow []netip.Prefix) guard {
	g := guard{allowed: slices.Clone(allow), ssrf: ssrf.New(ssrf.WithAnyPort())}
	if allowPrivate {
		g.allowed = append(g.allowed, private...)
	}
	return g
}

// ParseTargets reads addresses and prefixes that Souk may connect to though they
// are not public. An IPv4 address inside an IPv6 one is to be listed as IPv4.
func ParseTargets(list []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, s := range list {
		s = strings.TrimSpace(s)
		p, err := netip.ParsePrefix(s)
		if ip, single := netip.ParseAddr(s); single == nil && ip.Zone() == "" {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q is neither an address nor a prefix", s)
		case p.Addr().Is4In6():
			return nil, fmt.Errorf("%q: list the IPv4 address", s)
		case p != p.Masked():
			return nil, fmt.Errorf("%q has bits behind its length: %s is meant?", s, p.Masked())
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

// control is a net.Dialer's Control: the last word before a socket connects.
func (g guard) control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: network %s", ErrAddress, network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAddress, err)
	}
	return g.check(to.Addr())
}

// check judges an address. What carries an IPv4 address is closed unless it is
// listed, and then what it carries has to be open as well.
func (g guard) check(ip netip.Addr) error {
	if ip = ip.Unmap(); ip.Zone() != "" {
		return fmt.Errorf("%w: %s leads out of one interface", ErrAddress, ip)
	}
	listed := func(p netip.Prefix) bool { return p.Contains(ip) }
	very := func(p netip.Prefix) bool { return p.IsSingleIP() && p.Addr() == ip }
	switch {
	case slices.Contains(metadata, ip) && !slices.ContainsFunc(g.allowed, very):
		return fmt.Errorf("%w: %s serves cloud metadata", ErrAddress, ip)
	case !slices.ContainsFunc(g.allowed, listed) && g.ssrf.SafeAddr(ip) != nil:
		return fmt.Errorf("%w: %s is not a public address", ErrAddress, ip)
	}
	for _, inner := range carried(ip) {
		if err := g.check(inner); err != nil {
			return fmt.Errorf("%w, inside %s", err, ip)
		}
	}
	return nil
}

// target reads a URL to ask, of at most so many bytes.
func target(raw string, most int) (*url.URL, error) {
	if len(raw) > most {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrAddress, most)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: not a URL", ErrAddress) // err repeats the URL, which may hold a secret
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%w: the scheme must be http or https", ErrAddress)
	case u.User != nil:
		return nil, fmt.Errorf("%w: credentials in a URL", ErrAddress)
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("%w: no host", ErrAddress)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("%w: port %s", ErrAddress, p)
		}
	}
	return u, nil
}

// CheckURL reports why a webhook may not have the URL raw, nil if it may: http
// or https, a host, no credentials, at most 2,000 bytes, and no literal address
// that is closed, however it is spelled. It does not resolve names: what a name
// stands for is decided each time it is dialled. Its errors wrap ErrAddress and
// may be shown to whoever sent the URL.
func (c *Client) CheckURL(raw string) error {
	u, err := target(raw, souk.MaxURL)
	if err != nil {
		return err
	}
	return c.guard.checkHost(u.Hostname())
}

// checkHost judges what can be judged of a host without resolving it. Behind a
// proxy, which resolves names, that is all.
func (g guard) checkHost(host string) error {
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' || r <= ' ' }) {
		// Wide digits and dots turn into an address when a name is resolved.
		return fmt.Errorf("%w: the host must be spelled in ASCII", ErrAddress)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Is4In6() {
			return fmt.Errorf("%w: an IPv4 address is four decimal numbers", ErrAddress)
		}
		return g.check(ip)
	}
	if strings.Contains(host, ":") {
		return fmt.Errorf("%w: that is no IPv6 address", ErrAddress)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if endsInNumber(host) {
		// 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to some resolvers.
		return fmt.Errorf("%w: an IPv4 address is four decimal numbers", ErrAddress)
	}
	if (host == "localhost" || strings.HasSuffix(host, ".localhost")) && g.check(loopback4) != nil && g.check(loopback6) != nil {
		return fmt.Errorf("%w: %s is this machine", ErrAddress, host)
	}
	if slices.Contains(metadataNames, host) {
		return fmt.Errorf("%w: %s serves cloud metadata", ErrAddress, host)
	}
	return nil
}

var loopback4, loopback6 = netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()

// endsInNumber reports whether the last label of host is a number, decimal,
// octal or hexadecimal. No public name ends so, but many parsers read such a
// host as an IPv4 address.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || last != "" && strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
}
