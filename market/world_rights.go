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
	a, _, okA := o.org("", in.A)
	b, _, okB := o.org("", in.B)
	if okA && okB && a.ID == b.ID {
		o.wrong("", "needs two different organizations")
	}
	if !okA || !okB || !o.ok() {
		return
	}
	p := souk.Partnership{CreatedAt: o.Tx.at}
	p.A, p.B = ordered(a.ID, b.ID)
	stands, err := o.ArePartners(p.A, p.B)
	if o.failed(err) || stands != in.Absent {
		return // as it is wanted
	}
	if in.Absent {
		o.partWays(p.A, p.B)
		return
	}
	if o.failed(o.PutPartnership(p)) {
		return
	}
	o.step(Create, nil)
	o.failed(o.tellPartners("ApplyWorld", souk.PartnershipAdded, p))
}

// partWays ends a partnership, and the shares between the two.
func (o *object) partWays(a, b souk.ID) {
	p, err := o.Partnership(a, b)
	if o.failed(err) {
		return
	}
	for _, pair := range [][2]souk.ID{{a, b}, {b, a}} {
		offered, err := o.AppsForPartners(pair[0])
		if o.failed(err) {
			return
		}
		for _, app := range offered {
			o.narrowed[app] = true
		}
		shares, err := o.SharesBetween(pair[0], pair[1])
		if o.failed(err) {
			return
		}
		for _, s := range shares {
			o.narrowed[s.App] = true
			if o.unshare(s); o.err != nil {
				return
			}
		}
	}
	if _, err := o.RemovePartnership(a, b); o.failed(err) {
		return
	}
	o.step(Remove, nil)
	o.failed(o.tellPartners("ApplyWorld", souk.PartnershipRemoved, p))
}

// unshare ends a share whose app the document need not mention.
func (o *object) unshare(s souk.Share) {
	app, owner, err := o.appAndOwner(s.App)
	if o.failed(err) {
		return
	}
	_, err = o.RemoveShare(s)
	if !o.failed(err) {
		o.failed(o.tellShare("ApplyWorld", souk.ShareRemoved, owner, app, s))
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
		org, _, ok := o.org(field, in.Org)
		if !ok || !o.ok() {
			continue
		}
		share, err := o.ShareWith(app.ID, org.ID)
		if stands := err == nil; o.failed(ignoreMissing(err)) || stands != in.Absent {
			continue // as it is wanted
		}
		kind := souk.ShareAdded
		if in.Absent {
			kind = souk.ShareRemoved
			o.narrowed[app.ID] = true
			_, err = o.RemoveShare(share)
		} else {
			share = souk.Share{ID: souk.NewID(), App: app.ID, Org: org.ID, CreatedAt: o.Tx.at}
			_, err = o.PutShare(share)
		}
		if o.failed(err) || o.failed(o.tellShare("ApplyWorld", kind, place{Org: owner, Enterprise: above}, app, share)) {
			continue
		}
		o.fields = append(o.fields, "shares")
	}
}
