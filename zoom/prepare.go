package zoom

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"souk"
)

// AttemptTime bounds one request to a receiver, and one for a token.
const AttemptTime = 3 * time.Second

// userAgent names Souk to receivers.
const userAgent = "Souk/1.0"

// Prepare makes attempts out of deliveries: the frozen body, signed for this
// very moment with the secret that the app has now, and the header that the
// webhook's owner asked for (docs/dialects/zoom.md, "Requests we send"). post
// fetches the tokens of those that want one; they are kept in memory until
// shortly before they expire. One that cannot be had is souk.Unsent with the
// outcome souk.NoToken.
func Prepare(post Poster) func(souk.Outgoing) (souk.Prepared, error) {
	kept := &tokens{post: post}
	return func(o souk.Outgoing) (souk.Prepared, error) {
		var token string
		if o.Webhook.Auth.Kind == souk.OAuthAuth {
			var err error
			if token, err = kept.token(context.Background(), o.Webhook); err != nil {
				return souk.Prepared{Event: eventOf(o.Delivery.Body)}, souk.Unsent{Outcome: souk.NoToken, Err: err}
			}
			o.At = o.At.Add(time.Since(o.Began))
		}
		body := o.Delivery.Body
		return souk.Prepared{
			Body: body, Event: eventOf(body), Header: headers(o.Webhook.Auth, o.Credentials, token, o.Delivery.ID, o.At, body),
		}, nil
	}
}

// eventOf is what a body calls its event, with which each begins.
func eventOf(body []byte) string {
	name, _ := bytes.CutPrefix(body, []byte(`{"event":"`))
	name, _, _ = bytes.Cut(name, []byte(`"`))
	return string(name)
}

// headers are those of everything that is sent to a receiver. The request's id
// is the same on every attempt and names the delivery to receivers.
func headers(auth souk.Auth, c souk.Credentials, token string, id souk.ID, at time.Time, body []byte) map[string]string {
	timestamp, signature := sign(c.ZoomSigner(at), at, body)
	h := map[string]string{
		"Content-Type":           "application/json; charset=utf-8",
		"User-Agent":             userAgent,
		"Accept-Encoding":        "gzip",
		"X-Zm-Request-Timestamp": timestamp,
		"X-Zm-Signature":         signature,
		"X-Zm-Request-Id":        strings.ReplaceAll(id.String(), "-", "_"),
		"X-Zm-Trackingid":        attemptID(),
		"Clientid":               c.ZoomClientID,
	}
	switch auth.Kind {
	case souk.BasicAuth:
		h["Authorization"] = basic(auth.Username, auth.Password)
		return h
	case souk.OAuthAuth:
		h["Authorization"] = "Bearer " + token
		return h
	case souk.CustomAuth:
		h[auth.Key] = auth.Value
	}
	if c.ZoomVerificationToken != "" {
		h["Authorization"] = c.ZoomVerificationToken
	}
	return h
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// attemptID names one attempt.
func attemptID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return "v=2.0;clid=souk;rid=WEB_" + hex.EncodeToString(id[:])
}
