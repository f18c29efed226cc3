package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/souktest"
)

func TestMain(m *testing.M) {
	if done, err := postRaw(); done {
		if err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// Each trial in small: what is measured is true, whatever the figures are.
func TestDeliveryTrials(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "souk")
	t.Chdir("..")
	if err := build(t.Context(), binary); err != nil {
		t.Fatal(err)
	}
	defer func(real string) { profiles = real }(profiles)
	profiles = filepath.Join(dir, "out")
	c := course{
		each: 200 * time.Millisecond, logRows: 500, backlog: 2000, engines: []string{"sqlite", "postgres"},
		dialects: []souk.Dialect{souk.Native, souk.Giosg},
		postgres: func() (string, func() error, error) {
			return souktest.Postgres(t), func() error { return nil }, nil
		},
	}
	for _, trial := range trials {
		c.only = append(c.only, trial.name)
	}
	found, err := c.run(t.Context(), dir, binary)
	if err != nil && !strings.Contains(err.Error(), "void") {
		t.Error(err)
	}
	for row := range aims {
		for _, engine := range c.engines {
			if found.cells[row][engine] == "" {
				t.Errorf("nothing was found of %q on %s", row, engine)
			}
		}
	}
}
