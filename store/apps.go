package store

import (
	"encoding/json"
	"strings"

	"souk"
)

const appColumns = `id, owner_id, name, description, kind, listing, suspended, certified, protected,
	is_available_to_anyone, is_available_to_partners, is_app_user_required,
	app_user_first_name, app_user_last_name, app_user_alias,
	links, trigger_url, triggers, redirect_uris, required_scopes, bot_scopes, user_scopes, zoom,
	icon_id, created_by, updated_by, created_at, updated_at, deleted_at`

func scanApp(r row) (a souk.App, err error) {
	var links, triggers, redirects, required, bot, user, zoom string
	err = r.Scan(&a.ID, &a.Owner, &a.Name, &a.Description, &a.Kind, &a.Listing, &a.Suspended, &a.Certified, &a.Protected,
		&a.IsAvailableToAnyone, &a.IsAvailableToPartners, &a.IsAppUserRequired,
		&a.AppUser.FirstName, &a.AppUser.LastName, &a.AppUser.Alias,
		&links, &a.TriggerURL, &triggers, &redirects, &required, &bot, &user, &zoom,
		&a.Icon, &a.CreatedBy, &a.UpdatedBy, (*stamp)(&a.CreatedAt), (*stamp)(&a.UpdatedAt), (*stamp)(&a.DeletedAt))
	if err != nil {
		return a, err
	}
	a.Triggers, a.RedirectURIs = words(triggers), words(redirects)
	a.RequiredScopes, a.BotScopes, a.UserScopes = souk.ParseScopes(required), souk.ParseScopes(bot), souk.ParseScopes(user)
	if err := parse(links, noLinks, &a.Links); err != nil {
		return a, err
	}
	return a, parse(zoom, noZoom, &a.Zoom)
}

// What most apps have of these is nothing, and pages of apps are read often.
var noLinks, noZoom = text(souk.Links{}), text(souk.ZoomListing{})

// words are what strings.Join put one space between. Other spaces are a word's own.
func words(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }) }

// parse reads what text spelled, unless it is what the zero value is spelled.
func parse(s, nothing string, into any) error {
	if s == nothing {
		return nil
	}
	return json.Unmarshal([]byte(s), into)
}

// App finds an app by ID, deleted ones too.
func (tx *Tx) App(id souk.ID) (souk.App, error) {
	return one(tx, scanApp, `SELECT `+appColumns+` FROM apps WHERE id = $1`, id)
}

// Apps finds many apps at once; those that do not exist are left out.
func (tx *Tx) Apps(ids []souk.ID) (map[souk.ID]souk.App, error) {
	return byID(tx, scanApp, func(a souk.App) souk.ID { return a.ID },
		`SELECT `+appColumns+` FROM apps WHERE id IN (`, ids)
}

// AppOf finds an app that an org owns and that was not deleted.
func (tx *Tx) AppOf(owner, id souk.ID) (souk.App, error) {
	return one(tx, scanApp, `SELECT `+appColumns+` FROM apps WHERE id = $1 AND owner_id = $2 AND deleted_at IS NULL`, id, owner)
}

// PutApp inserts an app or replaces everything that may change about it.
func (tx *Tx) PutApp(a souk.App) error {
	_, err := tx.exec(`
		INSERT INTO apps (`+appColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
			$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)
		ON CONFLICT (id) DO UPDATE SET
			name = excluded.name, description = excluded.description, kind = excluded.kind,
			listing = excluded.listing, suspended = excluded.suspended, certified = excluded.certified,
			protected = excluded.protected, is_available_to_anyone = excluded.is_available_to_anyone,
			is_available_to_partners = excluded.is_available_to_partners,
			is_app_user_required = excluded.is_app_user_required,
			app_user_first_name = excluded.app_user_first_name,
			app_user_last_name = excluded.app_user_last_name, app_user_alias = excluded.app_user_alias,
			links = excluded.links, trigger_url = excluded.trigger_url, triggers = excluded.triggers,
			redirect_uris = excluded.redirect_uris, required_scopes = excluded.required_scopes,
			bot_scopes = excluded.bot_scopes, user_scopes = excluded.user_scopes, zoom = excluded.zoom,
			icon_id = excluded.icon_id, updated_by = excluded.updated_by, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at`,
		a.ID, a.Owner, a.Name, a.Description, a.Kind, a.Listing, a.Suspended, a.Certified, a.Protected,
		a.IsAvailableToAnyone, a.IsAvailableToPartners, a.IsAppUserRequired,
		a.AppUser.FirstName, a.AppUser.LastName, a.AppUser.Alias,
		text(a.Links), a.TriggerURL, strings.Join(a.Triggers, " "), strings.Join(a.RedirectURIs, " "),
		a.RequiredScopes.String(), a.BotScopes.String(), a.UserScopes.String(), text(a.Zoom),
		a.Icon, a.CreatedBy, a.UpdatedBy, micros(a.CreatedAt), micros(a.UpdatedAt), micros(a.DeletedAt))
	return err
}

// RootsOfApp lists the root orgs under which an app is live or asked for.
func (tx *Tx) RootsOfApp(app souk.ID) ([]souk.ID, error) {
	return list(tx, scanID, `
		SELECT COALESCE(o.enterprise_id, o.id) AS root FROM installations i JOIN orgs o ON o.id = i.org_id
		WHERE i.app_id = $1 AND i.status <> 'ended'
		UNION
		SELECT root_id FROM cases WHERE app_id = $1 AND closed_at IS NULL
		ORDER BY root`, app)
}
