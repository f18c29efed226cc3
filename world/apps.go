package world

import (
	"souk"
	"souk/market"
)

func app(s spot) (in market.WorldApp) {
	s.object(given(&in.Given).with(fields{
		"owner":                    plainWord(&in.Owner),
		"name":                     word(&in.Name),
		"description":              orNone(&in.Description),
		"kind":                     oneOf(&in.Kind, souk.ThirdParty, souk.CustomIntegration, souk.BuiltIn),
		"listing":                  oneOf(&in.Listing, souk.Draft, souk.Submitted, souk.Listed),
		"suspended":                flag(&in.Suspended),
		"certified":                flag(&in.Certified),
		"protected":                flag(&in.Protected),
		"is_available_to_anyone":   flag(&in.IsAvailableToAnyone),
		"is_available_to_partners": flag(&in.IsAvailableToPartners),
		"is_app_user_required":     flag(&in.IsAppUserRequired),
		"app_user":                 appUser(&in.AppUser),
		"links": func(s spot) {
			s.object(fields{
				"homepage":         orNone(&in.Links.Homepage),
				"directory":        orNone(&in.Links.Directory),
				"documentation":    orNone(&in.Links.Documentation),
				"support":          orNone(&in.Links.Support),
				"terms_of_service": orNone(&in.Links.TermsOfService),
				"privacy_policy":   orNone(&in.Links.PrivacyPolicy),
			})
		},
		"trigger": func(s spot) {
			s.object(fields{"url": orNone(&in.TriggerURL), "conditions": words(&in.Triggers)})
		},
		"deauthorization_url": orNone(&in.DeauthorizationURL),

		"redirect_uris":   words(&in.RedirectURIs),
		"required_scopes": words(&in.RequiredScopes),
		"bot_scopes":      words(&in.BotScopes),
		"user_scopes":     words(&in.UserScopes),
		"zoom": func(s spot) {
			s.object(fields{
				"app_type":       orNone(&in.Zoom.AppType),
				"min_client":     orNone(&in.Zoom.MinClient),
				"user_role":      orNone(&in.Zoom.UserRole),
				"premium_events": words(&in.Zoom.PremiumEvents),
				"account_types":  words(&in.Zoom.AccountTypes),
			})
		},
		"credentials": credentials(&in.Credentials),
		"shares": func(s spot) {
			in.Shares = []market.WorldShare{}
			s.list(func(item spot) { in.Shares = append(in.Shares, share(item)) })
		},
		"webhooks": section(&in.Webhooks, webhook),
	}))
	return in
}

func appUser(in *market.WorldAppUser) field {
	return func(s spot) {
		s.object(fields{
			"first_name": orNone(&in.FirstName),
			"last_name":  orNone(&in.LastName),
			"alias":      orNone(&in.Alias),
		})
	}
}

func credentials(in *market.WorldCredentials) field {
	return func(s spot) {
		s.object(fields{
			"giosg": func(s spot) { s.object(fields{"secret": word(&in.GiosgSecret)}) },
			"slack": func(s spot) {
				s.object(fields{
					"client_id":          word(&in.SlackClientID),
					"client_secret":      word(&in.SlackClientSecret),
					"signing_secret":     word(&in.SlackSigningSecret),
					"verification_token": word(&in.SlackVerificationToken),
				})
			},
			"zoom": func(s spot) {
				s.object(fields{
					"client_id":            word(&in.ZoomClientID),
					"client_secret":        word(&in.ZoomClientSecret),
					"webhook_secret_token": word(&in.ZoomWebhookSecret),
					"verification_token":   word(&in.ZoomVerificationToken),
				})
			},
		})
	}
}

// share reads an organization, or an object with one and a state.
func share(s spot) (in market.WorldShare) {
	if _, ok := s.plain(); ok {
		plainWord(&in.Org)(s)
		return in
	}
	s.object(fields{"org": plainWord(&in.Org), "state": absent(&in.Absent)})
	if in.Org == "" {
		s.wrong("must name an organization in org")
	}
	return in
}

func webhook(s spot) (in market.WorldWebhook) {
	s.object(given(&in.Given).with(fields{
		"dialect":  oneOf(&in.Dialect, souk.Slack, souk.Native, souk.Giosg, souk.Zoom),
		"url":      word(&in.URL),
		"events":   words(&in.Events),
		"verified": flag(&in.Verified),
		"secret":   word(&in.Secret),
		"channels": channels(&in.Channels),
		"name":     orNone(&in.Name),
		"auth":     auth(&in.Auth),
		"reach":    oneOf(&in.Reach, souk.AccountReach, souk.MasterReach),
		"environment": func(s spot) {
			if s.isNull() {
				in.Environment = new(souk.Environment)
				return
			}
			oneOf(&in.Environment, souk.Development, souk.Production)(s)
		},
		"extended": flag(&in.Extended),
	}))
	return in
}

// auth reads the header that requests to a webhook carry; null is none.
func auth(to **souk.Auth) field {
	return func(s spot) {
		var a souk.Auth
		*to = &a
		if s.isNull() {
			return
		}
		var inBody *bool
		s.object(fields{
			"kind":           plainOneOf(&a.Kind, souk.BasicAuth, souk.OAuthAuth, souk.CustomAuth),
			"username":       plainWord(&a.Username),
			"password":       plainWord(&a.Password),
			"client_id":      plainWord(&a.ClientID),
			"client_secret":  plainWord(&a.ClientSecret),
			"token_url":      plainWord(&a.TokenURL),
			"scope":          plainWord(&a.Scope),
			"state":          plainWord(&a.State),
			"client_in_body": flag(&inBody),
			"key":            plainWord(&a.Key),
			"value":          plainWord(&a.Value),
		})
		a.InBody = inBody != nil && *inBody
		if a.Kind == souk.NoAuth {
			s.wrong("must have a kind")
		}
	}
}

// channels reads what a webhook wants to be told; what is not mentioned of a
// channel it does not want.
func channels(to *[]souk.Subscription) field {
	return func(s spot) {
		*to = []souk.Subscription{}
		s.list(func(item spot) {
			var want souk.Subscription
			var added, changed, removed *bool
			item.object(fields{
				"pattern": plainWord(&want.Pattern), "added": flag(&added), "changed": flag(&changed), "removed": flag(&removed),
			})
			if want.Pattern == "" {
				item.wrong("must have a pattern")
			}
			want.Additions = added != nil && *added
			want.Changes = changed != nil && *changed
			want.Removals = removed != nil && *removed
			*to = append(*to, want)
		})
	}
}

func installation(s spot) (in market.WorldInstallation) {
	s.object(given(&in.Given).with(fields{
		"app":  plainWord(&in.App),
		"org":  plainWord(&in.Org),
		"kind": oneOf(&in.Kind, souk.OnWorkspace, souk.OrgWide),
		"workspaces": func(s spot) {
			if text, ok := s.plain(); ok {
				if in.AllWorkspaces = text == "all"; !in.AllWorkspaces {
					s.wrong("must be a list, or all")
				}
				return
			}
			words(&in.Workspaces)(s)
		},
		"installed_by": plainWord(&in.InstalledBy),
		"status":       oneOf(&in.Status, souk.InstallationActive, souk.InstallationSuspended),
		"scopes":       words(&in.Scopes),
		"app_user":     appUser(&in.AppUser),
	}))
	return in
}

func request(s spot) (in market.WorldRequest) {
	s.object(given(&in.Given).with(fields{
		"app":             plainWord(&in.App),
		"user":            plainWord(&in.User),
		"filed_by":        plainWord(&in.FiledBy),
		"org":             plainWord(&in.Org),
		"scopes":          words(&in.Scopes),
		"reason":          orNone(&in.Reason),
		"developer_state": orNone(&in.DeveloperState),
		"status":          oneOf(&in.Status, souk.RequestStatuses...),
		"settled_by":      plainWord(&in.SettledBy),
	}))
	return in
}

func resolution(s spot) (in market.WorldResolution) {
	s.object(fields{
		"app":      plainWord(&in.App),
		"org":      plainWord(&in.Org),
		"audience": plainWord(&in.Audience),
		"status":   plainOneOf(&in.Status, souk.Approved, souk.Restricted),
		"scopes":   words(&in.Scopes),
		"by":       plainWord(&in.By),
		"reason":   orNone(&in.Reason),
		"state":    absent(&in.Absent),
	})
	return in
}

func token(s spot) (in market.WorldToken) {
	s.object(given(&in.Given).with(fields{
		"kind":         plainOneOf(&in.Kind, souk.StoredTokenKinds()...),
		"user":         plainWord(&in.User),
		"installation": plainWord(&in.Installation),
		"app":          plainWord(&in.App),
		"scopes":       words(&in.Scopes),
		"token":        word(&in.Secret),
		"description":  orNone(&in.Description),
		"networks":     networks(&in.Networks),
		"died":         plainOneOf(&in.Died, souk.DeadByRevocation, souk.DeadByExpiry),
	}))
	return in
}
