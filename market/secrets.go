package market

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"

	"souk"
	"souk/store"
)

// ErrOtherKey refuses to serve a database that was written with another key.
var ErrOtherKey = errors.New("this database was written with another server key")

// ClaimKey ties the database to the server's key the first time, and refuses
// any other from then on: with a wrong key no token would be known and no
// secret would open.
func (m *Market) ClaimKey(ctx context.Context) error {
	return m.DB.Write(ctx, platformLocks, func(tx *store.Tx) error {
		if _, err := tx.FirstSetting("key", m.Key.Check()); err != nil {
			return err
		}
		check, err := tx.Setting("key")
		if err == nil && !bytes.Equal(check, m.Key.Check()) {
			err = ErrOtherKey
		}
		return err
	})
}

// platformLocks are those of verbs that belong to no org: the platform counts
// as one root.
func platformLocks(*store.Tx) (store.Locks, error) {
	return store.Locks{Roots: []souk.ID{{}}}, nil
}

// FirstPlatformToken makes a platform token if the marketplace never had one,
// else it returns "". The secret is told once and not kept.
func (m *Market) FirstPlatformToken(ctx context.Context) (secret string, err error) {
	err = m.write(ctx, souk.Operator("command line"), platformLocks, func(tx *Tx) error {
		secret = ""
		had, err := tx.HasPlatformToken()
		if err != nil || had {
			return err
		}
		t := souk.Token{ID: souk.NewID(), Kind: souk.PlatformToken, Description: "made at the first start", CreatedAt: tx.at}
		secret = NewSecret(t.Kind)
		t.Hash = m.Key.Hash(secret)
		if err := tx.PutToken(t); err != nil {
			return err
		}
		t.Hash = nil
		return tx.audit("MintToken", souk.Org{}, souk.ID{}, t.ID, nil, t)
	})
	return secret, err
}

// NewSecret makes the secret of a token: the prefix that its wire's clients
// expect, then 43 characters of base 62 with 256 bits, plainly Souk's own
// (docs/dialects/slack.md, "Credentials").
func NewSecret(kind souk.TokenKind) string {
	prefix := "souk-"
	switch kind {
	case souk.UserToken, souk.BotToken, souk.AppToken, souk.RefreshToken:
		prefix = string(kind) + "-souk-"
	case souk.PlatformToken:
		prefix = "souk-platform-"
	case souk.ZoomToken:
		prefix = "souk-zoom-"
	case souk.ZoomRefreshToken:
		prefix = "souk-zoom-refresh-"
	}
	return prefix + randomText("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 43)
}

// NewCredentials makes what an app needs on every wire.
func NewCredentials(app souk.ID) souk.Credentials {
	const hex, digits = "0123456789abcdef", "0123456789"
	return souk.Credentials{
		App:                    app,
		GiosgSecret:            randomText(hex, 40),
		SlackClientID:          randomText(digits, 12) + "." + randomText(digits, 13),
		SlackClientSecret:      randomText(hex, 32),
		SlackSigningSecret:     randomText(hex, 32),
		SlackVerificationToken: randomText(alphanumeric, 24),
		ZoomClientID:           randomText(alphanumeric, 22),
		ZoomClientSecret:       newZoomSecret(),
		ZoomWebhookSecret:      newZoomToken(),
	}
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func newZoomSecret() string { return randomText(alphanumeric, 32) }

func newZoomToken() string { return randomText(alphanumeric, 22) }

// randomText draws n characters of an alphabet of at most 256, each as likely.
func randomText(alphabet string, n int) string {
	most := 256 - 256%len(alphabet) // beyond it the first characters would come more often
	out := make([]byte, 0, n)
	for b := make([]byte, 2*n); ; {
		rand.Read(b) // never fails
		for _, x := range b {
			if int(x) < most {
				if out = append(out, alphabet[int(x)%len(alphabet)]); len(out) == n {
					return string(out)
				}
			}
		}
	}
}
