package giosg

import (
	"net/http"
	"strings"
	"testing"

	"souk"
)

func TestAuthorizationHeader(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		token := o.Token("sam")
		const (
			empty  = "Invalid token header. No credentials provided."
			spaced = "Invalid token header. Token string should not contain spaces."
			wrong  = "Invalid token."
		)
		tests := []struct {
			values []string
			said   string // "": it is sam's
		}{
			{[]string{"Token " + token}, ""},
			{[]string{"token " + token}, ""},
			{[]string{"TOKEN   " + token + " "}, ""},
			{[]string{"Bearer " + token}, ""},
			{[]string{"bearer " + token}, ""},
			{nil, anonymousText},
			{[]string{""}, anonymousText},
			{[]string{" "}, anonymousText},
			{[]string{"Basic " + token}, anonymousText},
			{[]string{token}, anonymousText},
			{[]string{"Token"}, empty},
			{[]string{"Token "}, empty},
			{[]string{"Bearer"}, empty},
			{[]string{"Token " + token + " b"}, spaced},
			{[]string{"Bearer a b c"}, spaced},
			{[]string{"Token " + token, "Token " + token}, spaced},
			{[]string{"GIOSGAPP a b"}, wrong},
			{[]string{"giosgapp"}, wrong},
			{[]string{"Token " + token + "x"}, wrong},
			{[]string{"Token " + strings.ToUpper(token)}, wrong},
			{[]string{"Token \xff"}, wrong},
			{[]string{"Token " + o.Token("expired")}, wrong},
			{[]string{"Token " + o.Token("host")}, wrong},
			{[]string{"Token " + o.Token("olga-admin")}, wrong},
			{[]string{"Bearer " + o.Token("host")}, wrong},
			{[]string{"Bearer a.b.c"}, wrong},
			{[]string{"Bearer ."}, wrong},
		}
		for _, tt := range tests {
			r := o.request(t, "", "GET /users/me?token="+token, "")
			if tt.values != nil {
				r.Header["Authorization"] = tt.values
			}
			got := o.send(t, r)
			if tt.said == "" {
				if into[user](t, got, 200).ID != o.ID("users.sam") {
					t.Errorf("%q is %s", tt.values, got.body)
				}
				continue
			}
			if got.status != 401 || got.body != detailText(tt.said) || got.header.Get("WWW-Authenticate") != "Token" {
				t.Errorf("%q: %d %s, WWW-Authenticate %q, want %s", tt.values, got.status, got.body, got.header.Get("WWW-Authenticate"), tt.said)
			}
		}
		if err := o.Market.DeactivateUser(t.Context(), souk.Operator("test"), o.ID("users.gone")); err != nil {
			t.Fatal(err)
		}
		if got := o.call(t, "gone", "GET /users/me", ""); got.status != 401 || got.body != detailText("User inactive or deleted.") {
			t.Errorf("a user who was deactivated: %d %s", got.status, got.body)
		}
	})
}

// An address from which refused tokens keep coming has to wait, and is told
// nothing about what it sends; those whose tokens answer do not.
func TestRefusedTokensAreLimited(t *testing.T) {
	everyCompany(t, nil, func(t *testing.T, o *company) {
		limited := o.with(t, o.Market, Limits{FailedTokens: 1}, nil)
		attempt := func(header string) reply {
			r := limited.request(t, "", "GET /users/me", "")
			r.Header.Set("Authorization", header)
			return limited.send(t, r)
		}
		for range 5 {
			if got := attempt("Basic none"); got.status != http.StatusUnauthorized {
				t.Errorf("no token at all: %d %s", got.status, got.body)
			}
		}
		for range 2 {
			if got := attempt("Token wrong"); got.status != http.StatusUnauthorized {
				t.Errorf("a wrong token: %d %s", got.status, got.body)
			}
		}
		for _, header := range []string{"Token wrong", "Token " + o.Token("expired"), "Bearer " + o.Token("host")} {
			got := attempt(header)
			if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" ||
				!strings.HasPrefix(got.body, `{"detail":"Request was throttled. Expected available in `) {
				t.Errorf("one too many: %d %s", got.status, got.body)
			}
		}
		if got := limited.call(t, "sam", "GET /users/me", ""); got.status != http.StatusOK {
			t.Errorf("a token that answers: %d %s", got.status, got.body)
		}
	})
}
