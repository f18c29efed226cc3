package console

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"souk"
	"souk/web"
)

// backPath is where a provider sends people back to.
const backPath = "/console/signin/oidc/callback"

// Why nobody was signed in by a provider.
var (
	providerLate       = problem{http.StatusUnprocessableEntity, "provider-late"}
	providerDenied     = problem{http.StatusForbidden, "provider-denied"}
	providerUnverified = problem{http.StatusForbidden, "provider-unverified"}
	providerStranger   = problem{http.StatusForbidden, "provider-stranger"}
	providerBroken     = problem{http.StatusBadGateway, "provider-broken"}
	providerAway       = problem{http.StatusServiceUnavailable, "provider-away"}
)

// trip is a visitor's way to the provider and back. A sealed cookie of their own
// browser carries it, so that nobody comes back who was not sent.
type trip struct {
	State, Nonce string // what the provider hands back by the browser, and in the ID token
	Verifier     string // what the code is traded with (RFC 7636)
	Next         string // where the visitor goes on
	Until        time.Time
}

const (
	tripCookieName = "souk_oidc"
	tripLife       = 10 * time.Minute
	maxTrip        = 3800                // of the cookie, in bytes; browsers keep 4,096 with its name
	tripSeal       = "console:oidc trip" // no other sealed text opens as a trip
)

// goToProvider sends a visitor to the provider.
func (h *Handler) goToProvider(v *visit) (answer, error) {
	next, again := safeNext(v.query("next")), v.query("again") != ""
	switch {
	case h.provider == nil:
		return answer{}, &failure{problem: unknownPage}
	case !v.stranger() && !again:
		return see(next), nil
	}
	m, err := h.provider.metadata(v.ctx)
	if err != nil {
		return answer{}, err
	}
	t := trip{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Next: next, Until: time.Now().Add(tripLife),
	}
	sealed, err := h.sealTrip(t)
	if err == nil && len(sealed) > maxTrip {
		t.Next = safeNext("")
		sealed, err = h.sealTrip(t)
	}
	if err != nil {
		return answer{}, err
	}
	v.keep(h.tripCookie(sealed))
	options := []oauth2.AuthCodeOption{oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	return see(m.AuthCodeURL(t.State, options...)), nil
}

// backFromProvider signs in whom the provider sent back.
func (h *Handler) backFromProvider(v *visit) (answer, error) {
	if h.provider == nil {
		return answer{}, &failure{problem: unknownPage}
	}
	t, ok := h.tripOf(v.request)
	v.keep(h.tripCookie("")) // once, whatever comes of it
	if !ok {
		return answer{}, &failure{problem: providerLate}
	}
	// Nobody else's page can spend the tries of an office: it has no trip to show.
	if err := h.limits.try(web.ClientAddress(v.ctx)); err != nil {
		return answer{}, err
	}
	if subtle.ConstantTimeCompare([]byte(v.query("state")), []byte(t.State)) != 1 {
		return answer{}, &failure{problem: providerLate}
	}
	if err := h.provider.sent(v); err != nil {
		return answer{}, err
	}
	who, err := h.provider.identity(v.ctx, v.query("code"), t)
	if err != nil {
		return answer{}, err
	}
	who.Agent = v.request.UserAgent()
	in, err := h.market.SignInAs(v.ctx, who, face, web.ClientAddress(v.ctx))
	if errors.Is(err, souk.WrongPassword) {
		return answer{}, &failure{problem: providerStranger}
	}
	if err != nil {
		return answer{}, err
	}
	return h.enter(v, in, t.Next)
}

// sent judges what a provider says by the address to which it sends somebody
// back.
func (p *provider) sent(v *visit) error {
	m, err := p.metadata(v.ctx)
	if err != nil {
		return err
	}
	// Else another provider's code could be passed off as this one's.
	if issuer := v.query("iss"); issuer != p.Issuer && (issuer != "" || m.named) {
		return broken(errors.New("the answer comes from another issuer"))
	}
	switch code := v.query("error"); code {
	case "":
		return nil
	case "access_denied", "interaction_required", "login_required", "account_selection_required", "consent_required":
		return &failure{problem: providerDenied}
	case "server_error", "temporarily_unavailable":
		return &failure{problem: providerAway, wait: providerPause}
	default:
		return broken(errors.New("the provider refused: " + knownCode(code)))
	}
}

// tripCookie hands a trip to a browser; an empty one takes it back.
func (h *Handler) tripCookie(sealed string) *http.Cookie {
	return h.cookie(tripCookieName, sealed, tripLife)
}

func (h *Handler) sealTrip(t trip) (string, error) { return h.seal(tripSeal, t) }

// tripOf is the trip that a request comes back from; false when there is none,
// or it took too long.
func (h *Handler) tripOf(r *http.Request) (t trip, ok bool) {
	sealed, ok := h.cookieOf(r, tripCookieName)
	return t, ok && h.unseal(tripSeal, sealed, &t) && time.Now().Before(t.Until)
}
