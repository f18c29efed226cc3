package courier

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"souk"
)

// The phases of an exchange, in their order.
type phase int

const (
	phaseDial phase = iota
	phaseTLS
	phaseWrite
	phaseAnswer // its header
)

// failure is an exchange that got no complete header.
type failure struct {
	in     phase
	late   bool // its time was up
	silent bool // not a byte of an answer came
	over   bool // nor will any: the receiver has ended the connection
	err    error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

// fail is err as what ended a phase that had time until limit.
func fail(in phase, limit time.Time, err error) failure {
	return failure{in: in, late: !time.Now().Before(limit), err: err}
}

var (
	errLong    = errors.New("the answer's header is larger than 64 KiB")
	errInterim = errors.New("more than 16 interim responses")
)

// outcomeOf names a failure.
func outcomeOf(err error) souk.Outcome {
	var f failure
	errors.As(err, &f)
	var dns *net.DNSError
	switch {
	case errors.Is(err, ErrAddress):
		return souk.Blocked
	case f.in == phaseDial && errors.As(err, &dns):
		return souk.BadName // be it for want of time
	case f.late:
		return souk.HeaderTimeout // in whichever other phase the time was spent
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "remote error" {
		return souk.BadTLS // TLS 1.3 may refuse late: for want of a certificate of ours
	}
	switch f.in {
	case phaseDial:
		return souk.NoConnection
	case phaseTLS:
		return untrusted(err)
	case phaseWrite:
		return souk.WriteFailed
	}
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return souk.NoConnection
	case f.silent || lost(err):
		return souk.HungUp
	}
	return souk.BadAnswer
}

// untrusted names the failure of a TLS handshake. A receiver that is gone in the
// middle of one says nothing about its certificate.
func untrusted(err error) souk.Outcome {
	var host x509.HostnameError
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &host):
		return souk.WrongHost
	case errors.As(err, &unverified):
		return souk.BadCertificate
	case errors.Is(err, syscall.ECONNRESET):
		return souk.NoConnection
	case lost(err):
		return souk.HungUp
	}
	return souk.BadTLS
}

// lost reports whether err is the other side's end of a connection.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// outward is err without what it tells of the network that Souk stands in: the
// resolver it asks, where it calls from, the private address that a name has,
// the proxy. The owner of a webhook reads it, who may be a stranger there.
func outward(err error) error {
	var f failure
	if errors.As(err, &f) {
		err = f.err
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, ErrAddress):
		return fmt.Errorf("%w: the host is not at a public one", ErrAddress)
	case f.late:
		return errors.New("no answer in time")
	case errors.As(err, &dns) && dns.IsNotFound:
		return errors.New("lookup: no such host")
	case errors.As(err, &dns):
		return errors.New("lookup: the name could not be resolved")
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}
