package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// carry hands mails to the server one after another, over one connection; they
// are named by their places among so many.
func (m *Mailer) carry(ctx context.Context, mails map[int]*gomail.Msg, of int) error {
	var line net.Conn
	var cut func() bool
	defer func() {
		if line != nil {
			cut()
			line.Close() // the library leaves it open when the server does not let us in
		}
	}()
	client, err := m.client(func(dialling context.Context, network, _ string) (_ net.Conn, err error) {
		if line, err = m.dial(dialling, network, m.address); err != nil {
			return nil, err
		}
		cut = context.AfterFunc(ctx, func() { line.Close() }) // the library knows deadlines and no contexts
		if m.scheme != fromTLS {
			return line, nil
		}
		secure := tls.Client(line, m.tls)
		return secure, secure.HandshakeContext(dialling)
	})
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("the server does not let us in: %w", err), context.Cause(ctx))
	}
	var failed []error
	for _, i := range slices.Sorted(maps.Keys(mails)) {
		err := client.SendWithSMTPClient(session, mails[i])
		if err == nil {
			continue
		}
		said, refused := refusal(err)
		failed = append(failed, fmt.Errorf("%d of %d: %s", i+1, of, said))
		if !refused {
			return errors.Join(append(failed, errors.New("those after it were not tried"), context.Cause(ctx))...)
		}
	}
	_ = client.CloseWithSMTPClient(session) // it has what it takes, however it says goodbye
	return errors.Join(failed...)
}

// client is one for a single connection, which dial makes.
func (m *Mailer) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithTimeout(patience), gomail.WithTLSConfig(m.tls), gomail.WithDialContextFunc(dial),
		gomail.WithoutNoop(),
		gomail.WithoutRset(), // if that failed, a mail that was taken would seem lost
	}
	logins := []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin}
	switch {
	case m.scheme == fromTLS:
		options = append(options, gomail.WithSSL())
	case m.scheme == startTLS && !isLoopback(m.host):
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
		logins = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc}
	}
	if m.user != "" {
		options = append(options, gomail.WithUsername(m.user), gomail.WithPassword(m.password), gomail.WithOpportunisticSMTPAuth(logins...))
	}
	return gomail.NewClient(m.host, options...)
}

// refusal is why a mail was not taken, without whom it was for: servers like to
// repeat that. It also reports whether it was the server that refused it, so that
// it may well take others.
func refusal(err error) (said string, refused bool) {
	var failed *gomail.SendError
	if !errors.As(err, &failed) {
		return err.Error(), false
	}
	if failed.ErrorCode() == 0 {
		return failed.Reason.String() + " failed", false
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %d %s", failed.Reason, failed.ErrorCode(), failed.EnhancedStatusCode())), true
}
