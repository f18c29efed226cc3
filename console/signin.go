package console

import (
	"errors"
	"time"

	"souk"
	"souk/market"
	"souk/web"
)

// signInPage is what the page to sign in shows.
type signInPage struct {
	Form    entries
	Next    string
	Problem string // of the texts signin.problem.<problem>; empty: none yet
	Again   string // not empty: they are signed in, and an app wants them to prove it
}

// choosePage asks which of several accounts is meant.
type choosePage struct {
	Accounts     []market.Account
	Ticket, Next string
}

func (h *Handler) signInPage(v *visit) (answer, error) {
	next := safeNext(v.query("next"))
	if !v.stranger() && v.query("again") == "" {
		return see(next), nil
	}
	return h.goingOn(v, show("signin", signInPage{Next: next, Again: v.query("again")}), next)
}

// goingOn is a page whose form goes on to next, by way of redirects: to an app
// that was let act for the person before they signed in, too.
func (h *Handler) goingOn(v *visit, a answer, next string) (answer, error) {
	end, err := h.endOf(v, next)
	if end != next {
		a.policy = leadsTo(end)
	}
	return a, err
}

func (h *Handler) signIn(v *visit) (answer, error) {
	began, next := time.Now(), safeNext(v.field("next"))
	if err := h.limits.signIn(web.ClientAddress(v.ctx), accountOf(v.field("email")), h.knownOf(v.request)); err != nil {
		return answer{}, err
	}
	in, err := h.market.SignIn(v.ctx, market.SigningIn{
		Email: v.field("email"), Password: v.field("password"), Agent: v.request.UserAgent(),
	}, face, web.ClientAddress(v.ctx))
	if errors.Is(err, souk.WrongPassword) {
		web.Note(v.ctx, "refused", "wrong-password")
		slowly(v.ctx, began, slowestRefusal)
		return h.goingOn(v, again("signin", signInPage{Form: v.entries(nil), Next: next, Problem: "wrong", Again: v.field("again")}), next)
	}
	if err != nil {
		return answer{}, err
	}
	return h.enter(v, in, next)
}

// choose goes on with the account that was meant.
func (h *Handler) choose(v *visit) (answer, error) {
	next := safeNext(v.field("next"))
	if err := h.limits.try(web.ClientAddress(v.ctx)); err != nil {
		return answer{}, err
	}
	user, err := souk.ParseID(v.field("user"))
	if err != nil {
		return answer{}, &failure{problem: malformedForm}
	}
	in, err := h.market.Choose(v.ctx, v.field("ticket"), user, v.request.UserAgent(), face, web.ClientAddress(v.ctx))
	switch {
	case errors.Is(err, souk.SpentCode), errors.Is(err, souk.ExpiredCode), errors.Is(err, souk.WrongPassword):
		return h.goingOn(v, again("signin", signInPage{Next: next, Problem: "late"}), next)
	case err != nil:
		return answer{}, err
	}
	return h.enter(v, in, next)
}

func (h *Handler) signOut(v *visit) (answer, error) {
	if err := h.leave(v); err != nil {
		return answer{}, err
	}
	v.keep(h.sessionCookie(""))
	return done("/console/signin", "signed-out"), nil
}
