package giosg

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"souk"
)

// notification is the body of a notification. It is frozen without a token:
// Prepare puts one in for each attempt.
type notification struct {
	Channel     souk.Channel    `json:"channel"`
	Action      souk.Action     `json:"action"`
	ResourceID  string          `json:"resource_id"`
	AppUserAuth *appUserAuth    `json:"app_user_auth"`
	Resource    json.RawMessage `json:"resource,omitempty"` // nothing of what was removed
}

// appUserAuth lets a receiver call back as the app user.
type appUserAuth struct {
	AccessToken    string  `json:"access_token"`
	TokenType      string  `json:"token_type"`
	ExpiresIn      int     `json:"expires_in"` // seconds
	UserID         souk.ID `json:"user_id"`
	OrganizationID souk.ID `json:"organization_id"`
}

// authKey and noAuth are the place of the token in a frozen body. Within a
// string a quote has a backslash before it, so nothing in front of the place
// looks like it.
const (
	authKey = `"app_user_auth":`
	noAuth  = authKey + "null"
)

// userAgent names Souk to receivers.
const userAgent = "Souk-Webhook/1.0"

// Prepare makes one attempt out of a delivery: with a token of its own for the
// app user that the delivery speaks for, if there is one, and signed per
// Standard Webhooks for this very moment (docs/dialects/giosg.md,
// "Notifications"). Receivers know a notification that they have had by the
// delivery's id.
func Prepare(key souk.Key) func(souk.Outgoing) (souk.Prepared, error) {
	return func(o souk.Outgoing) (souk.Prepared, error) {
		body, err := withToken(key, o)
		if err != nil {
			return souk.Prepared{}, fmt.Errorf("delivery %s: %w", o.Delivery.ID, err)
		}
		id := o.Delivery.ID.String()
		timestamp, signature := sign(o.Credentials.GiosgSecret, id, o.At, body)
		return souk.Prepared{
			Body: body,
			Header: map[string]string{
				"Content-Type":      "application/json",
				"User-Agent":        userAgent,
				"Webhook-Id":        id,
				"Webhook-Timestamp": timestamp,
				"Webhook-Signature": signature,
			},
		}, nil
	}
}

// withToken is the body of a delivery for one attempt.
func withToken(key souk.Key, o souk.Outgoing) ([]byte, error) {
	body, speaker := o.Delivery.Body, o.Speaker
	if speaker.User.IsZero() {
		return body, nil
	}
	token, err := mintToken(key, speaker, o.At)
	if err != nil {
		return nil, err
	}
	auth, err := marshal(appUserAuth{token, "Bearer", int(tokenLife.Seconds()), speaker.User, speaker.Org})
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(body, []byte(noAuth)) {
		return nil, fmt.Errorf("the body has no place for the token")
	}
	return bytes.Replace(body, []byte(noAuth), append([]byte(authKey), auth...), 1), nil
}

// sign answers the two headers that prove who sent body, and when. The key is
// the text of the app's secret, not what its digits would decode to.
func sign(secret, id string, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return timestamp, "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
