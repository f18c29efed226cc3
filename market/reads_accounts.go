package market

import (
	"context"

	"souk"
	"souk/store"
)

// An account is a root org with all that is below it: what is asked about an app
// anywhere in it is one case. These reads are those of whoever decides at the
// root, but for what people may read of themselves.

// AccountList is a list of an account's apps.
type AccountList string

// The lists, each newest first.
const (
	AppsAskedFor   AccountList = "asked for"  // with an open case, by when it was opened
	AppsReviewed   AccountList = "reviewed"   // with a closed case in which somebody answered, a row for each, by when it was closed
	AppsPublic     AccountList = "public"     // that everybody may have, by when they were made, as the next two
	AppsOwned      AccountList = "owned"      // by an org of the account
	AppsInstalled  AccountList = "installed"  // live anywhere in the account
	AppsApproved   AccountList = "approved"   // for anybody, by when they were approved
	AppsRestricted AccountList = "restricted" // for everyone in the account, by when
)

// AccountApp is an app as an account meets it.
type AccountApp struct {
	souk.App
	IconAsset *souk.Asset // nil: none
	Own       bool        // an org of the account owns it
	Case      *CaseView   // of the list, else the open or latest one; nil: nobody ever asked
	Answer    *souk.Resolution
	Place     souk.Position // in its list
	Catalogue map[string]souk.Scope
}

// CaseView is a case with how those who asked stand. Each user counts once: by
// the first request that is pending, else by the one that was settled last. What
// was cancelled or is void is not counted.
type CaseView struct {
	souk.Case
	store.Tally
	Reviewer *souk.User // nil: nobody answered yet
}

// AccountApps lists apps of an account to whoever decides there. Answer is the
// standing answer in the last two lists, and nil in the others. It refuses
// UnknownOrg, OrgNotGranted and NotAllowed.
func (m *Market) AccountApps(ctx context.Context, actor souk.Actor, root souk.ID, which AccountList, page souk.Page) (apps []AccountApp, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.overseen(root)
		if err != nil {
			return err
		}
		rows, err := tx.accountRows(root, which, page)
		if err != nil {
			return err
		}
		apps, err = tx.accountApps(at.Org, rows)
		return err
	})
	return apps, err
}

// accountRow is what a list says of an app by itself.
type accountRow struct {
	id     souk.ID
	app    *souk.App // nil: to be looked up
	of     *souk.Case
	answer *souk.Resolution
	place  souk.Position
}

func (tx *Tx) accountRows(root souk.ID, which AccountList, page souk.Page) ([]accountRow, error) {
	switch which {
	case AppsAskedFor:
		found, err := tx.OpenCases(root, page)
		return rowsOf(found, err, func(c *souk.Case) accountRow {
			return accountRow{id: c.App, of: c, place: souk.Position{At: c.OpenedAt, ID: c.ID}}
		})
	case AppsReviewed:
		found, err := tx.ReviewedCases(root, page)
		return rowsOf(found, err, func(c *souk.Case) accountRow {
			return accountRow{id: c.App, of: c, place: souk.Position{At: c.ClosedAt, ID: c.ID}}
		})
	case AppsApproved, AppsRestricted:
		read := tx.ApprovedUnder
		if which == AppsRestricted {
			read = tx.RestrictedAt
		}
		found, err := read(root, page)
		return rowsOf(found, err, func(r *souk.Resolution) accountRow {
			return accountRow{id: r.App, answer: r, place: souk.Position{At: r.CreatedAt, ID: r.ID}}
		})
	}
	read := map[AccountList]func() ([]souk.App, error){
		AppsPublic:    func() ([]souk.App, error) { return tx.Tx.PublicApps(page) },
		AppsOwned:     func() ([]souk.App, error) { return tx.AppsOwnedUnder(root, page) },
		AppsInstalled: func() ([]souk.App, error) { return tx.AppsInstalledUnder(root, page) },
	}[which]
	found, err := read()
	return rowsOf(found, err, func(a *souk.App) accountRow {
		return accountRow{id: a.ID, app: a, place: souk.Position{At: a.CreatedAt, ID: a.ID}}
	})
}

func rowsOf[T any](found []T, err error, row func(*T) accountRow) ([]accountRow, error) {
	rows := make([]accountRow, len(found))
	for i := range found {
		rows[i] = row(&found[i])
	}
	return rows, err
}

// accountApps looks up what stands beside the rows of a list.
func (tx *Tx) accountApps(root souk.Org, rows []accountRow) ([]AccountApp, error) {
	var missing, ids, icons, owners []souk.ID
	for _, r := range rows {
		ids = append(ids, r.id)
		if r.app == nil {
			missing = append(missing, r.id)
		}
	}
	known, err := tx.Apps(unique(missing))
	if err != nil {
		return nil, err
	}
	apps := make([]AccountApp, len(rows))
	for i, r := range rows {
		apps[i] = AccountApp{App: known[r.id], Answer: r.answer, Place: r.place}
		if r.app != nil {
			apps[i].App = *r.app
		}
		icons, owners = some(icons, apps[i].Icon), append(owners, apps[i].Owner)
	}
	iconOf, err := tx.Assets(unique(icons))
	if err != nil {
		return nil, err
	}
	ownerOf, err := tx.Orgs(unique(owners))
	if err != nil {
		return nil, err
	}
	catalogue, err := tx.catalogue()
	if err != nil {
		return nil, err
	}
	caseOf, err := tx.caseViews(root.ID, unique(ids), rows)
	if err != nil {
		return nil, err
	}
	for i := range apps {
		a := &apps[i]
		a.IconAsset, a.Own, a.Catalogue = found(iconOf, a.Icon), ownerOf[a.Owner].Root() == root.ID, catalogue
		a.Case = caseOf(rows[i])
	}
	return apps, nil
}

// caseViews counts the cases of rows: their own, or the open or latest one of
// the app.
func (tx *Tx) caseViews(root souk.ID, apps []souk.ID, rows []accountRow) (func(accountRow) *CaseView, error) {
	latest := map[souk.ID]souk.Case{}
	var err error
	if len(rows) > 0 && rows[0].of == nil {
		if latest, err = tx.LatestCases(apps, root); err != nil {
			return nil, err
		}
	}
	var cases, reviewers []souk.ID
	for _, r := range rows {
		if r.of != nil {
			cases = append(cases, r.of.ID)
		} else if c, ok := latest[r.id]; ok {
			cases = append(cases, c.ID)
		}
	}
	tallies, err := tx.Tallies(unique(cases))
	if err != nil {
		return nil, err
	}
	for _, t := range tallies {
		reviewers = some(reviewers, t.ReviewedBy)
	}
	userOf, err := tx.Users(unique(reviewers))
	if err != nil {
		return nil, err
	}
	return func(r accountRow) *CaseView {
		c, ok := latest[r.id]
		if r.of != nil {
			c, ok = *r.of, true
		}
		if !ok {
			return nil
		}
		t := tallies[c.ID]
		return &CaseView{c, t, found(userOf, t.ReviewedBy)}
	}, nil
}

// AccountApp finds an app that any org of an account has a right to, for anybody
// who is at home there. It refuses UnknownOrg, OrgNotGranted and UnknownApp.
func (m *Market) AccountApp(ctx context.Context, actor souk.Actor, root, id souk.ID) (app AccountApp, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.atHome(root)
		if err != nil {
			return err
		}
		a, err := tx.AppUnder(root, id)
		if err != nil {
			return or(err, souk.UnknownApp)
		}
		app, err = sole(tx.accountApps(at.Org, []accountRow{{id: id, app: &a}}))
		return err
	})
	return app, err
}

// atHome finds an account that the actor has business in, by a token that
// reaches it.
func (tx *Tx) atHome(root souk.ID) (place, error) {
	at, err := tx.place(root)
	if err != nil {
		return at, err
	}
	return at, tx.granted(at.Org)
}

// Asker is a user's request that counts in a case.
type Asker struct {
	souk.Request
	User souk.User
}

// Askers lists who asked in the open or latest case about an app in an account,
// one request for each user that counts, newest first, to whoever decides there:
// those that stand as status says. Declined are those that were restricted, too.
// It refuses UnknownOrg, OrgNotGranted, NotAllowed and UnknownApp.
func (m *Market) Askers(ctx context.Context, actor souk.Actor, root, app souk.ID, status souk.RequestStatus, page souk.Page) (askers []Asker, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, err := tx.overseen(root); err != nil {
			return err
		}
		if _, err := tx.AppUnder(root, app); err != nil {
			return or(err, souk.UnknownApp)
		}
		c, err := tx.LatestCase(app, root)
		if err != nil {
			return ignoreMissing(err)
		}
		found, err := tx.AskersOfCase(c.ID, status, page)
		if err != nil {
			return err
		}
		userOf, err := tx.Users(named(found, func(q souk.Request) souk.ID { return q.User }))
		for _, q := range found {
			askers = append(askers, Asker{q, userOf[q.User]})
		}
		return err
	})
	return askers, err
}

// Wanted is what a user asked for.
type Wanted struct {
	souk.Request
	App souk.App
}

// AskedBy lists what a user of an account asked for there, the request that
// counts of each case, newest first: what waits for an answer, or what has one.
// Everybody may read it of themselves, whoever decides at the root of all. It
// refuses UnknownOrg, OrgNotGranted, NotAllowed and UnknownUser.
func (m *Market) AskedBy(ctx context.Context, actor souk.Actor, root, user souk.ID, pending bool, page souk.Page) (wanted []Wanted, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.atHome(root)
		if err != nil {
			return err
		}
		if user != actor.User && !at.Decides() && !actor.IsOperator() {
			return souk.NotAllowed
		}
		if _, err := tx.PersonUnder(root, user); err != nil {
			return or(err, souk.UnknownUser)
		}
		found, err := tx.Tx.AskedBy(user, root, pending, page)
		if err != nil {
			return err
		}
		appOf, err := tx.Apps(named(found, func(q souk.Request) souk.ID { return q.App }))
		for _, q := range found {
			wanted = append(wanted, Wanted{q, appOf[q.App]})
		}
		return err
	})
	return wanted, err
}

// PersonByEmail finds a person of an account by their e-mail address, for
// whoever decides there and for themselves. It refuses UnknownOrg,
// OrgNotGranted, NotAllowed and UnknownUser.
func (m *Market) PersonByEmail(ctx context.Context, actor souk.Actor, root souk.ID, email string) (u souk.User, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.atHome(root)
		if err != nil {
			return err
		}
		u, err = tx.UserByEmail(root, souk.EmailKey(email))
		if err = or(err, souk.UnknownUser); err != nil && err != souk.UnknownUser {
			return err
		}
		if (err != nil || u.ID != actor.User) && !at.Decides() && !actor.IsOperator() {
			u, err = souk.User{}, souk.NotAllowed
		}
		return err
	})
	return u, err
}
