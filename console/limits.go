package console

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"

	"souk/web"
)

// How often somebody may try a password or a code. Every try counts, also one
// that succeeds, and also for an account that does not exist. An account is given
// more tries than any one client, so that no client alone can use up those of its
// owner; and both refill within minutes, whoever goes on trying.
const (
	triesPerAddress = 10 // a minute
	burstOfAddress  = 30 // an office behind one address, on a Monday
	triesPerAccount = 20 // a minute
	burstOfAccount  = 45 // beyond what one address has, however fast
	slowestRefusal  = 350 * time.Millisecond
)

// limits count the tries.
type limits struct {
	addresses *web.AddressLimiter
	accounts  *web.Limiter[[sha256.Size]byte] // by the hash of the e-mail: of one size, whatever is sent
}

func newLimits() *limits {
	return &limits{
		addresses: web.NewAddressLimiter(triesPerAddress, burstOfAddress),
		accounts:  web.NewLimiter[[sha256.Size]byte](triesPerAccount, burstOfAccount),
	}
}

// try refuses a try too many: by a client and, if email is not empty, on an
// account. A client that is refused takes nothing from the account.
func (l *limits) try(from netip.Addr, email string) error {
	if l == nil {
		return nil
	}
	ok, wait := l.addresses.Allow(from)
	if ok && email != "" {
		ok, wait = l.accounts.Allow(sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(email)))))
	}
	if !ok {
		return &failure{problem: tooManyTries, wait: wait}
	}
	return nil
}

// slowly waits until a refusal that began at since may be told. All take as long,
// so that the time says nothing about whether there is such an account.
func slowly(ctx context.Context, since time.Time) {
	select {
	case <-time.After(slowestRefusal - time.Since(since)):
	case <-ctx.Done():
	}
}
