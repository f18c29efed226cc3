package store

import (
	"math"
	"slices"

	"souk"
)

const subscriptionColumns = `pattern, additions, changes, removals`

func scanSubscription(r row) (s souk.Subscription, err error) {
	err = r.Scan(&s.Pattern, &s.Additions, &s.Changes, &s.Removals)
	return s, err
}

// channelsOf lists the channels that a webhook subscribed to, in their order.
func (tx *Tx) channelsOf(webhook souk.ID) ([]souk.Subscription, error) {
	return list(tx, scanSubscription, `SELECT `+subscriptionColumns+` FROM channel_subscriptions
		WHERE webhook_id = $1 ORDER BY place`, webhook)
}

// putChannels replaces the channels that a webhook subscribed to.
func (tx *Tx) putChannels(w souk.Webhook) error {
	if _, err := tx.exec(`DELETE FROM channel_subscriptions WHERE webhook_id = $1`, w.ID); err != nil {
		return err
	}
	var args []any
	for i, s := range w.Channels {
		args = append(args, w.ID, i, w.App, string(s.Pattern), s.Pattern.Last(), s.Additions, s.Changes, s.Removals)
	}
	return tx.insertMany(`INSERT INTO channel_subscriptions
		(webhook_id, place, app_id, pattern, last, additions, changes, removals) VALUES `, 8, args)
}

// Listener is an endpoint that subscribed to channels which end in a word.
type Listener struct {
	souk.Endpoint
	Owner        souk.ID // of the app
	Subscription souk.Subscription
}

// Listeners finds the subscriptions to channels that end in one of some words,
// of the apps whose active installation reaches an org. Apps and installations
// that are suspended, and orgs without a subscription, hear nothing. Disabled
// webhooks are among them: what they are to be told is held.
func (tx *Tx) Listeners(org souk.ID, words []string) ([]Listener, error) {
	found, err := tx.listenersAt([]souk.ID{org}, words)
	return found[org], err
}

// listenersAt is Listeners for many orgs.
func (tx *Tx) listenersAt(orgs []souk.ID, words []string) (map[souk.ID][]Listener, error) {
	words = append(slices.Clip(words), "*")
	return listAt(tx, scanListener, `
		SELECT `+prefixed("s", subscriptionColumns)+`, a.owner_id, `+prefixed("w", webhookColumns)+`,
			`+prefixed("i", installationColumns)+`,
			CASE WHEN i.kind = 'org_wide' THEN i.org_id ELSE o.enterprise_id END, r.org_id
		FROM reach r
		JOIN channel_subscriptions s ON s.app_id = r.app_id AND s.last IN (`+placeholders(1, len(words))+`)
		JOIN webhooks w ON w.id = s.webhook_id
		JOIN apps a ON a.id = r.app_id
		JOIN installations i ON i.id = r.installation_id
		JOIN orgs o ON o.id = i.org_id
		JOIN orgs h ON h.id = r.org_id AND h.has_active_subscription = TRUE AND h.closed_at IS NULL
		WHERE w.status IN ('active', 'disabled') AND w.deleted_at IS NULL AND a.suspended = FALSE AND a.deleted_at IS NULL
		AND i.status = 'active' AND o.has_active_subscription = TRUE AND o.closed_at IS NULL
		AND r.org_id IN (`, `) ORDER BY w.created_at, w.id, s.place`, orgs, anys(words)...)
}

// OwnListeners finds an app's own subscriptions to souk.OwnInstallations, also
// those of an app that was deleted: it hears what that ended.
func (tx *Tx) OwnListeners(app souk.ID) ([]Listener, error) {
	scan := func(r row) (l Listener, err error) {
		var w SealedWebhook
		err = r.Scan(append([]any{&l.Subscription.Pattern, &l.Subscription.Additions, &l.Subscription.Changes,
			&l.Subscription.Removals, &l.Owner}, w.fields()...)...)
		l.Webhook = w.Webhook
		return l, err
	}
	return list(tx, scan, `
		SELECT `+prefixed("s", subscriptionColumns)+`, a.owner_id, `+prefixed("w", webhookColumns)+`
		FROM channel_subscriptions s
		JOIN webhooks w ON w.id = s.webhook_id
		JOIN apps a ON a.id = s.app_id
		JOIN orgs o ON o.id = a.owner_id
		WHERE s.app_id = $1 AND s.last = 'installations' AND s.pattern = $2
		AND w.status IN ('active', 'disabled') AND w.deleted_at IS NULL AND a.suspended = FALSE
		AND o.has_active_subscription = TRUE AND o.closed_at IS NULL
		ORDER BY w.created_at, w.id, s.place`, app, string(souk.OwnInstallations))
}

func scanListener(r row) (l at[Listener], err error) {
	var w SealedWebhook
	var scopes string
	s, i := &l.found.Subscription, &l.found.Installation
	into := append([]any{&s.Pattern, &s.Additions, &s.Changes, &s.Removals, &l.found.Owner}, w.fields()...)
	into = append(into, &i.ID, &i.App, &i.Org, &i.Kind, &i.Status, &scopes, &i.InstalledBy, &i.AppUser,
		(*stamp)(&i.CreatedAt), (*stamp)(&i.UpdatedAt), (*stamp)(&i.EndedAt), &l.found.Enterprise, &l.org)
	err = r.Scan(into...)
	l.found.Webhook, i.Scopes = w.Webhook, souk.ParseScopes(scopes)
	return l, err
}

// OrgsListening lists, in the order of their IDs and after one of them, the orgs
// that an app is installed at in which some app subscribed to a channel that
// ends in word.
func (tx *Tx) OrgsListening(app souk.ID, word string, after souk.ID, limit int) ([]souk.ID, error) {
	return tx.listening(`SELECT org_id AS id FROM reach WHERE app_id = $1`, app, word, after, limit)
}

// PartnersListening is OrgsListening for the orgs that find an app among those
// of their partners, or would if it was offered: the partners of its owner, whom
// it was shared with, and the workspaces below them.
func (tx *Tx) PartnersListening(app souk.ID, word string, after souk.ID, limit int) ([]souk.ID, error) {
	return tx.listening(`
		WITH n AS (
			SELECT p.b_id AS id FROM apps a JOIN partnerships p ON p.a_id = a.owner_id WHERE a.id = $1
			UNION ALL SELECT p.a_id FROM apps a JOIN partnerships p ON p.b_id = a.owner_id WHERE a.id = $1
			UNION ALL SELECT org_id FROM rights WHERE app_id = $1 AND grantee = 'shared')
		SELECT id FROM n UNION ALL SELECT o.id FROM n JOIN orgs o ON o.enterprise_id = n.id`, app, word, after, limit)
}

// ListeningBelow lists an org and the workspaces below it, those in which some
// app subscribed to a channel that ends in word.
func (tx *Tx) ListeningBelow(org souk.ID, word string) ([]souk.ID, error) {
	return tx.listening(`SELECT id FROM orgs WHERE id = $1 UNION ALL SELECT id FROM orgs WHERE enterprise_id = $1`,
		org, word, souk.ID{}, math.MaxInt32)
}

// manyEars is how many orgs with a subscription are looked at one by one.
const manyEars = 1000

// listening finds those of some orgs where a subscription ends in word, if any
// does. It goes by the subscriptions unless they are many, since a change of an app that is
// installed everywhere concerns nobody most of the time. Where they are many it
// goes by the orgs: then it need not go far for limit of them.
func (tx *Tx) listening(orgs string, app souk.ID, word string, after souk.ID, limit int) ([]souk.ID, error) {
	anybody, err := tx.exists(`SELECT 1 FROM channel_subscriptions WHERE last IN ($1, '*')`, word)
	if err != nil || !anybody {
		return nil, err
	}
	var ears int
	err = tx.row(`SELECT count(*) FROM (
		SELECT 1 FROM channel_subscriptions s JOIN reach r ON r.app_id = s.app_id
		WHERE s.last IN ($1, '*') LIMIT $2) AS ears`, word, manyEars).Scan(&ears)
	switch {
	case err != nil || ears == 0:
		return nil, err
	case ears < manyEars:
		return list(tx, scanID, `
			SELECT DISTINCT r.org_id FROM channel_subscriptions s JOIN reach r ON r.app_id = s.app_id
			WHERE s.last IN ($3, '*') AND r.org_id > $2 AND EXISTS (SELECT 1 FROM (`+orgs+`) AS f WHERE f.id = r.org_id)
			ORDER BY r.org_id LIMIT $4`, app, after[:], word, limit)
	}
	return list(tx, scanID, `
		SELECT DISTINCT f.id FROM (`+orgs+`) AS f
		WHERE f.id > $2 AND EXISTS (
			SELECT 1 FROM reach r JOIN channel_subscriptions s ON s.app_id = r.app_id AND s.last IN ($3, '*')
			WHERE r.org_id = f.id)
		ORDER BY f.id LIMIT $4`, app, after[:], word, limit)
}
