package web

import (
	"net/netip"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	trusted, err := ParseProxies([]string{"10.0.0.0/8", "192.0.2.1", "2001:db8:1::/48", "::ffff:172.16.0.0/108"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"no proxy", "203.0.113.9:4000", nil, "203.0.113.9"},
		{"a stranger's claim", "203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9"},
		{"one proxy", "10.0.0.1:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"proxy by single address", "192.0.2.1:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"neighbour of that address", "192.0.2.2:4000", []string{"198.51.100.1"}, "192.0.2.2"},
		{"proxy written as IPv4 in IPv6", "172.16.5.5:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"proxy seen as IPv4 in IPv6", "[::ffff:10.0.0.1]:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:4000", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"invention left of the client", "10.0.0.1:4000", []string{"10.9.9.9, 1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"two headers are one list", "10.0.0.1:4000", []string{"1.1.1.1", "198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"everybody is trusted", "10.0.0.1:4000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"proxy that forwards nothing", "10.0.0.1:4000", nil, "10.0.0.1"},
		{"empty header", "10.0.0.1:4000", []string{""}, "10.0.0.1"},
		{"empty elements", "10.0.0.1:4000", []string{" ,198.51.100.1,\t, ", ",,"}, "198.51.100.1"},
		{"garbage", "10.0.0.1:4000", []string{"unknown"}, "10.0.0.1"},
		{"garbage hides what is left of it", "10.0.0.1:4000", []string{"198.51.100.1, _hidden, 10.0.0.2"}, "10.0.0.2"},
		{"garbage behind the client", "10.0.0.1:4000", []string{"<script>, 198.51.100.1"}, "198.51.100.1"},
		{"IPv4 with port", "10.0.0.1:4000", []string{"198.51.100.1:65535"}, "198.51.100.1"},
		{"IPv4 with a port too high", "10.0.0.1:4000", []string{"198.51.100.1:65536"}, "10.0.0.1"},
		{"IPv6", "10.0.0.1:4000", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", "10.0.0.1:4000", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with port", "10.0.0.1:4000", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"IPv6 in half a bracket", "10.0.0.1:4000", []string{"[2001:db8::7"}, "10.0.0.1"},
		{"IPv4 in brackets", "10.0.0.1:4000", []string{"[198.51.100.1]"}, "10.0.0.1"},
		{"IPv4 in IPv6", "10.0.0.1:4000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"zone", "10.0.0.1:4000", []string{"fe80::1%eth0"}, "fe80::1"},
		{"peer with zone", "[fe80::1%eth0]:4000", nil, "fe80::1"},
		{"IPv6 proxies", "[2001:db8:1::1]:4000", []string{"2001:db8::7, 2001:db8:1::2"}, "2001:db8::7"},
		{"quotes are of another header", "10.0.0.1:4000", []string{`"198.51.100.1"`}, "10.0.0.1"},
		{"Unix socket", "@", []string{"198.51.100.1"}, "invalid IP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clientAddress(tt.remote, tt.forwarded, trusted); got.String() != tt.want {
				t.Errorf("client of %s, forwarded %q: %s, want %s", tt.remote, tt.forwarded, got, tt.want)
			}
		})
	}
}

func TestParseProxies(t *testing.T) {
	tests := []struct{ in, want string }{
		{"10.0.0.0/8", "10.0.0.0/8"},
		{" 10.1.2.3/8 ", "10.0.0.0/8"},
		{"192.0.2.7", "192.0.2.7/32"},
		{"::1", "::1/128"},
		{"fe80::1%eth0", "fe80::1/128"},
		{"::ffff:192.0.2.7", "192.0.2.7/32"},
		{"::ffff:192.0.2.0/120", "192.0.2.0/24"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"::ffff:0:0/95", ""},
		{"10.0.0.0/33", ""},
		{"10.0.0.1:80", ""},
		{"proxy.example", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got, err := ParseProxies([]string{tt.in})
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("ParseProxies(%q) = %v, want an error", tt.in, got)
		case tt.want != "" && (err != nil || len(got) != 1 || got[0].String() != tt.want):
			t.Errorf("ParseProxies(%q) = %v, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

// However the header looks, the answer is an address that somebody could have
// been called by, the peer alone when it is not trusted, and never changed by
// what a client wrote before a proxy of ours appended its address.
func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1:4000", "198.51.100.1, 10.0.0.2", "[2001:db8::7]:4711")
	f.Add("203.0.113.9:4000", "unknown,,", "")
	f.Add("[fe80::1%eth0]:80", "::ffff:10.0.0.2", ",")
	f.Add("@", ":", "[")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	f.Fuzz(func(t *testing.T, remote, first, second string) {
		headers := []string{first, second}
		got := clientAddress(remote, headers, trusted)
		if got.Is4In6() || got.Zone() != "" {
			t.Errorf("client %s is dressed up", got)
		}
		peer := clientAddress(remote, nil, nil)
		if !contains(trusted, peer) && got != peer {
			t.Errorf("peer %s is not trusted, yet the client is %s", peer, got)
		}
		if joined := clientAddress(remote, []string{strings.Join(headers, ",")}, trusted); joined != got {
			t.Errorf("two headers give %s, one list %s", got, joined)
		}
		const honest = "198.51.100.1"
		appended := clientAddress("10.0.0.1:4000", append(headers, honest), trusted)
		if appended.String() != honest {
			t.Errorf("our proxy was called from %s, yet the client is %s", honest, appended)
		}
	})
}
