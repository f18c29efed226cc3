package courier

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
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
	private bool // loopback and private networks are allowed
	ssrf    *ssrf.Guardian
}

// metadata lists the addresses at which clouds hand credentials to whoever asks
// from inside, where the registries of special networks do not cover them. They
// stay closed when private targets are open.
var metadata = []netip.Addr{
	netip.MustParseAddr("168.63.129.16"),      // Azure
	netip.MustParseAddr("fd00:ec2::254"),      // AWS
	netip.MustParseAddr("fd20:ce::254"),       // Google
	netip.MustParseAddr("fd00:c1::a9fe:a9fe"), // Oracle
}

func newGuard(allowPrivate bool) guard {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	if allowPrivate {
		options = append(options,
			ssrf.WithAllowedV4Prefixes(
				netip.MustParsePrefix("127.0.0.0/8"),
				netip.MustParsePrefix("10.0.0.0/8"),
				netip.MustParsePrefix("172.16.0.0/12"),
				netip.MustParsePrefix("192.168.0.0/16"),
			),
			ssrf.WithAllowedV6Prefixes(
				netip.MustParsePrefix("::1/128"),
				netip.MustParsePrefix("fc00::/7"),
			),
		)
	}
	return guard{private: allowPrivate, ssrf: ssrf.New(options...)}
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

func (g guard) check(ip netip.Addr) error {
	for _, m := range metadata {
		if ip.Unmap().WithZone("") == m {
			return fmt.Errorf("%w: %s serves cloud metadata", ErrAddress, ip)
		}
	}
	if err := g.ssrf.SafeAddr(ip); err != nil {
		return fmt.Errorf("%w: %s is not a public address", ErrAddress, ip)
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
// or https, a host, no credentials, at most 2,000 bytes, and no literal private
// address however it is spelled, unless private targets are allowed. It does
// not resolve names: what a name stands for is decided each time it is dialled.
// Its errors wrap ErrAddress and may be shown to whoever sent the URL.
func (c *Client) CheckURL(raw string) error {
	u, err := target(raw, souk.MaxURL)
	if err != nil {
		return err
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' || r <= ' ' }) {
		// Wide digits and dots turn into an address when a name is resolved.
		return fmt.Errorf("%w: the host must be spelled in ASCII", ErrAddress)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return c.guard.check(ip)
	}
	if endsInNumber(host) {
		// 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to some resolvers.
		return fmt.Errorf("%w: an IPv4 address is four decimal numbers", ErrAddress)
	}
	if local := strings.ToLower(host); !c.guard.private && (local == "localhost" || strings.HasSuffix(local, ".localhost")) {
		return fmt.Errorf("%w: %s is this machine", ErrAddress, host)
	}
	return nil
}

// endsInNumber reports whether the last label of host is a number, decimal,
// octal or hexadecimal. No public name ends so, but many parsers read such a
// host as an IPv4 address.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || last != "" && strings.Trim(last, "0123456789") == "" || strings.HasPrefix(strings.ToLower(last), "0x")
}
