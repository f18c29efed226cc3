package market

import (
	"slices"

	"souk"
)

// mostAskers is how many people a decision for everyone names: beyond, a list of
// them tells nobody anything.
const mostAskers = 1000

// named adds to events the people, groups and names that encoders need and
// verbs do not. Events of one verb may share their data; what is for one of them
// alone goes into a copy.
func (tx *Tx) named(events []souk.Event) (err error) {
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case souk.RequestCreated:
			err = tx.nameRequester(e)
		case souk.CaseApproved, souk.CaseDeclined:
			err = tx.nameAskers(e)
		case souk.GrantWasRevoked:
			err = tx.nameClient(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nameRequester adds the groups of whoever asks, and whether they already wait
// for an answer in the same case.
func (tx *Tx) nameRequester(e *souk.Event) error {
	d := e.Data
	if d.User == nil || d.Request == nil {
		return nil
	}
	groups, err := tx.Groups(d.User.ID)
	if err != nil {
		return err
	}
	for _, g := range groups {
		d.Groups = append(d.Groups, g.Name)
	}
	pending, err := tx.PendingOfUser(d.User.ID)
	d.Again = slices.ContainsFunc(pending, func(q souk.Request) bool {
		return q.Case == d.Request.Case && q.ID != d.Request.ID
	})
	return err
}

// nameAskers adds those whose requests a decision settled as it says, each once,
// in the order in which they asked.
func (tx *Tx) nameAskers(e *souk.Event) error {
	settled := slices.DeleteFunc(slices.Clone(e.Data.Settled), func(q souk.Request) bool {
		return (q.Status == souk.RequestApproved) != (e.Kind == souk.CaseApproved)
	})
	slices.SortFunc(settled, func(a, b souk.Request) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return a.User.Compare(b.User)
	})
	var ids []souk.ID
	seen := map[souk.ID]bool{}
	for _, q := range settled {
		if !seen[q.User] {
			seen[q.User] = true
			ids = append(ids, q.User)
		}
	}
	if len(ids) == 0 || e.Data.Everyone && len(ids) > mostAskers {
		return nil
	}
	found, err := tx.Users(ids)
	if err != nil {
		return err
	}
	d := *e.Data
	d.Askers = make([]souk.User, len(ids))
	for i, id := range ids {
		d.Askers[i] = found[id]
	}
	e.Data = &d
	return nil
}

// nameClient adds the name that an app goes by as a client.
func (tx *Tx) nameClient(e *souk.Event) error {
	c, err := tx.Credentials(e.App)
	if err != nil {
		return ignoreMissing(err)
	}
	e.Data.Client = c.ZoomClientID
	return nil
}
