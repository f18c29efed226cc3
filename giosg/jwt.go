package giosg

import (
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// signJWT signs claims as they are spelled, in their order.
func signJWT(key []byte, claims any) (string, error) {
	payload, err := marshal(claims)
	if err != nil {
		return "", fmt.Errorf("spell claims: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign claims: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign claims: %w", err)
	}
	return signed.CompactSerialize()
}

// readJWT reads the claims of what was signed with HS256, and by no other rule,
// with a key; ok tells whether it was.
func readJWT(key []byte, text string, claims any) (ok bool) {
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return false
	}
	payload, err := signed.Verify(key)
	return err == nil && json.Unmarshal(payload, claims) == nil
}
