package slack

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"souk"
)

// HandshakeTime and HandshakeRedirects bound the one request of a handshake.
const (
	HandshakeTime      = 3 * time.Second
	HandshakeRedirects = 2
)

// Poster sends a body to a URL within the bounds of a handshake, and says what
// came back.
type Poster func(ctx context.Context, url string, header map[string]string, body []byte) (status int, answer []byte, err error)

type challenge struct {
	Token     string `json:"token"`
	Challenge string `json:"challenge"`
	Type      string `json:"type"`
}

// handshake asks the receiver at address whether it belongs to the app with
// these credentials: it sends a signed challenge, which must come back. It is
// sent once (docs/dialects/slack.md, "url_verification"). An address that Souk
// does not send to is souk.BlockedAddress, what goes wrong at the receiver's end
// souk.NotVerified.
func handshake(ctx context.Context, post Poster, address string, c souk.Credentials) error {
	asked := newChallenge()
	body, err := marshal(challenge{c.SlackVerificationToken, asked, "url_verification"})
	if err != nil {
		return err
	}
	status, answer, err := post(ctx, address, signed(c, time.Now(), body), body)
	switch {
	case errors.Is(err, souk.BlockedAddress):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", souk.NotVerified, err)
	case status < 200 || status > 299:
		return fmt.Errorf("%w: it answered with status %d", souk.NotVerified, status)
	case subtle.ConstantTimeCompare([]byte(challengeIn(answer)), []byte(asked)) != 1:
		return fmt.Errorf("%w: it did not answer with the challenge", souk.NotVerified)
	}
	return nil
}

// newChallenge makes 52 random letters and digits.
func newChallenge() string { return rand.Text() + rand.Text() }

// challengeIn finds the challenge in an answer: the member of an object, the
// field of a form, or all there is. What type the answer claims to have says
// nothing, as receivers claim none or any.
func challengeIn(answer []byte) string {
	var object struct {
		Challenge *string `json:"challenge"`
	}
	if json.Unmarshal(answer, &object) == nil && object.Challenge != nil {
		return *object.Challenge
	}
	text := strings.TrimSpace(string(answer))
	if form, err := url.ParseQuery(text); err == nil && form.Has("challenge") {
		return form.Get("challenge")
	}
	return text
}
