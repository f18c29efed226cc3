package market

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"souk"
	"souk/store"
)

// applier applies one world in one transaction. A problem with one object
// does not keep it from looking at the others; an error of the database does.
type applier struct {
	*Tx
	world     World
	passwords map[string]password
	problems  problems
	err       error              // first of the database
	broken    map[worldName]bool // objects with problems: what refers to them is not to blame
	narrowed  map[souk.ID]bool   // apps that somebody may have lost the right to
	demoted   []demotion
	done      Applied
}

// worldName is what documents call an object.
type worldName struct{ section, key string }

func (a *applier) apply() error {
	for _, section := range []func(){
		a.putScopes, a.putOrgs, a.putPartnerships, a.putUsers, a.putApps, a.endWithoutRight,
		a.putResolutions, a.putInstallations, a.putRequests, a.putTokens, a.deactivateUsers,
	} {
		if section(); a.err != nil {
			return a.err
		}
	}
	return a.problems.err()
}

// failed keeps the first error of the database, after which nothing is
// written any more.
func (a *applier) failed(err error) bool {
	if a.err == nil {
		a.err = err
	}
	return err != nil
}

// object is one object of the document while it is applied.
type object struct {
	*applier
	worldName
	spot     string // in the document
	before   int    // problems there were before it
	id       souk.ID
	isNew    bool
	fields   []string // that differ from what is stored
	recorded Object
}

// each applies one object by put.
func (a *applier) each(section, key, spot string, put func(*object)) {
	if a.err != nil {
		return
	}
	o := &object{applier: a, worldName: worldName{section, key}, spot: spot, before: len(a.problems)}
	put(o)
	if len(a.problems) > o.before {
		a.broken[o.worldName] = true
	}
}

// wrong notes a problem with a field.
func (o *object) wrong(field, format string, args ...any) {
	o.problems.add(o.in(field), format, args...)
}

// in is the place of a field in the document.
func (o *object) in(field string) string {
	if field == "" {
		return o.spot
	}
	return o.spot + "." + field
}

// ok reports whether the object may be written: nothing is wrong with it and
// everything it refers to is there.
func (o *object) ok() bool {
	return o.err == nil && len(o.problems) == o.before && !o.broken[o.worldName]
}

// refused turns a refusal of a verb's body into a problem with a field, and
// reports whether err was any error at all.
func (o *object) refused(field string, err error) bool {
	var invalid souk.Invalid
	var refusal souk.Refusal
	switch {
	case errors.As(err, &invalid):
		for _, p := range invalid {
			o.wrong(p.Field, "%s", p.Reason)
		}
	case errors.As(err, &refusal):
		o.wrong(field, "%s", refusal)
	default:
		return o.failed(err)
	}
	return true
}

// look finds what is stored of an object and gives it an ID.
func look[T any](o *object, given Given, get func(souk.ID) (T, error)) (found T) {
	known, err := o.ObjectNamed(o.section, o.key)
	if o.failed(ignoreMissing(err)) {
		return found
	}
	if !known.IsZero() && !given.ID.IsZero() && known != given.ID {
		o.wrong("id", "is %s already", known)
	}
	if o.id = known; o.id.IsZero() {
		o.id = given.ID
	}
	if !o.id.IsZero() {
		found, err = get(o.id)
		if !errors.Is(err, store.ErrNotFound) {
			o.failed(err)
			return found
		}
	}
	o.isNew = true
	if given.ID.IsZero() {
		o.id = souk.NewID()
	}
	return found
}

// renew gives the object a new ID, because what the key named has ended for
// good.
func (o *object) renew(given Given) {
	if !given.ID.IsZero() {
		o.wrong("id", "has ended and does not come back: leave the id out or bring another")
		return
	}
	o.id, o.isNew = souk.NewID(), true
}

// set puts what the document says into to and notes a difference.
func set[T comparable](o *object, field string, to *T, want *T) {
	if want != nil && *to != *want {
		*to = *want
		o.fields = append(o.fields, field)
	}
}

// setList is set for lists; nil says nothing.
func setList[S ~[]E, E comparable](o *object, field string, to *S, want S) {
	if want != nil && !slices.Equal(*to, want) {
		*to = want
		o.fields = append(o.fields, field)
	}
}

// fix is set for what cannot change any more once the object is there.
func fix[T comparable](o *object, field string, to *T, want *T) {
	if want == nil || *to == *want {
		return
	}
	var none T
	switch {
	case o.isNew:
		set(o, field, to, want)
	case *to == none:
		o.wrong(field, "cannot be given any more: there is none")
	default:
		o.wrong(field, "cannot be changed: it is %v", *to)
	}
}

// need notes what a new object cannot do without.
func (o *object) need(field string, given bool) {
	if o.isNew && !given {
		o.wrong(field, "is required")
	}
}

// text checks a text that may be missing.
func (o *object) text(field string, s *string, most int) {
	if s != nil {
		o.problems.text(o.in(field), *s, most)
	}
}

// oneOf checks a word of a closed list; "" is no word unless it is listed.
func oneOf[T ~string](o *object, field string, word *T, among ...T) {
	if word == nil || slices.Contains(among, *word) {
		return
	}
	words := make([]string, len(among))
	for i, w := range among {
		words[i] = string(w)
	}
	o.wrong(field, "must be one of %q", slices.DeleteFunc(words, func(w string) bool { return w == "" }))
}

// scopesIn reads scopes; nil when the document says nothing.
func (o *object) scopesIn(field string, names []string) souk.Scopes {
	if names == nil {
		return nil
	}
	catalogue, err := o.catalogue()
	o.failed(err)
	for i, n := range names {
		if _, ok := catalogue[n]; !ok {
			o.wrong(fmt.Sprintf("%s[%d]", field, i), "scope %q is not in the catalogue%s", n, didYouMean(n, maps.Keys(catalogue)))
		}
	}
	scopes := souk.NewScopes(names...)
	if scopes == nil {
		scopes = souk.Scopes{}
	}
	return scopes
}

// resolve finds the ID that ref means in a section. None, without a problem:
// ref is empty, or what it means has problems of its own.
func resolve[V any](o *object, field, section string, ref Ref, in map[string]V) (id souk.ID) {
	if ref == "" {
		return id
	}
	if id, err := souk.ParseID(string(ref)); err == nil {
		return id
	}
	if o.broken[worldName{section, string(ref)}] {
		o.broken[o.worldName] = true
		return id
	}
	id, err := o.ObjectNamed(section, string(ref))
	if errors.Is(err, store.ErrNotFound) {
		o.wrong(field, "nothing is called %q in %s%s", ref, section, didYouMean(string(ref), maps.Keys(in)))
		return id
	}
	o.failed(err)
	return id
}

// referred finds the object that ref means; the zero T with ok false when
// there is none.
func referred[T, V any](o *object, field, section string, ref Ref, in map[string]V, get func(souk.ID) (T, error)) (found T, ok bool) {
	id := resolve(o, field, section, ref, in)
	if id.IsZero() || o.err != nil {
		return found, false
	}
	found, err := get(id)
	if errors.Is(err, store.ErrNotFound) {
		o.wrong(field, "there is no %s in %s", ref, section)
		return found, false
	}
	return found, !o.failed(err)
}

func (o *object) org(field string, ref Ref) (org, enterprise souk.Org, ok bool) {
	org, ok = referred(o, field, "orgs", ref, o.world.Orgs, o.Tx.Org)
	if ok && !org.ClosedAt.IsZero() {
		o.wrong(field, "is closed")
		ok = false
	}
	if ok && !org.Enterprise.IsZero() {
		var err error
		enterprise, err = o.Tx.Org(org.Enterprise)
		ok = !o.failed(err)
	}
	return org, enterprise, ok
}

// user finds a person, deactivated ones too: what they did stays.
func (o *object) user(field string, ref Ref) (souk.User, bool) {
	return referred(o, field, "users", ref, o.world.Users, o.User)
}

// mayAct refuses to write down something new about a person who cannot do it:
// one that is deactivated, or belongs under another root than org.
func (o *object) mayAct(field string, u souk.User, org souk.Org) {
	if !u.Active() {
		o.wrong(field, "is deactivated")
	}
	home, err := o.Tx.Org(u.Org)
	if !o.failed(err) && home.Root() != org.Root() {
		o.wrong(field, "belongs to another root organization")
	}
}

func (o *object) app(field string, ref Ref) (souk.App, bool) {
	app, ok := referred(o, field, "apps", ref, o.world.Apps, o.App)
	if ok && !app.DeletedAt.IsZero() {
		o.wrong(field, "is deleted")
		ok = false
	}
	return app, ok
}

// written remembers the object's name and notes what was done to it.
func (o *object) written() {
	do := Change
	if o.isNew {
		do = Create
	}
	o.remember()
	if len(o.fields) > 0 || o.isNew {
		slices.Sort(o.fields)
		o.step(do, slices.Compact(o.fields))
	}
}

// remember keeps what the document calls the object, and lists it.
func (o *object) remember() {
	known, err := o.ObjectNamed(o.section, o.key)
	if o.failed(ignoreMissing(err)) || known != o.id && o.failed(o.NameObject(o.section, o.key, o.id)) {
		return
	}
	o.list()
}

func (o *object) list() {
	o.recorded.Section, o.recorded.Key, o.recorded.ID = o.section, o.key, o.id
	o.done.Objects = append(o.done.Objects, o.recorded)
}

func (o *object) step(do Doing, fields []string) {
	if do == Create || do == Remove {
		fields = nil // all of them
	}
	o.done.Plan = append(o.done.Plan, Step{Section: o.section, Key: o.key, Do: do, Fields: fields})
}

// tell audits a change at an org and emits its event. before and after are
// nouns, or nil; the event has before as well, unless add brings more of it.
func (o *object) tell(kind souk.EventKind, org, enterprise souk.Org, app *souk.App, before, after any, add func(*souk.EventData)) {
	var about souk.ID
	if app != nil {
		about = app.ID
	}
	if o.failed(o.audit("ApplyWorld", org, about, o.id, before, after)) {
		return
	}
	e := o.event(kind, org, enterprise, app, o.id)
	e.Data.Before = dataOf(before)
	if add != nil {
		add(e.Data)
	}
	o.failed(o.emit(e))
}

// dataOf is an event's data about one noun, as a change found it.
func dataOf(noun any) *souk.EventData {
	switch was := noun.(type) {
	case souk.Org:
		return &souk.EventData{Org: &was}
	case souk.User:
		return &souk.EventData{User: &was}
	case souk.Membership:
		return &souk.EventData{Membership: &was}
	case souk.App:
		return &souk.EventData{App: &was}
	case souk.Webhook:
		return &souk.EventData{Webhook: &was}
	}
	return nil
}
