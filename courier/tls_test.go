package courier

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"souk"
)

// authority signs certificates of test receivers.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return authority{key, cert, pool}
}

// serve starts a receiver on 127.0.0.1 whose certificate is for ip and lasts
// until notAfter.
func (a authority) serve(t *testing.T, h http.Handler, ip string, notAfter time.Time, maxVersion uint16) *httptest.Server {
	server := a.receiver(t, h, ip, notAfter, maxVersion)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// receiver is what serve starts.
func (a authority) receiver(t *testing.T, h http.Handler, ip string, notAfter time.Time, maxVersion uint16) *httptest.Server {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.ParseIP(ip)}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // every refused handshake would be reported
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS10, MaxVersion: maxVersion,
	}
	return server
}

func TestDoTLS(t *testing.T) {
	a := newAuthority(t)
	var proto atomic.Value
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { proto.Store(r.Proto) })
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)

	tests := []struct {
		name    string
		server  *httptest.Server
		roots   *x509.CertPool
		outcome souk.Outcome
	}{
		{"good", a.serve(t, h, "127.0.0.1", soon, 0), a.pool, souk.OK},
		{"TLS 1.2", a.serve(t, h, "127.0.0.1", soon, tls.VersionTLS12), a.pool, souk.OK},
		{"TLS 1.1", a.serve(t, h, "127.0.0.1", soon, tls.VersionTLS11), a.pool, souk.BadTLS},
		{"expired", a.serve(t, h, "127.0.0.1", past, 0), a.pool, souk.BadCertificate},
		{"wrong name", a.serve(t, h, "127.0.0.2", soon, 0), a.pool, souk.WrongHost},
		{"unknown authority", a.serve(t, h, "127.0.0.1", soon, 0), x509.NewCertPool(), souk.BadCertificate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewClient(ClientOptions{AllowPrivate: true, RootCAs: tt.roots})
			defer c.Close()
			r := post(t, c, tt.server.URL)
			if r.Outcome != tt.outcome {
				t.Errorf("%s, status %d: %v", r.Outcome, r.Status, r.Err)
			}
			if r.Outcome == souk.OK && proto.Load() != "HTTP/2.0" {
				t.Errorf("spoke %v to a receiver that knows HTTP/2", proto.Load())
			}
		})
	}
}

// A receiver that wants a certificate of ours refuses after the handshake, as
// TLS 1.3 has it.
func TestDoHasNoCertificate(t *testing.T) {
	a := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := a.receiver(t, http.NotFoundHandler(), "127.0.0.1", time.Now().Add(time.Hour), version)
		server.EnableHTTP2 = false
		server.TLS.ClientAuth = tls.RequireAnyClientCert
		server.StartTLS()
		t.Cleanup(server.Close)
		c := NewClient(ClientOptions{AllowPrivate: true, RootCAs: a.pool})
		if r := post(t, c, server.URL); r.Outcome != souk.BadTLS {
			t.Errorf("%s: %s, %v", tls.VersionName(version), r.Outcome, r.Err)
		}
		c.Close()
	}
}

// A self-signed certificate vouches for nobody, and the answer of who has it is
// not looked at.
func TestDoBelievesNoSelfSignedCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	c := open()
	defer c.Close()
	if r := post(t, c, server.URL); r.Outcome != souk.BadCertificate || r.Status != 0 {
		t.Errorf("%s, status %d: %v", r.Outcome, r.Status, r.Err)
	}
}

func TestDoNeverFallsBackToPlainHTTP(t *testing.T) {
	var reached atomic.Bool
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer plain.Close()
	a := newAuthority(t)
	server := a.serve(t, http.RedirectHandler(plain.URL, http.StatusFound), "127.0.0.1", time.Now().Add(time.Hour), 0)
	c := NewClient(ClientOptions{AllowPrivate: true, RootCAs: a.pool})
	defer c.Close()

	r := c.Do(t.Context(), Request{URL: server.URL, Timeout: 10 * time.Second, Redirects: 2})
	if r.Outcome != souk.BadStatus || r.Status != http.StatusFound || reached.Load() {
		t.Errorf("%s, status %d, reached over http %v", r.Outcome, r.Status, reached.Load())
	}
}
