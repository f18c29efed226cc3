package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"souk"
	"souk/market"
	"souk/store"
	"souk/world"
)

// applyCommand writes world documents into a database (docs/world.md).
type applyCommand struct {
	Files       []string `arg:"" type:"existingfile" help:"World documents, YAML or JSON; an object is written in one of them."`
	DB          string   `name:"db" default:"souk.db" env:"SOUK_DB" help:"Path of a SQLite database, or postgres://…"`
	KeyFile     string   `env:"SOUK_KEY_FILE" type:"path" help:"File with the server's key; made beside a SQLite database, required on PostgreSQL."`
	URL         string   `name:"url" env:"SOUK_URL" help:"Public base URL of the server: where notifications say that images are."`
	DryRun      bool     `help:"Print the plan and write nothing."`
	QuietEvents bool     `help:"Record the events and tell nobody."`
}

// Run applies the documents and prints what was made as one JSON object.
func (c applyCommand) Run(ctx context.Context, t terminal) (err error) {
	if err := checkURL(c.URL); err != nil {
		return err
	}
	files := make([]world.File, len(c.Files))
	for i, name := range c.Files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files[i] = world.File{Name: name, Text: text}
	}
	document, err := world.Parse(files...)
	if err != nil {
		return inDocument(err)
	}
	key, err := serverKey(c.KeyFile, c.DB)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, c.DB)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	// Nobody is woken: the server that holds the database later, or the other
	// nodes of it, find what is to be delivered. And nobody's URL is asked.
	silent := func(time.Duration, int) post { return nil }
	m := &market.Market{DB: db, Key: key, Wires: wires(key, c.URL, silent)}
	if err := m.ClaimKey(ctx); err != nil {
		return err
	}
	applied, err := m.ApplyWorld(ctx, souk.Operator("command line"), document,
		market.How{DryRun: c.DryRun, QuietEvents: c.QuietEvents})
	if err != nil {
		return inDocument(err)
	}
	if c.DryRun {
		fmt.Fprintln(t.err, "souk: nothing was written (--dry-run)")
	}
	out := json.NewEncoder(t.out)
	out.SetIndent("", "  ")
	return out.Encode(world.Report(applied))
}

// inDocument spells problems with a document a line each.
func inDocument(err error) error {
	var invalid souk.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	text := "the document cannot be applied:"
	for _, p := range invalid {
		text += "\n  " + p.Field + ": " + p.Reason
	}
	return badText{errors.New(text)}
}
