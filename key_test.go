package souk_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"souk"
)

func TestASealOpensInItsPlaceAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret, label, other := rapid.String().Draw(t, "secret"), rapid.String().Draw(t, "label"), rapid.String().Draw(t, "other")
		sealed := testKey.Seal(secret, label)
		if got, err := testKey.Open(sealed, label); err != nil || got != secret {
			t.Errorf("Open(Seal(%q)) = %q, %v", secret, got, err)
		}
		if other != label {
			if got, err := testKey.Open(sealed, other); err == nil {
				t.Errorf("sealed for %q, it opened for %q: %q", label, other, got)
			}
		}
		if got, err := souk.NewKey([souk.KeySize]byte{9}).Open(sealed, label); err == nil {
			t.Errorf("another key opened it: %q", got)
		}
		if len(secret) > 3 && bytes.Contains(sealed, []byte(secret)) {
			t.Errorf("%q shows in %q", secret, sealed)
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "byte")
		sealed[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := testKey.Open(sealed, label); err == nil {
			t.Errorf("with byte %d changed it opened: %q", i, got)
		}
		if got, err := testKey.Open(sealed[:i], label); err == nil && i > 0 {
			t.Errorf("cut to %d bytes it opened: %q", i, got)
		}
	})
}

func TestNothingOpensToNothing(t *testing.T) {
	if got, err := testKey.Open(nil, "label"); got != "" || err != nil {
		t.Errorf("Open(nil) = %q, %v", got, err)
	}
}

func TestTwoSealsOfOneSecretDiffer(t *testing.T) {
	if bytes.Equal(testKey.Seal("secret", "label"), testKey.Seal("secret", "label")) {
		t.Error("equal secrets can be told from their seals")
	}
}

func TestAKeyHashesTokensAndTellsItselfApart(t *testing.T) {
	other := souk.NewKey([souk.KeySize]byte{9})
	switch {
	case !bytes.Equal(testKey.Hash("token"), testKey.Hash("token")):
		t.Error("one token has two hashes")
	case bytes.Equal(testKey.Hash("token"), testKey.Hash("Token")):
		t.Error("two tokens have one hash")
	case bytes.Equal(testKey.Hash("token"), other.Hash("token")):
		t.Error("two keys make one hash")
	case bytes.Equal(testKey.Check(), other.Check()):
		t.Error("two keys have one check")
	case bytes.Equal(testKey.Check(), testKey.Hash("")), bytes.Contains(testKey.Check(), []byte{1, 2, 3}):
		t.Error("the check tells something about the key")
	}
}
