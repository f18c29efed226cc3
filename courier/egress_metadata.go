package courier

import "net/netip"

// metadata are the addresses at which clouds hand credentials and settings to
// whoever asks from inside. They stay closed when a network around them is open;
// only who lists the very address opens it.
var metadata = addresses(
	"169.254.169.254",    // AWS, Azure, Google, Oracle, DigitalOcean, Hetzner, IBM, Linode, OpenStack, OVH, Vultr, …
	"169.254.170.2",      // AWS: tasks of ECS
	"169.254.170.23",     // AWS: pods of EKS
	"169.254.0.23",       // Tencent
	"169.254.10.10",      // Tencent
	"169.254.42.42",      // Scaleway
	"168.63.129.16",      // Azure: the host's own channel
	"100.100.100.200",    // Alibaba
	"192.0.0.192",        // Oracle, classic
	"fd00:ec2::254",      // AWS
	"fd00:ec2::23",       // AWS: pods of EKS
	"fd20:ce::254",       // Google
	"fd00:c1::a9fe:a9fe", // Oracle
	"fd00:42::42",        // Scaleway
	"fd00:a9fe:a9fe::1",  // Linode
	"fe80::a9fe:a9fe",    // OpenStack
)

// metadataNames are names that clouds have for them. They matter behind a proxy,
// which resolves names in our place.
var metadataNames = []string{
	"metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal",
	"metadata.tencentyun.com", "metadata.azure.internal",
}

func addresses(spelled ...string) (ips []netip.Addr) {
	for _, s := range spelled {
		ips = append(ips, netip.MustParseAddr(s))
	}
	return ips
}

// Prefixes whose addresses carry an IPv4 address, to which gateways and tunnels
// translate them.
var (
	compatible = netip.MustParsePrefix("::/96")          // RFC 4291, 2.5.5.1
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
	sixToFour  = netip.MustParsePrefix("2002::/16")      // RFC 3056
	teredo     = netip.MustParsePrefix("2001::/32")      // RFC 4380
)

// carried are the IPv4 addresses inside an IPv6 one. In a network's own NAT64
// prefix, where they may stand in several places (RFC 6052, 2.2), that is the
// one in the last 32 bits.
func carried(ip netip.Addr) []netip.Addr {
	b := ip.As16()
	last := netip.AddrFrom4([4]byte(b[12:]))
	switch {
	case ip.Is4() || ip == netip.IPv6Unspecified() || ip == loopback6:
		return nil
	case compatible.Contains(ip), nat64.Contains(ip), nat64Local.Contains(ip):
		return []netip.Addr{last}
	case sixToFour.Contains(ip):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[2:6]))}
	case teredo.Contains(ip):
		client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
		return []netip.Addr{netip.AddrFrom4([4]byte(b[4:8])), client}
	}
	return nil
}
