package market

import (
	"maps"
	"slices"

	"souk"
)

// The views of one verb or one page: what many rows refer to is read once, and
// by one statement each.

// ownedView is an app as its owner sees it.
func (tx *Tx) ownedView(app souk.App, owner souk.Org) (AppView, error) {
	return sole(tx.ownedViews([]souk.App{app}, owner))
}

// ownedViews are apps as their owner sees them, with their secrets.
func (tx *Tx) ownedViews(apps []souk.App, owner souk.Org) ([]AppView, error) {
	views, err := tx.appViewsOf(apps, map[souk.ID]souk.Org{owner.ID: owner})
	if err != nil {
		return nil, err
	}
	ids := make([]souk.ID, len(apps))
	for i, a := range apps {
		ids[i] = a.ID
	}
	sealed, err := tx.GiosgSecrets(ids)
	if err != nil {
		return nil, err
	}
	for i := range views {
		if views[i].Secret, err = sealed[views[i].ID].OpenGiosg(tx.market.Key); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// appViews are apps as others see them.
func (tx *Tx) appViews(apps []souk.App) ([]AppView, error) {
	var owners []souk.ID
	for _, a := range apps {
		owners = append(owners, a.Owner)
	}
	orgs, err := tx.Orgs(unique(owners))
	if err != nil {
		return nil, err
	}
	return tx.appViewsOf(apps, orgs)
}

func (tx *Tx) appViewsOf(apps []souk.App, owners map[souk.ID]souk.Org) ([]AppView, error) {
	var ids, icons, users []souk.ID
	for _, a := range apps {
		ids = append(ids, a.ID)
		icons = some(icons, a.Icon)
		users = some(users, a.CreatedBy, a.UpdatedBy)
	}
	counts, err := tx.InstallationCounts(ids)
	if err != nil {
		return nil, err
	}
	iconOf, err := tx.Assets(unique(icons))
	if err != nil {
		return nil, err
	}
	userOf, err := tx.Users(unique(users))
	if err != nil {
		return nil, err
	}
	views := make([]AppView, len(apps))
	for i, a := range apps {
		views[i] = AppView{
			App: a, Owner: owners[a.Owner], IconAsset: found(iconOf, a.Icon), Installations: counts[a.ID],
			Creator: found(userOf, a.CreatedBy), Updater: found(userOf, a.UpdatedBy),
		}
	}
	return views, nil
}

// appView is an app as others see it.
func (tx *Tx) appView(app souk.App) (AppView, error) {
	return sole(tx.appViews([]souk.App{app}))
}

// appViewsByID are apps as others see them.
func (tx *Tx) appViewsByID(ids []souk.ID) (map[souk.ID]AppView, error) {
	appOf, err := tx.Apps(unique(ids))
	if err != nil {
		return nil, err
	}
	views, err := tx.appViews(slices.Collect(maps.Values(appOf)))
	if err != nil {
		return nil, err
	}
	viewOf := make(map[souk.ID]AppView, len(views))
	for _, v := range views {
		viewOf[v.ID] = v
	}
	return viewOf, nil
}

// installViews are installations with their orgs, apps and app users.
func (tx *Tx) installViews(installations []souk.Installation) ([]InstallView, error) {
	var apps, orgs, users []souk.ID
	for _, i := range installations {
		apps, orgs, users = append(apps, i.App), append(orgs, i.Org), some(users, i.AppUser)
	}
	viewOf, err := tx.appViewsByID(apps)
	if err != nil {
		return nil, err
	}
	orgOf, err := tx.Orgs(unique(orgs))
	if err != nil {
		return nil, err
	}
	userOf, err := tx.Users(unique(users))
	if err != nil {
		return nil, err
	}
	views := make([]InstallView, len(installations))
	for n, i := range installations {
		views[n] = InstallView{Installation: i, Org: orgOf[i.Org], Of: viewOf[i.App], User: found(userOf, i.AppUser)}
	}
	return views, nil
}

// installView is one installation of installViews.
func (tx *Tx) installView(i souk.Installation) (InstallView, error) {
	return sole(tx.installViews([]souk.Installation{i}))
}

// hookViews are webhooks of one app with who saved them.
func (tx *Tx) hookViews(hooks []souk.Webhook, app souk.App, owner souk.Org) ([]HookView, error) {
	var users []souk.ID
	for _, w := range hooks {
		users = some(users, w.CreatedBy, w.UpdatedBy)
	}
	userOf, err := tx.Users(unique(users))
	if err != nil {
		return nil, err
	}
	views := make([]HookView, len(hooks))
	for i, w := range hooks {
		views[i] = HookView{Webhook: w, Of: app, Owner: owner, Creator: found(userOf, w.CreatedBy), Updater: found(userOf, w.UpdatedBy)}
	}
	return views, nil
}

// userView is a user with their home and what they may do there.
func (tx *Tx) userView(u souk.User) (UserView, error) {
	home, err := tx.Org(u.Org)
	if err != nil {
		return UserView{}, err
	}
	standing, err := tx.Standing(u.ID, home)
	return UserView{User: u, Home: home, Permissions: standing.Permissions()}, err
}

// partnershipView is a partnership as org sees it.
func (tx *Tx) partnershipView(p souk.Partnership, org souk.ID) (PartnershipView, error) {
	orgs, err := tx.Orgs([]souk.ID{p.A, p.B})
	if err != nil {
		return PartnershipView{}, err
	}
	return viewPartnership(p, org, orgs), nil
}

func viewPartnership(p souk.Partnership, org souk.ID, orgs map[souk.ID]souk.Org) PartnershipView {
	if p.A == org {
		return PartnershipView{Partnership: p, Org: orgs[p.A], Partner: orgs[p.B], DisplayName: p.NameA}
	}
	return PartnershipView{Partnership: p, Org: orgs[p.B], Partner: orgs[p.A], DisplayName: p.NameB}
}

// shareViews are shares as those see them who gave them, or who were given them.
func (tx *Tx) shareViews(d Direction, shares []souk.Share) ([]ShareView, error) {
	var apps, orgs, users []souk.ID
	for _, s := range shares {
		apps, orgs, users = append(apps, s.App), append(orgs, s.Org), some(users, s.CreatedBy)
	}
	viewOf, err := tx.appViewsByID(apps)
	if err != nil {
		return nil, err
	}
	orgOf, err := tx.Orgs(unique(orgs))
	if err != nil {
		return nil, err
	}
	makers, err := tx.makers(d, users)
	if err != nil {
		return nil, err
	}
	views := make([]ShareView, len(shares))
	for i, s := range shares {
		views[i] = ShareView{Share: s, To: orgOf[s.Org], Of: viewOf[s.App], Creator: makers.seenAt(orgOf[s.Org], s.CreatedBy)}
	}
	return views, nil
}

// shareView is one share of shareViews.
func (tx *Tx) shareView(d Direction, s souk.Share) (ShareView, error) {
	return sole(tx.shareViews(d, []souk.Share{s}))
}

// invitationViews are invitations as the senders see them, or those they are to.
func (tx *Tx) invitationViews(d Direction, invitations []souk.Invitation) ([]InvitationView, error) {
	var orgs, users []souk.ID
	for _, i := range invitations {
		orgs, users = append(orgs, i.From), some(users, i.CreatedBy)
		if d == Incoming {
			orgs = append(orgs, i.To)
		}
	}
	orgOf, err := tx.Orgs(unique(orgs))
	if err != nil {
		return nil, err
	}
	makers, err := tx.makers(d, users)
	if err != nil {
		return nil, err
	}
	views := make([]InvitationView, len(invitations))
	for n, i := range invitations {
		views[n] = InvitationView{Invitation: i, Sender: orgOf[i.From], Invited: found(orgOf, i.To), Creator: makers.seenAt(orgOf[i.To], i.CreatedBy)}
	}
	return views, nil
}

// invitationView is one invitation of invitationViews.
func (tx *Tx) invitationView(d Direction, i souk.Invitation) (InvitationView, error) {
	return sole(tx.invitationViews(d, []souk.Invitation{i}))
}

// makers are who made what goes from one org to another, as one end sees them:
// the org that something came to is not told who works elsewhere.
type makers struct {
	users map[souk.ID]souk.User
	homes map[souk.ID]souk.Org // of the users; nil: all of them are shown
}

func (tx *Tx) makers(d Direction, ids []souk.ID) (m makers, err error) {
	if m.users, err = tx.Users(unique(ids)); err != nil || d == Outgoing {
		return m, err
	}
	var homes []souk.ID
	for _, u := range m.users {
		homes = append(homes, u.Org)
	}
	m.homes, err = tx.Orgs(unique(homes))
	return m, err
}

// seenAt is who made something that came to an org, nil when that is not told.
func (m makers) seenAt(org souk.Org, id souk.ID) *souk.User {
	u := found(m.users, id)
	if u != nil && m.homes != nil && m.homes[u.Org].Root() != org.Root() {
		return nil
	}
	return u
}

// some appends the IDs that are not none.
func some(ids []souk.ID, more ...souk.ID) []souk.ID {
	for _, id := range more {
		if !id.IsZero() {
			ids = append(ids, id)
		}
	}
	return ids
}

// found is what an ID names, nil when it names nothing.
func found[T any](in map[souk.ID]T, id souk.ID) *T {
	v, ok := in[id]
	if !ok {
		return nil
	}
	return &v
}

// sole is the one view of a list of one.
func sole[V any](views []V, err error) (v V, _ error) {
	if err != nil {
		return v, err
	}
	return views[0], nil
}
