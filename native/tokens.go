package native

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"souk"
	"souk/market"
)

// heldTokenObject is a token that came with an installation, without its
// secret.
type heldTokenObject struct {
	identifier
	Kind        souk.TokenKind `json:"kind"`
	User        *names         `json:"user"`
	Description string         `json:"description"`
	Scopes      []string       `json:"scopes"`
	CreatedAt   string         `json:"created_at"`
	ExpiresAt   *string        `json:"expires_at"`
}

func showHeldToken(t souk.Token) heldTokenObject {
	return heldTokenObject{
		identifier{t.ID.String()}, t.Kind, reference(slackUser, t.User), t.Description, scopeNames(t.Scopes),
		stamp(t.CreatedAt), moment(t.ExpiresAt),
	}
}

// mintedObject is a new token with its secret, which is told this once.
type mintedObject struct {
	heldTokenObject
	Secret string `json:"secret"`
}

func minted(m market.Minted) answer {
	return answer{status: http.StatusCreated, body: mintedObject{showHeldToken(m.Token), m.Secret}}
}

// providedObject is an installation as the app's owner is told of it: of
// somebody else's organization no more than the id and the name.
type providedObject struct {
	identifier
	App       names                   `json:"app"`
	Org       names                   `json:"org"`
	OrgName   string                  `json:"org_name"`
	Kind      souk.InstallationKind   `json:"kind"`
	Status    souk.InstallationStatus `json:"status"`
	Scopes    []string                `json:"scopes"`
	AppUser   *userObject             `json:"app_user"`
	CreatedAt string                  `json:"created_at"`
	UpdatedAt string                  `json:"updated_at"`
}

func showProvided(v market.InstallView) providedObject {
	return providedObject{
		identifier: identifier{v.ID.String()}, App: spell(slackApp, v.App), Org: familyOf(v.Org).org(v.Org.ID), OrgName: v.Org.Name,
		Kind: v.Kind, Status: v.Status, Scopes: scopeNames(v.Scopes), AppUser: show(v.User, showUser),
		CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.UpdatedAt),
	}
}

// listProvided lists where an app is installed, to its owner.
func (h *Handler) listProvided(c *call) (answer, error) {
	app := c.app()
	p := c.page(h.market.Key, app.String())
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	found, err := h.market.InstallationsOf(c.ctx, c.Actor, app, p.asked())
	at := func(v market.InstallView) souk.Position { return souk.Position{At: v.CreatedAt, ID: v.ID} }
	return answer{status: http.StatusOK, body: pageOf(p, found, at, showProvided)}, err
}

// held lists the tokens that came with an installation, to whoever is there: on
// behalf of the app's owner, or of the org that installed it.
type held func(m *market.Market, ctx context.Context, actor souk.Actor, at, installation souk.ID) ([]souk.Token, error)

// listTokens lists tokens; at is who they are listed to.
func listTokens(find held, at func(*call) souk.ID) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		of, installation := at(c), c.installation()
		if err := c.valid(); err != nil {
			return answer{}, err
		}
		found, err := find(h.market, c.ctx, c.Actor, of, installation)
		return answer{status: http.StatusOK, body: listing[heldTokenObject]{Items: each(found, showHeldToken)}}, err
	}
}

// revokeToken ends one of the tokens that listTokens lists.
func revokeToken(find held, at func(*call) souk.ID) func(*Handler, *call) (answer, error) {
	return func(h *Handler, c *call) (answer, error) {
		of, installation, token := at(c), c.installation(), c.token()
		if err := c.valid(); err != nil {
			return answer{}, err
		}
		found, err := find(h.market, c.ctx, c.Actor, of, installation)
		if err != nil {
			return answer{}, err
		}
		if !slices.ContainsFunc(found, func(t souk.Token) bool { return t.ID == token }) {
			return answer{}, &failure{problem: noSuchToken}
		}
		return answer{status: http.StatusNoContent}, named(h.market.RevokeToken(c.ctx, c.Actor, token))
	}
}

// named tells that a token does not exist which the address names, where the
// market's refusal would speak of the token that came with the call.
func named(err error) error {
	if errors.Is(err, souk.UnknownToken) {
		return &failure{problem: noSuchToken}
	}
	return err
}

func (h *Handler) mintToken(c *call) (answer, error) {
	app, installation := c.app(), c.installation()
	in := market.Minting{
		Description: c.body.requiredText("description"), Scopes: c.body.texts("scopes"), Life: c.body.seconds("expires_in", time.Second),
	}
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	done, err := h.market.MintAppUserToken(c.ctx, c.Actor, app, installation, in)
	return minted(done), err
}

func (h *Handler) rotateToken(c *call) (answer, error) {
	app, installation, token := c.app(), c.installation(), c.token()
	c.body.require("overlap") // no bot stops by an oversight
	overlap := c.body.seconds("overlap", 0)
	if err := c.valid(); err != nil {
		return answer{}, err
	}
	done, err := h.market.RotateToken(c.ctx, c.Actor, app, installation, token, overlap)
	return minted(done), named(err)
}
