package giosg

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"souk"
	"souk/market"
	"souk/souktest"
	"souk/store"
)

// Whatever is sent as an app, the answer is one of the documented, and what is
// taken can be read.
func FuzzBody(f *testing.F) {
	db, err := store.Open(f.Context(), filepath.Join(f.TempDir(), "souk.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := db.Close(); err != nil {
			f.Error(err)
		}
	})
	o := &company{Company: souktest.World(f, db, map[souk.Dialect]market.Wire{souk.Giosg: Wire(souktest.Key, base)}), db: db, log: new(lines)}
	o.Apply(neighbours)
	mux := http.NewServeMux()
	o.handler(o.Market, Limits{}).Routes(mux)
	shop := writables("")[0]
	target, token := prefix+o.fill(strings.TrimPrefix(shop.calls[0], "POST ")), "Token "+o.Token("sam")

	f.Add([]byte(shop.body(false, nil)))
	for _, a := range shop.attributes {
		for _, b := range a.bad {
			if len(b.value) < 1000 {
				f.Add([]byte(shop.body(false, map[string]string{a.name: b.value})))
			}
		}
	}
	f.Add([]byte(`{"name":"x","name":null}`))
	f.Add([]byte("[\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := func(method, target string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), method, target, strings.NewReader(string(body)))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", token)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			return w
		}
		got := answer(http.MethodPost, target)
		if !json.Valid(got.Body.Bytes()) || !slices.Contains([]int{201, 400, 402}, got.Code) {
			t.Fatalf("%q: %d %s", body, got.Code, got.Body)
		}
		if got.Code != 201 {
			return
		}
		var made ownedApp
		if err := json.Unmarshal(got.Body.Bytes(), &made); err != nil {
			t.Fatal(err)
		}
		if made.Name == "" || !utf8.ValidString(made.Name) || strings.ContainsRune(made.Name+made.Description, 0) {
			t.Fatalf("%q is an app called %q", body, made.Name)
		}
		if read := answer(http.MethodGet, target+"/"+made.ID.String()); read.Code != 200 || read.Body.String() != got.Body.String() {
			t.Fatalf("%q was answered %s and is %s", body, got.Body, read.Body)
		}
	})
}
