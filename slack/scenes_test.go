package slack

import (
	"errors"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/market"
	"souk/store"
)

// scenes provoke every code that a method may answer, over HTTP. A scene is
// played by the call that would succeed, but for what the scene does to it.
type scene func(t *testing.T, o *town, name string, good args) result

// good are the arguments of a call that succeeds, for what o has in it then.
var good = map[string]func(t *testing.T, o *town) args{
	"admin.apps.approve":  decidable,
	"admin.apps.restrict": decidable,
	"admin.apps.clearResolution": func(t *testing.T, o *town) args {
		a := decidable(t, o)
		want(t, "", o.call(t, o.admin(t, o.ada), "admin.apps.approve", a))
		return a
	},
	"admin.apps.uninstall": func(t *testing.T, o *town) args {
		app := o.app(t, o.deploybot)
		o.install(t, app, o.sales, souk.OnWorkspace)
		return args{"app_id": app.ID.Slack("A"), "team_ids": orgID(o.sales)}
	},
	"admin.apps.requests.cancel": func(t *testing.T, o *town) args {
		q := o.asks(t, o.bo, o.app(t, o.deploybot), o.sales)
		return args{"request_id": q.ID.Slack("Ar"), "team_id": orgID(o.sales)}
	},
	"admin.apps.requests.list":   atSales,
	"admin.apps.approved.list":   atSales,
	"admin.apps.restricted.list": atSales,
}

func decidable(t *testing.T, o *town) args {
	return args{"app_id": o.app(t, o.deploybot).ID.Slack("A"), "team_id": orgID(o.sales)}
}

func atSales(_ *testing.T, o *town) args { return args{"team_id": orgID(o.sales)} }

// by plays a call with somebody's token.
func by(token func(t *testing.T, o *town) string) scene {
	return func(t *testing.T, o *town, name string, good args) result {
		return o.call(t, token(t, o), name, good)
	}
}

// given plays a call with other arguments; "" takes one away.
func given(change func(o *town) args) scene {
	return func(t *testing.T, o *town, name string, good args) result {
		return o.call(t, o.admin(t, o.ada), name, good.with(change(o)))
	}
}

// under plays the good call while an org is different.
func under(org func(*town) souk.Org, change func(*souk.Org)) scene {
	return func(t *testing.T, o *town, name string, good args) result {
		token := o.admin(t, o.ada)
		o.changeOrg(t, org(o), change)
		return o.call(t, token, name, good)
	}
}

func acme(o *town) souk.Org  { return o.acme }
func sales(o *town) souk.Org { return o.sales }

// raw plays a call whose body is wrong.
func raw(contentType, body string) scene {
	return func(t *testing.T, o *town, name string, _ args) result {
		return o.do(t, o.request(t, "POST", o.admin(t, o.ada), name, contentType, body))
	}
}

// at says where another call is about; what the good call says is taken away.
func at(level, id string) args {
	a := args{"team_id": "", "enterprise_id": "", "team_ids": ""}
	a[level] = id
	return a
}

// commonScenes play the codes that all methods have.
var commonScenes = map[code]scene{
	notAuthed:   func(t *testing.T, o *town, name string, good args) result { return o.call(t, "", name, good) },
	invalidAuth: by(func(*testing.T, *town) string { return "xoxp-souk-nobody" }),
	accountInactive: by(func(t *testing.T, o *town) string {
		i := o.install(t, o.app(t, o.deploybot), o.sales, souk.OnWorkspace)
		return o.token(t, souk.BotToken, i.AppUser, i, nil, func(tok *souk.Token) { tok.RevokedAt = o.created })
	}),
	tokenRevoked: by(func(t *testing.T, o *town) string {
		return o.token(t, souk.UserToken, o.ada.ID, o.consoleAt, both, func(tok *souk.Token) { tok.RevokedAt = o.created })
	}),
	tokenExpired: by(func(t *testing.T, o *town) string {
		return o.token(t, souk.UserToken, o.ada.ID, o.consoleAt, both, func(tok *souk.Token) { tok.ExpiresAt = o.created })
	}),
	notAllowedTokenType: func(t *testing.T, o *town, name string, good args) result {
		i := o.install(t, o.app(t, o.deploybot), o.sales, souk.OnWorkspace)
		for _, token := range []string{
			o.token(t, souk.AppToken, souk.ID{}, souk.Installation{App: o.deploybot.ID}, both),
			o.token(t, souk.RefreshToken, o.ada.ID, o.consoleAt, both),
		} {
			want(t, notAllowedTokenType, o.call(t, token, name, good))
		}
		return o.call(t, o.token(t, souk.BotToken, i.AppUser, i, both), name, good)
	},
	missingScope: func(t *testing.T, o *town, name string, good args) result {
		got := o.call(t, o.token(t, souk.UserToken, o.ada.ID, o.consoleAt, souk.NewScopes("team:read", "users:read")), name, good)
		if got.body["needed"] != methods[name].scope || got.body["provided"] != "team:read,users:read" {
			t.Errorf("got %s", got.raw)
		}
		if got.header.Get("X-OAuth-Scopes") != "team:read,users:read" || got.header.Get("X-Accepted-OAuth-Scopes") != methods[name].scope {
			t.Errorf("headers %v", got.header)
		}
		return got
	},
	teamAccessNotGranted: func(t *testing.T, o *town, name string, good args) result {
		level := "team_id"
		if good["team_ids"] != "" {
			level = "team_ids"
		}
		return o.call(t, o.admin(t, o.ada), name, good.with(at(level, orgID(o.labs))))
	},
	twoFactorSetupRequired: under(acme, func(o *souk.Org) { o.SecondFactor = true }),
	featureNotEnabled:      under(acme, func(o *souk.Org) { o.AdminAPI = false }),
	accessLimited: under(acme, func(o *souk.Org) {
		o.AdminNetworks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	}),
	orgLoginRequired: under(sales, func(o *souk.Org) { o.Moving = souk.Locked }),
	teamAddedToOrg:   under(sales, func(o *souk.Org) { o.Moving = souk.Readable }),
	rateLimited: func(t *testing.T, o *town, name string, good args) result {
		o = o.served(t, o.market, Limits{Tier1: 1, Tier2: 1})
		token := o.admin(t, o.ada)
		o.call(t, token, name, good)
		o.call(t, token, name, good)
		return o.call(t, token, name, good)
	},
	serviceUnavailable: func(t *testing.T, o *town, name string, _ args) result {
		o = openTown(t, o.address)
		a, token := good[name](t, o), o.admin(t, o.ada)
		want(t, "", o.call(t, token, name, a))
		if err := o.db.Close(); err != nil {
			t.Fatal(err)
		}
		got := o.call(t, token, name, a)
		if got.header.Get("Retry-After") == "" {
			t.Error("it does not say when to call again")
		}
		return got
	},
	internalError: broken(func() ([]byte, error) { return nil, errors.New("no ink") }),
	fatalError:    broken(func() ([]byte, error) { panic("no paper") }),

	invalidArgName:  given(func(*town) args { return args{"a-b": "1"} }),
	invalidCharset:  raw("application/json; charset=utf-16", "{}"),
	invalidFormData: raw(form, "app_id=%zz"),
	invalidPostType: raw("application/xml", "<a/>"),
	missingPostType: raw("", "app_id=A1"),
	invalidArrayArg: raw(jsonUTF, `{"team_id":["T1"]}`),
	requestTimeout: func(t *testing.T, o *town, name string, _ args) result {
		return short(t, o, name)
	},
}

// broken plays the good call while events cannot be written down: an encoder
// fails, or panics. Nothing must have happened, so the same call succeeds
// afterwards.
func broken(encode func() ([]byte, error)) scene {
	return func(t *testing.T, o *town, name string, good args) result {
		hook := store.SealedWebhook{Webhook: souk.Webhook{
			ID: souk.NewID(), App: o.console.ID, Dialect: souk.Slack, URL: "https://receiver.example/", Events: []string{"anything"},
			Status: souk.WebhookActive, CreatedAt: o.created, UpdatedAt: o.created,
		}}
		o.write(t, func(tx *store.Tx) error { return tx.PutWebhook(hook) })
		m := *o.market
		m.Wires = map[souk.Dialect]market.Wire{souk.Slack: {
			Name:   func(souk.EventKind) string { return "anything" },
			Encode: func(souk.Event, souk.Endpoint) ([]byte, error) { return encode() },
		}}
		token := o.admin(t, o.ada)
		got := o.served(t, &m, Limits{}).call(t, token, name, good)
		want(t, "", o.call(t, token, name, good))
		return got
	}
}

// short plays a call whose body ends early.
func short(t *testing.T, o *town, name string) result {
	t.Helper()
	answer := sendShort(t, strings.TrimPrefix(o.base, "http://"), "/api/"+name)
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return checked(t, name, result{status: answer.StatusCode, header: answer.Header, raw: string(raw), closed: answer.Close})
}

// Scenes of the methods that name one level.
var levelScenes = map[code]scene{
	appNotInstalledOnOrg: by(func(t *testing.T, o *town) string { return o.token(t, souk.UserToken, o.ada.ID, o.deskAt, both) }),
	notAnAdmin:           by(func(t *testing.T, o *town) string { return o.admin(t, o.bo) }),
	tooManyTeamsProvided: given(func(o *town) args { return args{"enterprise_id": orgID(o.acme)} }),
	teamNotFound: func(t *testing.T, o *town, name string, good args) result {
		token := o.admin(t, o.ada)
		for _, id := range []string{
			souk.NewID().Slack("T"), "T1", "nothing", orgID(o.rivals), orgID(o.vendor), strings.ToLower(orgID(o.sales)),
			o.acme.ID.Slack("T"), // the enterprise by a workspace's name
		} {
			want(t, teamNotFound, o.call(t, token, name, good.with(at("team_id", id))))
		}
		return o.call(t, token, name, good.with(at("team_id", " "+orgID(o.sales))))
	},
}

// Scenes of approving and restricting.
var decisionScenes = map[code]scene{
	invalidArguments:         given(func(*town) args { return args{"bot_scopes": "["} }),
	tooManyIDs:               given(func(*town) args { return args{"request_id": "Ar1"} }),
	requestIDOrAppIDRequired: given(func(*town) args { return args{"app_id": ""} }),
	teamNotFound: func(t *testing.T, o *town, name string, good args) result {
		token := o.admin(t, o.ada)
		none := o.call(t, token, name, good.with(args{"team_id": ""}))
		want(t, teamNotFound, none)
		if !strings.Contains(none.raw, "[ERROR] exactly one of team_id or enterprise_id is required") {
			t.Errorf("no level: %s", none.raw)
		}
		for _, id := range []string{orgID(o.rival), "E1", o.sales.ID.Slack("E"), orgID(o.sales)} {
			want(t, teamNotFound, o.call(t, token, name, good.with(at("enterprise_id", id))))
		}
		return levelScenes[teamNotFound](t, o, name, good)
	},
	invalidRequestID: func(t *testing.T, o *town, name string, _ args) result {
		token := o.admin(t, o.ada)
		elsewhere := o.asks(t, o.bo, o.app(t, o.deploybot), o.support)
		whole := o.asks(t, o.bo, o.app(t, o.deploybot), o.acme)
		theirs := o.asks(t, o.rita, o.app(t, o.deploybot), o.rivals)
		for _, q := range []string{"Ar1", "A1", souk.NewID().Slack("Ar"), elsewhere.ID.Slack("Ar"), whole.ID.Slack("Ar"), theirs.ID.Slack("Ar")} {
			want(t, invalidRequestID, o.call(t, token, name, args{"request_id": q, "team_id": orgID(o.sales)}))
		}
		return o.call(t, token, name, args{"request_id": theirs.ID.Slack("Ar"), "enterprise_id": orgID(o.acme)})
	},
	requestAlreadyResolved: func(t *testing.T, o *town, name string, _ args) result {
		token := o.admin(t, o.ada)
		a := args{"request_id": o.asks(t, o.bo, o.app(t, o.deploybot), o.sales).ID.Slack("Ar"), "team_id": orgID(o.sales)}
		want(t, "", o.call(t, token, name, a))
		return o.call(t, token, name, a)
	},
	customIntegrationNotAtEnterprise: func(t *testing.T, o *town, name string, _ args) result {
		q := o.asks(t, o.bo, o.app(t, o.custom), o.sales)
		return o.call(t, o.admin(t, o.ada), name, args{"request_id": q.ID.Slack("Ar"), "enterprise_id": orgID(o.acme)})
	},
	requestIDRequiredForCustom: given(func(o *town) args { return args{"app_id": o.custom.ID.Slack("A")} }),
	invalidAppID: func(t *testing.T, o *town, name string, good args) result {
		q := o.asks(t, o.bo, o.app(t, o.deploybot), o.sales)
		return unknownApps(invalidAppID, q.ID.Slack("Ar"), q.ID.Slack("A"))(t, o, name, good)
	},
	invalidScopes: func(t *testing.T, o *town, name string, good args) result {
		token := o.admin(t, o.ada)
		want(t, invalidScopes, o.call(t, token, name, good.with(args{"user_scopes": `["users:read","no:such"]`})))
		return o.call(t, token, name, good.with(args{"bot_scopes": "team:read,no:such"}))
	},
}

// unknownApps plays the ids of apps that are not there, and of one that only
// others see.
func unknownApps(c code, more ...string) scene {
	return func(t *testing.T, o *town, name string, good args) result {
		token := o.admin(t, o.ada)
		for _, id := range append(more, "A1", "nothing", souk.NewID().Slack("A")) {
			want(t, c, o.call(t, token, name, good.with(args{"app_id": id})))
		}
		return o.call(t, token, name, good.with(args{"app_id": o.foreign.ID.Slack("A")}))
	}
}

// Scenes of single methods, over the ones above.
var scenes = map[string][]map[code]scene{
	"admin.apps.approve": {commonScenes, levelScenes, decisionScenes, {
		orgResolutionRequired: given(func(o *town) args { return args{"app_id": o.certified.ID.Slack("A")} }),
		appRestrictedOrgWide: func(t *testing.T, o *town, name string, good args) result {
			token := o.admin(t, o.ada)
			want(t, "", o.call(t, token, "admin.apps.restrict", good.with(at("enterprise_id", orgID(o.acme)))))
			return o.call(t, token, name, good)
		},
	}},
	"admin.apps.restrict": {commonScenes, levelScenes, decisionScenes},
	"admin.apps.clearResolution": {commonScenes, levelScenes, {
		invalidArguments: missing("app_id"),
		invalidAppID:     unknownApps(invalidAppID),
		restrictedAction: under(acme, func(o *souk.Org) { o.ClearOwnersOnly = true }),
		noResolutionFound: func(t *testing.T, o *town, name string, good args) result {
			token := o.admin(t, o.ada)
			want(t, "", o.call(t, token, name, good))
			return o.call(t, token, name, good)
		},
	}},
	"admin.apps.uninstall": {commonScenes, {
		invalidArguments: missing("app_id"),
		permissionDenied: by(func(t *testing.T, o *town) string { return o.admin(t, o.bo) }),
		specifyEnterpriseOrTeams: func(t *testing.T, o *town, name string, good args) result {
			token := o.admin(t, o.ada)
			want(t, specifyEnterpriseOrTeams, o.call(t, token, name, good.with(at("team_ids", ""))))
			want(t, specifyEnterpriseOrTeams, o.call(t, token, name, good.with(at("team_ids", "[]"))))
			want(t, specifyEnterpriseOrTeams, o.call(t, token, name, good.with(args{"team_ids": ",", "enterprise_id": orgID(o.acme)})))
			return o.call(t, token, name, good.with(args{"enterprise_id": orgID(o.acme)}))
		},
		tooManyTeams: func(t *testing.T, o *town, name string, good args) result {
			token := o.admin(t, o.ada)
			want(t, "", o.call(t, token, name, good.with(args{"team_ids": strings.Repeat(orgID(o.sales)+",", 100)})))
			want(t, tooManyTeams, o.call(t, token, name, good.with(args{"team_ids": strings.Repeat(orgID(o.sales)+",", 10_000)})))
			return o.call(t, token, name, good.with(args{"team_ids": strings.Repeat(orgID(o.sales)+",", 101)}))
		},
		enterpriseNotFound: func(t *testing.T, o *town, name string, good args) result {
			token := o.admin(t, o.ada)
			for _, id := range []string{orgID(o.rival), "E1", o.sales.ID.Slack("E")} {
				want(t, enterpriseNotFound, o.call(t, token, name, good.with(at("enterprise_id", id))))
			}
			return o.call(t, token, name, good.with(at("enterprise_id", souk.NewID().Slack("E"))))
		},
		teamsNotFound: func(t *testing.T, o *town, name string, good args) result {
			token := o.admin(t, o.ada)
			for _, ids := range []string{"T1", orgID(o.sales) + "," + orgID(o.rivals), orgID(o.labs) + ",T1", o.acme.ID.Slack("T")} {
				want(t, teamsNotFound, o.call(t, token, name, good.with(args{"team_ids": ids})))
			}
			got := o.call(t, token, name, good.with(args{"team_ids": orgID(o.sales) + "," + souk.NewID().Slack("T")}))
			if !o.installed(t, good["app_id"], o.sales) {
				t.Error("it is uninstalled from the team that there is")
			}
			return got
		},
		appNotFound:      unknownApps(appNotFound),
		restrictedAction: under(acme, func(o *souk.Org) { o.UninstallOwnersOnly = true }),
		canNotUninstall: func(t *testing.T, o *town, name string, good args) result {
			token := o.admin(t, o.ada)
			want(t, canNotUninstall, o.call(t, token, name, good.with(args{"app_id": o.desk.ID.Slack("A")})))
			return o.call(t, token, name, good.with(at("enterprise_id", orgID(o.acme)).with(args{"app_id": o.console.ID.Slack("A")})))
		},
		mustRevokeAccess: func(t *testing.T, o *town, name string, good args) result {
			app := o.app(t, o.deploybot)
			o.install(t, app, o.acme, souk.OrgWide, o.sales)
			return o.call(t, o.admin(t, o.ada), name, good.with(args{"app_id": app.ID.Slack("A")}))
		},
	}},

	"admin.apps.requests.list": {commonScenes, levelScenes, listScenes, {
		noTeamOrEnterprise: given(func(*town) args { return args{"team_id": ""} }),
		enterpriseNotFound: given(func(o *town) args { return at("enterprise_id", orgID(o.rival)) }),
	}},
	"admin.apps.approved.list":   {commonScenes, levelScenes, listScenes},
	"admin.apps.restricted.list": {commonScenes, levelScenes, listScenes},
	"admin.apps.requests.cancel": {commonScenes, levelScenes, {
		invalidArguments:       missing("request_id"),
		invalidRequestID:       decisionScenes[invalidRequestID],
		requestAlreadyResolved: decisionScenes[requestAlreadyResolved],
	}},
}

var listScenes = map[code]scene{
	invalidArguments: func(t *testing.T, o *town, name string, good args) result {
		token := o.admin(t, o.ada)
		for _, limit := range []string{"0", "1001", "-1", "x"} {
			want(t, invalidArguments, o.call(t, token, name, good.with(args{"limit": limit})))
		}
		return o.call(t, token, name, good.with(args{"certified": "perhaps"}))
	},
	invalidCursor: func(t *testing.T, o *town, name string, good args) result {
		want(t, invalidCursor, o.call(t, o.admin(t, o.ada), name, good.with(args{"cursor": "bm90aGluZw"})))
		return o.call(t, o.admin(t, o.ada), name, good.with(args{"cursor": "%%%"}))
	},
}

// missing plays a call without a required argument.
func missing(argument string) scene {
	return func(t *testing.T, o *town, name string, good args) result {
		got := o.call(t, o.admin(t, o.ada), name, good.with(args{argument: ""}))
		if !strings.Contains(got.raw, `"messages":["[ERROR] missing required field: `+argument+`"]`) {
			t.Errorf("got %s", got.raw)
		}
		return got
	}
}

// installed reports whether an app is in effect at an org.
func (o *town) installed(t *testing.T, app string, at souk.Org) bool {
	t.Helper()
	id, ok := souk.ParseSlackID("A", app)
	if !ok {
		t.Fatalf("%q is no app", app)
	}
	found, err := o.market.Installations(t.Context(), souk.Actor{User: o.olga.ID}, at.ID, souk.Page{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(found, func(v market.InstallationView) bool { return v.Installation.App == id })
}

// scenesOf are the scenes of a method; the more particular ones hold.
func scenesOf(name string) map[code]scene {
	all := map[code]scene{}
	for _, some := range scenes[name] {
		maps.Copy(all, some)
	}
	return all
}
