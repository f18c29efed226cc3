package store

import (
	"maps"

	"souk"
)

// LiveWebhook is a webhook as it is now, with what decides whether it may be
// told something and what is needed to tell it. It may be deleted.
//
// An app stands here as one too, with its own ID, its trigger URL (empty if it
// has none now) and the dialect souk.TriggerCall.
type LiveWebhook struct {
	SealedWebhook // without Events
	Credentials   SealedCredentials
	AppSuspended  bool
	AppDeleted    bool
	OwnerServed   bool // the app's owner is open and has a subscription
}

// LiveWebhooks finds webhooks by ID, and apps for their trigger URLs, deleted
// ones too.
func (tx *Tx) LiveWebhooks(ids []souk.ID) (map[souk.ID]LiveWebhook, error) {
	scan := func(r row) (w LiveWebhook, err error) {
		err = r.Scan(append(w.fields(), &w.AppSuspended, &w.AppDeleted, &w.OwnerServed)...)
		return w, err
	}
	found, err := byID(tx, scan, func(w LiveWebhook) souk.ID { return w.ID }, `
		SELECT `+prefixed("w", webhookColumns)+`,
			a.suspended, a.deleted_at IS NOT NULL, o.has_active_subscription AND o.closed_at IS NULL
		FROM webhooks w
		JOIN apps a ON a.id = w.app_id
		JOIN orgs o ON o.id = a.owner_id
		WHERE w.id IN (`, padded(ids))
	if err != nil {
		return nil, err
	}
	if err := tx.addTriggerURLs(found, ids); err != nil {
		return nil, err
	}
	var apps []souk.ID
	for _, w := range found {
		apps = append(apps, w.App)
	}
	credentials, err := tx.CredentialsOf(padded(apps))
	for id, w := range found {
		w.Credentials = credentials[w.App]
		found[id] = w
	}
	return found, err
}

// addTriggerURLs puts those of ids into found that are apps.
func (tx *Tx) addTriggerURLs(found map[souk.ID]LiveWebhook, ids []souk.ID) error {
	var missing []souk.ID
	for _, id := range ids {
		if _, ok := found[id]; !ok {
			missing = append(missing, id)
		}
	}
	scan := func(r row) (w LiveWebhook, err error) {
		w.Dialect, w.Status = souk.TriggerCall, souk.WebhookActive
		err = r.Scan(&w.ID, &w.URL, &w.AppSuspended, &w.AppDeleted, &w.OwnerServed)
		w.App = w.ID
		return w, err
	}
	apps, err := byID(tx, scan, func(w LiveWebhook) souk.ID { return w.ID }, `
		SELECT a.id, a.trigger_url, a.suspended, a.deleted_at IS NOT NULL,
			o.has_active_subscription AND o.closed_at IS NULL
		FROM apps a
		JOIN orgs o ON o.id = a.owner_id
		WHERE a.id IN (`, padded(missing))
	maps.Copy(found, apps)
	return err
}

// LiveInstallation is what decides whether an installation still justifies a
// delivery.
type LiveInstallation struct {
	ID      souk.ID
	App     souk.ID
	Org     souk.ID
	AppUser souk.ID // or none
	Status  souk.InstallationStatus
	Served  bool // its org is open and has a subscription
}

// LiveInstallations finds installations by ID, ended ones too.
func (tx *Tx) LiveInstallations(ids []souk.ID) (map[souk.ID]LiveInstallation, error) {
	scan := func(r row) (i LiveInstallation, err error) {
		err = r.Scan(&i.ID, &i.App, &i.Org, &i.AppUser, &i.Status, &i.Served)
		return i, err
	}
	return byID(tx, scan, func(i LiveInstallation) souk.ID { return i.ID }, `
		SELECT i.id, i.app_id, i.org_id, i.app_user_id, i.status, o.has_active_subscription AND o.closed_at IS NULL
		FROM installations i JOIN orgs o ON o.id = i.org_id
		WHERE i.id IN (`, padded(ids))
}
