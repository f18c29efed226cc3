package zoom

import (
	"encoding/json"
	"errors"
	"net/http"

	"souk"
	"souk/market"
)

// manifestRoutes tell and take manifests (docs/dialects/zoom.md, "Manifests").
var manifestRoutes = []route{
	{method: "POST", path: "/v2/marketplace/apps/manifest/validate", weight: medium, serve: validateManifest, scopes: seeApps},
	{method: "GET", path: "/v2/marketplace/apps/{appId}/manifest", weight: medium, serve: exportManifest, scopes: seeApps},
	{method: "PUT", path: "/v2/marketplace/apps/{appId}/manifest", weight: heavy, serve: putManifest, scopes: makeApps},
}

var (
	seeApps  = []string{"marketplace_app:read", "marketplace_app:read:admin", "marketplace:read:app", "marketplace:read:app:admin"}
	makeApps = []string{"marketplace_app:write", "marketplace_app:write:admin", "marketplace:write:app", "marketplace:write:app:admin"}
)

// noManifest refuses apps that are made without one.
var noManifest = refusal{http.StatusNotFound, general, "Only general apps have a manifest."}

// manifestBody is what carries a manifest.
type manifestBody struct {
	Manifest json.RawMessage `json:"manifest"`
	App      *string         `json:"app_id"`
}

// manifestIn reads the body of a call that has a manifest.
func (c *call) manifestIn() (in manifestBody, err error) {
	if err := c.body(&in); err != nil {
		return in, err
	}
	if len(in.Manifest) == 0 || string(in.Manifest) == "null" {
		return in, invalid("manifest", "is required")
	}
	return in, nil
}

// outlined finds an app that has a manifest, with the webhooks in it.
func (c *call) outlined(id souk.ID) (app souk.App, hooks []souk.Webhook, err error) {
	if app, hooks, err = c.market.Outlined(c.ctx, c.actor, id); err == nil && (app.Zoom.AppType == typeS2S || app.Zoom.AppType == typeSDK) {
		err = noManifest
	}
	return app, hooks, err
}

func exportManifest(c *call) (a answer, err error) {
	id, err := c.appID()
	if err != nil {
		return a, err
	}
	app, hooks, err := c.outlined(id)
	if err != nil {
		return a, err
	}
	return shown(map[string]manifest{"manifest": manifestOf(app, hooks)}), nil
}

func putManifest(c *call) (a answer, err error) {
	body, err := c.manifestIn()
	if err != nil {
		return a, err
	}
	id, err := c.appID()
	if err != nil {
		return a, err
	}
	app, _, err := c.outlined(id)
	if err != nil {
		return a, err
	}
	in, r := readManifest(body.Manifest, app)
	if len(r.wrong) == 0 {
		err = r.rejected(c.market.PutOutline(c.ctx, c.actor, id, in))
	}
	if len(r.wrong) > 0 {
		return a, r.refused("")
	}
	return noContent, err
}

// verdict is what validating a manifest comes to.
type verdict struct {
	OK     bool      `json:"ok"`
	Error  string    `json:"error"`
	Errors []setting `json:"errors"` // null when there are none
}

func validateManifest(c *call) (a answer, err error) {
	body, err := c.manifestIn()
	if err != nil {
		return a, err
	}
	var app souk.App
	if body.App != nil {
		id, ok := souk.ParseZoomID(*body.App)
		if !ok {
			return a, unknownAppID(*body.App)
		}
		if app, _, err = c.outlined(id); errors.Is(err, souk.UnknownApp) {
			err = unknownAppID(*body.App)
		}
		if err != nil {
			return a, err
		}
	}
	in, r := readManifest(body.Manifest, app)
	if app.ID.IsZero() {
		r.withoutWebhooks(in)
	}
	if len(r.wrong) == 0 {
		if err := r.rejected(c.market.TryOutline(c.ctx, c.actor, c.account.ID, app.ID, in)); err != nil {
			return a, err
		}
	}
	if len(r.wrong) > 0 {
		return shown(verdict{Error: "invalid_manifest", Errors: r.wrong}), nil
	}
	return shown(verdict{OK: true}), nil
}

// unknownAppID refuses an app that the body names.
func unknownAppID(name string) error {
	f := refusals[souk.UnknownApp]
	f.message = "App ID does not exist: " + clipped(name)
	return f
}

// withoutWebhooks refuses webhooks of an app that is not there yet.
func (r *reading) withoutWebhooks(in market.Outline) {
	if len(in.Webhooks) > 0 {
		r.add(eventsPointer, "must be empty for a new app: its secret, which it gets when it is made, proves the URLs")
	}
}

// rejected keeps what is wrong with the manifest, and answers with other refusals.
func (r *reading) rejected(err error) error {
	var wrong souk.Invalid
	switch {
	case errors.As(err, &wrong):
		r.told(wrong)
		return nil
	case errors.Is(err, souk.TooManyWebhooks):
		r.add(eventsPointer, "are more than an app may have")
		return nil
	}
	return err
}

// refused spells what is wrong where an answer that something was done cannot be
// given; within is where the body has the manifest.
func (r *reading) refused(within string) error {
	f := &failure{refusal: invalidInput}
	for _, s := range r.wrong {
		f.errors = append(f.errors, fieldError{within + s.Setting, s.Message})
	}
	return f
}
