package souk

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// KeySize is the length of a server's key, in bytes.
const KeySize = 32

// Key is the server's key: it hashes tokens, authenticates cursors, signs codes
// and tokens that are not stored, and seals secrets, each under a key derived for that purpose. All nodes of one
// marketplace share one; whoever holds it and the database can read the
// secrets.
type Key struct {
	tokens  []byte
	short   []byte
	trigger []byte
	codes   []byte
	ids     []byte
	cursors []byte
	check   []byte
	seal    cipher.AEAD
}

// errSealed answers text that was not sealed by this key, or was tampered with.
var errSealed = errors.New("sealed text does not open with this key")

// NewKey derives the purposes from secret.
func NewKey(secret [KeySize]byte) Key {
	derive := func(purpose string) []byte {
		k, err := hkdf.Key(sha256.New, secret[:], nil, "souk "+purpose, 32)
		if err != nil {
			panic(err) // only for lengths that SHA-256 cannot give
		}
		return k
	}
	block, err := aes.NewCipher(derive("seal"))
	if err != nil {
		panic(err) // only for wrong key lengths
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for other block sizes
	}
	return Key{tokens: derive("tokens"), short: derive("short tokens"), trigger: derive("trigger tokens"), codes: derive("codes"), ids: derive("id tokens"), cursors: derive("cursors"), check: derive("check"), seal: seal}
}

// Hash is how a token or another looked-up secret is stored.
func (k Key) Hash(secret string) []byte { return mac(k.tokens, secret) }

// ShortTokens is what tokens that are signed and not stored are signed with.
func (k Key) ShortTokens() []byte { return k.short }

// TriggerTokens is what the tokens that go with a trigger are signed with.
func (k Key) TriggerTokens() []byte { return k.trigger }

// Codes is what codes that are exchanged for tokens are signed with.
func (k Key) Codes() []byte { return k.codes }

// IDTokens is the key on P-256 that ID tokens are signed with, the same on all
// nodes; anybody may know its public half.
func (k Key) IDTokens() *ecdsa.PrivateKey {
	for scalar := k.ids; ; scalar = mac(scalar, "next") {
		// One scalar in 2³² is not below the curve's order.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar); err == nil {
			return key
		}
	}
}

// Check tells keys apart without telling anything about them: a database keeps
// it, so that a server with another key is refused at once.
func (k Key) Check() []byte { return k.check }

// Seal encrypts a secret for storage in the place that label names, such as
// "webhook:<id>"; it opens only there.
func (k Key) Seal(secret, label string) []byte {
	nonce := make([]byte, k.seal.NonceSize(), k.seal.NonceSize()+len(secret)+k.seal.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		panic(err) // crypto/rand never fails on the systems Go supports
	}
	return k.seal.Seal(nonce, nonce, []byte(secret), []byte(label))
}

// Open decrypts what Seal made for the same label. Nothing opens to "".
func (k Key) Open(sealed []byte, label string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	if len(sealed) < k.seal.NonceSize() {
		return "", errSealed
	}
	nonce, text := sealed[:k.seal.NonceSize()], sealed[k.seal.NonceSize():]
	secret, err := k.seal.Open(nil, nonce, text, []byte(label))
	if err != nil {
		return "", errSealed
	}
	return string(secret), nil
}

func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
