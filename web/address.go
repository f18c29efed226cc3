package web

import (
	"fmt"
	"net/netip"
	"strings"
)

// ParseProxies reads the addresses and prefixes of trusted proxies, such as
// "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32". IPv4 in IPv6's clothes is undressed.
func ParseProxies(list []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		p, err := parsePrefix(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q is neither an address nor a prefix", s)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = plain(a)
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if a := p.Addr(); a.Is4In6() {
		// Of ::ffff:0:0/96 the first 96 bits are the clothes. A shorter prefix
		// would mean IPv6 addresses too, which nobody who writes it this way wants.
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("prefix %s mixes IPv4 and IPv6", p)
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// clientAddress is whom a request comes from. Each trusted proxy appends the
// address it was called from to X-Forwarded-For, so the lists are read from the
// right, for as long as the one who wrote the entry is trusted: everything left
// of the first stranger may be the stranger's invention. An entry that is no
// address ends the walk at the proxy that wrote it.
func clientAddress(remote string, forwarded []string, trusted []netip.Prefix) netip.Addr {
	client, ok := parseHop(remote)
	if !ok {
		return netip.Addr{}
	}
	for i := len(forwarded) - 1; i >= 0; i-- {
		list := forwarded[i]
		for list != "" {
			if !contains(trusted, client) {
				return client
			}
			var entry string
			if comma := strings.LastIndexByte(list, ','); comma >= 0 {
				list, entry = list[:comma], list[comma+1:]
			} else {
				list, entry = "", list
			}
			entry = strings.Trim(entry, " \t")
			if entry == "" { // RFC 9110, 5.6.1: an empty element of a list is none
				continue
			}
			hop, ok := parseHop(entry)
			if !ok {
				return client
			}
			client = hop
		}
	}
	return client
}

// parseHop reads an address as peers and proxies write it: 192.0.2.7,
// 192.0.2.7:4711, 2001:db8::7, [2001:db8::7] or [2001:db8::7]:4711.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return plain(a), true
	}
	if p, err := netip.ParseAddrPort(s); err == nil {
		return plain(p.Addr()), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if a, err := netip.ParseAddr(inner); ok && err == nil && a.Is6() {
			return plain(a), true
		}
	}
	return netip.Addr{}, false
}

// plain takes off an address what would keep it from equalling itself.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
