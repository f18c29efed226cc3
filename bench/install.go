package main

import (
	"context"
	"fmt"
	"net/http"

	"souk"
	"souk/souktest"
	"souk/store"
)

const installs = 10_000

// install measures POST app_installations: each call brings one app to one
// organization, with an app user and a notification to the app.
func (s *subject) install(ctx context.Context, p plan) error {
	n := p.times(installs)
	var names []string
	for i := range roots {
		names = append(names, fmt.Sprint("Customer ", i))
	}
	var customers []company
	var offered []souk.App
	if err := s.open(ctx, func(db *store.DB) error {
		provider, err := companies(ctx, db, s.key, "Provider")
		if err != nil {
			return err
		}
		if customers, err = companies(ctx, db, s.key, names...); err != nil {
			return err
		}
		return souktest.Seed(ctx, db, s.key, func(to *souktest.Seeder) {
			offered = nil
			for i := range (n + roots - 1) / roots {
				offered = append(offered, provider[0].publish(to, fmt.Sprint("App ", i), s.sink.url))
			}
		})
	}); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	f, err := load(ctx, p.clients, n, func(i int) request {
		return s.installing(customers[i%roots], offered[i/roots])
	})
	if err != nil {
		return err
	}
	return s.delivered(ctx, f, s.engine+fmt.Sprintf(": POST app_installations, %d root organizations", roots), 0, n)
}

// installing is the call that brings an app to a company.
func (s *subject) installing(at company, app souk.App) request {
	return giosgCall(http.MethodPost, s.server.base+at.path("app_installations"), at.token,
		`{"app_id":"`+app.ID.String()+`","is_terms_accepted":true}`)
}
