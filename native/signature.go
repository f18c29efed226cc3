package native

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"souk"
)

// userAgent names Souk to receivers.
const userAgent = "Souk-Events/1.0"

// Prepare makes one attempt out of a delivery: signed per Standard Webhooks for
// this very moment, as receivers refuse an old timestamp. The id is the event's
// and the same on every attempt, so that receivers know what they have had.
// While a secret that was replaced still counts, it signs behind the new one.
func Prepare(o souk.Outgoing) (souk.Prepared, error) {
	id, timestamp := o.Delivery.Event.String(), strconv.FormatInt(o.At.Unix(), 10)
	secrets := []string{o.Webhook.Secret}
	if o.Webhook.OldSecret != "" && o.At.Before(o.Webhook.OldUntil) {
		secrets = append(secrets, o.Webhook.OldSecret)
	}
	var signatures []string
	for _, secret := range secrets {
		key, err := signingKey(secret)
		if err != nil {
			return souk.Prepared{}, fmt.Errorf("webhook %s: %w", o.Webhook.ID, err)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(o.Delivery.Body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return souk.Prepared{
		Body: o.Delivery.Body,
		Header: map[string]string{
			"Content-Type":      "application/json",
			"User-Agent":        userAgent,
			"Webhook-Id":        id,
			"Webhook-Timestamp": timestamp,
			"Webhook-Signature": strings.Join(signatures, " "),
		},
	}, nil
}

// signingKey is what the secret of a webhook spells.
func signingKey(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, "whsec_")
	if !ok || text == "" {
		return nil, fmt.Errorf("the secret is not a signing secret")
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("the secret is not a signing secret") // and err could tell parts of it
	}
	return key, nil
}
