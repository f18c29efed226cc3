package store

import (
	"net"
	"syscall"
	"testing"
)

// The kernel knows how long a server may be silent.
func TestKernelGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := newDialer().dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*line).Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct {
		name               string
		level, option, val int
	}{
		{"unacknowledged, ms", syscall.IPPROTO_TCP, tcpUserTimeout, 15_000},
		{"probes", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"first probe", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 10},
		{"between probes", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 5},
		{"how many", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
	} {
		var got int
		var ask error
		if err := raw.Control(func(fd uintptr) { got, ask = syscall.GetsockoptInt(int(fd), o.level, o.option) }); err != nil || ask != nil {
			t.Fatal(err, ask)
		}
		if got != o.val {
			t.Errorf("%s: %d, want %d", o.name, got, o.val)
		}
	}
}
