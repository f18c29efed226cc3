package store

import "souk"

const assetColumns = `id, org_id, name, description, file_name, content_type, size, width, height,
	created_by, updated_by, created_at, updated_at`

func (a *asset) fields() []any {
	return []any{&a.ID, &a.Org, &a.Name, &a.Description, &a.FileName, &a.ContentType, &a.Size, &a.Width, &a.Height,
		&a.CreatedBy, &a.UpdatedBy, (*stamp)(&a.CreatedAt), (*stamp)(&a.UpdatedAt)}
}

type asset souk.Asset

func scanAsset(r row) (souk.Asset, error) {
	var a asset
	err := r.Scan(a.fields()...)
	return souk.Asset(a), err
}

// Asset finds an asset by ID, without its content.
func (tx *Tx) Asset(id souk.ID) (souk.Asset, error) {
	return one(tx, scanAsset, `SELECT `+assetColumns+` FROM assets WHERE id = $1`, id)
}

// AssetOf finds an asset of an org's, without its content.
func (tx *Tx) AssetOf(org, id souk.ID) (souk.Asset, error) {
	return one(tx, scanAsset, `SELECT `+assetColumns+` FROM assets WHERE id = $1 AND org_id = $2`, id, org)
}

// Assets finds many assets at once; those that do not exist are left out.
func (tx *Tx) Assets(ids []souk.ID) (map[souk.ID]souk.Asset, error) {
	return byID(tx, scanAsset, func(a souk.Asset) souk.ID { return a.ID },
		`SELECT `+assetColumns+` FROM assets WHERE id IN (`, ids)
}

// AssetContent finds an asset with its content.
func (tx *Tx) AssetContent(id souk.ID) (souk.Asset, []byte, error) {
	var a asset
	var content []byte
	err := tx.row(`SELECT `+assetColumns+`, content FROM assets WHERE id = $1`, id).Scan(append(a.fields(), &content)...)
	return souk.Asset(a), content, err
}

// InsertAsset keeps an asset.
func (tx *Tx) InsertAsset(a souk.Asset, content []byte) error {
	_, err := tx.exec(`INSERT INTO assets (`+assetColumns+`, content)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		a.ID, a.Org, a.Name, a.Description, a.FileName, a.ContentType, a.Size, a.Width, a.Height,
		a.CreatedBy, a.UpdatedBy, micros(a.CreatedAt), micros(a.UpdatedAt), content)
	return err
}

// CountAssets is how many assets an org has.
func (tx *Tx) CountAssets(org souk.ID) (n int, err error) {
	err = tx.row(`SELECT count(*) FROM assets WHERE org_id = $1`, org).Scan(&n)
	return n, err
}

// RemoveAsset deletes an asset.
func (tx *Tx) RemoveAsset(id souk.ID) error {
	_, err := tx.exec(`DELETE FROM assets WHERE id = $1`, id)
	return err
}

// AppsWithIcon lists up to limit apps whose icon is an asset, also one that is
// gone.
func (tx *Tx) AppsWithIcon(asset souk.ID, limit int) ([]souk.App, error) {
	return list(tx, scanApp, `SELECT `+appColumns+` FROM apps WHERE icon_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2`,
		asset, limit)
}

// AssetsPage lists the assets of an org.
func (tx *Tx) AssetsPage(org souk.ID, page souk.Page) ([]souk.Asset, error) {
	c := conditions{args: []any{org}}
	end := c.page(`created_at`, `id`, page)
	return list(tx, scanAsset, `SELECT `+assetColumns+` FROM assets WHERE org_id = $1`+c.and()+end, c.args...)
}
