package mail

import (
	"context"
	"net"
)

// DialBy has m reach its server by dial, whatever its address.
func (m *Mailer) DialBy(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	m.dial = dial
}
