package souk

import (
	"fmt"
	"slices"
)

// Verdict is the effective answer about an app at one org for one user.
type Verdict string

// The verdicts. NeedsApproval is an approval whose ceiling is lower than what
// is asked for.
const (
	BlockedByPlatform     Verdict = "blocked_by_platform"
	Invisible             Verdict = "invisible"
	BlockedByOrganization Verdict = "blocked_by_organization"
	BlockedByWorkspace    Verdict = "blocked_by_workspace"
	VerdictApproved       Verdict = "approved"
	Requestable           Verdict = "requestable"
	NeedsApproval         Verdict = "needs_approval_again"
	VerdictClosed         Verdict = "closed"
)

// Facts is everything that Effective looks at. What is missing never helps
// anybody to an approval.
type Facts struct {
	App        App
	Org        Org // asked about
	Enterprise Org // above Org, or zero
	User       ID
	Groups     []ID // the user's
	Settings   bool // the user holds settings at Org
	Visible    bool // Org has a right to the app
	Asked      Scopes
	Standing   []Resolution // active ones about App at Org and at Enterprise
}

// Reason is one line of the explanation of an answer.
type Reason struct {
	Step    int    // of the rules in docs/architecture.md, "The effective answer"
	Rule    string // what was looked at, such as "policy"
	Finding string // what was found, a sentence
	Decides bool   // this line made the verdict
}

// Answer is what Effective found.
type Answer struct {
	Verdict Verdict
	Ceiling Scopes // of an approval by resolution
	Bounded bool   // there is a ceiling
	Reasons []Reason
}

// explanation collects the reasons on the way to a verdict.
type explanation []Reason

func (e *explanation) saw(step int, rule, finding string) {
	*e = append(*e, Reason{Step: step, Rule: rule, Finding: finding})
}

func (e *explanation) decided(v Verdict) Answer {
	(*e)[len(*e)-1].Decides = true
	return Answer{Verdict: v, Reasons: *e}
}

// Effective is the one answer to "may this user have this app here?". The
// steps come in a fixed order and the first that answers wins; each leaves a
// reason.
func Effective(f Facts) Answer {
	why := make(explanation, 0, 8)

	switch {
	case !f.App.DeletedAt.IsZero() || f.App.ID.IsZero():
		why.saw(1, "platform", "the app does not exist")
		return why.decided(BlockedByPlatform)
	case f.App.Suspended:
		why.saw(1, "platform", "the operator suspended the app")
		return why.decided(BlockedByPlatform)
	}
	why.saw(1, "platform", "the app is not suspended")

	if !f.Visible {
		why.saw(2, "visibility", "the organization has no right to the app")
		return why.decided(Invisible)
	}
	why.saw(2, "visibility", "the organization has a right to the app")

	if missing := f.missing(); missing != "" {
		why.saw(2, "facts", missing+", so somebody has to decide")
		return why.decided(Requestable)
	}

	// The org at the top of the question answers in steps 3 and 5, a workspace
	// below an enterprise in 4 and 6.
	top, below := f.Org, Org{}
	switch {
	case !f.Enterprise.ID.IsZero():
		top, below = f.Enterprise, f.Org
	case f.Org.Kind == Workspace:
		top, below = Org{}, f.Org
	}
	above := f.answerOf(top)
	here := f.answerOf(below)

	if top.ID != (ID{}) {
		why.saw(3, "enterprise restricts", above.say("the enterprise"))
		if above.status == Restricted {
			return why.decided(BlockedByOrganization)
		}
	}
	if below.ID != (ID{}) {
		why.saw(4, "workspace restricts", here.say("the workspace"))
		if here.status == Restricted {
			return why.decided(BlockedByWorkspace)
		}
	}
	if above.status == Approved {
		why.saw(5, "enterprise approves", above.say("the enterprise"))
		return why.within(above.ceiling, f.Asked)
	}
	if here.status == Approved {
		why.saw(6, "workspace approves", here.say("the workspace"))
		return why.within(here.ceiling, f.Asked)
	}

	switch policy := PolicyOf(f.Org, f.Enterprise); {
	case policy == Closed:
		why.saw(7, "policy", "the policy is closed: nobody gets apps that were not decided about")
		return why.decided(VerdictClosed)
	case policy == Open && f.Settings:
		why.saw(7, "policy", "the policy is open and the user holds settings")
		return why.decided(VerdictApproved)
	case policy == Open:
		why.saw(7, "policy", "the policy is open and the user does not hold settings")
	case policy == Approval:
		why.saw(7, "policy", "the policy asks for an approval")
	default:
		why.saw(7, "policy", fmt.Sprintf("the policy %q is not known, so somebody has to decide", policy))
	}
	return why.decided(Requestable)
}

// missing says what f lacks to be answered by rules, or nothing.
func (f Facts) missing() string {
	switch {
	case f.Org.ID.IsZero() || f.Org.Kind != Enterprise && f.Org.Kind != Workspace:
		return "the organization is not known"
	case f.Org.Enterprise != f.Enterprise.ID:
		return "the enterprise above the organization is not known"
	case f.User.IsZero():
		return "the user is not known"
	case slices.ContainsFunc(f.Standing, func(r Resolution) bool { return r.Status != Approved && r.Status != Restricted }):
		return "a standing answer neither approves nor restricts"
	}
	return ""
}

// within is step 8: an approval reaches as far as its ceiling.
func (e *explanation) within(ceiling, asked Scopes) Answer {
	v := VerdictApproved
	if !ceiling.Covers(asked) {
		e.saw(8, "ceiling", fmt.Sprintf("what is asked for (%s) exceeds what was approved (%s)", asked, ceiling))
		v = NeedsApproval
	}
	answer := e.decided(v)
	answer.Ceiling, answer.Bounded = ceiling, true
	return answer
}

// standing is what one org answers for one user.
type standing struct {
	status   ResolutionStatus // empty: nothing stands
	ceiling  Scopes
	audience string
}

func (s standing) say(who string) string {
	if s.status == "" {
		return who + " has not decided"
	}
	return fmt.Sprintf("%s answered %s for %s", who, s.status, s.audience)
}

// answerOf is the active resolution at org with the narrowest audience that
// covers the user: user before group before everyone. Among groups a
// restriction wins, and the ceilings of approvals add up.
func (f Facts) answerOf(org Org) (best standing) {
	if org.ID.IsZero() {
		return best
	}
	rank := 0 // 1 everyone, 2 group, 3 user
	for _, r := range f.Standing {
		if r.Org != org.ID || r.App != f.App.ID || !r.EndedAt.IsZero() {
			continue
		}
		var its int
		switch a := r.Audience; {
		case a.IsEveryone():
			its = 1
		case !a.Group.IsZero() && slices.Contains(f.Groups, a.Group):
			its = 2
		case !a.User.IsZero() && a.User == f.User:
			its = 3
		default:
			continue
		}
		found := standing{status: r.Status, ceiling: r.Scopes, audience: [...]string{"", "everyone", "a group of the user's", "the user"}[its]}
		switch {
		case its > rank:
			best, rank = found, its
		case its == rank && best.status == Restricted:
		case its == rank && r.Status == Restricted:
			best = found
		case its == rank:
			best.ceiling = best.ceiling.Union(r.Scopes)
		}
	}
	return best
}
