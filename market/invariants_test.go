package market_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// bounds are how many random sequences of verbs each engine sees and how long
// they are, unless the flags say otherwise: -rapid.checks=200 for a night.
var bounds = map[string]string{"rapid.checks": "4", "rapid.steps": "80"}

// What must always hold is asked after every step of random walks through a
// town in which anybody tries anything.
func TestInvariants(t *testing.T) {
	for name, value := range bounds {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			ok(t, f.Value.Set(value))
			t.Cleanup(func() { ok(t, f.Value.Set(f.DefValue)) })
		}
	}
	for engine, address := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return souktest.SQLite(t) },
		"postgres": func(t *testing.T) string { return souktest.Postgres(t) },
	} {
		t.Run(engine, func(outer *testing.T) {
			outer.Parallel()
			// Every walk has a database of its own, so that a failure can be replayed.
			rapid.Check(outer, func(t *rapid.T) { newWalk(newTown(outer, address(outer))).run(t) })
		})
	}
}

// walk is a random sequence of verbs with what has to come of them.
type walk struct {
	*town
	rt     *rapid.T
	before moment // the step

	names, apps []string
	orgs        []souk.ID
	people      map[souk.ID][]string // who has business there
	requests    []souk.ID
	tokens      map[string]souk.ID // secrets, and the installations they came with
	hook        souk.ID
	ears        souk.ID // a webhook that listens on channels
	shares      []souk.ID
	invitations []souk.ID

	groups  []souk.ID
	answers standingAnswers // the model: what stands
	live    map[answerAt]souk.ID
	identities
}

// answerAt names an app at an org.
type answerAt struct{ app, org souk.ID }

// moment is what a step is compared with.
type moment struct {
	nouns, all    string
	audit, events int
	wishes        int
	chains        [3]int // entries of each root in the audit
	resolutions   map[string]string
}

func newWalk(w *town) *walk {
	k := &walk{
		town: w, names: slices.Sorted(maps.Keys(w.user)), apps: []string{"chat", "files", "tool", "manager", "certified", "bespoke", "draft", "ear"},
		orgs: []souk.ID{w.acme, w.hq, w.lab, w.globex, w.vendor},
		people: map[souk.ID][]string{
			w.acme: {"eve", "ada", "sam"}, w.hq: {"eve", "ada", "olga", "max", "sid", "una", "jane", "joe"},
			w.lab: {"eve", "liz", "lee"}, w.globex: {"gus", "gina", "gwen"}, w.vendor: {"vic"},
		},
		tokens: map[string]souk.ID{}, answers: standingAnswers{}, live: map[answerAt]souk.ID{},
	}
	w.changeApp("chat", func(a *souk.App) {
		a.IsAppUserRequired, a.AppUser = true, souk.AppUserNames{FirstName: "Chat", LastName: "Bot"}
	})
	hook := must(w.m.PutWebhook(context.Background(), w.as("vic"), market.Hook{App: w.app["chat"], Dialect: souk.Native,
		URL: "https://vendor.example/", Events: []string{"request.created", "installation.removed", "case.approved"}}))(w.t)
	must(w.m.PutWebhook(context.Background(), w.as("vic"), market.Hook{App: w.app["tool"], Dialect: souk.Slack,
		URL: "https://vendor.example/slack", Events: []string{"app_requested"}}))(w.t)
	k.hook = hook.ID
	k.ears = w.listen("ear", append(all("*"), own)...).ID
	w.listen("chat", own)
	w.ally(w.globex)
	about, terms := "What it does.", "https://vendor.example/terms"
	yes := true
	w.update("draft", market.AppForm{Description: &about, TermsOfService: &terms, PrivacyPolicy: &terms, IsAvailableToPartners: &yes})
	k.live[answerAt{w.app["ear"], w.hq}] = w.install("sid", "ear", w.hq).ID
	k.live[answerAt{w.app["ear"], w.vendor}] = w.install("vic", "ear", w.vendor).ID
	k.groups = []souk.ID{k.group(k.hq, "ops", "jane", "joe"), k.group(k.acme, "all", "jane", "lee"), k.group(k.globex, "theirs", "gwen")}
	k.meet()
	return k
}

func (k *walk) run(t *rapid.T) {
	k.rt, k.town.t = t, t
	k.before = k.now()
	steps := map[string]func(*rapid.T){
		"": func(t *rapid.T) {
			k.rt, k.town.t = t, t
			k.check()
		},
	}
	approve, restrict, decline := k.decision("Approve", k.m.Approve), k.decision("Restrict", k.m.Restrict), k.decision("Decline", k.m.Decline)
	for name, often := range map[string]struct {
		times int
		fn    func()
	}{
		"ask": {3, k.ask}, "cancel": {1, k.cancel}, "approve": {3, approve}, "restrict": {2, restrict}, "decline": {1, decline},
		"clear": {2, k.clear}, "approve some": {2, k.narrow("Approve", k.m.Approve)}, "restrict some": {1, k.narrow("Restrict", k.m.Restrict)},
		"decline some": {1, k.declineSome}, "cancel some": {1, k.cancelSome}, "decline all": {1, k.declineAll}, "ask for many": {1, k.askForMany},
		"disable": {1, k.disable}, "regroup": {1, k.regroup}, "resume": {1, k.resume}, "ask more": {1, k.askMore}, "install": {4, k.install},
		"set workspaces": {2, k.setWorkspaces}, "uninstall": {2, k.uninstall}, "suspend": {1, k.suspend}, "policy": {1, k.policy},
		"deactivate": {1, k.deactivate}, "membership": {1, k.membership}, "rename": {1, k.rename}, "webhook": {1, k.webhook},
		"stranger": {1, k.stranger}, "publish app": {1, k.publishApp}, "update app": {3, k.updateApp}, "delete app": {1, k.deleteApp},
		"share": {2, k.shareApp}, "unshare": {1, k.unshare}, "invite": {2, k.invite}, "accept": {3, k.accept},
		"end invitation": {1, k.endInvitation}, "end partnership": {1, k.endPartnership}, "name partner": {1, k.namePartner},
		"uninstall from": {1, k.uninstallFrom}, "end installation": {1, k.endInstallation}, "list": {1, k.list}, "entitle": {1, k.entitle},
		"channels": {1, k.channels}, "publish": {1, k.publish},
		"mint": {1, k.mintToken}, "mint for an app user": {2, k.mintAppUserToken}, "rotate": {2, k.rotate}, "revoke": {1, k.revokeToken},
		"authorize": {3, k.authorize}, "redeem": {3, k.redeemCode}, "exchange": {2, k.exchangeCode}, "take a grant back": {1, k.revokeGrant},
		"set permissions": {1, k.setPermissions}, "sign in by an app": {2, k.signInByApp}, "sign in": {1, k.signIn},
	} {
		for i := range often.times {
			steps[fmt.Sprint(name, i)] = func(t *rapid.T) {
				k.rt, k.town.t = t, t
				often.fn()
			}
		}
	}
	t.Repeat(steps)
}

func (k *walk) pick(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(k.rt, label)
}

func (k *walk) rarely(label string) bool { return rapid.IntRange(0, 5).Draw(k.rt, label) == 5 }

// actor is mostly somebody who has business at an org, and now and then anybody.
func (k *walk) actor(at souk.ID) souk.Actor {
	if k.people[at] == nil || k.rarely("anybody") {
		return k.as(k.pick("actor", k.names))
	}
	return k.as(k.pick("actor", k.people[at]))
}

// place is mostly the workspace where most is going on.
func (k *walk) place() souk.ID {
	if rapid.Bool().Draw(k.rt, "hq") {
		return k.hq
	}
	return rapid.SampledFrom(k.orgs).Draw(k.rt, "org")
}

func (k *walk) anApp() souk.ID {
	if rapid.Bool().Draw(k.rt, "any app") {
		return k.app[k.pick("app", k.apps)]
	}
	return k.app["chat"]
}

func (k *walk) aRequest() souk.ID {
	pending := slices.DeleteFunc(slices.Clone(k.requests), func(id souk.ID) bool { return k.request(id).Status != souk.Pending })
	if len(pending) > 0 && !k.rarely("any request") {
		return rapid.SampledFrom(pending).Draw(k.rt, "pending")
	}
	if len(k.requests) == 0 {
		return souk.NewID()
	}
	return rapid.SampledFrom(k.requests).Draw(k.rt, "request")
}

// try runs a verb. What it refuses has changed nothing, and is refused alike
// through another wire and on the person's behalf.
func (k *walk) try(verb string, actor souk.Actor, call func(souk.Actor) error) (done bool) {
	k.town.t.Helper()
	err := call(actor)
	now := k.now()
	if err != nil {
		if market.FaultOf(err) != market.NoFault {
			k.rt.Fatalf("%s: %v", verb, err)
		}
		if now.all != k.before.all {
			k.rt.Fatalf("%s was refused (%v) and changed something", verb, err)
		}
		other := actor
		other.Face = "another wire"
		if actor.User != (souk.ID{}) {
			other = onBehalf(other)
		}
		if again := call(other); again == nil || again.Error() != err.Error() {
			k.rt.Fatalf("%s: refused with %v, and through another wire with %v", verb, err, again)
		}
		return false
	}
	// A question that becomes a wish asks for the same: nobody is told anew.
	wished := verb == "Install" && now.wishes == k.before.wishes+1 && now.audit == k.before.audit+1
	told := now.events != k.before.events || wished || slices.Contains(silent, verb)
	if now.nouns != k.before.nouns && (now.audit == k.before.audit || !told) {
		k.rt.Fatalf("%s changed something: %d entries in the audit and %d events are new", verb, now.audit-k.before.audit, now.events-k.before.events)
	}
	if now.audit == k.before.audit && now.all != k.before.all && verb != "Publish" {
		k.rt.Fatalf("%s wrote something and is not in the audit", verb)
	}
	for i, had := range k.before.chains {
		if !slices.Contains(manifold, verb) && now.chains[i] > had+1 {
			k.rt.Fatalf("%s is in the audit of a root %d times", verb, now.chains[i]-had)
		}
	}
	k.history(verb, now)
	k.before = now
	return true
}

// manifold are the verbs that may change many things, each with an entry of its
// own: installations that end, wishes that come true, what ties orgs.
var manifold = []string{
	"Uninstall", "EndInstallation", "DeactivateUser", "Approve", "UpdateApp", "ListApp", "DeleteApp", "UnshareApp", "Accept", "EndPartnership",
	"RotateToken", "SSOToken", "DeclineAll", "CancelRequests", "RequestForMany", "DisableForUser", "EnableForUser",
}

// history holds decisions against what they were: they end and change in
// nothing else.
func (k *walk) history(verb string, now moment) {
	for id, was := range k.before.resolutions {
		if is := now.resolutions[id]; is != was && is != was+" ended" {
			k.rt.Fatalf("%s changed a decision from %q to %q", verb, was, is)
		}
	}
}

func (k *walk) now() (now moment) {
	nouns := slices.DeleteFunc(slices.Clone(tables), func(name string) bool {
		return slices.Contains([]string{"events", "deliveries", "audit", "jobs", "idempotency", "letters"}, name)
	})
	now.nouns = k.digest(nouns...)
	now.all = now.nouns + k.digest("events", "deliveries", "audit", "jobs", "idempotency")
	now.wishes = k.count(`SELECT count(*) FROM requests WHERE status = 'pending' AND wish <> ''`)
	for i, root := range []souk.ID{k.acme, k.globex, k.vendor} {
		now.chains[i] = k.count(`SELECT count(*) FROM audit WHERE root_id = $1`, root)
	}
	now.audit, now.events = k.count(`SELECT count(*) FROM audit`), k.count(`SELECT count(*) FROM events`)
	now.resolutions = map[string]string{}
	k.readAll(func(tx *store.Tx, app souk.ID, org souk.ID) error {
		standing, err := tx.StandingResolutions(app, org)
		for _, r := range standing {
			now.resolutions[r.ID.String()] = fmt.Sprintf("%s %s %s %s %s by %s", r.App, r.Org, r.Audience, r.Status, r.Scopes, r.By)
		}
		return err
	})
	for id, was := range k.before.resolutions {
		if _, stands := now.resolutions[id]; !stands {
			now.resolutions[id] = strings.TrimSuffix(was, " ended") + " ended"
		}
	}
	return now
}

// readAll goes through the apps at the orgs of this walk.
func (k *walk) readAll(fn func(*store.Tx, souk.ID, souk.ID) error) {
	k.read(func(tx *store.Tx) error {
		for _, app := range k.apps {
			for _, org := range k.orgs {
				if err := fn(tx, k.app[app], org); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// check asks what must hold after every step.
func (k *walk) check() {
	for what, query := range map[string]string{
		"two live installations of an app at an org": `SELECT count(*) FROM (SELECT 1 AS one FROM installations WHERE status <> 'ended' GROUP BY app_id, org_id HAVING count(*) > 1) AS x`,
		"two answers stand for one audience":         `SELECT count(*) FROM (SELECT 1 AS one FROM resolutions WHERE ended_at IS NULL GROUP BY app_id, org_id, audience HAVING count(*) > 1) AS x`,
		"two open cases of an app under a root":      `SELECT count(*) FROM (SELECT 1 AS one FROM cases WHERE closed_at IS NULL GROUP BY app_id, root_id HAVING count(*) > 1) AS x`,
		"two pending requests of a user":             `SELECT count(*) FROM (SELECT 1 AS one FROM requests WHERE status = 'pending' GROUP BY user_id, app_id, org_id HAVING count(*) > 1) AS x`,
		"an open case without a pending request": `SELECT count(*) FROM cases c WHERE closed_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM requests q WHERE q.case_id = c.id AND q.status = 'pending')`,
		"a pending request in a closed case": `SELECT count(*) FROM requests q JOIN cases c ON c.id = q.case_id WHERE q.status = 'pending' AND c.closed_at IS NOT NULL`,
		"a request in another root's case": `SELECT count(*) FROM requests q JOIN cases c ON c.id = q.case_id JOIN orgs o ON o.id = q.org_id
			WHERE c.app_id <> q.app_id OR c.root_id <> COALESCE(o.enterprise_id, o.id)`,
		"a pending request of a deactivated user": `SELECT count(*) FROM requests q JOIN users u ON u.id = q.user_id WHERE q.status = 'pending' AND u.deactivated_at IS NOT NULL`,
		"a settled request without its time":      `SELECT count(*) FROM requests WHERE (status = 'pending') <> (settled_at IS NULL)`,
		"an ended installation's active grant":    `SELECT count(*) FROM grants g JOIN installations i ON i.id = g.installation_id WHERE i.status = 'ended' AND g.status = 'active'`,
		"an ended installation's app user":        `SELECT count(*) FROM users u JOIN installations i ON i.app_user_id = u.id WHERE i.status = 'ended' AND u.deactivated_at IS NULL`,
		"an ended installation's reach":           `SELECT count(*) FROM reach r JOIN installations i ON i.id = r.installation_id WHERE i.status = 'ended'`,
		"an ended installation's delivery": `SELECT count(*) FROM deliveries d JOIN installations i ON i.id = d.installation_id
			WHERE i.status = 'ended' AND d.status = 'pending' AND NOT d.final`,
		"a deactivated user's grant": `SELECT count(*) FROM grants g JOIN users u ON u.id = g.user_id WHERE g.status = 'active' AND u.deactivated_at IS NOT NULL`,
		"a live installation without its org in reach": `SELECT count(*) FROM installations i WHERE i.status <> 'ended'
			AND NOT EXISTS (SELECT 1 FROM reach r WHERE r.installation_id = i.id AND r.org_id = i.org_id)`,
		"reach beyond an installation": `SELECT count(*) FROM reach r JOIN installations i ON i.id = r.installation_id JOIN orgs o ON o.id = r.org_id
			WHERE r.app_id <> i.app_id OR r.org_id <> i.org_id AND (i.kind <> 'org_wide' OR o.enterprise_id IS NULL OR o.enterprise_id <> i.org_id)`,
		"an org without an owner": `SELECT count(*) FROM orgs o WHERE NOT EXISTS (SELECT 1 FROM memberships m JOIN users u ON u.id = m.user_id
			WHERE m.org_id = o.id AND m.role = 'owner' AND u.deactivated_at IS NULL)`,
		"an approval below an enterprise that restricted it later": `SELECT count(*) FROM resolutions b JOIN orgs o ON o.id = b.org_id
			JOIN resolutions a ON a.org_id = o.enterprise_id AND a.app_id = b.app_id AND a.ended_at IS NULL AND a.status = 'restricted' AND a.audience = 'everyone'
			WHERE b.ended_at IS NULL AND b.status = 'approved' AND b.audience = 'everyone'`,
		"an app whose installations are not counted": `SELECT count(*) FROM apps a
			WHERE (SELECT COALESCE(sum(c.live), 0) FROM installation_counts c WHERE c.app_id = a.id)
			<> (SELECT count(*) FROM installations i WHERE i.app_id = a.id AND i.status <> 'ended')`,
		"an approved wish that neither came true nor was dropped": `SELECT count(*) FROM requests WHERE status = 'approved' AND wish <> ''`,
		"something left to be done":                               `SELECT count(*) FROM jobs`,
		"a share with who is no partner": `SELECT count(*) FROM rights r JOIN apps a ON a.id = r.app_id WHERE r.grantee = 'shared' AND a.deleted_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM partnerships p WHERE p.a_id = a.owner_id AND p.b_id = r.org_id OR p.b_id = a.owner_id AND p.a_id = r.org_id)`,
		"an invitation between partners": `SELECT count(*) FROM invitations i JOIN partnerships p
			ON p.a_id = i.from_id AND p.b_id = i.to_id OR p.b_id = i.from_id AND p.a_id = i.to_id`,
		"two who invited each other": `SELECT count(*) FROM invitations i JOIN invitations j ON i.from_id = j.to_id AND i.to_id = j.from_id`,
		"an ended installation's delivery on a channel": `SELECT count(*) FROM deliveries d WHERE d.channel <> '' AND d.status = 'pending' AND d.installation_id IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM installations i WHERE i.id = d.installation_id AND i.app_id = d.app_id AND i.status <> 'ended')`,
		"a grant that was taken back and not told once": `SELECT count(*) FROM grants g WHERE g.status = 'revoked'
			AND (SELECT count(*) FROM events e WHERE e.kind = 'grant.revoked' AND e.subject_id = g.id) <> 1`,
		"a token that is not in the audit": `SELECT count(*) FROM tokens t WHERE t.kind IN ('token', 'session')
			AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.subject_id = t.id AND a.verb IN ('MintToken', 'SignIn'))`,
		"a person's token of an app that they never let": `SELECT count(*) FROM tokens t JOIN users u ON u.id = t.user_id
			WHERE t.kind = 'token' AND t.installation_id IS NOT NULL AND u.is_bot = FALSE
			AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.installation_id = t.installation_id AND g.user_id = t.user_id)`,
		"a delivery without its event, and no publication": `SELECT count(*) FROM deliveries d
			WHERE d.channel NOT LIKE '%/chats' AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = d.event_id)`,
	} {
		if n := k.count(query); n != 0 {
			k.rt.Fatalf("%s: %d", what, n)
		}
	}
	k.checkAudit()
	k.checkRights()
	k.checkModel()
	k.checkEffective()
	k.checkChannels()
	k.checkTokens()
	k.checkHeld()
}

// checkModel holds the standing answers and the live installations against what the steps left in the model.
func (k *walk) checkModel() {
	k.readAll(func(tx *store.Tx, app, org souk.ID) error {
		standing, err := tx.StandingResolutions(app, org)
		if err != nil {
			return err
		}
		k.answers.check(k.rt, answerAt{app, org}, standing)
		i, err := tx.InstallationAt(app, org)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if i.ID != k.live[answerAt{app, org}] {
			k.rt.Fatalf("installation %s is live, the model says %s", i.ID, k.live[answerAt{app, org}])
		}
		return nil
	})
}

// checkTokens asks every token whether it lives: none outlives its installation.
func (k *walk) checkTokens() {
	for secret, id := range k.tokens {
		if slices.Contains(slices.Collect(maps.Values(k.live)), id) {
			continue
		}
		var dead souk.Dead
		if _, err := k.m.Authenticate(context.Background(), secret, "test", netip.Addr{}); !errors.As(err, &dead) {
			k.rt.Fatalf("a token of an ended installation answers with %v", err)
		}
	}
}
