package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"souk/courier"
)

// egressFlags say where Souk may connect to, and how.
type egressFlags struct {
	AllowPrivateTargets bool     `env:"SOUK_ALLOW_PRIVATE_TARGETS" help:"Let webhooks lead to loopback and private networks."`
	AllowTargets        []string `env:"SOUK_ALLOW_TARGETS" help:"Addresses or prefixes that webhooks may lead to though they are not public."`
	CAFile              string   `name:"ca-file" env:"SOUK_CA_FILE" type:"path" help:"File of PEM certificates: authorities that receivers may have theirs from, beside the system's."`
	EgressProxy         string   `env:"SOUK_EGRESS_PROXY" help:"Proxy for all requests to receivers: http or https://user:password@host:port."`
}

// options are what the flags choose for a client.
func (f egressFlags) options() (o courier.ClientOptions, err error) {
	o.AllowPrivate = f.AllowPrivateTargets
	named := slices.DeleteFunc(slices.Clone(f.AllowTargets), func(s string) bool { return strings.TrimSpace(s) == "" })
	if o.Allow, err = courier.ParseTargets(named); err != nil {
		return o, badText{fmt.Errorf("--allow-targets: %w", err)}
	}
	if f.EgressProxy != "" {
		if o.Proxy, err = courier.ParseProxy(f.EgressProxy); err != nil {
			return o, badText{fmt.Errorf("--egress-proxy: %w", err)}
		}
	}
	if f.CAFile != "" {
		if o.RootCAs, err = authorities(f.CAFile); err != nil {
			return o, fmt.Errorf("CA file %s: %w", f.CAFile, err)
		}
	}
	return o, nil
}

// authorities are the system's and those of a file. All of the file has to be
// certificates: one that is left out would be missed much later.
func authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	found := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		found++
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("PEM block %d is no certificate", found)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", found, err)
		}
		pool.AddCert(cert)
	}
	if found == 0 || found != strings.Count(string(text), "-----BEGIN ") {
		return nil, errors.New("it is not whole PEM certificates")
	}
	return pool, nil
}
