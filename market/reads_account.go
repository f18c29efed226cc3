package market

import (
	"context"
	"errors"
	"slices"

	"souk"
	"souk/store"
)

// MyTokens lists the live API tokens of the person who acts, and to an operator
// those of the platform too: newest first, without their secrets.
func (m *Market) MyTokens(ctx context.Context, actor souk.Actor) (tokens []souk.Token, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		u, err := tx.oneself()
		if err != nil {
			return err
		}
		if tokens, err = tx.TokensOfUser(u.ID, souk.PersonToken, tx.at); err != nil || !u.Operator {
			return err
		}
		platform, err := tx.PlatformTokens(tx.at)
		tokens = append(tokens, platform...)
		return err
	})
	return unhashed(tokens), err
}

// unhashed are tokens as they are listed: the hashes stay with the market.
func unhashed(tokens []souk.Token) []souk.Token {
	for i := range tokens {
		tokens[i].Hash = nil
	}
	return tokens
}

// MySessions lists the live sessions of the person who acts, newest first. A
// session's Description is what the browser calls itself.
func (m *Market) MySessions(ctx context.Context, actor souk.Actor) (sessions []souk.Token, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		u, err := tx.oneself()
		if err != nil {
			return err
		}
		sessions, err = tx.TokensOfUser(u.ID, souk.ConsoleSession, tx.at)
		return err
	})
	return unhashed(sessions), err
}

// oneself is the person who acts, by a session: what is one's own is shown to
// nobody else.
func (tx *Tx) oneself() (u souk.User, err error) {
	if tx.actor.Kind != souk.ConsoleSession {
		return u, souk.NotAllowed
	}
	u, err = tx.User(tx.actor.User)
	return u, or(err, souk.NotAllowed)
}

// GrantView is a grant with what it lets do what, and where.
type GrantView struct {
	souk.Grant
	App    souk.App
	Org    souk.Org
	Scopes []souk.Scope // of the catalogue
}

// MyGrants lists the apps that may speak for the person who acts, oldest first.
func (m *Market) MyGrants(ctx context.Context, actor souk.Actor) (views []GrantView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		u, err := tx.oneself()
		if err != nil {
			return err
		}
		found, err := tx.GrantsBy(u.ID)
		if err != nil {
			return err
		}
		views = nil
		for _, g := range found {
			i, err := tx.Installation(g.Installation)
			if err != nil {
				return err
			}
			app, at, err := tx.where(i.App, i.Org)
			if err != nil {
				return err
			}
			v := GrantView{Grant: g, App: app, Org: at.Org}
			if g.Org != at.Org.ID {
				if v.Org, err = tx.Org(g.Org); err != nil {
					return err
				}
			}
			if v.Scopes, err = tx.entries(g.Scopes); err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	return views, err
}

// AppUserTokens lists the live tokens of the app user of an app's installation,
// newest first, to whoever provides the app. It refuses UnknownApp, NotAllowed
// and UnknownInstallation.
func (m *Market) AppUserTokens(ctx context.Context, actor souk.Actor, app, installation souk.ID) (tokens []souk.Token, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		i, _, err := tx.provided(app, installation)
		if err != nil {
			return err
		}
		tokens, err = tx.Tx.AppUserTokens(i, tx.at)
		return err
	})
	return unhashed(tokens), err
}

// maxHeld is how many tokens of one installation are listed: a hundred of its app
// user's that were minted and as many that were exchanged, and those of people.
const maxHeld = 1000

// TokensAt lists the live tokens that came with an installation at an org, the
// newest thousand, to whoever holds settings there. It refuses UnknownOrg,
// OrgNotGranted, NotAllowed and UnknownInstallation.
func (m *Market) TokensAt(ctx context.Context, actor souk.Actor, org, installation souk.ID) (tokens []souk.Token, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.manageable(org, souk.CanSettings); err != nil {
			return err
		}
		i, err := tx.InstallationAtOrg(org, installation)
		if err != nil {
			return or(err, souk.UnknownInstallation)
		}
		tokens, err = tx.TokensOfInstallation(i.ID, tx.at, maxHeld)
		return err
	})
	return unhashed(tokens), err
}

// InstalledView is an installation as those meet it who belong to an org that
// it reaches.
type InstalledView struct {
	InstallView
	Installer   *souk.User
	Permissions []souk.Permission // the app user's, at the org it belongs to
	Granted     []souk.Scope      // of the catalogue
}

// InstalledAt lists what reaches an org, newest first, the enterprise's too, to
// whoever belongs there. It refuses UnknownOrg, OrgNotGranted and NotAllowed.
func (m *Market) InstalledAt(ctx context.Context, actor souk.Actor, org souk.ID, page souk.Page) (views []InstalledView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.belonging(org); err != nil {
			return err
		}
		found, err := tx.InstallationsPage(org, page)
		if err != nil {
			return err
		}
		views, err = tx.installedViews(found)
		return err
	})
	return views, err
}

// InstalledOne finds one of InstalledAt. It refuses UnknownInstallation besides.
func (m *Market) InstalledOne(ctx context.Context, actor souk.Actor, org, installation souk.ID) (v InstalledView, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		i, err := tx.installedOne(org, installation)
		if err != nil {
			return err
		}
		v, err = sole(tx.installedViews([]souk.Installation{i}))
		return err
	})
	return v, err
}

// installedOne finds a live installation that reaches an org where the actor
// belongs.
func (tx *Tx) installedOne(org, installation souk.ID) (i souk.Installation, err error) {
	if _, err := tx.belonging(org); err != nil {
		return i, err
	}
	reaches, err := tx.Reaches(installation, org)
	if err != nil || !reaches {
		return i, either(err, souk.UnknownInstallation)
	}
	return tx.Installation(installation)
}

func (tx *Tx) installedViews(found []souk.Installation) ([]InstalledView, error) {
	views, err := tx.installViews(found)
	if err != nil {
		return nil, err
	}
	var installers []souk.ID
	for _, i := range found {
		installers = append(installers, i.InstalledBy)
	}
	userOf, err := tx.Users(unique(installers))
	if err != nil {
		return nil, err
	}
	shown := make([]InstalledView, len(views))
	for n, v := range views {
		shown[n] = InstalledView{InstallView: v}
		if u, ok := userOf[v.InstalledBy]; ok {
			shown[n].Installer = &u
		}
		if shown[n].Granted, err = tx.entries(v.Scopes); err != nil {
			return nil, err
		}
		if v.User != nil {
			standing, err := tx.Standing(v.User.ID, v.Org)
			if err != nil {
				return nil, err
			}
			shown[n].Permissions = standing.Permissions()
		}
	}
	return shown, nil
}

// Stops is what uninstalling would end.
type Stops struct {
	store.Stops
	Workspaces []souk.Org // besides its own org, that would lose the app
	AppUser    *souk.User // nil: none
}

// UninstallPreview tells what ending an installation at an org would stop, to
// whoever holds settings there. It refuses UnknownOrg, OrgNotGranted, NotAllowed
// and UnknownInstallation.
func (m *Market) UninstallPreview(ctx context.Context, actor souk.Actor, org, installation souk.ID) (s Stops, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.manageable(org, souk.CanSettings); err != nil {
			return err
		}
		i, err := tx.InstallationAtOrg(org, installation)
		if err != nil {
			return or(err, souk.UnknownInstallation)
		}
		if s.Stops, err = tx.StopsOf(i.ID, tx.at); err != nil {
			return err
		}
		reached, err := tx.workspacesOf(i)
		if err != nil {
			return err
		}
		orgOf, err := tx.Orgs(reached)
		if err != nil {
			return err
		}
		s.Workspaces, s.AppUser = nil, nil
		for _, id := range reached {
			s.Workspaces = append(s.Workspaces, orgOf[id])
		}
		slices.SortFunc(s.Workspaces, func(a, b souk.Org) int { return a.CreatedAt.Compare(b.CreatedAt) })
		if i.AppUser.IsZero() {
			return nil
		}
		u, err := tx.User(i.AppUser)
		s.AppUser = &u
		return err
	})
	return s, err
}

// Opener is an app that the top navigation opens at an org.
type Opener struct {
	App souk.App
	Org souk.ID
}

// Navigation lists the apps that the top navigation opens for the person who
// acts, as far as their token reaches, each once: at their home, or where else it
// is installed.
func (m *Market) Navigation(ctx context.Context, actor souk.Actor) (openers []Opener, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		found, err := tx.TriggeredFor(actor.User, souk.OnNavigation, maxTriggered)
		openers = nil
		if err != nil {
			return err
		}
		var at []souk.ID
		for _, f := range found {
			at = append(at, f.At)
		}
		orgOf, err := tx.Orgs(unique(at))
		if err != nil {
			return err
		}
		for _, f := range found {
			switch err := tx.granted(orgOf[f.At]); {
			case err == nil:
				openers = append(openers, Opener{f.App, f.At})
			case !errors.Is(err, souk.OrgNotGranted):
				return err
			}
		}
		return nil
	})
	return openers, err
}
