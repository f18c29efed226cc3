package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"souk"
)

// course is what a run of the deliveries' benchmark does.
type course struct {
	each    time.Duration // of what is sustained
	logRows int           // in the log beforehand, where there are any
	backlog int           // deliveries in one lane, where there are any
	engines []string
	only    []string // trials

	dialects []souk.Dialect // of the webhooks that are told in batches, in turn

	postgres func() (address string, stop func() error, err error) // a database on a server with durable settings
}

// atMost is how long something is done that need not be sustained.
func (c course) atMost(d time.Duration) time.Duration { return min(c.each, d) }

// events is how many there are in that time, at a rate.
func (c course) events(most time.Duration, rate int) int {
	return max(1, int(c.atMost(most).Seconds()*float64(rate)))
}

// trial is a part of the benchmark, on a database of its own.
type trial struct {
	name string
	run  func(*subject, context.Context, course, *sheet) error
}

var trials = []trial{
	{"batches", (*subject).batches},
	{"single", (*subject).single},
	{"calm", (*subject).calm},
	{"log", (*subject).fullLog},
	{"idle", (*subject).idle},
	{"fair", (*subject).fair},
	{"backlog", (*subject).backlog},
}

// aims are what the figures shall come to, where that was said.
var aims = map[string]string{
	"batches: of the raw limit":                 "0.60, 0.50",
	"batches: memory at most":                   "150 MiB",
	"batches: disk for one":                     "2,048 B",
	"single: calls/s":                           "6,000, 4,000",
	"calm: idle CPU":                            "1 %",
	"calm: commit to receipt, p50":              "1 ms",
	"calm: commit to receipt, p99":              "5 ms",
	"log: of what it was with an empty log":     "0.90",
	"idle: of what it was without":              "0.90",
	"batches: webhook_log_entries, p95":         "20 ms",
	"batches: deliveries of a webhook, p95":     "20 ms",
	"log: webhook_log_entries, p95":             "20 ms",
	"log: deliveries of a webhook, p95":         "20 ms",
	"fair: p99, of what it was without":         "1.20",
	"backlog: p99, of what it was without":      "1.20",
	"fair: delivered/s to the healthy":          "490",
	"fair: the same without the two, per s":     "490",
	"batches: still to be delivered afterwards": "0",
}

// sheet is what was found, an engine a column.
type sheet struct {
	engine string // that is measured
	rows   []string
	cells  map[string]map[string]string // by row and engine
	rates  map[string]float64           // with which others are compared, by engine
}

func (s *sheet) say(row, format string, args ...any) {
	if s.cells[row] == nil {
		s.cells[row] = map[string]string{}
		s.rows = append(s.rows, row)
	}
	s.cells[row][s.engine] = fmt.Sprintf(format, args...)
	fmt.Fprintf(os.Stderr, "%s: %s: %s\n", s.engine, row, s.cells[row][s.engine])
}

// String is a table in Markdown.
func (s *sheet) String() string {
	var engines []string
	for _, cells := range s.cells {
		for name := range cells {
			engines = append(engines, name)
		}
	}
	slices.Sort(engines)
	engines = slices.Compact(engines)
	slices.Reverse(engines) // SQLite first
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s | aim |\n|---|%s---|\n", strings.Join(engines, " | "), strings.Repeat("---|", len(engines)))
	for _, row := range s.rows {
		fmt.Fprintf(&b, "| %s |", row)
		for _, e := range engines {
			fmt.Fprintf(&b, " %s |", s.cells[row][e])
		}
		fmt.Fprintf(&b, " %s |\n", aims[row])
	}
	return b.String()
}

// deliveryCommand is "bench delivery".
func deliveryCommand(ctx context.Context, args []string) error {
	var c course
	flags := flag.NewFlagSet("bench delivery", flag.ExitOnError)
	flags.DurationVar(&c.each, "for", 5*time.Minute, "how long what is sustained is measured")
	flags.IntVar(&c.logRows, "log-rows", 5_000_000, "requests in the log beforehand, in the trial log")
	flags.IntVar(&c.backlog, "backlog", 1_000_000, "deliveries that wait in one lane, in the trial backlog")
	engines := flags.String("engines", "sqlite,postgres", "which databases are measured")
	var names []string
	for _, t := range trials {
		names = append(names, t.name)
	}
	dialects := flags.String("dialects", "native,giosg", "of the webhooks that are told in batches, in turn")
	only := flags.String("only", strings.Join(names, ","), "what is measured")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c.postgres = durablePostgres
	for d := range strings.SplitSeq(*dialects, ",") {
		c.dialects = append(c.dialects, souk.Dialect(d))
	}
	c.engines, c.only = strings.Split(*engines, ","), strings.Split(*only, ",")
	dir, err := os.MkdirTemp("", "souk-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := onDisk(dir); err != nil {
		return err
	}
	binary := filepath.Join(dir, "souk")
	if err := build(ctx, binary); err != nil {
		return err
	}
	found, err := c.run(ctx, dir, binary)
	fmt.Printf("%s, %s each\n\n%s", machine(), c.each, found)
	return err
}

// onDisk refuses a directory in memory, where syncing costs nothing.
func onDisk(dir string) error {
	const memory = 0x01021994
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return err
	}
	if s.Type == memory {
		return fmt.Errorf("%s is in memory: set TMPDIR to a directory on a disk", dir)
	}
	return nil
}

// run makes the trials; what was found comes back in any case.
func (c course) run(ctx context.Context, dir, binary string) (*sheet, error) {
	s := &sheet{cells: map[string]map[string]string{}, rates: map[string]float64{}}
	var chosen []trial
	for _, name := range c.only {
		i := slices.IndexFunc(trials, func(t trial) bool { return t.name == name })
		if i < 0 {
			return s, fmt.Errorf("there is no trial %q", name)
		}
		chosen = append(chosen, trials[i])
	}
	if err := os.MkdirAll(profiles, 0o755); err != nil {
		return s, err
	}
	var failed error
	for _, s.engine = range c.engines {
		for _, t := range chosen {
			err := onSubject("delivery-"+t.name, s.engine, dir, binary, c.postgres, func(on *subject) error { return t.run(on, ctx, c, s) })
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s on %s: %w", t.name, s.engine, err))
			}
		}
	}
	return s, failed
}
