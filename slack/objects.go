package slack

import "souk"

// The objects that answers and events have in common. Every text is "" when it
// is unset, never null: clients read some of them unguarded.

type appObject struct {
	ID                     string     `json:"id"`
	Name                   string     `json:"name"`
	Description            string     `json:"description"`
	HelpURL                string     `json:"help_url"`
	PrivacyPolicyURL       string     `json:"privacy_policy_url"`
	AppHomepageURL         string     `json:"app_homepage_url"`
	AppDirectoryURL        string     `json:"app_directory_url"`
	IsAppDirectoryApproved bool       `json:"is_app_directory_approved"`
	IsInternal             bool       `json:"is_internal"`
	IsGranularBotApp       bool       `json:"is_granular_bot_app"`
	DeveloperType          string     `json:"developer_type"`
	SocketModeEnabled      bool       `json:"socket_mode_enabled"`
	Icons                  iconObject `json:"icons"`
	AdditionalInfo         string     `json:"additional_info"`
}

// iconObject is always empty: Souk keeps no pictures.
type iconObject struct {
	Image32       string `json:"image_32"`
	Image36       string `json:"image_36"`
	Image48       string `json:"image_48"`
	Image64       string `json:"image_64"`
	Image72       string `json:"image_72"`
	Image96       string `json:"image_96"`
	Image128      string `json:"image_128"`
	Image192      string `json:"image_192"`
	Image512      string `json:"image_512"`
	Image1024     string `json:"image_1024"`
	ImageOriginal string `json:"image_original"`
}

// showApp shows a to an org; internal says that the app is its own.
func showApp(a souk.App, internal bool) appObject {
	o := appObject{
		ID:                     a.ID.Slack(appPrefix),
		Name:                   a.Name,
		Description:            a.Description,
		HelpURL:                a.Links.Support,
		PrivacyPolicyURL:       a.Links.PrivacyPolicy,
		AppHomepageURL:         a.Links.Homepage,
		AppDirectoryURL:        a.Links.Directory,
		IsAppDirectoryApproved: a.Listing == souk.Listed,
		IsInternal:             internal,
		IsGranularBotApp:       true,
		DeveloperType:          "third_party",
	}
	switch {
	case a.Kind == souk.BuiltIn:
		o.DeveloperType = "slack"
	case internal:
		o.DeveloperType = "internal"
	}
	return o
}

type scopeObject struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	IsSensitive bool            `json:"is_sensitive"`
	TokenType   souk.ScopeToken `json:"token_type"`
}

func showScope(s souk.Scope) scopeObject {
	return scopeObject{s.Name, s.Description, s.Sensitive, s.Token}
}

// askedScope is a scope in a request. Apps do not mark scopes as optional.
type askedScope struct {
	scopeObject
	IsOptional bool `json:"is_optional"`
	IsApproved bool `json:"is_approved"` // already, by an approval that stands
}

// resolutionObject is the last answer before a request.
type resolutionObject struct {
	Status souk.ResolutionStatus `json:"status"`
	Scopes []scopeObject         `json:"scopes"`
}

// catalogue finds the entry of a scope.
type catalogue func(name string) souk.Scope

func (c catalogue) scopes(names souk.Scopes) []scopeObject {
	out := make([]scopeObject, len(names))
	for i, name := range names {
		out[i] = showScope(c(name))
	}
	return out
}

// asked shows the scopes of a request after an earlier answer, if there was
// one.
func (c catalogue) asked(names souk.Scopes, earlier *souk.Resolution) []askedScope {
	var approved souk.Scopes
	if earlier != nil && earlier.Status == souk.Approved && earlier.EndedAt.IsZero() {
		approved = earlier.Scopes
	}
	out := make([]askedScope, len(names))
	for i, name := range names {
		out[i] = askedScope{scopeObject: showScope(c(name)), IsApproved: approved.Has(name)}
	}
	return out
}

func (c catalogue) resolution(r *souk.Resolution) *resolutionObject {
	if r == nil {
		return nil
	}
	return &resolutionObject{Status: r.Status, Scopes: c.scopes(r.Scopes)}
}

type userObject struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

func showUser(u souk.User) userObject {
	return userObject{u.ID.Slack(userPrefix), u.Handle(), u.Email}
}

// orgObject is a team or an enterprise.
type orgObject struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain string `json:"domain"`
}

func showOrg(o souk.Org) *orgObject { return &orgObject{orgID(o), o.Name, o.Domain} }

// place splits an org into what Slack calls a team and an enterprise; one is
// nil.
func place(o souk.Org) (team, enterprise *orgObject) {
	if o.Kind == souk.Enterprise {
		return nil, showOrg(o)
	}
	return showOrg(o), nil
}
