package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"souk"
	"souk/market"
)

// installPage is what the install page shows.
type installPage struct {
	weighed
	Form    entries
	Offer   offer
	Card    appCard
	Groups  []scopeGroup
	Shown   string // the scopes, as the form says which were shown
	Action  string // where the form goes
	Cancel  string // where those go on who do not want the app
	Onward  string // where those go on who have it, or wait for it
	Host    string // that comes next, when it is not ours
	Names   bool   // the app user needs names
	Changed bool   // it is not what they saw a moment ago
	Call    apiCall
}

// chooseOrgPage asks where an app is to be installed.
type chooseOrgPage struct {
	Card   *appCard // nil: nothing was found out about it yet
	Places []orgChoice
}

type orgChoice struct {
	Org   souk.Org
	Offer offer // empty: not found out yet
	Link  string
}

func (h *Handler) installPage(v *visit) (answer, error) {
	c, err := h.weigh(v)
	if err != nil {
		return answer{}, err
	}
	return h.showChoice(c), nil
}

// showChoice shows the one app that is offered, or the places to choose from.
func (h *Handler) showChoice(c choice) answer {
	if len(c.offered) == 1 {
		return h.showInstall(c.offered[0], installPage{})
	}
	var p chooseOrgPage
	for _, w := range c.offered {
		card := cardOf(w.Of)
		p.Card, p.Places = &card, append(p.Places, orgChoice{w.Org, w.offer(), w.link.at(w.Org.ID)})
	}
	for _, org := range c.places {
		p.Places = append(p.Places, orgChoice{Org: org, Link: c.link.at(org.ID)})
	}
	return show("install_where", p)
}

// showInstall shows what w comes to; p has what the form was filled in with.
func (h *Handler) showInstall(w weighed, p installPage) answer {
	p.weighed, p.Offer, p.Card = w, w.offer(), cardOf(w.Of)
	p.Groups, p.Shown = groupScopes(w.Scopes, w.Added, w.Live != nil), w.Of.Asks().String()
	p.Action, p.Cancel = w.link.at(w.Org.ID), w.link.outcome(w.way, wasDenied, nil)
	p.Names = w.Of.IsAppUserRequired && w.Live == nil
	p.Call = h.installCall(w, p.Names)
	if !p.Form.Filled() {
		names := w.Of.AppUser
		p.Form.values = url.Values{"first_name": {names.FirstName}, "last_name": {names.LastName}, "alias": {names.Alias}}
	}
	p.Host = hostOf(w.way)
	if p.Offer.isForm() && w.Answer.Verdict == souk.VerdictApproved && w.Of.Triggered(souk.OnInstall) {
		p.Host = hostOf(w.Of.TriggerURL)
	}
	a := answer{page: "install_barred", status: p.Offer.status()}
	switch {
	case p.Offer == installed:
		a.page, p.Onward = "install_stands", w.link.outcome(w.way, wasInstalled, nil)
	case p.Offer == waiting:
		a.page, p.Onward = "install_stands", w.link.outcome(w.way, wasRequested, w.Pending)
	case p.Offer.isForm():
		a.page, a.policy = "install", leadsTo(w.Of.TriggerURL, w.end)
	}
	a.data = p
	return a
}

// hostOf is the host of another site's address, "" for a page of ours.
func hostOf(address string) string {
	origin, _, _ := takeApart(address)
	_, host, _ := strings.Cut(origin, "://")
	return host
}

// leadsTo is the policy of a page whose form may lead to those addresses, and
// from there to wherever an app sends people on.
func leadsTo(addresses ...string) policy {
	p := policy{forms: []string{"https:"}}
	for _, address := range addresses {
		origin, _, ok := takeApart(address)
		if ok && strings.HasPrefix(origin, "http:") && !slices.Contains(p.forms, origin) {
			p.forms = append(p.forms, origin)
		}
	}
	return p
}

// install does what the form offered, if that is still what there is to offer:
// with other scopes, or where somebody is to be asked who was not before, the
// page is shown again and nothing is done.
func (h *Handler) install(v *visit) (answer, error) {
	c, err := h.weigh(v)
	if err != nil {
		return answer{}, err
	}
	if len(c.offered) != 1 {
		return h.showChoice(c), nil
	}
	w, shown := c.offered[0], strings.Fields(v.field("scopes"))
	switch {
	case string(w.offer()) != v.field("offer"), !w.offer().isForm(), !souk.NewScopes(shown...).Equal(w.Of.Asks()):
		return h.showMeanwhile(v, w), nil
	}
	in := market.Installing{
		App: w.link.app, At: w.Org.ID, Accepted: shown,
		AppUser: souk.AppUserNames{FirstName: v.field("first_name"), LastName: v.field("last_name"), Alias: v.field("alias")},
		Reason:  v.field("reason"), State: w.link.state,
	}
	if v.field("terms") != "" {
		in.Terms = market.TermsAccepted
	}
	done, err := h.market.Install(v.ctx, v.Actor, in)
	if err != nil {
		return h.notInstalled(v, w, err)
	}
	if done.Requested != nil {
		return w.link.onward(w.way, wasRequested, done.Requested), nil
	}
	return h.afterInstall(v, w), nil
}

// notInstalled shows the form again with what is wrong in it, or what became of
// the app since w was weighed.
func (h *Handler) notInstalled(v *visit, w weighed, err error) (answer, error) {
	var bad souk.Invalid
	var no souk.Refusal
	switch {
	case errors.Is(err, souk.TermsNotAccepted):
		bad = souk.Invalid{{Field: "terms", Reason: err.Error()}}
	case errors.As(err, &bad) && bad[0].Field != "scopes":
		for i := range bad {
			bad[i].Field = strings.TrimPrefix(bad[i].Field, "app_user.")
		}
	case errors.As(err, &bad), errors.As(err, &no):
		now, failed := h.weighAt(v, w.link, w.Org.ID)
		if failed != nil {
			return answer{}, failed
		}
		if now.offer() == w.offer() && now.Of.Asks().Equal(w.Of.Asks()) {
			return answer{}, err
		}
		return h.showMeanwhile(v, now), nil
	default:
		return answer{}, err
	}
	a := h.showInstall(w, installPage{Form: v.entries(bad)})
	a.status = http.StatusUnprocessableEntity
	return a, nil
}

// showMeanwhile shows what became, while somebody read it, of what they wanted to
// do. Nothing was done.
func (h *Handler) showMeanwhile(v *visit, w weighed) answer {
	a := h.showInstall(w, installPage{Form: v.entries(nil), Changed: true})
	if a.status == http.StatusOK {
		a.status = http.StatusConflict
	}
	return a
}

// afterInstall goes on from an installation: first to the app's own page for
// whoever installs it, if it has one, and from there to returned.
func (h *Handler) afterInstall(v *visit, w weighed) answer {
	on := w.link.onward(w.way, wasInstalled, nil)
	if !w.Of.Triggered(souk.OnInstall) {
		return on
	}
	trigger, err := h.installTrigger(v, w)
	if err == nil {
		return see(trigger)
	}
	// It is installed all the same, and can be set up later.
	var no souk.Refusal
	if !errors.As(err, &no) { // neither gone this moment nor theirs not to set up
		h.log.ErrorContext(v.ctx, "console could not open an install trigger", "app", w.link.app.String(), "err", err)
	}
	return on
}

// installTrigger is the address of the app's own page for whoever installs it.
func (h *Handler) installTrigger(v *visit, w weighed) (string, error) {
	back, err := h.comingBack(v, w)
	if err != nil {
		return "", err
	}
	return h.market.OpenTrigger(v.ctx, v.Actor, market.Opening{App: w.link.app, At: w.Org.ID, Condition: souk.OnInstall, Return: back})
}
