package console

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"

	"souk"
	"souk/web"
)

// How often somebody may try a password or a code. Every try counts, also one
// that succeeds, and also for an account that does not exist. An account is given
// more tries than any one client, so that no client alone can use up those of its
// owner; all refill within minutes, whoever goes on trying. And whoever signed in
// to an account before has tries of their own (known.go), which strangers cannot
// use up however many they are.
const (
	triesPerAddress = 10 // a minute
	burstOfAddress  = 30 // an office behind one address, on a Monday
	triesPerAccount = 20 // a minute
	burstOfAccount  = 45 // beyond what one address has, however fast
	triesPerBrowser = 6  // a minute, of one that signed in to the account before
	burstOfBrowser  = 10
	triesPerUser    = 6 // a minute, of somebody who is signed in to prove it again
	burstOfUser     = 10
	slowestRefusal  = 350 * time.Millisecond
)

// account is a hash of an e-mail: of one size, whatever is sent.
type account [sha256.Size]byte

// accountOf is the account that people mean by an e-mail.
func accountOf(email string) account {
	return sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(email))))
}

// limits count the tries. Nil limits count nothing.
type limits struct {
	addresses *web.AddressLimiter
	accounts  *web.Limiter[account]
	browsers  *web.Limiter[known]
	users     *web.Limiter[souk.ID]
}

func newLimits() *limits {
	return &limits{
		addresses: web.NewAddressLimiter(triesPerAddress, burstOfAddress),
		accounts:  web.NewLimiter[account](triesPerAccount, burstOfAccount),
		browsers:  web.NewLimiter[known](triesPerBrowser, burstOfBrowser),
		users:     web.NewLimiter[souk.ID](triesPerUser, burstOfUser),
	}
}

// try refuses a try too many by a client.
func (l *limits) try(from netip.Addr) error {
	if l == nil {
		return nil
	}
	return refusal(l.addresses.Allow(from))
}

// signIn refuses a try too many by a client, and on an account: of those of the
// browser when it signed in to that account before. A client that is refused
// takes nothing from the account.
func (l *limits) signIn(from netip.Addr, a account, by known) error {
	if l == nil {
		return nil
	}
	if err := l.try(from); err != nil {
		return err
	}
	if by.Account == a {
		return refusal(l.browsers.Allow(by))
	}
	return refusal(l.accounts.Allow(a))
}

// prove refuses a try too many by somebody who is signed in, and whom those who
// are not cannot hinder.
func (l *limits) prove(user souk.ID) error {
	if l == nil {
		return nil
	}
	return refusal(l.users.Allow(user))
}

func refusal(ok bool, wait time.Duration) error {
	if ok {
		return nil
	}
	return &failure{problem: tooManyTries, wait: wait}
}

// slowly waits until a refusal that began at since may be told. All take as long,
// so that the time says nothing about why.
func slowly(ctx context.Context, since time.Time, long time.Duration) {
	select {
	case <-time.After(long - time.Since(since)):
	case <-ctx.Done():
	}
}
