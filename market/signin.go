package market

import (
	"context"
	"net/netip"
	"time"

	"souk"
	"souk/store"
)

// SessionLife is how long a session lasts from signing in on.
const SessionLife = 30 * 24 * time.Hour

// maxLogins is how many accounts with one e-mail a proof is tried on, and
// ticketLife how long there is to choose between those that it fits.
const (
	maxLogins  = 8
	ticketLife = 5 * time.Minute
)

// SigningIn is who somebody says they are.
type SigningIn struct {
	Email    string
	Password string
	Agent    string // the browser's name for itself, for the list of sessions
}

// Identity is who somebody is by the word of an OpenID provider that the
// operator trusts. Its e-mail was verified there.
type Identity struct {
	Issuer, Subject string
	Email           string
	Agent           string // as in SigningIn
}

// SignedIn is a session that began, or a choice that is left.
type SignedIn struct {
	Secret  string     // of the session: told once, not kept
	Session souk.Token // zero while there is a choice
	User    souk.User
	Choices []Account // set when the proof fits several accounts
	Ticket  string    // for Choose, good once and for five minutes
}

// Account is one of the accounts that an e-mail may mean.
type Account struct {
	User souk.User
	Home souk.Org
}

// SignIn begins a session for the person with an e-mail and a password. The
// same e-mail may stand under several roots: when the password fits several
// accounts, there is a choice left. It refuses WrongPassword, which takes as
// long for an account that does not exist, and answers ErrBusy.
func (m *Market) SignIn(ctx context.Context, in SigningIn, face string, from netip.Addr) (SignedIn, error) {
	logins, err := m.logins(ctx, in.Email)
	if err != nil {
		return SignedIn{}, err
	}
	var fit []store.Login
	err = hashing(ctx, func() {
		for _, l := range logins {
			if l.Password == "" {
				l.Password = strangerHash
			}
			if IsPassword(in.Password, l.Password) && l.Password != strangerHash {
				fit = append(fit, l)
			}
		}
		if len(logins) == 0 {
			IsPassword(in.Password, strangerHash)
		}
	})
	if err != nil {
		return SignedIn{}, err
	}
	return m.enter(ctx, fit, proof{}, in.Agent, face, from)
}

// SignInAs begins a session for the person whom a provider vouches for. The
// first time the e-mail tells whom it means; from then on it is that account
// for that subject alone. It refuses WrongPassword when nobody is meant.
func (m *Market) SignInAs(ctx context.Context, in Identity, face string, from netip.Addr) (SignedIn, error) {
	logins, err := m.logins(ctx, in.Email)
	if err != nil {
		return SignedIn{}, err
	}
	var fit []store.Login
	err = m.DB.Read(ctx, func(tx *store.Tx) error {
		fit = nil
		for _, l := range logins {
			subject, err := tx.Subject(l.User.ID, in.Issuer)
			if ignoreMissing(err) != nil {
				return err
			}
			if err != nil || subject == in.Subject {
				fit = append(fit, l)
			}
		}
		return nil
	})
	if err != nil {
		return SignedIn{}, err
	}
	return m.enter(ctx, fit, proof{Issuer: in.Issuer, Subject: in.Subject}, in.Agent, face, from)
}

// logins finds the accounts that an e-mail may mean.
func (m *Market) logins(ctx context.Context, email string) (found []store.Login, err error) {
	email = souk.EmailKey(email)
	var p problems
	if p.text("email", email, maxEmail); p.err() != nil {
		return nil, nil // nobody has it
	}
	err = m.DB.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.Logins(email, maxLogins)
		return err
	})
	return found, err
}

// proof is how somebody proved who they are, if a provider said so.
type proof struct{ Issuer, Subject string }

// ticket is a proof that fits several accounts: whose it is, and what the
// password of each was.
type ticket struct {
	ID    souk.ID
	Users map[souk.ID]string // hash of the password, empty for a provider's word
	Proof proof
	Until time.Time
}

// enter begins a session for the one account that a proof fits, or hands out a
// ticket for several.
func (m *Market) enter(ctx context.Context, fit []store.Login, by proof, agent, face string, from netip.Addr) (SignedIn, error) {
	switch len(fit) {
	case 0:
		return SignedIn{}, souk.WrongPassword
	case 1:
		return m.openSession(ctx, fit[0], by, ticket{}, agent, face, from)
	}
	t := ticket{ID: souk.NewID(), Users: map[souk.ID]string{}, Proof: by, Until: m.now().Add(ticketLife)}
	var out SignedIn
	err := m.DB.Read(ctx, func(tx *store.Tx) error {
		out.Choices = nil
		for _, l := range fit {
			home, err := tx.Org(l.User.Org)
			if err != nil {
				return err
			}
			out.Choices = append(out.Choices, Account{User: l.User, Home: home})
		}
		return nil
	})
	for _, l := range fit {
		t.Users[l.User.ID] = l.Password
		if by != (proof{}) {
			t.Users[l.User.ID] = ""
		}
	}
	out.Ticket = m.seal("ticket", t)
	return out, err
}

// Choose begins a session for one of the accounts that a ticket was handed out
// for. It refuses SpentCode, ExpiredCode, and WrongPassword when the account's
// password is another by now.
func (m *Market) Choose(ctx context.Context, text string, user souk.ID, agent, face string, from netip.Addr) (SignedIn, error) {
	var t ticket
	if !m.unseal("ticket", text, &t) {
		return SignedIn{}, souk.SpentCode
	}
	hash, offered := t.Users[user]
	switch {
	case !offered:
		return SignedIn{}, souk.SpentCode
	case !m.now().Before(t.Until):
		return SignedIn{}, souk.ExpiredCode
	}
	return m.openSession(ctx, store.Login{User: souk.User{ID: user}, Password: hash}, t.Proof, t, agent, face, from)
}

// openSession begins a session for somebody who proved who they are, by a
// ticket or without.
func (m *Market) openSession(ctx context.Context, l store.Login, by proof, used ticket, agent, face string, from netip.Addr) (in SignedIn, err error) {
	session := m.newSession(agent)
	actor := souk.Actor{User: l.User.ID, Kind: souk.ConsoleSession, Token: session.ID, Face: face, Address: from}
	err = m.write(ctx, actor, rootOfUser(l.User.ID), func(tx *Tx) error {
		u, err := tx.User(l.User.ID)
		if err != nil || !u.Active() {
			return either(ignoreMissing(err), souk.WrongPassword)
		}
		if by == (proof{}) {
			if now, err := tx.Password(u.ID); err != nil || now != l.Password {
				return either(ignoreMissing(err), souk.WrongPassword) // changed meanwhile
			}
		} else if err := tx.meant(u, by); err != nil {
			return err
		}
		if !used.ID.IsZero() {
			if first, err := tx.UseCode(used.ID, used.Until); err != nil || !first {
				return either(err, souk.SpentCode)
			}
		}
		if in, err = tx.begin(session, u); err != nil {
			return err
		}
		return tx.loaded(u)
	})
	return in, err
}

// meant holds a user to the subject that a provider means by them.
func (tx *Tx) meant(u souk.User, by proof) error {
	if err := tx.PutSubject(u.ID, by.Issuer, by.Subject, tx.at); err != nil {
		return err
	}
	subject, err := tx.Subject(u.ID, by.Issuer)
	if err == nil && subject != by.Subject {
		err = souk.WrongPassword
	}
	return err
}

// session is a session about to begin. It is made outside the transaction,
// which may run again.
type session struct {
	souk.Token
	secret string
}

func (m *Market) newSession(agent string) session {
	s := session{secret: NewSecret(souk.ConsoleSession)}
	s.Token = souk.Token{
		ID: souk.NewID(), Kind: souk.ConsoleSession, Hash: m.Key.Hash(s.secret), Description: clipped(agent, maxName),
	}
	return s
}

// begin writes a session of u's.
func (tx *Tx) begin(s session, u souk.User) (in SignedIn, err error) {
	s.User, s.Org, s.CreatedAt, s.ExpiresAt = u.ID, u.Org, tx.at, tx.at.Add(SessionLife)
	if err := tx.PutToken(s.Token); err != nil {
		return in, err
	}
	home, err := tx.Org(u.Org)
	if err != nil {
		return in, err
	}
	if !home.ClosedAt.IsZero() {
		return in, souk.WrongPassword
	}
	in = SignedIn{Secret: s.secret, Session: s.Token, User: u}
	in.Session.Hash = nil
	return in, tx.audit("SignIn", home, souk.ID{}, in.Session.ID, nil, in.Session)
}

// SignOut ends the session that acts.
func (m *Market) SignOut(ctx context.Context, actor souk.Actor) error {
	if actor.Kind != souk.ConsoleSession {
		return souk.NotAllowed
	}
	return m.RevokeToken(ctx, actor, actor.Token)
}
