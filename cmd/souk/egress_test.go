package main

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/courier"
)

func TestEgressFlags(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	server.Config.ErrorLog = nil
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	good := block("CERTIFICATE", server.Certificate().Raw)
	local := []string{"127.0.0.0/8", " ::1"}

	for _, tt := range []struct {
		name  string
		flags egressFlags
		says  string // of an error; "": none
		usage bool   // it is a fault of usage
		want  souk.Outcome
	}{
		{"none", egressFlags{}, "", false, souk.Blocked},
		{"private", egressFlags{AllowPrivateTargets: true}, "", false, souk.BadCertificate},
		{"an authority", egressFlags{AllowPrivateTargets: true, CAFile: file("good", "# of ours\n"+good)}, "", false, souk.OK},
		{"two", egressFlags{AllowTargets: local, CAFile: file("two", good+good)}, "", false, souk.OK},
		{"an empty list", egressFlags{AllowTargets: []string{""}}, "", false, souk.Blocked},
		{"a list", egressFlags{AllowTargets: local}, "", false, souk.BadCertificate},
		{"another list", egressFlags{AllowTargets: []string{"10.0.0.0/8"}}, "", false, souk.Blocked},
		{"a name in a list", egressFlags{AllowTargets: []string{"intranet"}}, `--allow-targets: "intranet" is neither`, true, ""},
		{"a bad proxy", egressFlags{EgressProxy: "ftp://me:s3cret@proxy.example"}, "--egress-proxy: the scheme", true, ""},
		{"a bad proxy's password", egressFlags{EgressProxy: "http://me:s3cret@proxy.example:no"}, "--egress-proxy: not a URL", true, ""},
		{"a proxy that is not there", egressFlags{AllowTargets: local, EgressProxy: "http://me:s3cret@proxy.invalid"}, "", false, souk.NoConnection},
		{"no file", egressFlags{CAFile: filepath.Join(dir, "none")}, "no such file", false, ""},
		{"an empty file", egressFlags{CAFile: file("empty", "\n")}, "not whole", false, ""},
		{"half a certificate", egressFlags{CAFile: file("half", good+good[:len(good)/2])}, "not whole", false, ""},
		{"a key", egressFlags{CAFile: file("key", good+block("PRIVATE KEY", []byte("s3cret")))}, "block 2 is no certificate", false, ""},
		{"garbage", egressFlags{CAFile: file("garbage", block("CERTIFICATE", []byte("s3cret")))}, "certificate 1", false, ""},
	} {
		o, err := tt.flags.options()
		var usage badText
		switch {
		case tt.says == "" && err != nil, tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		case errors.As(err, &usage) != tt.usage:
			t.Errorf("%s: %v is a fault of usage: %v", tt.name, err, !tt.usage)
		case err != nil && strings.Contains(err.Error(), "s3cret"):
			t.Errorf("%s: the error tells the secret", tt.name)
		}
		if err != nil {
			continue
		}
		c := courier.NewClient(o)
		r := c.Do(t.Context(), courier.Request{URL: server.URL, Timeout: 10 * time.Second})
		if r.Outcome != tt.want || r.Err != nil && strings.Contains(r.Err.Error(), "s3cret") {
			t.Errorf("%s: %s, %v", tt.name, r.Outcome, r.Err)
		}
		c.Close()
	}
}
