package courier

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"souk"
)

func TestCheckURL(t *testing.T) {
	strict, open := NewClient(ClientOptions{}), NewClient(ClientOptions{AllowPrivate: true})
	const public, private, never = "public", "private", "never"
	tests := []struct{ url, want string }{
		{"https://example.com/hook", public},
		{"http://example.com:8080/hook?key=1", public},
		{"https://EXAMPLE.com.", public},
		{"https://xn--bcher-kva.example/", public},
		{"https://8.8.8.8/", public},
		{"https://[2606:4700::1111]:8443/", public},
		{"https://127.example.com/", public},
		{"https://localhost.example.com/", public},

		{"http://localhost/", private},
		{"http://LOCALHOST.:8080/", private},
		{"http://api.localhost/", private},
		{"http://127.0.0.1/", private},
		{"http://127.8.7.6:9/", private},
		{"http://10.0.0.1/", private},
		{"http://172.16.0.1/", private},
		{"http://172.31.255.255/", private},
		{"http://192.168.1.1/", private},
		{"http://[::1]/", private},
		{"http://[0:0:0:0:0:0:0:1]:80/", private},
		{"http://[fc00::1]/", private},
		{"http://[fdff:ffff::1]/", private},

		{"http://0.0.0.0/", never},
		{"http://[::]/", never},
		{"http://169.254.169.254/latest/meta-data", never},
		{"http://[fe80::1]/", never},
		{"http://[fe80::1%25eth0]/", never},
		{"http://[fd00:ec2::254]/", never},
		{"http://[fd20:ce::254]/", never},
		{"http://[fd00:c1::a9fe:a9fe]/", never},
		{"http://168.63.129.16/", never},
		{"http://192.0.0.192/", never},
		{"http://100.64.0.1/", never},
		{"http://100.100.100.200/", never},
		{"http://100.127.255.255/", never},
		{"http://192.0.2.1/", never},
		{"http://198.18.0.1/", never},
		{"http://198.51.100.7/", never},
		{"http://203.0.113.7/", never},
		{"http://224.0.0.1/", never},
		{"http://240.0.0.1/", never},
		{"http://255.255.255.255/", never},
		{"http://[ff02::1]/", never},
		{"http://[::ffff:127.0.0.1]/", never},
		{"http://[::ffff:7f00:1]/", never},
		{"http://[::ffff:169.254.169.254]/", never},
		{"http://[::127.0.0.1]/", never},
		{"http://[64:ff9b::127.0.0.1]/", never},
		{"http://[64:ff9b::a9fe:a9fe]/", never},
		{"http://[64:ff9b:1::1]/", never},
		{"http://[2002:7f00:1::]/", never},
		{"http://[2001:db8::1]/", never},
		{"http://[2001::1]/", never},
		{"http://[2001:4860::1%25lo]/", never},

		{"http://2130706433/", never},
		{"http://017700000001/", never},
		{"http://0x7f000001/", never},
		{"http://0X7F.1/", never},
		{"http://127.1/", never},
		{"http://127.0.1/", never},
		{"http://0177.0.0.1/", never},
		{"http://0x7f.0x0.0x0.0x1/", never},
		{"http://127.0.0.0x1/", never},
		{"http://127.0.0.1./", private},
		{"http://127.0.0.256/", never},
		{"http://127.0.0.09/", never},
		{"http://99999999999999999999/", never},
		{"http://127。0。0。1/", never},
		{"http://１２７.0.0.1/", never},
		{"http://①②⑦.0.0.1/", never},
		{"http://lo\u00adcalhost/", never},

		{"", never},
		{"example.com/hook", never},
		{"//example.com/hook", never},
		{"ftp://example.com/", never},
		{"file:///etc/passwd", never},
		{"gopher://example.com/", never},
		{"unix:///run/docker.sock", never},
		{"http:example.com", never},
		{"http:///hook", never},
		{"http://:80/", never},
		{"http://example.com:0/", never},
		{"http://example.com:65536/", never},
		{"http://example.com:http/", never},
		{"http://user@example.com/", never},
		{"http://user:secret@example.com/", never},
		{"http://example.com\r\nHost: a/", never},
		{"http://exa mple.com/", never},
		{"http://%31%32%37.0.0.1/", never},
		{"https://example.com/" + strings.Repeat("a", souk.MaxURL-len("https://example.com/")), public},
		{"https://example.com/" + strings.Repeat("a", souk.MaxURL-len("https://example.com/")+1), never},
	}
	for _, tt := range tests {
		for _, side := range []struct {
			client *Client
			pass   bool
		}{{strict, tt.want == public}, {open, tt.want != never}} {
			err := side.client.CheckURL(tt.url)
			if (err == nil) != side.pass {
				t.Errorf("%.60q with private %v: %v", tt.url, side.client == open, err)
			}
			if err != nil && !errors.Is(err, ErrAddress) {
				t.Errorf("%.60q: %v does not wrap ErrAddress", tt.url, err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v repeats a secret", err)
			}
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
