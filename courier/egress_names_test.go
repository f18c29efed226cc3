package courier

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// nameServer is a name server on loopback.
type nameServer struct {
	at net.PacketConn

	mu    sync.Mutex
	known map[string][]string // what a name stands for: answers, each some addresses; the last one for good
	asked map[string]int
}

// resolve starts a name server that knows some names; those below "example" that
// it does not know are public, others do not exist.
func resolve(t *testing.T, known map[string][]string) *nameServer {
	at, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &nameServer{at: at, known: known, asked: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			size, from, err := at.ReadFrom(b)
			if err != nil {
				return
			}
			at.WriteTo(n.answer(b[:size]), from)
		}
	}()
	t.Cleanup(func() { at.Close(); <-done })
	return n
}

// resolver asks it.
func (n *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.at.LocalAddr().String())
	}}
}

// answer answers a question for A or AAAA (RFC 1035, section 4).
func (n *nameServer) answer(question []byte) []byte {
	const header, a, aaaa = 12, 1, 28
	var labels []string
	at := header
	for question[at] != 0 {
		labels = append(labels, string(question[at+1:at+1+int(question[at])]))
		at += 1 + int(question[at])
	}
	kind := binary.BigEndian.Uint16(question[at+1:])
	reply := append([]byte{}, question[:at+5]...)
	ips, exists := n.lookup(strings.ToLower(strings.Join(labels, ".")), kind == a)
	copy(reply[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
	if !exists {
		reply[3] |= 3
	}
	for _, ip := range ips {
		if of := map[bool]uint16{true: a, false: aaaa}[ip.Is4()]; of == kind {
			reply[7]++
			reply = append(reply, 0xc0, header, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(ip.BitLen()/8))
			reply = append(reply, ip.AsSlice()...)
		}
	}
	return reply
}

// lookup is what a name stands for now. Each question for A counts as one.
func (n *nameServer) lookup(name string, counts bool) (ips []netip.Addr, exists bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers, ok := n.known[name]
	if !ok {
		answers = []string{"93.184.215.14"}
		ok = strings.HasSuffix(name, ".example") || strings.HasSuffix(name, "example.com")
	}
	if !ok || answers == nil {
		return nil, false
	}
	for _, ip := range strings.Fields(answers[min(n.asked[name], len(answers)-1)]) {
		ips = append(ips, netip.MustParseAddr(ip))
	}
	if counts {
		n.asked[name]++
	}
	return ips, true
}
