package market

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"souk"
)

// A password is at least MinPassword characters and at most maxPassword bytes
// long. Nothing else is asked of it: length is what makes one hard to guess.
const (
	MinPassword = 12
	maxPassword = 200
)

// ErrBusy is answered when so many passwords are being looked at that another
// would wait for seconds.
var ErrBusy = errors.New("market: too many passwords at once")

// Looking at a password takes a core for some 30 ms and 19 MiB, and strangers
// may ask for it: as many are looked at as there are cores, and few may wait.
const passwordQueue = 32

var (
	passwordPlaces = make(chan struct{}, runtime.GOMAXPROCS(0))
	passwordsAsked atomic.Int64
)

// hashing runs fn, which hashes passwords, when there is room for it. It
// answers ErrBusy when there is none soon.
func hashing(ctx context.Context, fn func()) error {
	if passwordsAsked.Add(1) > int64(cap(passwordPlaces)+passwordQueue) {
		passwordsAsked.Add(-1)
		return ErrBusy
	}
	defer passwordsAsked.Add(-1)
	select {
	case passwordPlaces <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-passwordPlaces }()
	fn()
	return nil
}

// strangerHash is looked at where an account has no password or does not exist,
// so that it takes as long as one that does.
var strangerHash = HashPassword("nobody's")

// password checks a new password for an account with an e-mail.
func (p *problems) password(field, secret, email string) {
	local, _, _ := strings.Cut(strings.ToLower(email), "@")
	switch lower := strings.ToLower(secret); {
	case utf8.RuneCountInString(secret) < MinPassword:
		p.add(field, "must be at least %d characters long", MinPassword)
	case lower == strings.ToLower(email), len(local) >= MinPassword && lower == local:
		p.add(field, "must not be the e-mail address")
	default:
		p.text(field, secret, maxPassword)
	}
}

// ChangePassword gives the person who acts a new password. It ends all their
// sessions and begins another; their API tokens stay. It takes a session and
// refuses NotAllowed without, WrongPassword when old is not theirs (or they
// never had one), and Invalid.
func (m *Market) ChangePassword(ctx context.Context, actor souk.Actor, old, secret, agent string) (in SignedIn, err error) {
	if actor.Kind != souk.ConsoleSession {
		return in, souk.NotAllowed
	}
	var u souk.User
	var stored string
	err = m.read(ctx, actor, func(tx *Tx) (err error) {
		if u, err = tx.User(actor.User); err != nil {
			return or(err, souk.NotAllowed)
		}
		stored, err = tx.Password(u.ID)
		return ignoreMissing(err)
	})
	if err != nil {
		return in, err
	}
	var p problems
	p.password("password", secret, u.Email)
	if err := p.err(); err != nil {
		return in, err
	}
	matches, hash := false, ""
	err = hashing(ctx, func() {
		if matches = IsPassword(old, stored); matches {
			hash = HashPassword(secret)
		}
	})
	if err != nil {
		return in, err
	}
	if !matches {
		return in, souk.WrongPassword
	}
	session := m.newSession(agent)
	err = m.write(ctx, actor, rootOfUser(u.ID), func(tx *Tx) error {
		if now, err := tx.Password(u.ID); err != nil || now != stored {
			return either(ignoreMissing(err), souk.WrongPassword) // changed meanwhile
		}
		if err := tx.PutPassword(u.ID, hash, tx.at); err != nil {
			return err
		}
		if _, err := tx.RevokeTokens(u.ID, souk.ConsoleSession, souk.ID{}, tx.at); err != nil {
			return err
		}
		home, err := tx.Org(u.Org)
		if err != nil {
			return err
		}
		if err := tx.audit("ChangePassword", home, souk.ID{}, u.ID, nil, nil); err != nil {
			return err
		}
		in, err = tx.begin(session, u)
		return err
	})
	return in, err
}
