package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"souk/console"
)

// clientSecret names the environment variable that holds the secret itself. It
// has no flag, since everybody on a machine can read command lines.
const clientSecret = "SOUK_OIDC_CLIENT_SECRET"

// openIDFlags name the OpenID provider by which people may sign in.
type openIDFlags struct {
	Issuer           string `env:"SOUK_OIDC_ISSUER" help:"Address of an OpenID provider by which people may sign in, as its metadata spell it."`
	ClientID         string `name:"client-id" env:"SOUK_OIDC_CLIENT_ID" help:"What the provider calls Souk."`
	ClientSecretFile string `env:"SOUK_OIDC_CLIENT_SECRET_FILE" type:"path" help:"File with the client's secret; or put the secret into SOUK_OIDC_CLIENT_SECRET."`
	Name             string `env:"SOUK_OIDC_NAME" help:"How the button calls the provider; default: its host."`
}

// provider is the one that the flags name, or none.
func (f openIDFlags) provider() (o console.OpenID, err error) {
	secret, err := f.secret()
	switch {
	case err != nil:
		return o, err
	case f.Issuer == "" && f.ClientID == "" && secret == "":
		return o, nil
	case !isIssuer(f.Issuer):
		return o, badText{errors.New("--oidc-issuer must be an https URL without user, query and fragment (http on loopback)")}
	case f.ClientID == "":
		return o, badText{errors.New("--oidc-client-id is required with --oidc-issuer")}
	}
	return console.OpenID{Issuer: f.Issuer, ClientID: f.ClientID, Secret: secret, Name: f.Name}, nil
}

// secret reads the client's; "" for a client that has none.
func (f openIDFlags) secret() (string, error) {
	secret := os.Getenv(clientSecret)
	if f.ClientSecretFile == "" {
		return secret, nil
	}
	if secret != "" {
		return "", badText{errors.New("--oidc-client-secret-file and " + clientSecret + " are both given")}
	}
	text, err := os.ReadFile(f.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("client secret file: %w", err)
	}
	if secret = strings.TrimSpace(string(text)); secret == "" {
		return "", fmt.Errorf("client secret file %s is empty", f.ClientSecretFile)
	}
	return secret, nil
}

// isIssuer reports whether a provider at s can be believed: whoever is between us
// and one without TLS could be anybody.
func isIssuer(s string) bool {
	u, err := url.Parse(s)
	if err != nil || !isBase(s) {
		return false
	}
	at, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && at.IsLoopback()
	return u.Scheme == "https" || loopback
}
