package market

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"souk"
)

// WorldPartnership ties two organizations.
type WorldPartnership struct {
	A, B   Ref
	Absent bool
}

func (a *applier) putPartnerships() {
	for i, in := range a.world.Partnerships {
		key := fmt.Sprintf("%s %s", in.A, in.B)
		a.each("partnerships", key, fmt.Sprintf("partnerships[%d]", i), func(o *object) { o.putPartnership(in) })
	}
}

func (o *object) putPartnership(in WorldPartnership) {
	a, aboveA, okA := o.org("", in.A)
	b, aboveB, okB := o.org("", in.B)
	if okA && okB && a.ID == b.ID {
		o.wrong("", "needs two different organizations")
	}
	if !okA || !okB || !o.ok() {
		return
	}
	p := souk.Partnership{A: a.ID, B: b.ID, CreatedAt: o.Tx.at}
	if bytes.Compare(a.ID[:], b.ID[:]) > 0 {
		p.A, p.B = p.B, p.A
	}
	kind, do := souk.PartnershipAdded, Create
	stands, err := o.ArePartners(p.A, p.B)
	if o.failed(err) || stands != in.Absent {
		return // as it is wanted
	}
	if in.Absent {
		kind, do = souk.PartnershipRemoved, Remove
		_, err = o.RemovePartnership(p.A, p.B)
	} else {
		err = o.PutPartnership(p)
	}
	if o.failed(err) {
		return
	}
	if in.Absent {
		for _, org := range []souk.ID{p.A, p.B} {
			offered, err := o.AppsForPartners(org)
			if o.failed(err) {
				return
			}
			for _, app := range offered {
				o.narrowed[app] = true
			}
		}
	}
	o.step(do, nil)
	o.tellBoth(kind, a, aboveA, b, aboveB, nil, p, in.Absent)
}

// tellBoth tells a change between two organizations at the first, or at each
// of two partners, and audits it under both roots.
func (o *object) tellBoth(kind souk.EventKind, a, aboveA, b, aboveB souk.Org, app *souk.App, noun any, gone bool) {
	var before, after any = nil, noun
	if gone {
		before, after = noun, nil
	}
	o.id = b.ID
	o.tell(kind, a, aboveA, app, before, after, nil)
	if o.id = a.ID; app == nil {
		o.tell(kind, b, aboveB, app, before, after, nil)
	} else if a.Root() != b.Root() {
		o.failed(o.audit("ApplyWorld", b, app.ID, a.ID, before, after))
	}
}

// endWithoutRight ends the installations whose org lost its right to the app,
// and voids what is still asked there.
func (a *applier) endWithoutRight() {
	apps := slices.SortedFunc(maps.Keys(a.narrowed), func(a, b souk.ID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range apps {
		if a.failed(a.loseRights(id, "ApplyWorld")) {
			return
		}
	}
}

// keepRights makes the rows that say who sees an app follow its attributes.
// Shares have rows of their own.
func (tx *Tx) keepRights(app souk.App) error {
	for _, r := range []struct {
		to    souk.Grantee
		holds bool
	}{
		{souk.ToOwner, true},
		{souk.ToPartners, app.IsAvailableToPartners},
		{souk.ToEveryone, app.IsPublic()},
	} {
		right := souk.Right{App: app.ID, To: r.to, Org: app.Owner}
		var err error
		if r.holds {
			_, err = tx.PutRight(right, tx.at)
		} else {
			_, err = tx.RemoveRight(right)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *object) putShares(app souk.App, owner, above souk.Org, shares []WorldShare) {
	for i, in := range shares {
		field := fmt.Sprintf("shares[%d]", i)
		org, aboveOrg, ok := o.org(field, in.Org)
		if !ok || !o.ok() {
			continue
		}
		share := souk.Share{ID: souk.NewID(), App: app.ID, Org: org.ID, CreatedAt: o.Tx.at}
		var changed bool
		var err error
		kind := souk.ShareAdded
		if in.Absent {
			kind = souk.ShareRemoved
			changed, err = o.RemoveShare(share)
		} else {
			changed, err = o.PutShare(share)
		}
		if o.failed(err) || !changed {
			continue
		}
		if in.Absent {
			o.narrowed[app.ID] = true
		}
		o.fields = append(o.fields, "shares")
		o.tellBoth(kind, owner, above, org, aboveOrg, &app, share, in.Absent)
	}
}
