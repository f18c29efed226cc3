package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	pageSize  = 25    // of a page that nobody asked to be longer
	pageCalls = 5_000 // for each page
)

// list is one that nobody reads to its end: rows first, first+step, … of a
// series.
type list struct {
	name        string // for the table
	path        string // its address, with a question mark and perhaps filters behind
	step, first int
}

// row is the k-th oldest row of the list.
func (l list) row(k int) int { return l.first + k*l.step }

// paged is a table with the lists that are read from it.
type paged struct {
	token string // of who reads them
	rows  series
	n     int
	like  copies // what makes the rows
	lists []list
	also  func() error // fills other tables
}

// pages measures the first page of lists, one in the middle and the last.
//
// Nobody walks a list of millions for the address of its last page. A cursor is
// a place and holds whatever comes before and behind it: the addresses come from
// the lists while they have nothing but the rows before those places.
func (s *subject) pages(ctx context.Context, p plan, t paged) error {
	var marks []int
	for _, l := range t.lists {
		marks = append(marks, l.row(t.n/l.step/2), l.row(pageSize), l.row(0))
	}
	slices.Sort(marks)
	marks = slices.Compact(marks)
	if err := s.directly(ctx, func(d *direct) error {
		for _, m := range marks {
			if err := d.copy(ctx, t.like, m, m+1); err != nil {
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
	behind := make([]map[string]string, len(t.lists))
	for i, l := range t.lists {
		var err error
		if behind[i], err = s.walk(ctx, t.token, l.path+"page_size=1"); err != nil {
			return err
		}
	}
	if err := s.stop(); err != nil {
		return err
	}

	began := time.Now()
	if err := s.directly(ctx, func(d *direct) error {
		all := t.like
		all.where = "i NOT IN (" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(marks)), ","), "[]") + ")"
		return d.copy(ctx, all, 0, t.n)
	}); err != nil {
		return err
	}
	if err := t.also(); err != nil {
		return err
	}
	if err := s.directly(ctx, func(d *direct) error { return d.rest(ctx) }); err != nil {
		return err
	}
	fmt.Printf("| %s: seeding %d rows of %s | | | | | %.0f s |\n", s.engine, t.n, t.like.table, time.Since(began).Seconds())
	if err := s.serve(ctx); err != nil {
		return err
	}
	for i, l := range t.lists {
		middle, last := behind[i][stamped(t.rows.at(l.row(t.n/l.step/2)))], behind[i][stamped(t.rows.at(l.row(pageSize)))]
		if err := s.threePages(ctx, p, t, l, middle, last); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

// stamped is a time as the giosg face spells it.
func stamped(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// page is one of a list.
type page struct {
	bytes    int
	Next     *string
	Previous *string
	Results  []struct {
		CreatedAt string `json:"created_at"`
	}
}

func (s *subject) page(ctx context.Context, client *http.Client, token, path string) (p page, err error) {
	body, err := call(ctx, client, giosgCall(http.MethodGet, s.server.base+path, token, ""))
	if err != nil {
		return p, err
	}
	p.bytes = len(body)
	return p, json.Unmarshal(body, &p)
}

// walk follows a list to its end, a row a page. It answers with the address of
// what comes behind each row, by the row's time.
func (s *subject) walk(ctx context.Context, token, path string) (behind map[string]string, err error) {
	client, done := newClient(1)
	defer done()
	behind = map[string]string{}
	for {
		p, err := s.page(ctx, client, token, path)
		if err != nil || p.Next == nil {
			return behind, err
		}
		next, err := url.Parse(*p.Next)
		if err != nil {
			return nil, err
		}
		path = next.RequestURI()
		query := next.Query()
		query.Del("page_size")
		behind[p.Results[0].CreatedAt] = next.Path + "?" + query.Encode()
	}
}

// threePages measures three pages of a list, whose addresses the last two come
// with, and what they cost beside the first.
func (s *subject) threePages(ctx context.Context, p plan, t paged, l list, middle, last string) error {
	var first time.Duration
	for _, at := range []struct {
		name, path       string
		previous, beyond bool // whether there are pages on both sides of it
	}{
		{"first page", l.path, false, true},
		{"a page in the middle", middle, true, true},
		{"last page", last, true, false},
	} {
		client, done := newClient(1)
		shown, err := s.page(ctx, client, t.token, at.path)
		done()
		if err != nil {
			return err
		}
		if len(shown.Results) != pageSize || (shown.Previous != nil) != at.previous || (shown.Next != nil) != at.beyond {
			return fmt.Errorf("%s has %d rows, previous: %t, next: %t", at.name, len(shown.Results), shown.Previous != nil, shown.Next != nil)
		}
		r := giosgCall(http.MethodGet, s.server.base+at.path, t.token, "")
		same := func(int) request { return r }
		if _, err := load(ctx, p.clients, p.times(pageCalls/10), same); err != nil { // the first have statements to compile
			return err
		}
		f, err := load(ctx, p.clients, p.times(pageCalls), same)
		if err != nil {
			return err
		}
		beside := fmt.Sprintf("%d rows in all, %d KiB answered", t.n/l.step, shown.bytes>>10)
		if first == 0 {
			first = f.took
		} else {
			beside = fmt.Sprintf("%.2f of the first page's time", f.took.Seconds()/first.Seconds())
		}
		fmt.Println(f.row(s.engine+": "+l.name+", "+at.name, beside))
	}
	return nil
}
