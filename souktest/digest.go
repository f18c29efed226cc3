package souktest

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Unchanged sums up every table of a database, which a server may have open, and
// answers with a check that fails the test if any has changed since: what names
// whatever must not have changed it.
func Unchanged(t testing.TB, address string) (check func(what string)) {
	t.Helper()
	before := digest(t, address)
	if len(before) < 20 {
		t.Fatalf("%s has %d tables", address, len(before))
	}
	return func(what string) {
		t.Helper()
		after := digest(t, address)
		for table, sum := range after {
			if before[table] != sum {
				t.Errorf("%s changed %s", what, table)
			}
		}
		if len(before) != len(after) {
			t.Errorf("%s: %d tables, and then %d", what, len(before), len(after))
		}
	}
}

// digest sums up every table of a database.
func digest(t testing.TB, address string) map[string]string {
	t.Helper()
	driver, tables := "sqlite", `SELECT name FROM sqlite_master WHERE type = 'table'`
	if strings.HasPrefix(address, "postgres") {
		driver, tables = "pgx", `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sums := map[string]string{}
	for _, name := range rows(t, db, tables) {
		if name == "nodes" || name == "shards" {
			continue // how servers share their work, whatever anybody asks of them
		}
		sum := sha256.New()
		all := rows(t, db, "SELECT * FROM "+name)
		slices.Sort(all)
		for _, row := range all {
			fmt.Fprintln(sum, row)
		}
		sums[name] = fmt.Sprintf("%x", sum.Sum(nil))
	}
	return sums
}

// rows spells what a query finds, a text a row.
func rows(t testing.TB, db *sql.DB, query string) (all []string) {
	t.Helper()
	found, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := values[0].String
		if len(values) > 1 {
			row = fmt.Sprintf("%v", values)
		}
		all = append(all, row)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
