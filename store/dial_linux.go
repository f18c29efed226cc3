package store

import (
	"errors"
	"strings"
	"syscall"
)

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT, in milliseconds (tcp(7)).
const tcpUserTimeout = 18

// limitUnacked has the kernel give a connection up on which nobody acknowledges
// what was sent. It would else try again for a quarter of an hour.
func limitUnacked(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var set error
	err := c.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unackedTime.Milliseconds()))
	})
	return errors.Join(err, set)
}
