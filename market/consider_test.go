package market_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/store"
)

// What somebody weighs says what would come of installing, and why.
func TestConsidering(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		consider := func(name, app string, at souk.ID) market.Consideration {
			t.Helper()
			return must(w.m.Consider(ctx, w.session(name), w.app[app], at))(t)
		}
		w.restrict("ada", "barred", w.acme)
		w.restrict("max", "unwanted", w.hq)
		w.approve("max", "monitor", w.hq, "team:read") // it asks for more
		w.approve("max", "files", w.hq)
		w.setPolicy(w.lab, souk.Closed)
		w.setPolicy(w.globex, souk.Approval)
		for _, tt := range []struct {
			name, app string
			at        souk.ID
			verdict   souk.Verdict
			settings  bool
		}{
			{"sid", "chat", w.hq, souk.VerdictApproved, true},
			{"eve", "chat", w.hq, souk.VerdictApproved, true},
			{"jane", "chat", w.hq, souk.Requestable, false},
			{"jane", "files", w.hq, souk.VerdictApproved, false},
			{"jane", "monitor", w.hq, souk.NeedsApproval, false},
			{"olga", "barred", w.hq, souk.BlockedByOrganization, true},
			{"ada", "barred", w.acme, souk.BlockedByOrganization, true},
			{"sid", "unwanted", w.hq, souk.BlockedByWorkspace, true},
			{"lee", "chat", w.lab, souk.VerdictClosed, false},
			{"gus", "chat", w.globex, souk.Requestable, true},
			{"olga", "bespoke", w.hq, souk.VerdictApproved, true},
		} {
			c := consider(tt.name, tt.app, tt.at)
			app := w.appNow(tt.app)
			if c.Answer.Verdict != tt.verdict || c.Settings != tt.settings || len(c.Answer.Reasons) == 0 || c.Org.ID != tt.at || c.Of.ID != app.ID || c.Of.Owner.ID != app.Owner || c.Of.Secret != "" {
				t.Errorf("%s considers %s: %s (settings %t) of %+v", tt.name, tt.app, c.Answer.Verdict, c.Settings, c.Of)
			}
			if names := scopeNames(c.Scopes); !souk.NewScopes(names...).Equal(app.Asks()) {
				t.Errorf("%s asks for %q", tt.app, names)
			}
			if c.Live != nil || c.Added != nil || c.Upgrades || c.Pending != nil {
				t.Errorf("%s is installed nowhere: %+v", tt.app, c)
			}
			restricted := tt.verdict == souk.BlockedByOrganization || tt.verdict == souk.BlockedByWorkspace
			if (c.Restriction != nil) != restricted {
				t.Errorf("%s: %s, and the restriction is %+v", tt.app, tt.verdict, c.Restriction)
			}
			if c.Enterprise.ID != c.Org.Enterprise {
				t.Errorf("above %s lies %s", c.Org.Name, c.Enterprise.Name)
			}
		}
		if c := consider("lee", "chat", w.lab); !slices.Equal(firstNames(c.Deciders), []string{"liz", "eve", "ada"}) {
			t.Errorf("at the lab decide %q", firstNames(c.Deciders))
		}
		if c := consider("ada", "chat", w.acme); !slices.Equal(firstNames(c.Deciders), []string{"eve", "ada"}) {
			t.Errorf("at the enterprise decide %q", firstNames(c.Deciders))
		}

		// What cannot be seen is as if it were not there.
		none := drop(w.m.Consider(ctx, w.session("jane"), souk.NewID(), w.hq))
		for _, app := range []string{"theirs", "draft", "gone", "stopped"} {
			if err := drop(w.m.Consider(ctx, w.session("jane"), w.app[app], w.hq)); !errors.Is(err, souk.UnknownApp) || err.Error() != none.Error() {
				t.Errorf("%s: %v, one that is not there: %v", app, err, none)
			}
		}
		wantRefusal(t, "as nobody", drop(w.m.Consider(ctx, operator, w.app["chat"], w.hq)), souk.NeedsPerson)
		wantRefusal(t, "at another root", drop(w.m.Consider(ctx, w.session("jane"), w.app["chat"], w.globex)), souk.UnknownOrg)
		wantRefusal(t, "nowhere", drop(w.m.Consider(ctx, w.session("jane"), w.app["chat"], souk.NewID())), souk.UnknownOrg)
		wantRefusal(t, "at another workspace", drop(w.m.Consider(ctx, w.session("jane"), w.app["chat"], w.lab)), souk.NotAllowed)
	})
}

func (w *town) appNow(name string) (a souk.App) {
	w.t.Helper()
	w.read(func(tx *store.Tx) (err error) { a, err = tx.App(w.app[name]); return err })
	return a
}

func scopeNames(scopes []souk.Scope) (names []string) {
	for _, s := range scopes {
		names = append(names, s.Name)
	}
	return names
}

func firstNames(users []souk.User) (names []string) {
	for _, u := range users {
		names = append(names, u.FirstName)
	}
	return names
}

// A restriction is told with who decided so, where and why: the one that decides.
func TestWhoRestricted(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		said := func(what, name, by, reason string, at souk.ID) {
			t.Helper()
			r := must(w.m.Consider(ctx, w.session(name), w.app["chat"], w.hq))(t).Restriction
			if r == nil || r.By.ID != w.user[by] || r.Org.ID != at || r.Reason != reason || r.Resolution.Org != at {
				t.Errorf("%s: restricted by %+v", what, r)
			}
		}
		must(w.m.Restrict(ctx, w.as("max"), market.Decision{App: w.app["chat"], At: w.hq, Reason: "too loud"}))(t)
		said("by the workspace", "jane", "max", "too loud", w.hq)
		group := souk.ID{}
		w.write(func(tx *store.Tx) error {
			g, err := tx.GroupNamed(w.hq, "interns", dawn)
			_, err2 := tx.JoinGroup(g.ID, w.user["jane"])
			group = g.ID
			narrow := func(by, why string, audience souk.Audience) error {
				return tx.InsertResolution(souk.Resolution{ID: souk.NewID(), App: w.app["chat"], Org: w.hq, Audience: audience,
					Status: souk.Restricted, By: w.user[by], Reason: why, CreatedAt: w.latest()})
			}
			return errors.Join(err, err2, narrow("eve", "for jane", souk.Audience{User: w.user["jane"]}), narrow("ada", "for interns", souk.Audience{Group: group}))
		})
		said("for one person, whatever for their group", "jane", "eve", "for jane", w.hq)
		said("for everyone", "joe", "max", "too loud", w.hq)
		w.write(func(tx *store.Tx) error { return drop(tx.JoinGroup(group, w.user["joe"])) })
		said("for a group", "joe", "ada", "for interns", w.hq)
		must(w.m.Restrict(ctx, w.as("ada"), market.Decision{App: w.app["chat"], At: w.acme, Reason: "nowhere"}))(t)
		said("by the enterprise, first", "jane", "ada", "nowhere", w.acme)
	})
}

// latest is a time after all that was decided so far.
func (w *town) latest() time.Time { return time.Now().Add(time.Second) }

// What is installed is told beside what the app asks for now.
func TestConsideringWhatIsInstalled(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		consider := func(name string, at souk.ID) market.Consideration {
			t.Helper()
			return must(w.m.Consider(ctx, w.session(name), w.app["tool"], at))(t)
		}
		i := w.install("sid", "tool", w.hq)
		if c := consider("jane", w.hq); c.Live == nil || c.Live.ID != i.ID || c.Upgrades || len(c.Added) != 0 {
			t.Errorf("installed: %+v", c)
		}
		w.changeApp("tool", func(a *souk.App) { a.BotScopes = souk.NewScopes("team:read", "reports") })
		if c := consider("sid", w.hq); c.Live == nil || !c.Upgrades || !slices.Equal(scopeNames(c.Added), []string{"reports"}) {
			t.Errorf("asking for more: %+v", c)
		}
		w.changeApp("tool", func(a *souk.App) { a.BotScopes = souk.NewScopes("team:read") })
		if c := consider("sid", w.hq); !c.Upgrades || len(c.Added) != 0 {
			t.Errorf("asking for less: %+v", c)
		}
		// What came from the enterprise is changed there.
		wide := w.install("eve", "tool", w.acme, w.lab)
		w.changeApp("tool", func(a *souk.App) { a.BotScopes = souk.NewScopes("team:read", "reports") })
		if c := consider("liz", w.lab); c.Live == nil || c.Live.ID != wide.ID || c.Upgrades || !slices.Equal(scopeNames(c.Added), []string{"reports"}) {
			t.Errorf("from the enterprise: %+v", c)
		}
		if c := consider("eve", w.acme); c.Live == nil || !c.Upgrades {
			t.Errorf("at the enterprise: %+v", c)
		}
		ok(t, w.m.EndInstallation(ctx, w.as("sid"), w.hq, i.ID))
		w.setPolicy(w.hq, souk.Approval)
		q := w.ask("jane", "tool", w.hq)
		if c := consider("jane", w.hq); c.Live != nil || c.Pending == nil || c.Pending.ID != q.ID {
			t.Errorf("asked for: %+v", c)
		}
		if c := consider("joe", w.hq); c.Pending != nil {
			t.Errorf("joe sees jane's request")
		}
	})
}
