package courier

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"souk"
)

// errLet stands for a connection that the guard lets be made.
var errLet = errors.New("let through")

// verdict is what a client says of a URL: open, when it may be saved and
// connected to; shut, when neither; late, when it may be saved and is refused
// when it is dialled; lost, when it may be saved and the name does not resolve;
// early, when it may not be saved, though a dial would let it pass.
func verdict(t *testing.T, c *Client, url string) string {
	t.Helper()
	err := c.CheckURL(url)
	if err != nil && !errors.Is(err, ErrAddress) {
		t.Errorf("%q: %v does not wrap ErrAddress", url, err)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("%q: %v repeats a secret", url, err)
	}
	r := c.Do(t.Context(), Request{URL: url, Timeout: 10 * time.Second})
	switch {
	case r.Outcome == souk.Blocked && err != nil:
		return "shut"
	case r.Outcome == souk.Blocked:
		return "late"
	case r.Outcome == souk.BadName && err == nil:
		return "lost"
	case r.Outcome == souk.NoConnection && errors.Is(r.Err, errLet):
		if err != nil {
			return "early"
		}
		return "open"
	}
	return string(r.Outcome) + ": " + r.Err.Error()
}

// What may be saved as a webhook's URL and what may be connected to, by three
// policies: closed, private networks open, and a list.
func TestEgress(t *testing.T) {
	dns := resolve(t, map[string][]string{
		"home.example": {"127.0.0.1"}, "home6.example": {"::1"}, "lan.example": {"10.0.0.1"}, "office.example": {"10.2.3.4"},
		"ula.example": {"fd99::1"}, "office6.example": {"fd12:3456::1"}, "zero.example": {"0.0.0.0"}, "link.example": {"169.254.1.1"},
		"cloud.example": {"169.254.169.254"}, "cloud6.example": {"fd00:ec2::254"}, "google.example": {"fd20:ce::254"},
		"nat.example": {"64:ff9b::a00:1"}, "nat-office.example": {"64:ff9b::a02:304"}, "nat-public.example": {"64:ff9b::808:808"},
		"mapped.example": {"::ffff:10.0.0.1"}, "mapped-office.example": {"::ffff:10.2.3.4"}, "mapped-cloud.example": {"::ffff:169.254.169.254"},
		"two.example": {"10.0.0.1 192.168.0.1"}, "unknown.example": nil,
	})
	list, err := ParseTargets([]string{
		"10.2.0.0/16", " fd12:3456::/32", "127.0.0.1", "169.254.0.0/16", "100.64.0.0/10", "fd00:ec2::254", "fd20::/16",
		"64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::7f00:0/112", "::a00:0/112",
	})
	if err != nil {
		t.Fatal(err)
	}
	var clients []*Client
	for _, o := range []ClientOptions{{}, {AllowPrivate: true}, {Allow: list}} {
		o.resolver = dns.resolver()
		c := NewClient(o)
		c.dialer.Control = func(network, address string, raw syscall.RawConn) error {
			if err := c.guard.control(network, address, raw); err != nil {
				return err
			}
			return errLet
		}
		clients = append(clients, c)
	}

	tests := []struct{ url, closed, private, listed string }{
		// Public.
		{"https://example.com/hook", "open", "open", "open"},
		{"http://example.com:8080/hook?key=1", "open", "open", "open"},
		{"https://EXAMPLE.com.", "open", "open", "open"},
		{"https://xn--bcher-kva.example/", "open", "open", "open"},
		{"https://127.example.com/", "open", "open", "open"},
		{"https://localhost.example.com/", "open", "open", "open"},
		{"https://8.8.8.8/", "open", "open", "open"},
		{"https://[2606:4700::1111]:8443/", "open", "open", "open"},
		{"https://unknown.example/", "lost", "lost", "lost"},

		// This machine.
		{"http://localhost/", "shut", "open", "open"},
		{"http://LOCALHOST:8080/", "shut", "open", "open"},
		{"http://localhost./", "shut", "lost", "lost"},
		{"http://api.localhost/", "shut", "lost", "lost"},
		{"http://127.0.0.1/", "shut", "open", "open"},
		{"http://127.0.0.1./", "shut", "shut", "shut"},
		{"http://[::1.]/", "shut", "shut", "shut"},
		{"http://127.8.7.6:9/", "shut", "open", "shut"},
		{"http://[::1]/", "shut", "open", "shut"},
		{"http://[0:0:0:0:0:0:0:1]:80/", "shut", "open", "shut"},
		{"http://[0000:0000::0001]/", "shut", "open", "shut"},
		{"http://0.0.0.0/", "shut", "shut", "shut"},
		{"http://0.1.2.3/", "shut", "shut", "shut"},
		{"http://[::]/", "shut", "shut", "shut"},
		{"http://home.example/", "late", "open", "open"},
		{"http://home6.example/", "late", "open", "late"},
		{"http://zero.example/", "late", "late", "late"},

		// Private networks.
		{"http://10.0.0.1/", "shut", "open", "shut"},
		{"http://10.2.3.4/", "shut", "open", "open"},
		{"http://10.3.0.0/", "shut", "open", "shut"},
		{"http://172.16.0.1/", "shut", "open", "shut"},
		{"http://172.31.255.255/", "shut", "open", "shut"},
		{"http://172.32.0.1/", "open", "open", "open"},
		{"http://192.168.1.1/", "shut", "open", "shut"},
		{"http://[fc00::1]/", "shut", "open", "shut"},
		{"http://[fdff:ffff::1]/", "shut", "open", "shut"},
		{"http://[fd12:3456::7]/", "shut", "open", "open"},
		{"http://lan.example/", "late", "open", "late"},
		{"http://office.example/", "late", "open", "open"},
		{"http://ula.example/", "late", "open", "late"},
		{"http://office6.example/", "late", "open", "open"},
		{"http://two.example/", "late", "open", "late"},

		// Metadata of clouds.
		{"http://169.254.169.254/latest/meta-data", "shut", "shut", "shut"},
		{"http://169.254.170.2/v2/credentials", "shut", "shut", "shut"},
		{"http://169.254.0.23/", "shut", "shut", "shut"},
		{"http://169.254.42.42/", "shut", "shut", "shut"},
		{"http://168.63.129.16/", "shut", "shut", "shut"},
		{"http://192.0.0.192/", "shut", "shut", "shut"},
		{"http://100.100.100.200/", "shut", "shut", "shut"},
		{"http://[fd00:ec2::254]/", "shut", "shut", "open"}, // the very address is listed
		{"http://[fd20:ce::254]/", "shut", "shut", "shut"},
		{"http://[fd00:c1::a9fe:a9fe]/", "shut", "shut", "shut"},
		{"http://[fd00:42::42]/", "shut", "shut", "shut"},
		{"http://[fe80::a9fe:a9fe]/", "shut", "shut", "shut"},
		{"http://metadata.google.internal/", "shut", "shut", "shut"},
		{"http://Metadata.Google.Internal./", "shut", "shut", "shut"},
		{"http://metadata/", "shut", "shut", "shut"},
		{"http://cloud.example/", "late", "late", "late"},
		{"http://cloud6.example/", "late", "late", "open"},
		{"http://google.example/", "late", "late", "late"},

		// Other special networks.
		{"http://169.254.1.1/", "shut", "shut", "open"},
		{"http://link.example/", "late", "late", "open"},
		{"http://100.64.0.1/", "shut", "shut", "open"},
		{"http://100.127.255.255/", "shut", "shut", "open"},
		{"http://192.0.2.1/", "shut", "shut", "shut"},
		{"http://192.88.99.1/", "shut", "shut", "shut"},
		{"http://198.18.0.1/", "shut", "shut", "shut"},
		{"http://198.51.100.7/", "shut", "shut", "shut"},
		{"http://203.0.113.7/", "shut", "shut", "shut"},
		{"http://224.0.0.1/", "shut", "shut", "shut"},
		{"http://239.255.255.250/", "shut", "shut", "shut"},
		{"http://240.0.0.1/", "shut", "shut", "shut"},
		{"http://255.255.255.255/", "shut", "shut", "shut"},
		{"http://[fe80::1]/", "shut", "shut", "shut"},
		{"http://[fe80::1%25eth0]/", "shut", "shut", "shut"},
		{"http://[2606:4700::1111%25lo]/", "shut", "shut", "shut"},
		{"http://[fec0::1]/", "shut", "shut", "shut"},
		{"http://[ff02::1]/", "shut", "shut", "shut"},
		{"http://[100::1]/", "shut", "shut", "shut"},
		{"http://[2001:db8::1]/", "shut", "shut", "shut"},
		{"http://[3fff::1]/", "shut", "shut", "shut"},

		// IPv4 inside IPv6.
		{"http://[::ffff:127.0.0.1]/", "shut", "shut", "shut"},
		{"http://[::ffff:7f00:1]/", "shut", "shut", "shut"},
		{"http://[::ffff:8.8.8.8]/", "shut", "shut", "shut"},
		{"http://[::ffff:169.254.169.254]/", "shut", "shut", "shut"},
		{"http://mapped.example/", "late", "open", "late"},
		{"http://mapped-office.example/", "late", "open", "open"},
		{"http://mapped-cloud.example/", "late", "late", "late"},
		{"http://[::127.0.0.1]/", "shut", "shut", "open"},
		{"http://[::10.0.0.1]/", "shut", "shut", "shut"},
		{"http://[64:ff9b::127.8.7.6]/", "shut", "shut", "shut"},
		{"http://[64:ff9b::a9fe:a9fe]/", "shut", "shut", "shut"},
		{"http://[64:ff9b::8.8.8.8]/", "shut", "shut", "open"},
		{"http://[64:ff9b::10.2.3.4]/", "shut", "shut", "open"},
		{"http://nat.example/", "late", "late", "late"},
		{"http://nat-office.example/", "late", "late", "open"},
		{"http://nat-public.example/", "late", "late", "open"},
		{"http://[64:ff9b:1::8.8.8.8]/", "shut", "shut", "open"},
		{"http://[64:ff9b:1::a9fe:a9fe]/", "shut", "shut", "shut"},
		{"http://[64:ff9b:1:a9fe:a9:fe00::]/", "shut", "shut", "shut"},
		{"http://[2002:7f00:2::]/", "shut", "shut", "shut"},
		{"http://[2002:808:808::1]/", "shut", "shut", "open"},
		{"http://[2001:0:808:808:0:0:f7f7:f7f7]/", "shut", "shut", "open"},
		{"http://[2001:0:808:808:0:0:5601:5601]/", "shut", "shut", "shut"}, // of 169.254.169.254
		{"http://[2001:0:a00:1::f7f7:f7f7]/", "shut", "shut", "shut"},      // by the server 10.0.0.1

		// Numbers that some take for an address.
		{"http://2130706433/", "shut", "shut", "shut"},
		{"http://017700000001/", "shut", "shut", "shut"},
		{"http://0x7f000001/", "shut", "shut", "shut"},
		{"http://0X7F.1/", "shut", "shut", "shut"},
		{"http://127.1/", "shut", "shut", "shut"},
		{"http://127.0.1/", "shut", "shut", "shut"},
		{"http://0/", "shut", "shut", "shut"},
		{"http://0177.0.0.1/", "shut", "shut", "shut"},
		{"http://127.0.0.01/", "shut", "shut", "shut"},
		{"http://0x7f.0x0.0x0.0x1/", "shut", "shut", "shut"},
		{"http://127.0.0.0x1/", "shut", "shut", "shut"},
		{"http://0xa9fea9fe/", "shut", "shut", "shut"},
		{"http://2852039166/", "shut", "shut", "shut"},
		{"http://127.0.0.256/", "shut", "shut", "shut"},
		{"http://127.0.0.09/", "shut", "shut", "shut"},
		{"http://127.0.0.1.0x/", "shut", "shut", "shut"},
		{"http://1.2.3.4.5/", "shut", "shut", "shut"},
		{"http://99999999999999999999/", "shut", "shut", "shut"},

		// Other scripts and encodings.
		{"http://127。0。0。1/", "shut", "shut", "shut"},
		{"http://１２７.0.0.1/", "shut", "shut", "shut"},
		{"http://①②⑦.0.0.1/", "shut", "shut", "shut"},
		{"http://١٢٧.٠.٠.١/", "shut", "shut", "shut"},
		{"http://ｌｏｃａｌｈｏｓｔ/", "shut", "shut", "shut"},
		{"http://lo\u00adcalhost/", "shut", "shut", "shut"},
		{"http://%31%32%37.0.0.1/", "shut", "shut", "shut"},
		{"http://127.0.0.1%2f/", "shut", "shut", "shut"},
		{"http://%6c%6f%63%61%6c%68%6f%73%74/", "shut", "shut", "shut"},
		{"http://127.0.0.1%00.example.com/", "shut", "shut", "shut"},
		{"http://exa mple.com/", "shut", "shut", "shut"},
		{"http://example.com\r\nHost: a/", "shut", "shut", "shut"},

		// Tricks with what surrounds a host.
		{"http://user@example.com/", "shut", "shut", "shut"},
		{"http://user:secret@example.com/", "shut", "shut", "shut"},
		{"http://example.com@127.0.0.1/", "shut", "shut", "shut"},
		{"http://127.0.0.1@example.com/", "shut", "shut", "shut"},
		{"http://example.com:80@127.0.0.1/", "shut", "shut", "shut"},
		{"http://127.0.0.1#@example.com/", "shut", "open", "open"},
		{"http://127.0.0.1?@example.com/", "shut", "open", "open"},
		{"http://127.0.0.1\\@example.com/", "shut", "shut", "shut"},
		{"http://example.com:0/", "shut", "shut", "shut"},
		{"http://example.com:65536/", "shut", "shut", "shut"},
		{"http://example.com:http/", "shut", "shut", "shut"},
		{"http://[::1/", "shut", "shut", "shut"},
		{"http://::1/", "shut", "shut", "shut"},
		{"http://[127.0.0.1]/", "shut", "shut", "shut"},

		// No URLs for us.
		{"", "shut", "shut", "shut"},
		{"example.com/hook", "shut", "shut", "shut"},
		{"//example.com/hook", "shut", "shut", "shut"},
		{"ftp://example.com/", "shut", "shut", "shut"},
		{"file:///etc/passwd", "shut", "shut", "shut"},
		{"gopher://example.com/", "shut", "shut", "shut"},
		{"unix:///run/docker.sock", "shut", "shut", "shut"},
		{"http:example.com", "shut", "shut", "shut"},
		{"http:///hook", "shut", "shut", "shut"},
		{"http://:80/", "shut", "shut", "shut"},
	}
	for _, tt := range tests {
		for i, want := range []string{tt.closed, tt.private, tt.listed} {
			if got := verdict(t, clients[i], tt.url); got != want {
				t.Errorf("%q is %s when %s, want %s", tt.url, got, []string{"closed", "private networks are open", "listed"}[i], want)
			}
		}
	}
}

// A name that is public when it is looked at and private when it is dialled.
func TestNamesThatChangeTheirMind(t *testing.T) {
	var reached atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer server.Close()
	dns := resolve(t, map[string][]string{"rebound.example": {"93.184.215.14", "127.0.0.1"}})
	c := NewClient(ClientOptions{resolver: dns.resolver()})
	defer c.Close()
	url := strings.Replace(server.URL, "127.0.0.1", "rebound.example", 1)

	if err := c.CheckURL(url); err != nil {
		t.Fatal(err)
	}
	if at, err := dns.resolver().LookupHost(t.Context(), "rebound.example"); err != nil || !slices.Equal(at, []string{"93.184.215.14"}) {
		t.Fatalf("it stands for %v (%v)", at, err)
	}
	for range 2 {
		if r := post(t, c, url); r.Outcome != souk.Blocked || reached.Load() {
			t.Errorf("%s: %v, reached %v", r.Outcome, r.Err, reached.Load())
		}
	}

	// The same with a list: what it opens is the address, not the name.
	list, err := ParseTargets([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	dns = resolve(t, map[string][]string{"rebound.example": {"127.0.0.1", "127.0.0.2"}, "either.example": {"127.0.0.2 127.0.0.1"}})
	listed := NewClient(ClientOptions{Allow: list, resolver: dns.resolver()})
	defer listed.Close()
	if r := post(t, listed, url); r.Outcome != souk.OK || !reached.Load() {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
	listed.Close()
	if r := post(t, listed, url); r.Outcome != souk.Blocked {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
	if r := post(t, listed, strings.Replace(url, "rebound", "either", 1)); r.Outcome != souk.OK {
		t.Errorf("at one of two addresses: %s, %v", r.Outcome, r.Err)
	}
}

func TestParseTargets(t *testing.T) {
	for list, says := range map[string]string{
		"10.2.0.0/16":              "",
		"10.2.3.4, fd12::/16,::1":  "",
		"":                         `"" is neither`,
		"office.example":           "is neither",
		"10.2.3.4/16":              "10.2.0.0/16 is meant",
		"10.2.0.0/33":              "is neither",
		"::ffff:10.2.0.0/112":      "list the IPv4 address",
		"::ffff:10.2.0.1":          "list the IPv4 address",
		"fe80::1%eth0":             "is neither",
		"10.2.0.1,10.2.0.2:80":     "is neither",
		"010.2.0.1":                "is neither",
		"0.0.0.0/0, ::/0":          "",
		"169.254.169.254/32, ::/0": "",
	} {
		_, err := ParseTargets(strings.Split(list, ","))
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v, want %q", list, err, says)
		}
	}
	all, err := ParseTargets([]string{"0.0.0.0/0", "::/0", "169.254.169.254"})
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard(true, all)
	for _, ip := range metadata {
		if open := g.check(ip) == nil; open != (ip.String() == "169.254.169.254") {
			t.Errorf("%s is open: %v", ip, open)
		}
	}
}
