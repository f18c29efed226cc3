package zoom

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"souk"
)

// validate asks the receiver at a webhook's URL whether it knows the app's
// secret: it sends a token, which must come back encrypted. It is sent once, and
// like an event with all the headers of one, the owner's own included
// (docs/dialects/zoom.md, "URL validation"). An address that Souk does not send
// to is souk.BlockedAddress, what goes wrong at the receiver's end
// souk.NotVerified; without a token for it also souk.Unsent.
func validate(ctx context.Context, post Poster, hook souk.Webhook, c souk.Credentials) error {
	var token string
	if hook.Auth.Kind == souk.OAuthAuth {
		var err error
		if token, _, err = fetchToken(ctx, post, hook.Auth); err != nil {
			return fmt.Errorf("%w: %w", souk.NotVerified, souk.Unsent{Outcome: souk.NoToken, Err: err})
		}
	}
	plain, at := plainToken(), time.Now()
	body, err := envelope(validationName, at, object{{"plainToken", plain}})
	if err != nil {
		return err
	}
	status, answer, err := post(ctx, hook.URL, headers(hook.Auth, c, token, souk.NewID(), at, body), body)
	switch {
	case errors.Is(err, souk.BlockedAddress):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", souk.NotVerified, err)
	case status != http.StatusOK:
		return fmt.Errorf("%w: it answered with status %d", souk.NotVerified, status)
	case !answers(answer, plain, encrypted(c.ZoomSigner(at), plain)):
		return fmt.Errorf("%w: it did not answer with the token and its encryption", souk.NotVerified)
	}
	return nil
}

// plainToken makes 22 random characters.
func plainToken() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// answers reports whether an answer has both tokens. What type it claims to have
// says nothing, and what else it holds neither.
func answers(answer []byte, plain, encrypted string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(answer, &members) != nil {
		return false
	}
	is := func(name, want string) bool {
		var got string
		return json.Unmarshal(members[name], &got) == nil && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
	}
	return is("plainToken", plain) && is("encryptedToken", encrypted)
}
