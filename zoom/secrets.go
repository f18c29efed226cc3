package zoom

import (
	"context"
	"errors"
	"net/http"
	"time"

	"souk"
	"souk/market"
)

// secretRoutes are for apps that look after their own secrets
// (docs/dialects/zoom.md, "Secrets").
var secretRoutes = []route{{
	method: "POST", path: "/v2/marketplace/apps/{appId}/rotate_client_secret",
	scopes: []string{"marketplace:update:client_secret"}, weight: light, serve: rotateSecret,
	refusals: map[souk.Refusal]refusal{
		souk.UnknownApp:      {http.StatusNotFound, 1401, "App ID does not exist."},
		souk.UnknownSecret:   {http.StatusNotFound, 1401, "Secret ID does not exist."},
		souk.ChangedTooOften: {http.StatusBadRequest, 2000, "Working on processing your request. Can only change client secret rotate schedule 3 times in 15 minutes."},
	},
}}

// What can be wrong with the schedule of a secret.
var (
	noRotation  = refusal{http.StatusBadRequest, general, "Missing request parameters."}
	badRotation = refusal{http.StatusBadRequest, general, "Invalid request parameter `action`. Can be `new` or `update`."}
	badSchedule = refusal{http.StatusBadRequest, general, "Invalid format of request param `revoke_old_secret_time`. Should be in format `yyyy-MM-dd'T'HH:mm:ss'Z'` for example `2025-03-14T12:34:56Z`."}
	farSchedule = refusal{http.StatusBadRequest, 2001, "Invalid value of request param `revoke_old_secret_time`."}
)

// rotations are the words for what can be done.
var rotations = map[string]func(*market.Market, context.Context, souk.Actor, souk.ID, time.Time) (market.ZoomSecret, error){
	"new": (*market.Market).RotateZoomSecret, "update": (*market.Market).EndOldZoomSecret,
}

// rotatedSecret is a client secret, which is shown only when it is new.
type rotatedSecret struct {
	SecretID string `json:"secret_id"`
	Secret   string `json:"new_secret,omitempty"`
	OldUntil string `json:"revoke_old_secret_time"`
}

// rotateSecret gives the app that calls another client secret, or changes when the
// one before ends. A person's token is refused, whoever they are: another app that
// they let act would learn the secret.
func rotateSecret(c *call) (a answer, err error) {
	if err := c.itself(); err != nil {
		return a, err
	}
	app, err := c.appID()
	if err != nil {
		return a, err
	}
	var in struct {
		Action   string `json:"action"`
		OldUntil string `json:"revoke_old_secret_time"`
	}
	if err := c.body(&in); err != nil {
		return a, err
	}
	var until time.Time // now
	rotate := rotations[in.Action]
	switch {
	case in.Action == "" || in.OldUntil == "":
		return a, noRotation
	case rotate == nil:
		return a, badRotation
	case in.OldUntil != "now":
		if until, err = time.Parse("2006-01-02T15:04:05Z", in.OldUntil); err != nil {
			return a, badSchedule
		}
	}
	done, err := rotate(c.market, c.ctx, c.actor, app, until)
	var bad souk.Invalid
	if errors.As(err, &bad) {
		return a, farSchedule
	}
	return created(rotatedSecret{done.ID.Zoom(), done.Secret, stamp(done.OldUntil)}), err
}
