package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// chatbot is the chapter told in giosg's words: an app is published, shared with
// a partner and installed there, hears of a chat message, and calls back with
// the token that it was handed.
func (s *story) chatbot() []scene {
	var (
		vendor, buyer              = "/api/v5/orgs/" + s.cast.id("orgs.vendor"), "/api/v5/orgs/" + s.cast.id("orgs.buyer")
		app, invitation, installed string // ids, once they are known
		token                      string // that the bot was handed
	)
	owned := func(rest string) func() string {
		return func() string { return vendor + "/owned_apps/" + app + rest }
	}
	return []scene{
		{"In giosg's words: Vera publishes a second app, a chat bot that needs a user of its own.",
			s.keepKey(s.keep("id", &app, s.giosg("vera", "POST", at(vendor+"/owned_apps"), at(`{
				"name": "Chatbot", "description": "Answers at night.", "is_app_user_required": true,
				"app_user_default_first_name": "Night", "app_user_default_last_name": "Bot",
				"terms_of_service_url": "https://vendor.example/terms", "privacy_policy_url": "https://vendor.example/privacy",
				"required_scopes": ["reports"]}`)))),
			[]string{"name=Chatbot", "owned_by_organization.name=Vendor Ltd", "installation_count=0"}},
		{"Chatbot's server wants to hear who installs it, and every message of their chats.",
			s.giosg("vera", "POST", owned("/webhooks"), at(`{"endpoint_url": "`+s.hooks.url+`/chatbot", "channel_subscriptions": [
				{"channel_pattern": "/api/v5/orgs/{app_organization_id}/owned_apps/{app_id}/installations",
				 "is_additions_subscribed": true, "is_changes_subscribed": false, "is_removals_subscribed": true},
				{"channel_pattern": "/api/v5/orgs/{organization_id}/chats/*/messages",
				 "is_additions_subscribed": true, "is_changes_subscribed": false, "is_removals_subscribed": false}]}`)),
			[]string{"app.name=Chatbot", "channel_subscriptions.1.is_additions_subscribed=true"}},
		{"Vera invites Buyer Ltd to become a partner.",
			s.keep("id", &invitation, s.giosg("vera", "POST", at(vendor+"/outgoing_partnership_invitations"),
				at(`{"invited_organization_id": "`+s.cast.id("orgs.buyer")+`"}`))),
			[]string{"invited_organization_id=" + s.cast.id("orgs.buyer"), "invited_organization="}},
		{"Beth, who decides there, accepts.",
			s.giosg("beth", "POST", func() string { return buyer + "/incoming_partnership_invitations/" + invitation + "/accept" }, at(`{}`)),
			[]string{"partner_organization.name=Vendor Ltd"}},
		{"Vera shares Chatbot with the new partner.",
			s.giosg("vera", "POST", at(vendor+"/outgoing_app_shares"), func() string {
				return `{"organization_id": "` + s.cast.id("orgs.buyer") + `", "app_id": "` + app + `"}`
			}),
			[]string{"organization.name=Buyer Ltd", "app.name=Chatbot"}},
		{"Beth finds it among the apps of her partners.",
			s.giosg("beth", "GET", at(buyer+"/partner_apps"), at("")), []string{"results.0.name=Chatbot", "results.1="}},
		{"She installs it with a call.",
			s.keep("id", &installed, s.giosg("beth", "POST", at(buyer+"/app_installations"), func() string {
				return `{"app_id": "` + app + `", "allowed_scopes": ["reports"], "is_terms_accepted": true}`
			})),
			[]string{"organization.name=Buyer Ltd", "app_user.full_name=Night Bot", "app_user.is_bot=true"}},
		{"Chatbot's server hears that it has an installation, signed.",
			s.hear("/chatbot"), []string{"action=added", "resource.organization.name=Buyer Ltd"}},
		{"The host product says that somebody wrote a message at Buyer Ltd.",
			s.native("host", "POST", "/souk/v1/channels", `{"organization_id": "`+s.cast.id("orgs.buyer")+`",
				"channel": "`+buyer+`/chats/7/messages", "action": "added", "resource_id": "42",
				"resource": {"id": "42", "message": "Is anybody there?"}, "scope": "reports"}`),
			[]string{"items.0.deliveries=1"}},
		{"The bot hears the message, with a token of its own.",
			s.keep("app_user_auth.access_token", &token, s.hear("/chatbot")),
			[]string{"action=added", "resource.message=Is anybody there?", "app_user_auth.token_type=Bearer"}},
		{"It calls back with that token.",
			s.call(http.MethodGet, at("/api/v5/users/me"), at(""), "the bot", func() string { return "Bearer " + token }),
			[]string{"full_name=Night Bot", "organization.name=Buyer Ltd", "is_bot=true"}},
		{"The log shows both requests.",
			s.giosg("vera", "GET", owned("/webhook_log_entries"), at("")),
			[]string{"results.0.resource_id=42", "results.0.retry_index=0", "results.1.action=added", "results.2="}},
		{"Beth uninstalls it.",
			s.giosg("beth", "DELETE", func() string { return buyer + "/app_installations/" + installed }, at("")), []string{"status=204"}},
		{"Chatbot's server hears of the end, which is the last it hears.",
			s.hear("/chatbot"), []string{"action=removed", "app_user_auth="}},
		{"The token that the bot was handed is dead.",
			s.call(http.MethodGet, at("/api/v5/users/me"), at(""), "the bot", func() string { return "Bearer " + token }),
			[]string{"detail=User inactive or deleted."}},
	}
}

// at is a text that is known from the start.
func at(s string) func() string { return func() string { return s } }

// giosg calls giosg's API with somebody's token, as giosg's clients do.
func (s *story) giosg(who, method string, path, body func() string) func(context.Context) ([]byte, error) {
	return s.call(method, path, body, who, at("Token "+s.cast.token(who)))
}

// call makes a call whose parts earlier steps may bring. An answer without a
// body is seen as its status.
func (s *story) call(method string, path, body func() string, who string, credentials func() string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		text := strings.Join(strings.Fields(body()), " ")
		req, err := http.NewRequestWithContext(ctx, method, s.base+path(), strings.NewReader(text))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", credentials())
		if text != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		fmt.Fprintf(s.out, "   → %s %s  (as %s) %s\n", method, path(), who, text)
		seen, status, err := s.do(req)
		if err == nil && len(seen) == 0 {
			seen = fmt.Appendf(nil, `{"status": %d}`, status)
		}
		return seen, err
	}
}

// keep remembers a value of what is seen.
func (s *story) keep(path string, value *string, act func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		seen, err := act(ctx)
		*value = find(seen, path)
		return seen, err
	}
}

// keepKey lets the receiver know the secret of an app that is made: giosg's
// notifications are signed with its text.
func (s *story) keepKey(act func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		seen, err := act(ctx)
		s.hooks.trustApp(find(seen, "secret"))
		return seen, err
	}
}
