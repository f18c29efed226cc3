package market

import (
	"slices"

	"souk"
)

// MaxAudiences is how many users and groups one decision may name.
const MaxAudiences = 300

// checkAudiences notes what is wrong with whom a decision names.
func (in Decision) checkAudiences(p *problems) {
	if in.Audiences != nil {
		checkCount(p, "audiences", len(in.Audiences))
		if !in.Request.IsZero() {
			p.add("audiences", "go with an app: the answer to a request is for everyone")
		}
		if len(in.Audiences) > 1 && slices.ContainsFunc(in.Audiences, souk.Audience.IsEveryone) {
			p.add("audiences", "name everyone, so none beside")
		}
	}
	if in.Users != nil {
		checkCount(p, "users", len(in.Users))
		if !in.Request.IsZero() {
			p.add("users", "go with an app: a request has its own")
		}
	}
}

// checkCount notes a list that names nobody, or too many for one call: an empty
// list must not be taken for everyone.
func checkCount(p *problems, field string, n int) {
	if n == 0 || n > MaxAudiences {
		p.add(field, "must be 1 to %d", MaxAudiences)
	}
}

// audiences finds whom a decision at an org is for, each once; nil means
// everyone. It refuses UnknownUser and UnknownGroup.
func (tx *Tx) audiences(named []souk.Audience, org souk.Org) (whom []souk.Audience, err error) {
	if named == nil {
		return []souk.Audience{souk.Everyone}, nil
	}
	seen := make(map[souk.Audience]bool, len(named))
	var users []souk.ID
	for _, a := range named {
		if seen[a] {
			continue
		}
		seen[a] = true
		whom = append(whom, a)
		users = some(users, a.User)
	}
	if err := tx.belongAll(users, org); err != nil {
		return nil, err
	}
	for _, a := range whom {
		if a.Group.IsZero() {
			continue
		}
		if err := tx.groupOf(a.Group, org); err != nil {
			return nil, err
		}
	}
	return whom, nil
}

// belongAll refuses UnknownUser unless all users are active people of an org: at
// the top of a root everybody under it, at a workspace below one its members.
func (tx *Tx) belongAll(ids []souk.ID, org souk.Org) error {
	if len(ids) == 0 {
		return nil
	}
	ids = unique(slices.Clone(ids))
	people, err := tx.Users(ids)
	if err != nil {
		return err
	}
	if org.ID != org.Root() {
		standings, err := tx.Standings(ids, org)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if !standings[id].IsMember() || people[id].IsBot {
				return souk.UnknownUser
			}
		}
		return nil
	}
	var homes []souk.ID
	for _, u := range people {
		homes = append(homes, u.Org)
	}
	orgs, err := tx.Orgs(unique(homes))
	if err != nil {
		return err
	}
	for _, id := range ids {
		u, known := people[id]
		if !known || !u.Active() || u.IsBot || orgs[u.Org].Root() != org.ID {
			return souk.UnknownUser
		}
	}
	return nil
}

// groupOf refuses UnknownGroup for a group that is not the org's: at an
// enterprise those of its workspaces are, too, at a workspace those of its
// enterprise.
func (tx *Tx) groupOf(id souk.ID, org souk.Org) error {
	g, err := tx.Group(id)
	if err != nil {
		return or(err, souk.UnknownGroup)
	}
	if g.Org == org.ID || g.Org == org.Enterprise {
		return nil
	}
	its, err := tx.Org(g.Org)
	if err == nil && its.Enterprise != org.ID {
		err = souk.UnknownGroup
	}
	return err
}
