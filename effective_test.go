package souk_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk"
)

// who and where the facts of these tests speak of.
var (
	enterprise = souk.Org{ID: souk.NewID(), Kind: souk.Enterprise}
	workspace  = souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Enterprise: enterprise.ID}
	alone      = souk.Org{ID: souk.NewID(), Kind: souk.Workspace}
	asker      = souk.NewID()
	sales      = souk.NewID() // groups
	support    = souk.NewID()
	theApp     = souk.App{ID: souk.NewID()}
)

var forSales, forSupport, forAsker = souk.Audience{Group: sales}, souk.Audience{Group: support}, souk.Audience{User: asker}

// fact adds something to facts.
type fact func(*souk.Facts)

// asked is a visible app, and a member of a workspace under an enterprise who
// asks for chat.
func asked(facts ...fact) souk.Facts {
	f := souk.Facts{
		App: theApp, Org: workspace, Enterprise: enterprise, User: asker, Groups: []souk.ID{sales, support},
		Visible: true, Asked: souk.NewScopes("chat"),
	}
	for _, add := range facts {
		add(&f)
	}
	return f
}

func at(org souk.Org) fact {
	return func(f *souk.Facts) { f.Org, f.Enterprise = org, souk.Org{} }
}

func answer(org souk.Org, status souk.ResolutionStatus, audience souk.Audience, scopes ...string) fact {
	return func(f *souk.Facts) {
		f.Standing = append(f.Standing, souk.Resolution{
			ID: souk.NewID(), App: theApp.ID, Org: org.ID, Audience: audience, Status: status, Scopes: souk.NewScopes(scopes...),
		})
	}
}

func approved(org souk.Org, audience souk.Audience, scopes ...string) fact {
	return answer(org, souk.Approved, audience, scopes...)
}

func restricted(org souk.Org, audience souk.Audience) fact {
	return answer(org, souk.Restricted, audience)
}

// policy sets that of the workspace and that of the enterprise.
func policy(here, above souk.Policy) fact {
	return func(f *souk.Facts) { f.Org.Policy, f.Enterprise.Policy = here, above }
}

func settings(f *souk.Facts)  { f.Settings = true }
func suspended(f *souk.Facts) { f.App.Suspended = true }
func invisible(f *souk.Facts) { f.Visible = false }

var everyone = souk.Everyone

func TestEffective(t *testing.T) {
	for _, tt := range []struct {
		name  string
		facts souk.Facts
		want  souk.Verdict
		step  int
	}{
		// Each step alone.
		{"suspended", asked(suspended), souk.BlockedByPlatform, 1},
		{"deleted", asked(func(f *souk.Facts) { f.App.DeletedAt = time.Now() }), souk.BlockedByPlatform, 1},
		{"not visible", asked(invisible), souk.Invisible, 2},
		{"restricted by the enterprise", asked(restricted(enterprise, everyone)), souk.BlockedByOrganization, 3},
		{"restricted by the workspace", asked(restricted(workspace, everyone)), souk.BlockedByWorkspace, 4},
		{"approved by the enterprise", asked(approved(enterprise, everyone, "chat")), souk.VerdictApproved, 5},
		{"approved by the workspace", asked(approved(workspace, everyone, "chat")), souk.VerdictApproved, 6},
		{"policy open, with settings", asked(settings), souk.VerdictApproved, 7},
		{"policy open, without", asked(), souk.Requestable, 7},
		{"policy approval, with settings", asked(settings, policy(souk.Approval, "")), souk.Requestable, 7},
		{"policy closed, with settings", asked(settings, policy(souk.Closed, "")), souk.VerdictClosed, 7},
		{"more than the enterprise approved", asked(approved(enterprise, everyone, "other")), souk.NeedsApproval, 8},
		{"more than the workspace approved", asked(approved(workspace, everyone)), souk.NeedsApproval, 8},

		// What comes first wins.
		{"suspended and invisible", asked(suspended, invisible), souk.BlockedByPlatform, 1},
		{"invisible and approved", asked(invisible, approved(enterprise, everyone, "chat")), souk.Invisible, 2},
		{"both restrict", asked(restricted(workspace, everyone), restricted(enterprise, everyone)), souk.BlockedByOrganization, 3},
		{"the enterprise restricts, the workspace approves", asked(approved(workspace, everyone, "chat"), restricted(enterprise, everyone)), souk.BlockedByOrganization, 3},
		{"the workspace restricts, the enterprise approves", asked(approved(enterprise, everyone, "chat"), restricted(workspace, everyone)), souk.BlockedByWorkspace, 4},
		{"the workspace cannot widen", asked(approved(enterprise, everyone), approved(workspace, everyone, "chat")), souk.NeedsApproval, 8},
		{"the workspace cannot narrow", asked(approved(enterprise, everyone, "chat"), approved(workspace, everyone)), souk.VerdictApproved, 5},
		{"once decided, settings help no more: restricted", asked(settings, restricted(workspace, everyone)), souk.BlockedByWorkspace, 4},
		{"once decided, settings help no more: ceiling", asked(settings, approved(workspace, everyone)), souk.NeedsApproval, 8},
		{"approved under a closed policy", asked(policy(souk.Closed, souk.Closed), approved(workspace, everyone, "chat")), souk.VerdictApproved, 6},

		// Whose policy.
		{"inherited", asked(settings, policy("", souk.Closed)), souk.VerdictClosed, 7},
		{"its own over the enterprise's", asked(settings, policy(souk.Open, souk.Closed)), souk.VerdictApproved, 7},

		// An enterprise asked about itself has no workspace's steps.
		{"enterprise, approved", asked(at(enterprise), approved(enterprise, everyone, "chat")), souk.VerdictApproved, 5},
		{"enterprise, restricted", asked(at(enterprise), restricted(enterprise, everyone)), souk.BlockedByOrganization, 3},
		{"enterprise, only a workspace answered", asked(at(enterprise), approved(workspace, everyone, "chat")), souk.Requestable, 7},
		{"enterprise, only a workspace restricted", asked(at(enterprise), settings, restricted(workspace, everyone)), souk.VerdictApproved, 7},

		// A workspace that stands alone has no enterprise's.
		{"alone, approved", asked(at(alone), approved(alone, everyone, "chat")), souk.VerdictApproved, 6},
		{"alone, restricted", asked(at(alone), restricted(alone, everyone)), souk.BlockedByWorkspace, 4},
		{"alone, another org answered", asked(at(alone), approved(enterprise, everyone, "chat"), approved(workspace, everyone, "chat")), souk.Requestable, 7},

		// The narrowest audience that covers the user answers.
		{"user over everyone: approved", asked(restricted(workspace, everyone), approved(workspace, forAsker, "chat")), souk.VerdictApproved, 6},
		{"user over everyone: restricted", asked(approved(workspace, everyone, "chat"), restricted(workspace, forAsker)), souk.BlockedByWorkspace, 4},
		{"user over group", asked(restricted(workspace, forSales), approved(workspace, forAsker, "chat")), souk.VerdictApproved, 6},
		{"group over everyone", asked(restricted(workspace, everyone), approved(workspace, forSales, "chat")), souk.VerdictApproved, 6},
		{"a narrower ceiling is the one that counts", asked(approved(workspace, everyone, "chat"), approved(workspace, forAsker, "other")), souk.NeedsApproval, 8},
		{"another user", asked(approved(workspace, souk.Audience{User: souk.NewID()}, "chat")), souk.Requestable, 7},
		{"another group", asked(approved(workspace, souk.Audience{Group: souk.NewID()}, "chat")), souk.Requestable, 7},
		{"each org has its own narrowest", asked(approved(enterprise, forAsker, "chat"), restricted(workspace, everyone)), souk.BlockedByWorkspace, 4},

		// Among groups a restriction wins, and ceilings add up.
		{"a restriction wins, first", asked(restricted(workspace, forSales), approved(workspace, forSupport, "chat")), souk.BlockedByWorkspace, 4},
		{"a restriction wins, last", asked(approved(workspace, forSales, "chat"), restricted(workspace, forSupport)), souk.BlockedByWorkspace, 4},
		{"ceilings add up", asked(approved(workspace, forSales, "chat"), approved(workspace, forSupport, "files"), wants("chat", "files")), souk.VerdictApproved, 6},
		{"and no further", asked(approved(workspace, forSales, "chat"), approved(workspace, forSupport, "files"), wants("chat", "users")), souk.NeedsApproval, 8},
		{"everyone's ceiling does not add to a group's", asked(approved(workspace, forSales, "files"), approved(workspace, everyone, "chat")), souk.NeedsApproval, 8},

		// Answers that do not speak of this.
		{"ended", asked(approved(workspace, everyone, "chat"), ended), souk.Requestable, 7},
		{"about another app", asked(approved(workspace, everyone, "chat"), elsewhere), souk.Requestable, 7},
		{"nothing asked for is below every ceiling", asked(approved(workspace, everyone), wants()), souk.VerdictApproved, 6},

		// What is missing never approves.
		{"no facts at all", souk.Facts{}, souk.BlockedByPlatform, 1},
		{"unknown policy", asked(settings, policy("lenient", souk.Open)), souk.Requestable, 7},
		{"no org", asked(settings, at(souk.Org{})), souk.Requestable, 2},
		{"an org of no kind", asked(settings, at(souk.Org{ID: souk.NewID()})), souk.Requestable, 2},
		{"the enterprise is missing", asked(settings, at(workspace)), souk.Requestable, 2},
		{"another enterprise", asked(settings, func(f *souk.Facts) { f.Enterprise.ID = souk.NewID() }), souk.Requestable, 2},
		{"nobody", asked(approved(workspace, everyone, "chat"), func(f *souk.Facts) { f.User = souk.ID{} }), souk.Requestable, 2},
		{"an answer that is neither", asked(approved(workspace, everyone, "chat"), answer(workspace, "maybe", forAsker)), souk.Requestable, 2},
	} {
		got := souk.Effective(tt.facts)
		if got.Verdict != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got.Verdict, tt.want)
		}
		if last := got.Reasons[len(got.Reasons)-1]; last.Step != tt.step {
			t.Errorf("%s: decided by step %d (%s), want %d", tt.name, last.Step, last.Finding, tt.step)
		}
	}
}

func wants(scopes ...string) fact { return func(f *souk.Facts) { f.Asked = souk.NewScopes(scopes...) } }

func ended(f *souk.Facts) { f.Standing[len(f.Standing)-1].EndedAt = time.Now() }

func elsewhere(f *souk.Facts) { f.Standing[len(f.Standing)-1].App = souk.NewID() }

func TestTheCeilingOfAnAnswer(t *testing.T) {
	for _, tt := range []struct {
		name    string
		facts   souk.Facts
		bounded bool
		ceiling string
	}{
		{"of the enterprise's approval", asked(approved(enterprise, everyone, "chat", "files"), approved(workspace, everyone, "users")), true, "chat files"},
		{"of the workspace's", asked(approved(workspace, everyone, "chat")), true, "chat"},
		{"of two groups", asked(approved(workspace, forSales, "chat"), approved(workspace, forSupport, "files")), true, "chat files"},
		{"also when it is exceeded", asked(approved(workspace, everyone, "files")), true, "files"},
		{"none by policy", asked(settings), false, ""},
		{"none where nobody answered", asked(), false, ""},
	} {
		if got := souk.Effective(tt.facts); got.Bounded != tt.bounded || got.Ceiling.String() != tt.ceiling {
			t.Errorf("%s: %v %q, want %v %q", tt.name, got.Bounded, got.Ceiling, tt.bounded, tt.ceiling)
		}
	}
}

// anyFacts draws facts in which everything can happen.
func anyFacts(t *rapid.T) souk.Facts {
	f := asked()
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	org := rapid.SampledFrom([]souk.Org{workspace, workspace, enterprise, alone}).Draw(t, "org")
	if org.Enterprise.IsZero() {
		at(org)(&f)
	}
	f.App.Suspended, f.Visible, f.Settings = pick("suspended", 9) == 0, pick("invisible", 9) > 0, rapid.Bool().Draw(t, "settings")
	f.Groups = rapid.SampledFrom([][]souk.ID{nil, {sales}, {support}, {sales, support}}).Draw(t, "groups")
	f.Org.Policy = rapid.SampledFrom([]souk.Policy{"", souk.Open, souk.Approval, souk.Closed}).Draw(t, "policy")
	f.Asked = souk.NewScopes(scopeNames.Draw(t, "asked")...)
	for range pick("answers", 7) {
		answer(
			rapid.SampledFrom([]souk.Org{enterprise, workspace, alone}).Draw(t, "by"),
			rapid.SampledFrom([]souk.ResolutionStatus{souk.Approved, souk.Restricted}).Draw(t, "status"),
			rapid.SampledFrom([]souk.Audience{everyone, forSales, forSupport, forAsker, {User: souk.NewID()}}).Draw(t, "audience"),
			scopeNames.Draw(t, "ceiling")...,
		)(&f)
	}
	return f
}

func TestWhatHoldsForEveryAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		got := souk.Effective(f)

		deciding, last := 0, 0
		for _, r := range got.Reasons {
			if r.Decides {
				deciding++
			}
			if r.Step < last || r.Rule == "" || r.Finding == "" {
				t.Errorf("reasons out of order or empty: %+v", got.Reasons)
			}
			last = r.Step
		}
		if deciding != 1 || !got.Reasons[len(got.Reasons)-1].Decides {
			t.Errorf("%d reasons decide: %+v", deciding, got.Reasons)
		}

		// The order in which answers are read does not matter.
		shuffled := f
		shuffled.Standing = rapid.Permutation(f.Standing).Draw(t, "shuffled")
		if again := souk.Effective(shuffled); again.Verdict != got.Verdict || !again.Ceiling.Equal(got.Ceiling) {
			t.Errorf("in another order: %s %q, before %s %q", again.Verdict, again.Ceiling, got.Verdict, got.Ceiling)
		}

		// An approval bounds what is asked for, and comes from somewhere.
		stands := slices.ContainsFunc(f.Standing, func(r souk.Resolution) bool { return r.Status == souk.Approved })
		if got.Verdict == souk.VerdictApproved {
			if got.Bounded && !got.Ceiling.Covers(f.Asked) {
				t.Errorf("approved %q under the ceiling %q", f.Asked, got.Ceiling)
			}
			if !got.Bounded && !f.Settings || got.Bounded && !stands {
				t.Errorf("approved by nobody: %+v", got.Reasons)
			}
		}

		// Whatever is taken away never turns a refusal into an approval.
		for name, less := range map[string]fact{
			"user": func(f *souk.Facts) { f.User = souk.ID{} }, "org": func(f *souk.Facts) { f.Org = souk.Org{} },
			"enterprise": func(f *souk.Facts) { f.Enterprise = souk.Org{} }, "app": func(f *souk.Facts) { f.App = souk.App{} },
			"right": invisible, "settings": func(f *souk.Facts) { f.Settings = false },
		} {
			poorer := f
			less(&poorer)
			if v := souk.Effective(poorer).Verdict; v == souk.VerdictApproved && got.Verdict != v {
				t.Errorf("without %s it is approved, with it %s", name, got.Verdict)
			}
		}
	})
}
