package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"souk"
	"souk/store"
)

const (
	approvals = 10_000  // in each measurement
	listed    = 100_000 // pending requests of the listed organization
	lists     = 10_000  // calls

	// roots is how many root organizations calls are spread over; each has its own
	// lock on PostgreSQL.
	roots = 32

	// pageBytes is about the size of a page of 25 owned apps.
	pageBytes = 32 << 10
)

// measureEcho measures the bare server, with an answer as short as an approval's
// and one as long as a page.
func measureEcho(ctx context.Context, p plan) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bare, err := start(ctx, "/", nil, self, "-echo")
	if err != nil {
		return err
	}
	short, err := load(ctx, p.clients, p.times(2*approvals), func(int) request {
		return slackCall(bare.base, "xoxp-souk-nobody", url.Values{"request_id": {souk.ID{}.Slack("Ar")}, "team_id": {souk.ID{}.Slack("T")}})
	})
	if err != nil {
		return errors.Join(err, bare.stop())
	}
	page := giosgCall(http.MethodGet, bare.base+"?bytes="+strconv.Itoa(pageBytes), "token-nobody", "")
	long, err := load(ctx, p.clients, p.times(approvals), func(int) request { return page })
	if err := errors.Join(err, bare.stop()); err != nil {
		return err
	}
	fmt.Println(short.row("bare net/http", "a body read, 12 bytes answered"))
	fmt.Println(long.row("bare net/http", fmt.Sprintf("%d KiB answered", pageBytes>>10)))
	return nil
}

// approve measures the administrator's calls of the Slack face.
func (s *subject) approve(ctx context.Context, p plan) error {
	var many, single, pending []tenant
	if err := s.open(ctx, func(db *store.DB) (err error) {
		for _, part := range []struct {
			into              *[]tenant
			tenants, requests int
		}{
			{&many, roots, (p.times(approvals) + roots - 1) / roots},
			{&single, 1, p.times(approvals)},
			{&pending, 1, p.times(listed)},
		} {
			if *part.into, err = seed(ctx, db, s.key, part.tenants, part.requests, s.sink.url); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	return errors.Join(
		s.approvals(ctx, p, fmt.Sprintf("%d root organizations", roots), many),
		s.approvals(ctx, p, "one root organization", single),
		s.lists(ctx, p, pending[0]),
	)
}

// approvals approves every request of tenants in turn.
func (s *subject) approvals(ctx context.Context, p plan, where string, tenants []tenant) error {
	before, n := s.sink.received.Load(), p.times(approvals)
	f, err := load(ctx, p.clients, n, func(i int) request {
		t := tenants[i%len(tenants)]
		return slackCall(s.server.base+"/api/admin.apps.approve", t.Token,
			url.Values{"request_id": {t.Requests[i/len(tenants)].Slack("Ar")}, "team_id": {t.Workspace.ID.Slack("T")}})
	})
	if err != nil {
		return err
	}
	return s.delivered(ctx, f, s.engine+": approve, "+where, before, 2*n)
}

// delivered waits for the deliveries of a load and tells its figures; before is
// how many the sink had received at its beginning.
func (s *subject) delivered(ctx context.Context, f figures, name string, before int64, want int) error {
	meanwhile := s.sink.received.Load() - before
	drained, err := s.drain(ctx, before+int64(want))
	if err != nil {
		return fmt.Errorf("%d deliveries of %d were received: %w", s.sink.received.Load()-before, want, err)
	}
	fmt.Println(f.row(name, fmt.Sprintf("%d of %d deliveries received meanwhile, the rest %.1f s later", meanwhile, want, drained.Seconds())))
	return nil
}

// lists reads the first page again and again.
func (s *subject) lists(ctx context.Context, p plan, t tenant) error {
	r := slackCall(s.server.base+"/api/admin.apps.requests.list", t.Token, url.Values{"team_id": {t.Workspace.ID.Slack("T")}, "limit": {"20"}})
	f, err := load(ctx, p.clients, p.times(lists), func(int) request { return r })
	if err != nil {
		return err
	}
	fmt.Println(f.row(s.engine+": requests.list of 20", fmt.Sprintf("%d pending requests in the table", p.times(listed))))
	return nil
}
