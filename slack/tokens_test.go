package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"souk"
	"souk/souktest"
)

// jwtOf is a JWT of HS256.
func jwtOf(key []byte, claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Every kind of token that is not Slack's is none here, though it speaks for an
// admin, came with the console and has both scopes; those of Slack's that a
// method does not take are told so. Neither changes anything.
func TestTokensOfOtherKinds(t *testing.T) {
	souktest.EachAddress(t, func(t *testing.T, address string) {
		o := newTown(t, func(testing.TB) string { return address })
		asked := o.asks(t, o.bo, o.deploybot, o.acme)
		i := o.install(t, o.certified, o.acme, souk.OrgWide, o.sales)
		secrets := map[souk.TokenKind]string{}
		for _, kind := range souk.StoredTokenKinds() {
			secrets[kind] = o.token(t, kind, o.ada.ID, o.consoleAt, both)
		}
		claims := strings.NewReplacer("{bot}", i.AppUser.String(), "{ada}", o.ada.ID.String(), "{org}", o.acme.ID.String(),
			"{app}", i.App.String(), "{installation}", i.ID.String())
		foreign := map[string]string{
			"a session without an installation":     o.token(t, souk.ConsoleSession, o.ada.ID, souk.Installation{}, nil),
			"a person's token":                      o.token(t, souk.PersonToken, o.ada.ID, souk.Installation{}, nil),
			"a person's token of an app, no scopes": o.token(t, souk.PersonToken, o.ada.ID, o.consoleAt, nil),
			"a token of an app user":                o.token(t, souk.PersonToken, i.AppUser, i, i.Scopes),
			"a notification's token":                jwtOf(o.key.ShortTokens(), claims.Replace(`{"iss":"souk","sub":"{bot}","aud":["souk giosg"],"exp":4102444800,"user_id":"{bot}","organization_id":"{org}","app_id":"{app}","inst_id":"{installation}"}`)),
			"a trigger's token":                     jwtOf(o.key.TriggerTokens(), claims.Replace(`{"user_id":"{ada}","sub":"souk.example","perms":["settings","users"],"org_id":"{org}","app_id":"{app}","inst_id":"{installation}","exp":4102444800}`)),
			"a code of an app user":                 jwtOf(o.key.Codes(), claims.Replace(`{"jti":"{bot}","iss":"https://souk.example/identity/authorize","aud":["https://souk.example/identity/token"],"exp":4102444800,"organization_id":"{org}","app_id":"{app}","inst_id":"{installation}","user_id":"{bot}"}`)),
		}
		unchanged := souktest.Unchanged(t, address)
		good := args{"app_id": o.deploybot.ID.Slack("A"), "request_id": asked.ID.Slack("Ar"), "enterprise_id": o.acme.ID.Slack("E")}
		for name, m := range methods {
			if m.kinds == nil {
				continue
			}
			fits := args{}
			for _, p := range m.takes {
				if value, has := good[p.name]; has {
					fits[p.name] = value
				}
			}
			try := func(what, secret string, c code) {
				t.Helper()
				for _, got := range []result{o.call(t, secret, name, fits), o.call(t, "", name, fits.with(args{"token": secret}))} {
					if got.code() != c {
						t.Errorf("%s by %s: %s, want %s", name, what, got.raw, c)
					}
				}
			}
			for kind, secret := range secrets {
				switch {
				case !slices.Contains([]souk.TokenKind{"xoxp", "xoxb", "xapp", "xoxe"}, kind):
					try("a token of the kind "+string(kind), secret, invalidAuth)
				case !slices.Contains(m.kinds, kind):
					try("a token of the kind "+string(kind), secret, notAllowedTokenType)
				}
			}
			for what, secret := range foreign {
				try(what, secret, invalidAuth)
			}
		}
		unchanged("a token that is none")
	})
}
