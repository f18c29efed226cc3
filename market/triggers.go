package market

import (
	"context"
	"errors"
	"slices"

	"souk"
	"souk/store"
)

// maxTriggered is how many apps one condition is told of; maxContext bounds
// the host product's ids, in bytes.
const (
	maxTriggered = 100
	maxContext   = 200
)

// errNoTriggers is a market whose main wired no dialect that calls trigger URLs.
var errNoTriggers = errors.New("market: no dialect calls trigger URLs")

// triggers is the dialect that calls trigger URLs.
func (m *Market) triggers() (*Triggers, error) {
	for _, w := range m.Wires {
		if w.Triggers != nil {
			return w.Triggers, nil
		}
	}
	return nil, errNoTriggers
}

// Opening is a trigger URL that a person wants to open.
type Opening struct {
	App, At   souk.ID
	Condition souk.Condition // OnInstall, OnSetup or OnNavigation
	Return    string         // OnInstall: where the app is to send them afterwards
}

// OpenTrigger signs the address at which an app meets the person who acts; it
// opens for ten minutes. Setting up is for those who hold settings at the org
// that installed the app, or installed it. It refuses UnknownOrg, NeedsPerson, OrgNotGranted, NotAllowed,
// NoSubscription, UnknownInstallation and NoTrigger.
func (m *Market) OpenTrigger(ctx context.Context, actor souk.Actor, in Opening) (url string, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		at, err := tx.belonging(in.At)
		if err != nil {
			return err
		}
		switch {
		case tx.actor.User.IsZero():
			return souk.NeedsPerson
		case !at.Org.HasActiveSubscription:
			return souk.NoSubscription
		}
		i, err := tx.InstallationReaching(in.App, in.At)
		switch {
		case err != nil:
			return or(err, souk.UnknownInstallation)
		case i.Status != souk.InstallationActive:
			return souk.UnknownInstallation
		}
		app, err := tx.App(in.App)
		if err != nil {
			return err
		}
		switch in.Condition {
		case souk.OnNavigation:
		case souk.OnInstall, souk.OnSetup:
			if err := tx.maySetUp(i, at); err != nil {
				return err
			}
		default:
			return souk.NoTrigger
		}
		if !app.Triggered(in.Condition) || app.Suspended {
			return souk.NoTrigger
		}
		t := triggerOf(in.Condition, app, i, at.Org.ID)
		t.User, t.Permissions, t.Return = tx.actor.User, at.Within(i.Scopes).Permissions(), in.Return
		url, err = tx.address(t)
		return err
	})
	return url, err
}

// maySetUp refuses NotAllowed unless the actor installed the app, or holds
// settings at the org that did: what is set up works for all that it reaches.
func (tx *Tx) maySetUp(i souk.Installation, at place) error {
	if i.InstalledBy == tx.actor.User {
		return nil
	}
	if i.Org != at.Org.ID {
		own, err := tx.place(i.Org)
		if err != nil {
			return instead(err, souk.UnknownOrg, souk.NotAllowed)
		}
		at = own
	}
	if !at.Holds(souk.CanSettings) {
		return souk.NotAllowed
	}
	return nil
}

// triggerOf is a condition of an installed app that came about at an org.
func triggerOf(c souk.Condition, app souk.App, i souk.Installation, at souk.ID) souk.Trigger {
	return souk.Trigger{
		Condition: c, URL: app.TriggerURL, App: app.ID, Org: at, Installation: i.ID, AppUser: i.AppUser,
	}
}

// address signs where t is opened.
func (tx *Tx) address(t souk.Trigger) (string, error) {
	dialect, err := tx.market.triggers()
	if err != nil {
		return "", err
	}
	sealed, err := tx.Credentials(t.App)
	if err != nil {
		return "", err
	}
	credentials, err := sealed.Open(tx.market.Key)
	if err != nil {
		return "", err
	}
	return dialect.Address(t, credentials, tx.at)
}

// call has an app's trigger URL called in the background. What is final is
// called after the installation ended.
func (tx *Tx) call(t souk.Trigger, final bool) (souk.ID, error) {
	dialect, err := tx.market.triggers()
	if err != nil {
		return souk.ID{}, err
	}
	body, err := dialect.Encode(t)
	if err != nil {
		return souk.ID{}, err
	}
	d := souk.Delivery{
		ID: souk.NewID(), Event: souk.NewID(), Webhook: t.App, App: t.App, Installation: t.Installation,
		Dialect: souk.TriggerCall, Action: souk.Action(t.Condition), Final: final, Body: body,
		Status: souk.DeliveryPending, NextAt: tx.at, CreatedAt: tx.at, Entry: souk.NewID(), EntryAt: tx.at,
	}
	return d.ID, tx.send([]souk.Delivery{d})
}

// loaded tells the apps that want to know of it that the console loads for
// somebody who signed in: each app once.
func (tx *Tx) loaded(u souk.User) error {
	if _, err := tx.market.triggers(); err != nil {
		return nil // nobody calls them here
	}
	found, err := tx.TriggeredFor(u.ID, souk.OnConsoleLoad, maxTriggered)
	if err != nil {
		return err
	}
	for _, f := range found {
		t, err := tx.caused(f, souk.OnConsoleLoad, u.ID)
		if err != nil {
			return err
		}
		if _, err := tx.call(t, false); err != nil {
			return err
		}
	}
	return nil
}

// caused is a condition that a user, or nobody, brought about. Who opens an
// app's page lets it act for them with what it was granted; in the background it
// may do what they agreed to before, and else knows who they are.
func (tx *Tx) caused(f store.Triggered, c souk.Condition, user souk.ID) (t souk.Trigger, err error) {
	t = triggerOf(c, f.App, f.Installation, f.At)
	if user.IsZero() {
		return t, nil
	}
	org, err := tx.Org(f.At)
	if err != nil {
		return t, err
	}
	standing, err := tx.Standing(user, org)
	if err != nil {
		return t, err
	}
	ceiling := f.Installation.Scopes
	if !c.InBrowser() {
		let, _, err := tx.letDo(f.Installation, user, org)
		if err != nil {
			return t, err
		}
		ceiling = slices.DeleteFunc(let, func(s string) bool { return !ceiling.Has(s) })
	}
	t.User, t.Permissions = user, standing.Within(ceiling).Permissions()
	return t, nil
}

// tellUninstalled has the app's trigger URL called because an installation
// ended. Who works at another organization is not told.
func (tx *Tx) tellUninstalled(i souk.Installation, app souk.App, at place) error {
	if tx.quiet || !app.Triggered(souk.OnUninstall) || app.Suspended || !at.Org.HasActiveSubscription {
		return nil
	}
	if _, err := tx.market.triggers(); err != nil {
		return nil // nobody calls them here
	}
	t := triggerOf(souk.OnUninstall, app, i, at.Org.ID)
	if !tx.actor.User.IsZero() {
		home, err := tx.homeRoot(tx.actor.User)
		if unlessRefused(err) != nil {
			return err
		}
		if home == at.Org.Root() {
			t.User = tx.actor.User
		}
	}
	_, err := tx.call(t, true)
	return err
}

// Triggering is a condition that the host product tells of.
type Triggering struct {
	Condition                   souk.Condition // one of souk.HostConditions
	Org                         souk.ID
	App                         souk.ID // none: every app that has the condition
	User                        souk.ID // who brought it about, or none
	Chat, Visitor, Room, Domain string  // the host product's; may be empty
}

// Triggered is an app whose trigger URL a condition leads to.
type Triggered struct {
	App, Installation souk.ID
	Delivery          souk.ID // of a call in the background, else none
	URL               string  // to be opened in the user's browser within ten minutes, else empty
}

// Trigger tells apps that are installed at an org, at most 100, that a condition
// came about: in the background, or by an address for the browser. The platform
// operator may. It refuses NotAllowed, Invalid, UnknownOrg, UnknownUser for one
// who does not belong to the org, and NoTrigger for an app that is named and
// cannot be told.
func (m *Market) Trigger(ctx context.Context, actor souk.Actor, in Triggering) (told []Triggered, err error) {
	if !actor.IsOperator() {
		return nil, souk.NotAllowed
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	fn := func(tx *Tx) (err error) {
		told, err = tx.trigger(in)
		return err
	}
	if in.Condition.InBrowser() {
		err = m.read(ctx, actor, fn)
	} else {
		err = m.write(ctx, actor, nothing, fn)
	}
	return told, err
}

func (in Triggering) check() error {
	var p problems
	if !slices.Contains(souk.HostConditions, in.Condition) {
		p.add("condition", "must be one of %q", souk.HostConditions)
	}
	p.text("chat", in.Chat, maxContext)
	p.text("visitor", in.Visitor, maxContext)
	p.text("room", in.Room, maxContext)
	p.text("domain", in.Domain, maxContext)
	return p.err()
}

func (tx *Tx) trigger(in Triggering) (told []Triggered, err error) {
	at, err := tx.place(in.Org)
	if err != nil {
		return nil, err
	}
	if !in.User.IsZero() {
		standing, err := tx.Standing(in.User, at.Org)
		if err != nil {
			return nil, err
		}
		if !standing.IsMember() {
			return nil, souk.UnknownUser
		}
	}
	found, err := tx.TriggeredAt(in.Org, in.App, in.Condition, maxTriggered)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && !in.App.IsZero() {
		return nil, souk.NoTrigger
	}
	told = []Triggered{}
	for _, f := range found {
		t, err := tx.caused(f, in.Condition, in.User)
		if err != nil {
			return nil, err
		}
		t.Chat, t.Visitor, t.Room, t.Domain = in.Chat, in.Visitor, in.Room, in.Domain
		one := Triggered{App: t.App, Installation: t.Installation}
		if in.Condition.InBrowser() {
			one.URL, err = tx.address(t)
		} else {
			one.Delivery, err = tx.call(t, false)
		}
		if err != nil {
			return nil, err
		}
		told = append(told, one)
	}
	return told, nil
}

// instead replaces a refusal by another.
func instead(err error, one, other souk.Refusal) error {
	if errors.Is(err, one) {
		return other
	}
	return err
}

// TriggerCalls lists the background calls of an app's trigger URL, newest first and
// without Body; an empty status means any. Delivery.Action is the condition. It refuses
// UnknownApp and NotAllowed.
func (m *Market) TriggerCalls(ctx context.Context, actor souk.Actor, app souk.ID, status souk.DeliveryStatus, page souk.Page) (calls []souk.Delivery, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(app); err != nil {
			return err
		}
		calls, err = tx.DeliveriesPage(app, status, page)
		return err
	})
	return calls, err
}

// TriggerAttempts lists what was tried for one of TriggerCalls, in order. It
// refuses UnknownApp, NotAllowed and UnknownDelivery.
func (m *Market) TriggerAttempts(ctx context.Context, actor souk.Actor, app, delivery souk.ID) (attempts []souk.Attempt, err error) {
	err = m.read(ctx, actor, func(tx *Tx) error {
		if _, _, err := tx.ownedApp(app); err != nil {
			return err
		}
		d, err := tx.Delivery(delivery)
		if err != nil || d.Webhook != app {
			return either(ignoreMissing(err), souk.UnknownDelivery)
		}
		attempts, err = tx.Attempts(delivery)
		return err
	})
	return attempts, err
}
