package market

import (
	"errors"

	"souk"
	"souk/store"
)

// locks finds what applying w works on: the platform, the apps it writes, and
// the root of every organization it speaks of. What does not exist yet nobody
// else can see.
func (w World) locks(tx *store.Tx) (store.Locks, error) {
	f := &finder{tx: tx, locks: store.Locks{Roots: []souk.ID{{}}}}
	f.orgsOf(w)
	f.peopleOf(w)
	f.appsOf(w)
	for key, in := range inOrder(w.Tokens) {
		if t, ok := find(f, "tokens", Ref(key), in.ID, tx.Token); ok {
			f.orgs("", t.Org)
			f.users("", t.User)
			f.apps("", t.App)
		}
		f.users(in.User, souk.ID{})
		f.apps(in.App, souk.ID{})
		f.installations(in.Installation, souk.ID{})
	}
	return f.locks, f.err
}

// finder collects locks.
type finder struct {
	tx    *store.Tx
	locks store.Locks
	err   error
}

// find looks an object up by the reference or the ID that a document gives.
func find[T any](f *finder, section string, ref Ref, id souk.ID, get func(souk.ID) (T, error)) (found T, ok bool) {
	if f.err != nil {
		return found, false
	}
	err := error(nil)
	if id.IsZero() && ref != "" {
		if id, err = souk.ParseID(string(ref)); err != nil {
			id, err = f.tx.ObjectNamed(section, string(ref))
		}
	}
	if err == nil && !id.IsZero() {
		if found, err = get(id); err == nil {
			return found, true
		}
	}
	if !errors.Is(err, store.ErrNotFound) {
		f.err = err
	}
	return found, false
}

func (f *finder) orgs(ref Ref, id souk.ID) {
	if org, ok := find(f, "orgs", ref, id, f.tx.Org); ok {
		f.locks.Roots = append(f.locks.Roots, org.Root())
	}
}

func (f *finder) users(ref Ref, id souk.ID) {
	if u, ok := find(f, "users", ref, id, f.tx.User); ok {
		f.orgs("", u.Org)
	}
}

// apps locks an app that is only read, with its owner.
func (f *finder) apps(ref Ref, id souk.ID) {
	if app, ok := find(f, "apps", ref, id, f.tx.App); ok {
		f.locks.Apps = append(f.locks.Apps, app.ID)
		f.orgs("", app.Owner)
	}
}

func (f *finder) installations(ref Ref, id souk.ID) {
	if i, ok := find(f, "installations", ref, id, f.tx.Installation); ok {
		f.orgs("", i.Org)
		f.apps("", i.App)
	}
}

func (f *finder) orgsOf(w World) {
	for key, in := range inOrder(w.Orgs) {
		f.orgs(Ref(key), in.ID)
		f.orgs(in.Enterprise, souk.ID{})
	}
	for _, in := range w.Partnerships {
		f.orgs(in.A, souk.ID{})
		f.orgs(in.B, souk.ID{})
		a, okA := find(f, "orgs", in.A, souk.ID{}, f.tx.Org)
		b, okB := find(f, "orgs", in.B, souk.ID{}, f.tx.Org)
		if in.Absent && okA && okB {
			f.partners(a.ID, b.ID)
			f.partners(b.ID, a.ID)
		}
	}
}

// partners locks the apps of an org that a partner loses the right to.
func (f *finder) partners(owner, org souk.ID) {
	offered, err := f.tx.AppsForPartners(owner)
	shares, errShares := f.tx.SharesBetween(owner, org)
	if f.err = errors.Join(f.err, err, errShares); f.err != nil {
		return
	}
	for _, app := range offered {
		f.narrowed(app)
	}
	for _, s := range shares {
		f.narrowed(s.App)
	}
}

func (f *finder) peopleOf(w World) {
	for key, in := range inOrder(w.Users) {
		f.users(Ref(key), in.ID)
		f.orgs(in.Org, souk.ID{})
		for _, m := range in.Memberships {
			f.orgs(m.Org, souk.ID{})
		}
	}
	for key, in := range inOrder(w.Requests) {
		if q, ok := find(f, "requests", Ref(key), in.ID, f.tx.Request); ok {
			f.orgs("", q.Org)
			f.apps("", q.App)
		}
		f.orgs(in.Org, souk.ID{})
		f.apps(in.App, souk.ID{})
	}
	for _, in := range w.Resolutions {
		f.orgs(in.Org, souk.ID{})
		f.apps(in.App, souk.ID{})
	}
	for key, in := range inOrder(w.Installations) {
		f.installations(Ref(key), in.ID)
		f.orgs(in.Org, souk.ID{})
		f.apps(in.App, souk.ID{})
	}
}

func (f *finder) appsOf(w World) {
	for key, in := range inOrder(w.Apps) {
		f.orgs(in.Owner, souk.ID{})
		for _, share := range in.Shares {
			f.orgs(share.Org, souk.ID{})
		}
		if app, ok := find(f, "apps", Ref(key), in.ID, f.tx.App); ok {
			f.orgs("", app.Owner)
			f.locks.ExclusiveApps = append(f.locks.ExclusiveApps, app.ID)
			if in.narrows() {
				f.narrowed(app.ID)
			}
		}
	}
}

// narrowed locks an app that somebody may lose the right to, and everybody who
// has or wants it.
func (f *finder) narrowed(app souk.ID) {
	f.locks.ExclusiveApps = append(f.locks.ExclusiveApps, app)
	roots, err := f.tx.RootsOfApp(app)
	if f.err == nil {
		f.err = err
	}
	f.locks.Roots = append(f.locks.Roots, roots...)
}

// narrows reports whether in may take the right to the app from somebody.
func (in WorldApp) narrows() bool {
	no := func(b *bool) bool { return b != nil && !*b }
	for _, share := range in.Shares {
		if share.Absent {
			return true
		}
	}
	return no(in.IsAvailableToAnyone) || no(in.IsAvailableToPartners) || in.Listing != nil && *in.Listing != souk.Listed
}
