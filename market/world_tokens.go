package market

import (
	"bytes"
	"errors"
	"net/netip"

	"souk"
	"souk/store"
)

// WorldToken is a secret that somebody holds.
type WorldToken struct {
	Given
	Kind         souk.TokenKind
	User         Ref
	Installation Ref
	App          Ref
	Scopes       []string // of a new one of an installation: those of its bot, or of its people
	Secret       *string  // brought along; of a new one without it is made
	Description  *string
	Networks     []netip.Prefix
	Died         souk.Death // souk.DeadByRevocation, souk.DeadByExpiry, or it is alive
}

// bearer says whom a kind of token speaks for.
type bearer struct{ user, installation, app bool }

var bearers = map[souk.TokenKind]bearer{
	souk.PersonToken:      {user: true},
	souk.ConsoleSession:   {user: true},
	souk.UserToken:        {user: true, installation: true},
	souk.RefreshToken:     {user: true, installation: true},
	souk.BotToken:         {installation: true},
	souk.AppToken:         {app: true},
	souk.ZoomToken:        {user: true, installation: true},
	souk.ZoomRefreshToken: {user: true, installation: true},
	souk.PlatformToken:    {},
}

// shortestSecret bounds what a token that is brought along must have, in
// bytes.
const shortestSecret = 16

func (a *applier) putTokens() {
	for key, in := range inOrder(a.world.Tokens) {
		a.each("tokens", key, "tokens."+key, func(o *object) { o.putToken(in) })
	}
}

func (o *object) putToken(in WorldToken) {
	stored := look(o, in.Given, o.Token)
	if in.Absent {
		o.revoke(stored)
		return
	}
	wanted, at := o.tokenOf(in)
	if in.Died != souk.AliveToken {
		oneOf(o, "died", &in.Died, souk.DeadByRevocation, souk.DeadByExpiry)
	}
	o.text("description", in.Description, maxName)
	if in.Secret != nil {
		o.text("token", in.Secret, maxName)
		if len(*in.Secret) < shortestSecret {
			o.wrong("token", "must be at least %d bytes long", shortestSecret)
		}
	}
	if !o.ok() {
		return
	}
	if !o.isNew && !sameBearer(stored, wanted) {
		if o.retire(stored, at); in.ID.IsZero() {
			o.renew(in.Given)
		} else {
			o.wrong("id", "is a token that speaks for another")
		}
	}
	t := stored
	if o.isNew {
		t = wanted
		t.ID, t.CreatedAt = o.id, o.Tx.at
	} else if in.Scopes != nil {
		setList(o, "scopes", &t.Scopes, wanted.Scopes)
	}
	set(o, "description", &t.Description, in.Description)
	setList(o, "networks", &t.Networks, in.Networks)
	o.putTokenSecret(&t, in.Secret)
	o.die(&t, in.Died)
	if !o.ok() {
		return
	}
	if o.isNew || len(o.fields) > 0 {
		o.keepToken(stored, t, at)
	}
	o.written()
}

// keepToken writes a token and audits it without its hash.
func (o *object) keepToken(stored, t souk.Token, at souk.Org) {
	var before any
	if !stored.ID.IsZero() && stored.ID == t.ID {
		stored.Hash = nil
		before = stored
	}
	if o.failed(o.PutToken(t)) {
		return
	}
	t.Hash = nil
	o.failed(o.audit("ApplyWorld", at, t.App, t.ID, before, t))
}

// tokenOf is the token that the document describes, and the organization whose
// audit tells of it; none for a platform token.
func (o *object) tokenOf(in WorldToken) (t souk.Token, at souk.Org) {
	t.Kind = in.Kind
	speaks, ok := bearers[in.Kind]
	if !ok {
		o.wrong("kind", "must be one of %q", souk.StoredTokenKinds())
		return t, at
	}
	for _, f := range []struct {
		field string
		ref   Ref
		needs bool
	}{
		{"user", in.User, speaks.user}, {"installation", in.Installation, speaks.installation},
		{"app", in.App, speaks.app},
	} {
		if f.needs && f.ref == "" {
			o.wrong(f.field, "is required of a %s token", in.Kind)
		}
		if !f.needs && f.ref != "" {
			o.wrong(f.field, "is nothing that a %s token has", in.Kind)
		}
	}
	scopes := o.scopesIn("scopes", in.Scopes)
	user, known := o.user("user", in.User)
	t.User = user.ID
	app, _ := o.app("app", in.App)
	t.App = app.ID
	if i, ok := referred(o, "installation", "installations", in.Installation, o.world.Installations, o.Installation); ok {
		t.Installation, t.App, t.Org = i.ID, i.App, i.Org
		if in.Kind == souk.BotToken {
			t.User = i.AppUser
		}
		if scopes == nil {
			scopes = o.usual(i, in.Kind)
		}
	}
	t.Scopes = scopes
	if !o.ok() {
		return t, at
	}
	at, err := o.orgOf(t)
	if !o.failed(err) && known && o.isNew {
		o.mayAct("user", user, at)
	}
	return t, at
}

// usual are the scopes that a token of an installation has when nothing is
// said: of what was granted, those that the app asks for on that kind.
func (o *object) usual(i souk.Installation, kind souk.TokenKind) souk.Scopes {
	app, err := o.App(i.App)
	o.failed(err)
	asked := app.UserScopes
	if kind == souk.BotToken {
		asked = app.BotScopes.Union(app.RequiredScopes)
	}
	scopes := souk.Scopes{}
	for _, s := range asked {
		if i.Scopes.Has(s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

func sameBearer(a, b souk.Token) bool {
	return a.Kind == b.Kind && a.User == b.User && a.Installation == b.Installation && a.App == b.App && a.Org == b.Org
}

// putTokenSecret gives a token the secret that it brings, or a new one its own.
func (o *object) putTokenSecret(t *souk.Token, given *string) {
	if given == nil {
		if o.isNew {
			o.recorded.Secret = NewSecret(t.Kind)
			t.Hash = o.market.Key.Hash(o.recorded.Secret)
		}
		return
	}
	o.recorded.Secret = *given
	hash := o.market.Key.Hash(*given)
	if bytes.Equal(hash, t.Hash) {
		return
	}
	switch other, err := o.TokenByHash(hash); {
	case err == nil:
		o.wrong("token", "is that of token %s", other.ID)
	case !errors.Is(err, store.ErrNotFound):
		o.failed(err)
	}
	t.Hash = hash
	o.fields = append(o.fields, "token")
}

// die ends a token as the document says; a dead one does not come back.
func (o *object) die(t *souk.Token, of souk.Death) {
	end := &t.RevokedAt
	switch {
	case of == souk.AliveToken:
		return
	case of == souk.DeadByExpiry:
		end = &t.ExpiresAt
	}
	if end.IsZero() || end.After(o.Tx.at) {
		*end = o.Tx.at
		o.fields = append(o.fields, "died")
	}
}

// retire revokes a token whose key means another now, and takes its secret
// away, so that the other may bring the same.
func (o *object) retire(t souk.Token, at souk.Org) {
	gone := t
	gone.Hash = o.market.Key.Hash(NewSecret(t.Kind))
	o.die(&gone, souk.DeadByRevocation)
	o.keepToken(t, gone, at)
}

func (o *object) revoke(t souk.Token) {
	if o.isNew || !o.ok() || !t.RevokedAt.IsZero() {
		return
	}
	at, err := o.orgOf(t)
	if o.failed(err) {
		return
	}
	stored := t
	o.die(&t, souk.DeadByRevocation)
	o.keepToken(stored, t, at)
	o.step(Remove, nil)
}

// orgOf is the organization whose audit tells of a token; none for a platform
// token.
func (tx *Tx) orgOf(t souk.Token) (souk.Org, error) {
	id := t.Org
	if id.IsZero() && !t.User.IsZero() {
		u, err := tx.User(t.User)
		if err != nil {
			return souk.Org{}, err
		}
		id = u.Org
	} else if id.IsZero() && !t.App.IsZero() {
		app, err := tx.App(t.App)
		if err != nil {
			return souk.Org{}, err
		}
		id = app.Owner
	}
	if id.IsZero() {
		return souk.Org{}, nil
	}
	return tx.Tx.Org(id)
}
