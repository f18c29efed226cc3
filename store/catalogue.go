package store

import "souk"

// OwnedApps lists the apps of an org.
func (tx *Tx) OwnedApps(owner souk.ID, page souk.Page) ([]souk.App, error) {
	c := conditions{args: []any{owner}}
	end := c.page(`created_at`, `id`, page)
	return list(tx, scanApp, `SELECT `+appColumns+` FROM apps
		WHERE owner_id = $1 AND deleted_at IS NULL`+c.and()+end, c.args...)
}

// public is the condition of the index that public apps are listed by.
const public = `is_available_to_anyone = TRUE AND listing = 'listed' AND suspended = FALSE AND deleted_at IS NULL`

// PublicApps lists the apps that everybody may have.
func (tx *Tx) PublicApps(page souk.Page) ([]souk.App, error) {
	var c conditions
	end := c.page(`created_at`, `id`, page)
	return list(tx, scanApp, `SELECT `+appColumns+` FROM apps WHERE `+public+c.and()+end, c.args...)
}

// PublicApp finds one of PublicApps.
func (tx *Tx) PublicApp(id souk.ID) (souk.App, error) {
	return one(tx, scanApp, `SELECT `+appColumns+` FROM apps WHERE id = $1 AND `+public, id)
}

// AppsListedAs lists the apps that are so far on their way into the public
// catalogue.
func (tx *Tx) AppsListedAs(listing souk.Listing, page souk.Page) ([]souk.App, error) {
	c := conditions{args: []any{listing}}
	end := c.page(`created_at`, `id`, page)
	return list(tx, scanApp, `SELECT `+appColumns+` FROM apps
		WHERE listing = $1 AND deleted_at IS NULL`+c.and()+end, c.args...)
}

// offered selects the ids of the apps that others let an org $1 below an
// enterprise $2 have as their partner, or shared with it.
const offered = `
	SELECT r.app_id AS id FROM rights r WHERE r.grantee = 'shared' AND r.org_id IN ($1, $2)
	UNION
	SELECT r.app_id FROM partnerships p JOIN rights r ON r.org_id = p.b_id AND r.grantee = 'partners' WHERE p.a_id IN ($1, $2)
	UNION
	SELECT r.app_id FROM partnerships p JOIN rights r ON r.org_id = p.a_id AND r.grantee = 'partners' WHERE p.b_id IN ($1, $2)`

const partnersApp = ` a.suspended = FALSE AND a.deleted_at IS NULL AND a.owner_id <> $1 AND a.owner_id IS DISTINCT FROM $2`

// PartnerApps lists the apps of others that an org finds because its partners
// offer or share them. A workspace finds what its enterprise finds.
func (tx *Tx) PartnerApps(org souk.Org, page souk.Page) ([]souk.App, error) {
	c := conditions{args: []any{org.ID, org.Enterprise}}
	end := c.page(`a.created_at`, `a.id`, page)
	return list(tx, scanApp, `SELECT `+prefixed("a", appColumns)+`
		FROM (`+offered+`) AS o JOIN apps a ON a.id = o.id WHERE`+partnersApp+c.and()+end, c.args...)
}

// PartnerApp finds one of PartnerApps. It looks for the right before the app, by
// a CROSS JOIN, whose order SQLite leaves alone: whether there is such an app
// takes no time of its own.
func (tx *Tx) PartnerApp(org souk.Org, id souk.ID) (souk.App, error) {
	return one(tx, scanApp, `SELECT `+prefixed("a", appColumns)+`
		FROM (
			SELECT r.app_id FROM rights r
			WHERE r.app_id = $3 AND (
				(r.grantee = 'shared' AND r.org_id IN ($1, $2))
				OR (r.grantee = 'partners' AND EXISTS (
					SELECT 1 FROM partnerships p
					WHERE (p.a_id = r.org_id AND p.b_id IN ($1, $2)) OR (p.b_id = r.org_id AND p.a_id IN ($1, $2)))))
			LIMIT 1) AS o
		CROSS JOIN apps a
		WHERE a.id = o.app_id AND`+partnersApp, org.ID, org.Enterprise, id)
}

// InstalledApps lists the apps that are live at an org, by when the app was
// made.
func (tx *Tx) InstalledApps(org souk.ID, page souk.Page) ([]souk.App, error) {
	c := conditions{args: []any{org}}
	end := c.page(`a.created_at`, `a.id`, page)
	return list(tx, scanApp, `SELECT `+prefixed("a", appColumns)+`
		FROM reach r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $1 AND a.deleted_at IS NULL`+c.and()+end, c.args...)
}

// InstalledApp finds one of InstalledApps.
func (tx *Tx) InstalledApp(org, id souk.ID) (souk.App, error) {
	return one(tx, scanApp, `SELECT `+prefixed("a", appColumns)+`
		FROM reach r JOIN apps a ON a.id = r.app_id
		WHERE r.org_id = $1 AND r.app_id = $2 AND a.deleted_at IS NULL`, org, id)
}

// InstallationsBy lists the live installations that an org made itself, of apps
// that were not deleted.
func (tx *Tx) InstallationsBy(org souk.ID, page souk.Page) ([]souk.Installation, error) {
	c := conditions{args: []any{org}}
	end := c.page(`i.created_at`, `i.id`, page)
	return list(tx, scanInstallation, `SELECT `+prefixed("i", installationColumns)+`
		FROM installations i JOIN apps a ON a.id = i.app_id
		WHERE i.org_id = $1 AND i.status <> 'ended' AND a.deleted_at IS NULL`+c.and()+end, c.args...)
}

// InstallationsOfApp lists the live installations of an app.
func (tx *Tx) InstallationsOfApp(app souk.ID, page souk.Page) ([]souk.Installation, error) {
	c := conditions{args: []any{app}}
	end := c.page(`created_at`, `id`, page)
	return list(tx, scanInstallation, `SELECT `+installationColumns+` FROM installations
		WHERE app_id = $1 AND status <> 'ended'`+c.and()+end, c.args...)
}

// UsersOf lists the active users of an org and its app users.
func (tx *Tx) UsersOf(org souk.ID, page souk.Page) ([]souk.User, error) {
	c := conditions{args: []any{org}}
	end := c.page(`created_at`, `id`, page)
	return list(tx, scanUser, `SELECT `+userColumns+` FROM users
		WHERE org_id = $1 AND deactivated_at IS NULL`+c.and()+end, c.args...)
}

// UserOf finds a user of an org, also one that was deactivated.
func (tx *Tx) UserOf(org, id souk.ID) (souk.User, error) {
	return one(tx, scanUser, `SELECT `+userColumns+` FROM users WHERE id = $1 AND org_id = $2`, id, org)
}

// ChannelWebhooks lists the webhooks of an app that subscribed to channels.
func (tx *Tx) ChannelWebhooks(app souk.ID, page souk.Page) ([]souk.Webhook, error) {
	c := conditions{args: []any{app}}
	end := c.page(`created_at`, `id`, page)
	found, err := list(tx, scanWebhook, `SELECT `+webhookColumns+` FROM webhooks
		WHERE app_id = $1 AND dialect = 'giosg' AND deleted_at IS NULL`+c.and()+end, c.args...)
	if err != nil {
		return nil, err
	}
	hooks := make([]souk.Webhook, len(found))
	for i := range found {
		if err := tx.subscriptions(&found[i]); err != nil {
			return nil, err
		}
		hooks[i] = found[i].Webhook
	}
	return hooks, nil
}

// ChannelWebhook finds one of ChannelWebhooks.
func (tx *Tx) ChannelWebhook(app, id souk.ID) (souk.Webhook, error) {
	w, err := one(tx, scanWebhook, `SELECT `+webhookColumns+` FROM webhooks
		WHERE id = $1 AND app_id = $2 AND dialect = 'giosg' AND deleted_at IS NULL`, id, app)
	if err != nil {
		return w.Webhook, err
	}
	err = tx.subscriptions(&w)
	return w.Webhook, err
}
