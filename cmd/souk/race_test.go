package main

import (
	"fmt"
	"sync"
	"testing"

	"souk"
	"souk/souktest"
	"souk/store"
)

// contest is a company whose admin decides twice at once about each of many
// requests.
type contest struct {
	company
	requests []souk.Request
}

// Of two approvals of one request that race, one settles it and the other
// hears that it is settled: on PostgreSQL also when they come to different
// nodes. Each decision is made, told and audited once.
func TestRacingApprovals(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		const lanes, rounds = 8, 125 // in all 1,000
		site := newSite(t, address)
		contests := make([]contest, lanes)
		site.seed(t, func(s *souktest.Seeder) {
			for i := range contests {
				contests[i] = newContest(s, fmt.Sprintf("Racer %d", i), rounds)
			}
		})
		nodes := []*process{site.serve(t)}
		if isPostgres(address) {
			nodes = append(nodes, site.serve(t))
		}
		var done sync.WaitGroup
		for _, c := range contests {
			done.Go(func() { c.race(t, nodes[0].Base, nodes[len(nodes)-1].Base) })
		}
		done.Wait()
		for _, n := range nodes {
			n.stop(t)
		}
		site.read(t, func(tx *store.Tx) error {
			for _, c := range contests {
				if err := c.check(t, tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func newContest(s *souktest.Seeder, name string, rounds int) contest {
	c := contest{company: newCompany(s, name, rounds, nil)}
	for _, app := range c.apps {
		c.requests = append(c.requests, s.Request(app, c.workspace, c.member))
	}
	return c
}

// race approves each request through both servers at once.
func (c contest) race(t *testing.T, bases ...string) {
	var rivals []*client
	for _, base := range bases {
		rivals = append(rivals, newClient(t, base))
	}
	for _, q := range c.requests {
		codes, errs := make([]string, len(rivals)), make([]error, len(rivals))
		var both sync.WaitGroup
		for i, r := range rivals {
			both.Go(func() {
				codes[i], errs[i] = r.slack(t, c.adminToken, "admin.apps.approve", c.decide(q.ID))
			})
		}
		both.Wait()
		switch [2]string(codes) {
		case [2]string{"ok", "request_already_resolved"}, [2]string{"request_already_resolved", "ok"}:
		default:
			t.Errorf("two approvals of %s got %q, %v", q.ID, codes, errs)
			return
		}
	}
}

// check looks for what each round must have left, once.
func (c contest) check(t *testing.T, tx *store.Tx) error {
	events, err := tx.EventsOf(c.enterprise.ID)
	if err != nil {
		return err
	}
	told := map[souk.ID]int{} // by case
	for _, e := range events {
		if e.Kind == souk.CaseApproved {
			told[e.Subject]++
		}
	}
	audit, err := tx.AuditOf(c.enterprise.ID)
	if err != nil {
		return err
	}
	audited := map[souk.ID]int{} // by app
	for _, a := range audit {
		if a.Verb == "Approve" {
			audited[a.App]++
		}
	}
	for _, q := range c.requests {
		settled, err := tx.Request(q.ID)
		if err != nil {
			return err
		}
		if settled.Status != souk.RequestApproved || told[q.Case] != 1 || audited[q.App] != 1 {
			t.Errorf("request %s is %s, told %d times, audited %d times", q.ID, settled.Status, told[q.Case], audited[q.App])
		}
	}
	if len(told) != len(c.requests) || len(audited) != len(c.requests) {
		t.Errorf("%d cases told and %d apps audited of %d", len(told), len(audited), len(c.requests))
	}
	return nil
}
