package courier

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"souk"
)

func TestCheckURLBoundsLength(t *testing.T) {
	c := NewClient(ClientOptions{})
	const start = "https://example.com/"
	for length, fits := range map[int]bool{souk.MaxURL: true, souk.MaxURL + 1: false} {
		if err := c.CheckURL(start + strings.Repeat("a", length-len(start))); (err == nil) != fits || err != nil && !errors.Is(err, ErrAddress) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

func TestControl(t *testing.T) {
	g := newGuard(true, nil)
	tests := []struct {
		network, address string
		pass             bool
	}{
		{"tcp4", "127.0.0.1:80", true},
		{"tcp6", "[::1]:80", true},
		{"tcp4", "8.8.8.8:80", true},
		{"udp4", "8.8.8.8:80", false},
		{"unix", "/run/docker.sock", false},
		{"tcp4", "no address", false},
		{"tcp6", "[fd00:ec2::254%eth0]:80", false},
		{"tcp6", "[::ffff:168.63.129.16]:80", false},
	}
	for _, tt := range tests {
		if err := g.control(tt.network, tt.address, nil); (err == nil) != tt.pass {
			t.Errorf("%s %s: %v", tt.network, tt.address, err)
		}
	}
}

// FuzzCheckURL looks for a URL that passes though the address that a parser
// could read out of it is closed.
func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"http://127.0.0.1/", "https://[::1]:80/a", "http://0x7f.1/", "https://a.example:443/?q"} {
		f.Add(seed)
	}
	c := NewClient(ClientOptions{})
	f.Fuzz(func(t *testing.T, raw string) {
		if c.CheckURL(raw) != nil {
			return
		}
		u, err := target(raw, souk.MaxURL)
		if err != nil {
			t.Fatalf("%q is saved but cannot be sent to: %v", raw, err)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !ip.IsGlobalUnicast() {
			t.Fatalf("%q passes with %s", raw, ip)
		}
	})
}
