package console

import (
	"errors"
	"net/http"
	"net/url"

	"souk"
	"souk/market"
	"souk/web"
)

// welcomePage is the form for the first operator account.
type welcomePage struct {
	Form    entries
	Code    string
	Minimum int // characters of a password
}

// WelcomeLink is where the first operator account is made with a code of
// market.WelcomeCode.
func WelcomeLink(base, code string) string {
	return base + "/console/welcome?" + url.Values{"code": {code}}.Encode()
}

// unwelcome are the problems of a link for the first operator account.
var unwelcome = map[souk.Refusal]problem{
	souk.SpentCode:   {http.StatusGone, "welcome-spent"},
	souk.ExpiredCode: {http.StatusGone, "welcome-expired"},
}

func (h *Handler) welcomePage(v *visit) (answer, error) {
	code := v.query("code") // of more bits than anybody tries, so that no try is counted
	if err := h.market.Welcomed(v.ctx, code); err != nil {
		return answer{}, welcoming(err)
	}
	return show("welcome", welcomePage{Code: code, Minimum: market.MinPassword}), nil
}

func (h *Handler) welcome(v *visit) (answer, error) {
	if err := h.limits.try(web.ClientAddress(v.ctx)); err != nil {
		return answer{}, err
	}
	in, err := h.market.Welcome(v.ctx, market.Welcoming{
		Code: v.field("code"), Organization: v.field("organization"),
		FirstName: v.field("first_name"), LastName: v.field("last_name"),
		Email: v.field("email"), Password: v.field("password"), Agent: v.request.UserAgent(),
	}, face, web.ClientAddress(v.ctx))
	var bad souk.Invalid
	switch {
	case errors.As(err, &bad):
		return again("welcome", welcomePage{Form: v.entries(bad), Code: v.field("code"), Minimum: market.MinPassword}), nil
	case err != nil:
		return answer{}, welcoming(err)
	}
	a, err := h.enter(v, in, "/console")
	return done(a.location, "welcomed"), err
}

// welcoming spells what is wrong with the link.
func welcoming(err error) error {
	var no souk.Refusal
	if errors.As(err, &no) {
		if p, ok := unwelcome[no]; ok {
			return &failure{problem: p}
		}
	}
	return err
}
