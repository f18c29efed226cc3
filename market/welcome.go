package market

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"souk"
)

// welcomeLife is how long the link for the first operator account is good.
const welcomeLife = 24 * time.Hour

// welcome is the note that the link carries. It is good until it expires or
// somebody made an operator's account since: whichever of the links is used
// first.
type welcome struct {
	Operators int // that there ever were
	Until     time.Time
}

// WelcomeCode makes a code for the first operator account, good for 24 hours;
// "" when there is one already that was not deactivated.
func (m *Market) WelcomeCode(ctx context.Context) (code string, err error) {
	err = m.read(ctx, souk.Operator("command line"), func(tx *Tx) error {
		ever, active, err := tx.Operators()
		if code = ""; err == nil && active == 0 {
			code = m.seal("welcome", welcome{ever, tx.at.Add(welcomeLife)})
		}
		return err
	})
	return code, err
}

// Welcomed refuses SpentCode and ExpiredCode for a code that Welcome would not
// take.
func (m *Market) Welcomed(ctx context.Context, code string) error {
	return m.read(ctx, souk.Operator("command line"), func(tx *Tx) error { return tx.welcomed(code) })
}

func (tx *Tx) welcomed(code string) error {
	var w welcome
	if !tx.market.unseal("welcome", code, &w) {
		return souk.SpentCode
	}
	if ever, active, err := tx.Operators(); err != nil || active > 0 || ever != w.Operators {
		return either(err, souk.SpentCode)
	}
	if !tx.at.Before(w.Until) {
		return souk.ExpiredCode
	}
	return nil
}

// Welcoming is the first operator and the organization they work for.
type Welcoming struct {
	Code                string
	Organization        string
	FirstName, LastName string
	Email, Password     string
	Agent               string // as in SigningIn
}

func (in Welcoming) check() error {
	var p problems
	if in.Organization == "" {
		p.add("organization", "is required")
	}
	p.text("organization", in.Organization, maxName)
	if err := (Person{Email: in.Email, FirstName: in.FirstName, LastName: in.LastName}).check(); err != nil {
		p = append(p, err.(souk.Invalid)...)
	}
	p.password("password", in.Password, in.Email)
	return p.err()
}

// Welcome makes the first operator account with a workspace of its own, whose
// owner the operator is and which may publish apps, and begins a session. It
// refuses SpentCode, ExpiredCode and Invalid, and answers ErrBusy.
func (m *Market) Welcome(ctx context.Context, in Welcoming, face string, from netip.Addr) (done SignedIn, err error) {
	in.Email, in.Organization = strings.TrimSpace(in.Email), strings.TrimSpace(in.Organization)
	if err := in.check(); err != nil {
		return done, err
	}
	in.Email = souk.EmailKey(in.Email)
	if err := m.Welcomed(ctx, in.Code); err != nil {
		return done, err // before it costs anything
	}
	hash := ""
	if err := hashing(ctx, func() { hash = HashPassword(in.Password) }); err != nil {
		return done, err
	}
	session, org, user := m.newSession(in.Agent), souk.NewID(), souk.NewID()
	actor := souk.Actor{User: user, Kind: souk.ConsoleSession, Token: session.ID, Face: face, Address: from}
	err = m.write(ctx, actor, rootsOf(nil, souk.ID{}, org), func(tx *Tx) error {
		if err := tx.welcomed(in.Code); err != nil {
			return err
		}
		home := souk.Org{
			ID: org, Kind: souk.Workspace, Name: in.Organization, Entitlements: souk.DefaultEntitlements,
			Switches: souk.DefaultSwitches, CreatedAt: tx.at, UpdatedAt: tx.at,
		}
		home.IsAppProvider = true
		if err := tx.PutOrg(home); err != nil {
			return err
		}
		u := souk.User{
			ID: user, Org: org, Email: in.Email, FirstName: in.FirstName, LastName: in.LastName,
			Operator: true, CreatedAt: tx.at, UpdatedAt: tx.at,
		}
		if err := tx.PutUser(u, org); err != nil {
			return err
		}
		if err := tx.PutMembership(souk.Membership{User: user, Org: org, Role: souk.Owner, CreatedAt: tx.at}); err != nil {
			return err
		}
		if err := tx.PutPassword(user, hash, tx.at); err != nil {
			return err
		}
		if err := tx.audit("Welcome", home, souk.ID{}, user, nil, u); err != nil {
			return err
		}
		added := tx.event(souk.OrgAdded, home, souk.Org{}, nil, org)
		joined := tx.event(souk.UserAdded, home, souk.Org{}, nil, user)
		joined.Data.User = &u
		if err := tx.emit(added, joined); err != nil {
			return err
		}
		done, err = tx.begin(session, u)
		return err
	})
	return done, err
}
