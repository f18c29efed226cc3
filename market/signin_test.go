package market_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// Passwords of a town's people. Making one takes a moment.
const (
	phrase      = "open sesame, please"
	otherPhrase = "close sesame, please"
)

var phraseHash = sync.OnceValue(func() string { return market.HashPassword(phrase) })

// identity is what signing in reads and writes.
var identity = []string{"users", "tokens", "passwords", "identities", "used_codes", "audit"}

// pats makes three people with one e-mail under three roots: hq and globex with
// the phrase as password, vendor with another.
func (w *town) pats() {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		for at, root := range map[souk.ID]souk.ID{w.hq: w.acme, w.globex: w.globex, w.vendor: w.vendor} {
			name, hash := "pat@"+map[souk.ID]string{w.hq: "hq", w.globex: "globex", w.vendor: "vendor"}[at], phraseHash()
			if at == w.vendor {
				hash = market.HashPassword(otherPhrase)
			}
			u := souk.User{ID: souk.NewID(), Org: at, Email: "pat@everywhere.example", FirstName: name, CreatedAt: dawn}
			w.user[name] = u.ID
			if err := tx.PutUser(u, root); err != nil {
				return err
			}
			if err := tx.PutMembership(souk.Membership{User: u.ID, Org: at, Role: souk.Member, CreatedAt: dawn}); err != nil {
				return err
			}
			if err := tx.PutPassword(u.ID, hash, dawn); err != nil {
				return err
			}
		}
		return nil
	})
}

// keep gives somebody a password by its hash.
func (w *town) keep(name, hash string) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error { return tx.PutPassword(w.user[name], hash, dawn) })
}

func (w *town) signIn(email, password string) (market.SignedIn, error) {
	return w.m.SignIn(context.Background(), market.SigningIn{Email: email, Password: password, Agent: "browser"}, "test", netip.MustParseAddr("192.0.2.1"))
}

func (w *town) signInAs(subject, email string) (market.SignedIn, error) {
	return w.m.SignInAs(context.Background(), market.Identity{Issuer: "https://id.example", Subject: subject, Email: email, Agent: "browser"}, "test", netip.Addr{})
}

func (w *town) choose(ticket, name string) (market.SignedIn, error) {
	return w.m.Choose(context.Background(), ticket, w.user[name], "browser", "test", netip.Addr{})
}

// choices spells the accounts that are left to choose from.
func choices(in market.SignedIn) (all []string) {
	for _, a := range in.Choices {
		all = append(all, a.User.FirstName+" of "+a.Home.Name)
	}
	slices.Sort(all)
	return all
}

// wantSession fails unless in is a session of somebody's that was just begun and
// answers.
func (w *town) wantSession(what string, in market.SignedIn, name string) {
	w.t.Helper()
	if in.User.ID != w.user[name] || len(in.Choices) > 0 || in.Ticket != "" || in.Session.Hash != nil ||
		in.Session.Description != "browser" || !in.Session.ExpiresAt.Equal(in.Session.CreatedAt.Add(market.SessionLife)) {
		w.t.Fatalf("%s: signed in as %+v", what, in)
	}
	if a := w.by(in.Secret); a.User != w.user[name] || a.Kind != souk.ConsoleSession || a.Token != in.Session.ID || a.IsOperator() {
		w.t.Errorf("%s: the session speaks for %+v", what, a)
	}
}

func TestSignIn(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		w.keep("jane", phraseHash())
		w.keep("joe", "$argon2i$v=19$m=4096,t=3,p=1$c2FsdA$aGFzaA") // of another make
		w.keep("lee", phraseHash())
		ok(t, w.m.DeactivateUser(context.Background(), w.as("liz"), w.user["lee"]))
		bot := w.install("sid", "tool", w.hq).AppUser
		w.write(func(tx *store.Tx) error {
			u, err := tx.User(bot)
			if err != nil {
				return err
			}
			if u.Email == "" {
				u.Email = "bot@town.example"
			}
			if err := tx.PutUser(u, w.acme); err != nil {
				return err
			}
			return tx.PutPassword(bot, phraseHash(), dawn)
		})
		before := w.digest(identity...)
		for name, in := range map[string][2]string{
			"another password":   {"jane@town.example", otherPhrase},
			"no password":        {"jane@town.example", ""},
			"a longer password":  {"jane@town.example", phrase + "\x00"},
			"the hash":           {"jane@town.example", phraseHash()},
			"nobody":             {"nobody@town.example", phrase},
			"nobody's password":  {"nobody@town.example", "nobody's"},
			"no e-mail":          {"", phrase},
			"no e-mail address":  {"jane\x00", phrase},
			"broken e-mail":      {"jane\xff@town.example", phrase},
			"endless e-mail":     {strings.Repeat("j", 5000) + "@town.example", phrase},
			"never had one":      {"max@town.example", "nobody's"},
			"never had one (2)":  {"max@town.example", ""},
			"a hash of no use":   {"joe@town.example", phrase},
			"deactivated":        {"lee@town.example", phrase},
			"an app's user":      {"bot@town.example", phrase},
			"a pattern":          {"%@town.example", phrase},
			"somebody else's at": {"jane@town.example, joe@town.example", phrase},
		} {
			wantRefusal(t, name, drop(w.signIn(in[0], in[1])), souk.WrongPassword)
		}
		if w.digest(identity...) != before {
			t.Error("somebody who was refused changed something")
		}
		for _, email := range []string{"jane@town.example", "  JANE@Town.Example "} {
			w.wantSession(email, must(w.signIn(email, phrase))(t), "jane")
		}

		first, second := must(w.signIn("jane@town.example", phrase))(t), must(w.signIn("jane@town.example", phrase))(t)
		if first.Secret == second.Secret || first.Session.ID == second.Session.ID {
			t.Error("two sessions are one")
		}
		time.Sleep(market.SessionLife - time.Microsecond)
		w.by(second.Secret)
		time.Sleep(time.Microsecond)
		w.wantDead("after thirty days", second.Secret, souk.DeadByExpiry)
		w.checkAudit()
	})
}

// A long agent is cut and a foul one made storable; neither keeps anybody out.
func TestSignInAgents(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.keep("jane", phraseHash())
		for agent, want := range map[string]string{
			strings.Repeat("ä", 500): strings.Repeat("ä", 100), "a\x00b\xffc": "abc", "": "",
		} {
			in := must(w.m.SignIn(context.Background(), market.SigningIn{Email: "jane@town.example", Password: phrase, Agent: agent}, "test", netip.Addr{}))(t)
			if in.Session.Description != want {
				t.Errorf("the agent %.10q is kept as %q", agent, in.Session.Description)
			}
		}
	})
}

// One e-mail under three roots: the password says which accounts are meant, and
// a ticket for one of them is good once and for five minutes.
func TestChoosing(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		w.pats()
		const email = "pat@everywhere.example"
		w.wantSession("the vendor's password", must(w.signIn(email, otherPhrase))(t), "pat@vendor")
		before := w.digest(identity...)
		asked := must(w.signIn(email, phrase))(t)
		wantList(t, "choices", choices(asked), "pat@globex of globex", "pat@hq of hq")
		if asked.Secret != "" || !asked.Session.ID.IsZero() || asked.Ticket == "" {
			t.Errorf("there is a choice left, and a session: %+v", asked)
		}
		for name, tt := range map[string]struct{ ticket, who string }{
			"an account of another password": {asked.Ticket, "pat@vendor"},
			"somebody else's account":        {asked.Ticket, "jane"},
			"no ticket":                      {"", "pat@hq"},
			"a ticket that is none":          {"abc!", "pat@hq"},
			"a ticket for something else":    {must(w.m.WelcomeCode(context.Background()))(t), "pat@hq"},
			"a changed ticket":               {flipped(asked.Ticket, len(asked.Ticket)/2), "pat@hq"},
		} {
			wantRefusal(t, name, drop(w.choose(tt.ticket, tt.who)), souk.SpentCode)
		}
		if w.digest(identity...) != before {
			t.Error("somebody who was refused changed something")
		}
		time.Sleep(5*time.Minute - time.Microsecond)
		w.wantSession("chosen", must(w.choose(asked.Ticket, "pat@globex"))(t), "pat@globex")
		wantRefusal(t, "chosen again", drop(w.choose(asked.Ticket, "pat@globex")), souk.SpentCode)
		wantRefusal(t, "chosen otherwise", drop(w.choose(asked.Ticket, "pat@hq")), souk.SpentCode)
		time.Sleep(time.Microsecond)
		wantRefusal(t, "much later", drop(w.choose(asked.Ticket, "pat@hq")), souk.ExpiredCode)
		late := must(w.signIn(email, phrase))(t)
		time.Sleep(5 * time.Minute)
		wantRefusal(t, "after five minutes", drop(w.choose(late.Ticket, "pat@hq")), souk.ExpiredCode)
		w.checkAudit()
	})
}

// More than eight accounts with one e-mail are not looked at, however many an
// attacker makes.
func TestSignInLooksAtFewAccounts(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		const many = 10
		w.write(func(tx *store.Tx) error {
			for i := range many {
				at := dawn.Add(time.Duration(i) * time.Second)
				o := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: fmt.Sprint(i), CreatedAt: at, Switches: souk.DefaultSwitches}
				u := souk.User{ID: souk.NewID(), Org: o.ID, Email: "many@town.example", FirstName: fmt.Sprint(i), CreatedAt: at}
				if err := tx.PutOrg(o); err != nil {
					return err
				}
				if err := tx.PutUser(u, o.ID); err != nil {
					return err
				}
				if err := tx.PutPassword(u.ID, phraseHash(), at); err != nil {
					return err
				}
			}
			return nil
		})
		in := must(w.signIn("many@town.example", phrase))(t)
		if got := choices(in); len(got) != 8 || got[0] != "0 of 0" || got[7] != "7 of 7" {
			t.Errorf("the choices are %q, want the eight oldest", got)
		}
	})
}

// Who proved who they are is no longer let in when that is no longer so, and is
// told so.
func TestChangedWhileChoosing(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.pats()
		const email = "pat@everywhere.example"
		asked := must(w.signIn(email, phrase))(t)
		vouched := must(w.signInAs("p1", email))(t)
		w.keep("pat@hq", market.HashPassword(otherPhrase))
		ok(t, w.m.DeactivateUser(ctx, operator, w.user["pat@globex"]))
		before := w.digest(identity...)
		for name, tt := range map[string]struct{ ticket, who string }{
			"by a password that was changed":             {asked.Ticket, "pat@hq"},
			"somebody deactivated":                       {asked.Ticket, "pat@globex"},
			"somebody deactivated, by a provider's word": {vouched.Ticket, "pat@globex"},
		} {
			in, err := w.choose(tt.ticket, tt.who)
			wantRefusal(t, name, err, souk.WrongPassword)
			if in.Secret != "" {
				t.Errorf("%s: a session", name)
			}
		}
		if w.digest(identity...) != before {
			t.Error("somebody who was refused changed something")
		}
		w.wantSession("by a provider, who minds no password", must(w.choose(vouched.Ticket, "pat@hq"))(t), "pat@hq")
	})
}

// Of 64 who hand in one ticket at the same moment just one gets a session.
func TestTicketsAreRacedFor(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newTown(t, address)
		here, there := w.nodes(address)
		w.pats()
		asked := must(w.signIn("pat@everywhere.example", phrase))(t)
		before := w.count(`SELECT count(*) FROM tokens`)
		var errs [64]error
		var everybody sync.WaitGroup
		start := make(chan struct{})
		for n := range errs {
			everybody.Go(func() {
				<-start
				_, errs[n] = []*market.Market{here, there}[n%2].Choose(context.Background(), asked.Ticket,
					w.user[[]string{"pat@hq", "pat@globex"}[n/2%2]], "browser", "test", netip.Addr{})
			})
		}
		close(start)
		everybody.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantRefusal(t, "who came late", err, souk.SpentCode)
		}
		if begun := w.count(`SELECT count(*) FROM tokens`) - before; won != 1 || begun != 1 {
			t.Errorf("%d of 64 won, and %d sessions began", won, begun)
		}
		w.checkAudit()
	})
}

// A provider's word opens the accounts that its e-mail means, and from then on
// for that subject alone. A password beside it goes on to work.
func TestSignInAs(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		w.keep("jane", phraseHash())
		w.wantSession("the first time", must(w.signInAs("j1", "Jane@Town.Example"))(t), "jane")
		w.wantSession("again", must(w.signInAs("j1", "jane@town.example"))(t), "jane")
		w.wantSession("by password", must(w.signIn("jane@town.example", phrase))(t), "jane")
		w.wantSession("who has no password", must(w.signInAs("m1", "max@town.example"))(t), "max")
		ok(t, w.m.DeactivateUser(context.Background(), w.as("liz"), w.user["lee"]))
		before := w.digest(identity...)
		for name, in := range map[string][2]string{
			"another subject":  {"j2", "jane@town.example"},
			"no subject":       {"", "jane@town.example"},
			"in other letters": {"J1", "jane@town.example"},
			"nobody's e-mail":  {"j1", "nobody@town.example"},
			"no e-mail":        {"j1", ""},
			"deactivated":      {"l1", "lee@town.example"},
		} {
			wantRefusal(t, name, drop(w.signInAs(in[0], in[1])), souk.WrongPassword)
		}
		if w.digest(identity...) != before {
			t.Error("somebody who was refused changed something")
		}
		other := must(w.m.SignInAs(context.Background(), market.Identity{Issuer: "https://other.example", Subject: "x", Email: "jane@town.example", Agent: "browser"}, "test", netip.Addr{}))(t)
		w.wantSession("by another issuer", other, "jane")
		wantList(t, "bound", w.rows(`SELECT issuer || ' ' || subject FROM identities`),
			"https://id.example j1", "https://id.example m1", "https://other.example x")
		w.checkAudit()
	})
}

// Accounts with one e-mail are bound one by one, as they are chosen.
func TestSignInAsUnderSeveralRoots(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		w.pats()
		const email = "pat@everywhere.example"
		asked := must(w.signInAs("p1", email))(t)
		wantList(t, "choices", choices(asked), "pat@globex of globex", "pat@hq of hq", "pat@vendor of vendor")
		rival := must(w.signInAs("p2", email))(t)
		if n := w.count(`SELECT count(*) FROM identities`); n != 0 {
			t.Errorf("%d accounts are bound before anybody chose", n)
		}
		w.wantSession("hq", must(w.choose(asked.Ticket, "pat@hq"))(t), "pat@hq")
		wantRefusal(t, "another subject chooses what was bound meanwhile", drop(w.choose(rival.Ticket, "pat@hq")), souk.WrongPassword)
		w.wantSession("and may still choose what was not", must(w.choose(rival.Ticket, "pat@globex"))(t), "pat@globex")
		wantList(t, "choices of the first", choices(must(w.signInAs("p1", email))(t)), "pat@hq of hq", "pat@vendor of vendor")
		wantList(t, "choices of the other", choices(must(w.signInAs("p2", email))(t)), "pat@globex of globex", "pat@vendor of vendor")
		w.wantSession("a third", must(w.signInAs("p3", email))(t), "pat@vendor")
		wantRefusal(t, "a fourth", drop(w.signInAs("p4", email)), souk.WrongPassword)
	})
}

// Two subjects race for one account that nobody is bound to.
func TestBindingIsRacedFor(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		w := newTown(t, address)
		here, there := w.nodes(address)
		as := func(m *market.Market, subject string) func() error {
			return func() error {
				return drop(m.SignInAs(context.Background(), market.Identity{Issuer: "https://id.example", Subject: subject, Email: "jane@town.example"}, "test", netip.Addr{}))
			}
		}
		errs := atOnce(as(here, "j1"), as(there, "j2"))
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("one should be jane, not %v and %v", errs[0], errs[1])
		}
		wantRefusal(t, "the other", either(errs[0], errs[1]), souk.WrongPassword)
		winner := map[bool]string{true: "j1", false: "j2"}[errs[0] == nil]
		wantList(t, "bound", w.rows(`SELECT subject FROM identities`), winner)
		if n := w.count(`SELECT count(*) FROM tokens WHERE kind = 'session'`); n != 1 {
			t.Errorf("%d sessions began", n)
		}
	})
}

func either(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// A session ends with its person and with their org, and somebody whose org is
// closed begins none.
func TestSessionsDie(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.keep("jane", phraseHash())
		w.keep("lee", phraseHash())
		janes, lees := must(w.signIn("jane@town.example", phrase))(t), must(w.signIn("lee@town.example", phrase))(t)
		ok(t, w.m.DeactivateUser(ctx, w.as("una"), w.user["jane"]))
		w.wantDead("deactivated", janes.Secret, souk.DeadByUser)
		w.changeOrg(w.lab, func(o *souk.Org) { o.ClosedAt = dawn })
		w.wantDead("closed", lees.Secret, souk.DeadByOrg)
		before := w.digest(identity...)
		wantRefusal(t, "closed, by password", drop(w.signIn("lee@town.example", phrase)), souk.WrongPassword)
		wantRefusal(t, "closed, by a provider", drop(w.signInAs("l1", "lee@town.example")), souk.WrongPassword)
		if w.digest(identity...) != before {
			t.Error("somebody who was refused changed something")
		}
	})
}

func TestSignOut(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.keep("jane", phraseHash())
		w.keep("joe", phraseHash())
		var all []market.SignedIn
		for range 3 {
			all = append(all, must(w.signIn("jane@town.example", phrase))(t))
			time.Sleep(time.Second)
		}
		joes := must(w.signIn("joe@town.example", phrase))(t)
		sessions := func() (ids []souk.ID) {
			for _, s := range must(w.m.MySessions(ctx, w.by(all[2].Secret)))(t) {
				if s.Hash != nil || s.Kind != souk.ConsoleSession || s.User != w.user["jane"] || s.Description != "browser" {
					t.Errorf("a session of jane's: %+v", s)
				}
				ids = append(ids, s.ID)
			}
			return ids
		}
		if got, want := sessions(), []souk.ID{all[2].Session.ID, all[1].Session.ID, all[0].Session.ID}; !slices.Equal(got, want) {
			t.Errorf("jane's sessions: %v, want %v", got, want)
		}
		ok(t, w.m.SignOut(ctx, w.by(all[0].Secret)))
		w.wantDead("signed out", all[0].Secret, souk.DeadByRevocation)
		wantRefusal(t, "without a session", w.m.SignOut(ctx, w.as("jane")), souk.NotAllowed)
		wantRefusal(t, "joe ends jane's", w.m.RevokeToken(ctx, w.by(joes.Secret), all[1].Session.ID), souk.UnknownToken)
		ok(t, w.m.RevokeToken(ctx, w.by(all[2].Secret), all[1].Session.ID))
		w.wantDead("ended from elsewhere", all[1].Secret, souk.DeadByRevocation)
		if got := sessions(); !slices.Equal(got, []souk.ID{all[2].Session.ID}) {
			t.Errorf("jane's sessions: %v", got)
		}
		wantRefusal(t, "sessions by a token", drop(w.m.MySessions(ctx, w.as("jane"))), souk.NotAllowed)
		w.by(joes.Secret)
		w.checkAudit()
	})
}

// The audit log says who came, by which session and where, and holds
// nothing that would let somebody in.
func TestSigningInIsAudited(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.pats()
		w.keep("jane", phraseHash())
		janes := must(w.signIn("jane@town.example", phrase))(t)
		changed := must(w.m.ChangePassword(ctx, w.by(janes.Secret), phrase, otherPhrase, "browser"))(t)
		asked := must(w.signIn("pat@everywhere.example", phrase))(t)
		pats := must(w.choose(asked.Ticket, "pat@globex"))(t)
		maxs := must(w.signInAs("a-subject-of-his-own", "max@town.example"))(t)
		code := must(w.m.WelcomeCode(ctx))(t)
		operators := must(w.m.Welcome(ctx, welcoming(code), "test", netip.Addr{}))(t)
		ok(t, w.m.SignOut(ctx, w.by(changed.Secret)))

		var entries []souk.AuditEntry
		w.read(func(tx *store.Tx) error {
			for _, root := range []souk.ID{w.acme, w.globex, operators.User.Org} {
				of, err := tx.AuditOf(root)
				if err != nil {
					return err
				}
				entries = append(entries, of...)
			}
			return nil
		})
		var got []string
		for _, e := range entries {
			got = append(got, e.Verb)
			text := fmt.Sprintf("%s %s %+v", e.Before, e.After, e)
			for _, secret := range []string{
				phrase, otherPhrase, phraseHash(), "argon2", "a-subject-of-his-own", code, asked.Ticket,
				janes.Secret, changed.Secret, pats.Secret, maxs.Secret, operators.Secret,
			} {
				if strings.Contains(text, secret) {
					t.Errorf("the entry of %s tells %q", e.Verb, secret)
				}
			}
			if e.Subject == janes.Session.ID && (e.Token != e.Subject || e.User != w.user["jane"] || e.Org != w.hq || e.Face != "test") {
				t.Errorf("jane's entry: %+v", e)
			}
		}
		slices.Sort(got)
		wantList(t, "verbs", got, "ChangePassword", "RevokeToken", "SignIn", "SignIn", "SignIn", "SignIn", "SignIn", "Welcome")
		w.checkAudit()
	})
}
