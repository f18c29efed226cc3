package market

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"

	"souk"
	"souk/store"
)

// What a password costs: 2 passes over 19 MiB by one thread, some 30 ms. That
// is too slow for a transaction that others wait for.
const (
	passwordPasses = 2
	passwordMemory = 19 * 1024 // KiB
	passwordLanes  = 1
	passwordSalt   = 16
	passwordSum    = 32
)

// HashPassword spells the argon2id hash of a password with a salt of its own,
// as the reference implementation does.
func HashPassword(secret string) string {
	salt := make([]byte, passwordSalt)
	rand.Read(salt) // never fails
	return spellPassword(secret, salt)
}

func spellPassword(secret string, salt []byte) string {
	sum := argon2.IDKey([]byte(secret), salt, passwordPasses, passwordMemory, passwordLanes, passwordSum)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		passwordMemory, passwordPasses, passwordLanes, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

// IsPassword reports whether hash was made of secret by HashPassword. A hash
// of another cost is none of ours.
func IsPassword(secret, hash string) bool {
	const costs = "$argon2id$v=19$m=19456,t=2,p=1$"
	b64 := base64.RawStdEncoding
	if len(hash) != len(costs)+b64.EncodedLen(passwordSalt)+1+b64.EncodedLen(passwordSum) {
		return false
	}
	salt, err := b64.DecodeString(hash[len(costs):][:b64.EncodedLen(passwordSalt)])
	return err == nil && subtle.ConstantTimeCompare([]byte(spellPassword(secret, salt)), []byte(hash)) == 1
}

// password is what hashing one ahead of the transaction gave.
type password struct {
	stored string // the hash that was stored then, "" for none
	hash   string // of the document's; stored, if that is of the same password
}

// hashPasswords hashes the passwords of a world, by the key of the user.
func (m *Market) hashPasswords(ctx context.Context, w World) (map[string]password, error) {
	passwords := map[string]password{}
	err := m.DB.Read(ctx, func(tx *store.Tx) error {
		for key, in := range w.Users {
			if in.Password == nil {
				continue
			}
			id, err := tx.ObjectNamed("users", key)
			if errors.Is(err, store.ErrNotFound) {
				id, err = in.ID, nil
			}
			if err != nil {
				return err
			}
			stored, err := tx.Password(id)
			if ignoreMissing(err) != nil {
				return err
			}
			passwords[key] = password{stored: stored}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for key, p := range passwords {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p.hash = p.stored; !IsPassword(*w.Users[key].Password, p.stored) {
			p.hash = HashPassword(*w.Users[key].Password)
		}
		passwords[key] = p
	}
	return passwords, nil
}

// putPassword keeps the hash made ahead and ends the user's sessions, unless the
// same password stands.
func (o *object) putPassword(user souk.ID) {
	p, given := o.passwords[o.key]
	if !given {
		return
	}
	stored, err := o.Password(user)
	if o.failed(ignoreMissing(err)) || stored == p.hash {
		return
	}
	if o.failed(o.PutPassword(user, p.hash, o.Tx.at)) {
		return
	}
	// Somebody else may have had the old one, and be signed in by it.
	_, err = o.RevokeTokens(user, souk.ConsoleSession, souk.ID{}, o.Tx.at)
	if !o.failed(err) {
		o.fields = append(o.fields, "password")
	}
}
