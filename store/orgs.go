package store

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"souk"
)

const orgColumns = `id, kind, enterprise_id, name, domain, policy,
	has_active_subscription, has_apps_feature, is_app_provider,
	admin_api, clear_owners_only, uninstall_owners_only, admin_networks, second_factor, moving,
	contact, created_at, updated_at, closed_at`

// scannedOrg is an org on its way out of a row.
type scannedOrg struct {
	o                 souk.Org
	networks, contact string
}

func (s *scannedOrg) fields() []any {
	o := &s.o
	return []any{&o.ID, &o.Kind, &o.Enterprise, &o.Name, &o.Domain, &o.Policy,
		&o.HasActiveSubscription, &o.HasAppsFeature, &o.IsAppProvider,
		&o.AdminAPI, &o.ClearOwnersOnly, &o.UninstallOwnersOnly, &s.networks, &o.SecondFactor, &o.Moving,
		&s.contact, (*stamp)(&o.CreatedAt), (*stamp)(&o.UpdatedAt), (*stamp)(&o.ClosedAt)}
}

// org is what was scanned.
func (s *scannedOrg) org() (souk.Org, error) {
	if s.contact != "{}" {
		if err := json.Unmarshal([]byte(s.contact), &s.o.Contact); err != nil {
			return s.o, err
		}
	}
	var err error
	s.o.AdminNetworks, err = parseNetworks(s.networks)
	return s.o, err
}

func scanOrg(r row) (souk.Org, error) {
	var s scannedOrg
	if err := r.Scan(s.fields()...); err != nil {
		return s.o, err
	}
	return s.org()
}

// Org finds an org by its ID.
func (tx *Tx) Org(id souk.ID) (souk.Org, error) {
	return one(tx, scanOrg, `SELECT `+orgColumns+` FROM orgs WHERE id = $1`, id)
}

// Orgs finds many orgs at once; those that do not exist are left out.
func (tx *Tx) Orgs(ids []souk.ID) (map[souk.ID]souk.Org, error) {
	return byID(tx, scanOrg, func(o souk.Org) souk.ID { return o.ID },
		`SELECT `+orgColumns+` FROM orgs WHERE id IN (`, ids)
}

// OrgAndAbove finds an org and, where there is one, the enterprise above it.
func (tx *Tx) OrgAndAbove(id souk.ID) (org, enterprise souk.Org, err error) {
	found, err := list(tx, scanOrg, `SELECT `+prefixed("o", orgColumns)+`
		FROM orgs below JOIN orgs o ON o.id IN (below.id, below.enterprise_id) WHERE below.id = $1`, id)
	if err != nil {
		return org, enterprise, err
	}
	for _, o := range found {
		if o.ID == id {
			org = o
		} else {
			enterprise = o
		}
	}
	if org.ID.IsZero() {
		return org, enterprise, ErrNotFound
	}
	return org, enterprise, nil
}

// OrgsAndAbove finds many orgs at once, and the enterprises above them; those that
// do not exist are left out.
func (tx *Tx) OrgsAndAbove(ids []souk.ID) (map[souk.ID]souk.Org, error) {
	all := make(map[souk.ID]souk.Org, len(ids))
	for some := range slices.Chunk(ids, mostRows) {
		some = padded(some)
		found, err := list(tx, scanOrg, `SELECT `+orgColumns+` FROM orgs WHERE id IN (`+placeholders(1, len(some))+`)
			OR id IN (SELECT enterprise_id FROM orgs WHERE id IN (`+placeholders(1, len(some))+`))`, anys(some)...)
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			all[o.ID] = o
		}
	}
	return all, nil
}

// Workspaces lists the living workspaces under an enterprise, oldest first.
func (tx *Tx) Workspaces(enterprise souk.ID) ([]souk.Org, error) {
	return list(tx, scanOrg, `SELECT `+orgColumns+` FROM orgs
		WHERE enterprise_id = $1 AND closed_at IS NULL ORDER BY created_at, id`, enterprise)
}

// PutOrg inserts an org or replaces everything that may change about it.
func (tx *Tx) PutOrg(o souk.Org) error {
	_, err := tx.exec(`
		INSERT INTO orgs (`+orgColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (id) DO UPDATE SET
			name = excluded.name, domain = excluded.domain, policy = excluded.policy,
			has_active_subscription = excluded.has_active_subscription,
			has_apps_feature = excluded.has_apps_feature, is_app_provider = excluded.is_app_provider,
			admin_api = excluded.admin_api, clear_owners_only = excluded.clear_owners_only,
			uninstall_owners_only = excluded.uninstall_owners_only,
			admin_networks = excluded.admin_networks, second_factor = excluded.second_factor,
			moving = excluded.moving, contact = excluded.contact,
			updated_at = excluded.updated_at, closed_at = excluded.closed_at`,
		o.ID, o.Kind, o.Enterprise, o.Name, o.Domain, o.Policy,
		o.HasActiveSubscription, o.HasAppsFeature, o.IsAppProvider,
		o.AdminAPI, o.ClearOwnersOnly, o.UninstallOwnersOnly, formatNetworks(o.AdminNetworks), o.SecondFactor, o.Moving,
		contactText(o.Contact), micros(o.CreatedAt), micros(o.UpdatedAt), micros(o.ClosedAt))
	return err
}

func contactText(c souk.Contact) string {
	if c == (souk.Contact{}) {
		return "{}"
	}
	return text(c)
}

func parseNetworks(s string) (networks []netip.Prefix, err error) {
	for _, f := range strings.Fields(s) {
		p, err := netip.ParsePrefix(f)
		if err != nil {
			return nil, err
		}
		networks = append(networks, p)
	}
	return networks, nil
}

func formatNetworks(networks []netip.Prefix) string {
	var b strings.Builder
	for i, p := range networks {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.String())
	}
	return b.String()
}
