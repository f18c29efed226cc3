package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// keys are what a provider signs with, one key for each kind.
type keys struct {
	name string // that their ids begin with
	rsa  *rsa.PrivateKey
	ec   *ecdsa.PrivateKey
}

// firstKeys are those that every provider begins with: they take a while to make.
var firstKeys = sync.OnceValue(newKeys)

func newKeys() keys {
	k := keys{name: rand.Text()}
	var err error
	if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err) // only for sizes that are too small
	}
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err) // never with crypto/rand
	}
	return k
}

// public is the document that clients check signatures with.
func (k keys) public() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: k.rsa.Public(), KeyID: k.name + "-rsa", Algorithm: "RS256", Use: "sig"},
		{Key: k.ec.Public(), KeyID: k.name + "-ec", Algorithm: "ES256", Use: "sig"},
	}}
}

// sign makes an ID token in the way called signing.
func (k keys) sign(signing string, claims map[string]any) string {
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err) // the tests' own claims
	}
	if signing == "none" {
		b64 := base64.RawURLEncoding
		return b64.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + b64.EncodeToString(text) + "."
	}
	key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k.rsa, KeyID: k.name + "-rsa"}}
	switch signing {
	case "ES256":
		key = jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.ec, KeyID: k.name + "-ec"}}
	case "HS256": // as if everybody knew the secret
		key = jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey), KeyID: k.name + "-rsa"}}
	}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		panic(err) // keys of our own making
	}
	signed, err := signer.Sign(text)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}
