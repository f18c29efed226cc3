package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"souk"
	"souk/market"
)

// badClient is a link from an app that we do not know, or that would have us tell
// an address that is not the app's: both look the same, so that nobody learns
// which apps there are.
var badClient = problem{http.StatusBadRequest, "bad-client"}

// authorizePath is where apps send people who are to let them act for them, as
// OAuth 2 and OpenID Connect have it (docs/dialects/giosg.md, "Identity").
const authorizePath = "/identity/authorize"

// endOf is where a way on ends by itself: that of somebody who comes back from an
// app at what came of it, and that of somebody who may have agreed before at the
// address where the app waits that asked them. Where that is not the app's, the
// way ends at our page.
func (h *Handler) endOf(v *visit, way string) (string, error) {
	path, query, _ := strings.Cut(way, "?")
	if c, ok := h.comebackOf(query); ok && isComeback(path) {
		return h.endOf(v, c.Way)
	}
	values, err := url.ParseQuery(query)
	if path != authorizePath || err != nil {
		return way, nil
	}
	app, err := souk.ParseID(sole(values, "client_id"))
	if err != nil {
		return way, nil
	}
	redirect := sole(values, "redirect_uri")
	err = h.market.RedirectAllowed(v.ctx, app, redirect)
	if errors.Is(err, souk.UnknownApp) || errors.Is(err, souk.BadRedirect) {
		return way, nil
	}
	return redirect, err
}

// identityWords are the scopes that ask who somebody is. All others ask for what
// the app was allowed where it is installed.
var identityWords = []string{"openid", "profile", "email"}

// authorizing is what an app asks for.
type authorizing struct {
	market.Authorizing
	state    string
	identity bool          // it wants to know who the person is
	silent   bool          // it wants no page shown
	anew     bool          // it wants the page shown even if there is nothing to ask
	signedIn time.Duration // how long ago at most they may have signed in; 0: whenever
}

// freshSignIn is how long a sign-in counts as made for the app that asks for one:
// what it takes to come back from it.
const freshSignIn = time.Minute

// oauthError is an error that the app is told at its redirect URI.
type oauthError struct{ code, description string }

func (e *oauthError) Error() string { return e.code + ": " + e.description }

// authorizePage is what somebody is asked who is to let an app act for them.
type authorizePage struct {
	market.Authorization
	Card     appCard
	Groups   []scopeGroup
	Identity bool   // it also learns who they are
	Shown    string // the scopes, as the form says which were shown
	Action   string
	Host     string // where they go on
	Others   []otherOrg
}

// otherOrg is another place where somebody could let an app act for them.
type otherOrg struct {
	Org  souk.Org
	Link string
}

// uninstalledPage tells that an app that asks is not installed where they are.
type uninstalledPage struct{ Install string }

// authorize answers an app that sent somebody: with a code when they have agreed
// before, else it asks them.
func (h *Handler) authorize(v *visit) (answer, error) {
	return h.authorizing(v, func(in authorizing) (answer, error) {
		found, err := h.market.Authorizable(v.ctx, v.Actor, in.Authorizing)
		if err != nil {
			return answer{}, err
		}
		in.At = found.Org.ID
		if found.Granted && !in.anew {
			code, err := h.market.AuthorizeAgain(v.ctx, v.Actor, in.Authorizing)
			if !errors.Is(err, souk.NotAuthorized) { // else they took it back this moment
				return h.back(in, "code", code), err
			}
		}
		if in.silent {
			return answer{}, &oauthError{"consent_required", "The person has to be asked."}
		}
		var names []string
		for _, s := range found.Scopes {
			names = append(names, s.Name)
		}
		at := func(org souk.Org) string { return carry(v.request.URL.RequestURI(), "org", org.ID.String()) }
		p := authorizePage{
			Authorization: found, Card: cardOf(found.App), Groups: groupScopes(found.Scopes, nil, false), Identity: in.identity,
			Shown: strings.Join(names, " "), Action: at(found.Org), Host: hostOf(in.Redirect),
		}
		for _, org := range found.Elsewhere {
			p.Others = append(p.Others, otherOrg{org, at(org)})
		}
		a := show("authorize", p)
		a.policy = leadsTo(in.Redirect)
		return a, nil
	})
}

// decide tells an app what somebody said whom it asked for.
func (h *Handler) decide(v *visit) (answer, error) {
	return h.authorizing(v, func(in authorizing) (answer, error) {
		switch decision := v.field("decision"); {
		case decision == "deny":
			return answer{}, &oauthError{"access_denied", "The person said no."}
		case decision != "allow" || !v.form.Has("scopes"):
			return answer{}, &failure{problem: malformedForm}
		}
		in.Scopes = strings.Fields(v.field("scopes")) // what was shown, and nothing else
		code, err := h.market.Authorize(v.ctx, v.Actor, in.Authorizing)
		return h.back(in, "code", code), err
	})
}

// back sends the visitor back to the app.
func (h *Handler) back(in authorizing, pairs ...string) answer {
	return see(carry(in.Redirect, append(pairs, "state", in.state, "iss", h.base.JoinPath(authorizePath).String())...))
}

// authorizing reads what an app asks for and answers it with run. Until the app
// and its redirect URI are known to belong together, and the visitor has signed
// in, nothing is told to anybody but the visitor; after that the app is told why
// it gets nothing. Faults of ours are told to the visitor, who can try again.
func (h *Handler) authorizing(v *visit, run func(authorizing) (answer, error)) (answer, error) {
	query, err := url.ParseQuery(v.request.URL.RawQuery)
	if err != nil {
		return answer{}, &failure{problem: badClient}
	}
	var in authorizing
	if in.App, err = souk.ParseID(sole(query, "client_id")); err != nil {
		return answer{}, &failure{problem: badClient}
	}
	in.Redirect = sole(query, "redirect_uri")
	err = h.market.RedirectAllowed(v.ctx, in.App, in.Redirect)
	if errors.Is(err, souk.UnknownApp) || errors.Is(err, souk.BadRedirect) {
		return answer{}, &failure{problem: badClient}
	}
	if err != nil {
		return answer{}, err
	}
	in.state = query.Get("state")
	if v.stranger() {
		return h.strangerAsked(v, in, query)
	}
	a, err := h.authorized(v, &in, query, run)
	if err == nil {
		return a, nil
	}
	if told, ok := oauthErrorOf(err); ok {
		return h.back(in, "error", told.code, "error_description", told.description), nil
	}
	return answer{}, err
}

// strangerAsked answers an app that sent somebody who is not signed in: they sign
// in first, whatever the app would be told. Only one that everybody may have is
// told at once, if it wants to know that; otherwise whoever can make an app could
// make links of ours that lead anybody anywhere.
func (h *Handler) strangerAsked(v *visit, in authorizing, query url.Values) (answer, error) {
	if in.read(query) != nil {
		return answer{}, &failure{problem: malformedLink}
	}
	if in.silent {
		app, err := h.market.Listing(v.ctx, souk.Operator(face), in.App)
		if err != nil {
			return answer{}, err
		}
		if app.IsPublic() {
			return h.back(in, "error", "login_required", "error_description", "The person has to sign in."), nil
		}
	}
	return h.askToSignIn(v), nil
}

// authorized reads the rest of what an app asks for, has the visitor sign in
// again if the app wants that, and answers with run.
func (h *Handler) authorized(v *visit, in *authorizing, query url.Values, run func(authorizing) (answer, error)) (answer, error) {
	if err := in.read(query); err != nil {
		return answer{}, err
	}
	if v.looks() && in.signedIn > 0 && time.Since(v.Token.CreatedAt) > in.signedIn {
		if in.silent {
			return answer{}, &oauthError{"login_required", "The person has to sign in again."}
		}
		return see(h.askToSignIn(v).location + "&again=1"), nil
	}
	a, err := run(*in)
	if errors.Is(err, souk.UnknownInstallation) && !in.silent {
		// The install page brings them back to here.
		here := authorizePath + "?" + query.Encode()
		org := ""
		if !in.At.IsZero() {
			org = in.At.String()
		}
		return show("authorize_install", uninstalledPage{carry("/apps/"+in.App.String()+"/install", "next", here, "org", org)}), nil
	}
	return a, err
}

// read reads what an app asks for. It says each thing once.
func (in *authorizing) read(query url.Values) error {
	for name, values := range query {
		if len(values) > 1 {
			return &oauthError{"invalid_request", name + " is there more than once"}
		}
	}
	asked := strings.Fields(query.Get("scope"))
	for _, word := range asked {
		in.identity = in.identity || slices.Contains(identityWords, word)
	}
	if len(asked) > 0 {
		in.Scopes = slices.DeleteFunc(slices.Clone(asked), func(word string) bool { return slices.Contains(identityWords, word) })
	}
	in.OpenID, in.Nonce, in.Challenge = slices.Contains(asked, "openid"), query.Get("nonce"), query.Get("code_challenge")
	prompts := strings.Fields(query.Get("prompt"))
	in.silent, in.anew = slices.Contains(prompts, "none"), slices.Contains(prompts, "consent")
	unknown := slices.ContainsFunc(prompts, func(word string) bool { return !slices.Contains(promptWords, word) })
	if query.Has("max_age") {
		seconds, err := strconv.ParseUint(query.Get("max_age"), 10, 31)
		if err != nil {
			return &oauthError{"invalid_request", "max_age must be a number of seconds"}
		}
		in.signedIn = max(time.Duration(seconds)*time.Second, freshSignIn)
	}
	if slices.Contains(prompts, "login") {
		in.signedIn = freshSignIn
	}
	if org := query.Get("org"); org != "" {
		var err error
		if in.At, err = souk.ParseID(org); err != nil {
			return &oauthError{"invalid_request", "org is no organization"}
		}
	}
	method := query.Get("code_challenge_method")
	switch {
	case query.Has("request"):
		return &oauthError{"request_not_supported", "request is not supported"}
	case query.Has("request_uri"):
		return &oauthError{"request_uri_not_supported", "request_uri is not supported"}
	case query.Get("response_type") == "":
		return &oauthError{"invalid_request", "response_type is missing"}
	case query.Get("response_type") != "code":
		return &oauthError{"unsupported_response_type", "response_type must be code"}
	case query.Has("response_mode") && query.Get("response_mode") != "query":
		return &oauthError{"invalid_request", "response_mode must be query"}
	case unknown, in.silent && len(prompts) > 1:
		return &oauthError{"invalid_request", "prompt must be none, or of login and consent"}
	case in.Challenge == "" && query.Has("code_challenge_method"), in.Challenge == "" && query.Has("code_challenge"):
		return &oauthError{"invalid_request", "code_challenge is missing"}
	case in.Challenge != "" && method != "S256":
		return &oauthError{"invalid_request", "code_challenge_method must be S256"}
	}
	return nil
}

// promptWords are what an app may want of the pages (OpenID Connect Core 1.0,
// section 3.1.2.1).
var promptWords = []string{"none", "login", "consent"}

// sole is the value of a parameter that is there once, else "".
func sole(query url.Values, name string) string {
	if len(query[name]) != 1 {
		return ""
	}
	return query.Get(name)
}

// oauthErrorOf is what an app is told of a refusal; ok is false for what is
// between the visitor and us.
func oauthErrorOf(err error) (told *oauthError, ok bool) {
	var bad souk.Invalid
	switch {
	case errors.As(err, &told):
		return told, true
	case errors.As(err, &bad) && bad[0].Field == "scope":
		return &oauthError{"invalid_scope", "scope " + bad[0].Reason}, true
	case errors.As(err, &bad):
		return &oauthError{"invalid_request", bad[0].Field + " " + bad[0].Reason}, true
	case errors.Is(err, souk.UnknownOrg):
		return &oauthError{"access_denied", "The person does not belong to that organization."}, true
	case errors.Is(err, souk.UnknownInstallation):
		return &oauthError{"access_denied", "The app is not installed where the person is."}, true
	}
	return nil, false
}
