package zoom

import (
	"context"

	"souk"
	"souk/market"
)

// Poster sends a body to a URL through the guarded client, follows no redirect,
// waits as long as AttemptTime at most and says what came back. An address that
// Souk does not send to is souk.BlockedAddress.
type Poster func(ctx context.Context, url string, header map[string]string, body []byte) (status int, answer []byte, err error)

// Wire is how Zoom's receivers are told events; post carries the validation of
// URLs.
func Wire(post Poster) market.Wire {
	return market.Wire{
		Name:   EventName,
		Encode: Encode,
		Handshake: func(ctx context.Context, hook souk.Webhook, with souk.Credentials) error {
			return validate(ctx, post, hook, with)
		},
		Events:  []string{deauthorized, approvedName, requestedName, declinedName},
		Needs:   eventScopes,
		Goodbye: deauthorized,
	}
}
