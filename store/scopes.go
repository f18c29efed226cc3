package store

import (
	"time"

	"souk"
)

const scopeColumns = `name, description, token_type, sensitive, display_group`

func scanScope(r row) (s souk.Scope, err error) {
	err = r.Scan(&s.Name, &s.Description, &s.Token, &s.Sensitive, &s.Group)
	return s, err
}

// AddedScopes lists what the operator added to the built-in catalogue.
func (tx *Tx) AddedScopes() ([]souk.Scope, error) {
	return list(tx, scanScope, `SELECT `+scopeColumns+` FROM scopes ORDER BY name`)
}

// PutScope adds an entry to the catalogue or changes it.
func (tx *Tx) PutScope(s souk.Scope, at time.Time) error {
	_, err := tx.exec(`INSERT INTO scopes (`+scopeColumns+`, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (name) DO UPDATE SET
			description = excluded.description, token_type = excluded.token_type,
			sensitive = excluded.sensitive, display_group = excluded.display_group`,
		s.Name, s.Description, s.Token, s.Sensitive, s.Group, micros(at))
	return err
}

// Setting finds a value that the whole marketplace shares.
func (tx *Tx) Setting(name string) (value []byte, err error) {
	err = tx.row(`SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	return value, err
}

// FirstSetting keeps value under name unless there is one already; false then.
func (tx *Tx) FirstSetting(name string, value []byte) (bool, error) {
	n, err := tx.exec(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value)
	return n > 0, err
}

// ObjectNamed finds what a world document called name in a section.
func (tx *Tx) ObjectNamed(section, name string) (id souk.ID, err error) {
	err = tx.row(`SELECT object_id FROM world_names WHERE section = $1 AND name = $2`, section, name).Scan(&id)
	return id, err
}

// NameObject remembers what a world document calls an object.
func (tx *Tx) NameObject(section, name string, id souk.ID) error {
	_, err := tx.exec(`INSERT INTO world_names (section, name, object_id) VALUES ($1, $2, $3)
		ON CONFLICT (section, name) DO UPDATE SET object_id = excluded.object_id`, section, name, id)
	return err
}
