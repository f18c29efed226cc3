package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"souk"
)

func TestHandshake(t *testing.T) {
	with := souk.Credentials{SlackSigningSecret: "secret", SlackVerificationToken: "token"}
	gone := errors.New("connection refused")
	blocked := fmt.Errorf("%w: 10.0.0.1", souk.BlockedAddress)
	tests := []struct {
		name   string
		status int
		answer func(challenge string) string
		err    error
		want   error
	}{
		{"JSON", 200, func(c string) string { return `{"challenge":"` + c + `"}` }, nil, nil},
		{"form", 200, func(c string) string { return url.Values{"challenge": {c}}.Encode() }, nil, nil},
		{"text", 200, func(c string) string { return c }, nil, nil},
		{"text and a line end", 204, func(c string) string { return " " + c + "\r\n" }, nil, nil},
		{"JSON text", 200, func(c string) string { return `"` + c + `"` }, nil, souk.NotVerified},
		{"another challenge", 200, func(c string) string { return `{"challenge":"x` + c[1:] + `"}` }, nil, souk.NotVerified},
		{"a number", 200, func(string) string { return `{"challenge":1}` }, nil, souk.NotVerified},
		{"nothing", 200, func(string) string { return "" }, nil, souk.NotVerified},
		{"a failure", 500, func(c string) string { return c }, nil, souk.NotVerified},
		{"a redirect", 302, func(c string) string { return c }, nil, souk.NotVerified},
		{"no connection", 0, nil, gone, souk.NotVerified},
		{"an address that we do not send to", 0, nil, blocked, souk.BlockedAddress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			post := func(_ context.Context, address string, header map[string]string, body []byte) (int, []byte, error) {
				if tt.err != nil {
					return 0, nil, tt.err
				}
				var asked challenge
				if err := json.Unmarshal(body, &asked); err != nil {
					t.Fatal(err)
				}
				if asked.Type != "url_verification" || asked.Token != "token" || len(asked.Challenge) != 52 || address != "https://r.example/" {
					t.Errorf("asked %s of %s", body, address)
				}
				if header["X-Slack-Signature"] == "" || header["X-Slack-Request-Timestamp"] == "" || header["Content-Type"] != "application/json" {
					t.Errorf("headers %v", header)
				}
				return tt.status, []byte(tt.answer(asked.Challenge)), nil
			}
			err := Wire(post).Handshake(t.Context(), souk.Webhook{URL: "https://r.example/"}, with)
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("%v does not say why", err)
			}
			if tt.want == souk.BlockedAddress && errors.Is(err, souk.NotVerified) {
				t.Errorf("%v says two things", err)
			}
		})
	}
}

func TestChallengesDiffer(t *testing.T) {
	if a, b := newChallenge(), newChallenge(); a == b {
		t.Errorf("twice %s", a)
	}
}
