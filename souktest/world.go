package souktest

import (
	_ "embed" // the company
	"testing"

	"souk"
	"souk/market"
	"souk/store"
	"souk/world"
)

// CompanyDocument is the world document of every Company.
//
//go:embed company.yaml
var CompanyDocument []byte

// Company is a small made-up company in a database: an enterprise acme with
// the workspaces sales and labs, a vendor with its apps, and two strangers,
// the enterprise globex and the workspace solo. company.yaml tells all of it.
type Company struct {
	t       testing.TB
	Market  *market.Market
	objects map[string]market.Object
}

// Key is the server's key of every Company.
var Key = souk.NewKey([souk.KeySize]byte{7})

// World applies the company to an empty database, quietly, and hands out a
// market with the wires that the test serves.
func World(t testing.TB, db *store.DB, wires map[souk.Dialect]market.Wire) *Company {
	t.Helper()
	c := &Company{t: t, Market: &market.Market{
		DB: db, Key: Key, Wires: wires,
		CheckURL: func(string) error { return nil },
	}}
	c.objects = map[string]market.Object{}
	c.Apply(string(CompanyDocument))
	return c
}

// Apply applies a world document on top of the company, quietly.
func (c *Company) Apply(document string) market.Applied {
	c.t.Helper()
	w, err := world.Parse(world.File{Name: "company.yaml", Text: []byte(document)})
	if err != nil {
		c.t.Fatal(err)
	}
	done, err := c.Market.ApplyWorld(c.t.Context(), souk.Operator("test"), w, market.How{QuietEvents: true})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, o := range done.Objects {
		c.objects[o.Section+"."+o.Key] = o
	}
	return done
}

// Object is what a document calls place, such as "apps.deploybot" or
// "webhooks.deploybot.slack".
func (c *Company) Object(place string) market.Object {
	c.t.Helper()
	o, ok := c.objects[place]
	if !ok {
		c.t.Fatalf("the company has no %s", place)
	}
	return o
}

// ID is that of the object that a document calls place.
func (c *Company) ID(place string) souk.ID {
	c.t.Helper()
	return c.Object(place).ID
}

// Token is the secret of a token, by its key.
func (c *Company) Token(key string) string {
	c.t.Helper()
	return c.Object("tokens." + key).Secret
}

// As is a person of the company acting through the face "test", by their key.
func (c *Company) As(user string) souk.Actor {
	c.t.Helper()
	return souk.Actor{User: c.ID("users." + user), Kind: souk.PersonToken, Face: "test"}
}
