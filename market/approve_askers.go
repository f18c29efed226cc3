package market

import (
	"context"
	"slices"

	"souk"
)

// ApproveAskers approves an app at an org for those of some users who wait for
// an answer there or below it; the others are passed over, and where nobody of
// them waits nothing is done, which is no refusal. It is one Approve with them
// as its audiences, and refuses what that does, and UnknownUser.
func (m *Market) ApproveAskers(ctx context.Context, actor souk.Actor, app, at souk.ID, users []souk.ID) (done Decided, err error) {
	err = m.write(ctx, actor, rootOf(at, app), func(tx *Tx) (err error) {
		done, err = tx.approveAskers(app, at, users)
		return err
	})
	return done, err
}

func (tx *Tx) approveAskers(id, org souk.ID, users []souk.ID) (done Decided, err error) {
	var p problems
	if checkCount(&p, "users", len(users)); p.err() != nil {
		return done, p.err()
	}
	about, err := tx.matter(Decision{App: id, At: org})
	if err != nil {
		return done, err
	}
	if err := tx.belongAll(users, about.Org); err != nil {
		return done, err
	}
	done.At = about.Org
	c, err := tx.LatestCase(id, about.Org.Root())
	if err != nil {
		return done, ignoreMissing(err)
	}
	pending, err := tx.PendingOfCase(c.ID)
	if err != nil {
		return done, err
	}
	var audiences []souk.Audience
	for _, q := range pending {
		if a := (souk.Audience{User: q.User}); about.asks(q, users) && !slices.Contains(audiences, a) {
			audiences = append(audiences, a)
		}
	}
	if len(audiences) == 0 {
		return done, nil
	}
	return tx.decide("Approve", souk.Approved, Decision{App: id, At: org, Audiences: audiences})
}
