// Command bench measures what Souk promises about speed, in one run for each
// database, beside what the same machine reaches with a bare net/http server:
//
//   - approve: admin.apps.approve over HTTP, each call for a pending request of
//     its own with two subscribers, in 32 root orgs and in one, while the courier
//     delivers; and admin.apps.requests.list of 20 in a table of 100,000;
//   - owned_apps: pages of the giosg face's owned_apps, 100,000 of an org's in a
//     table of 1,000,000: the first, one in the middle, the last;
//   - log: the same of webhook_log_entries, 5,000,000 of one app;
//   - install: POST app_installations, each with an app user and a notification;
//   - delete: what an app with 50,000 installations, while it is deleted, does to
//     those who write meanwhile.
//
// Each has a database of its own, whose server's memory is told at the end.
//
// "bench delivery" measures the courier (delivery.go): how much it delivers of
// what is published in batches and one event a call, beside a bare loop of signed
// posts to the same receiver; how soon; what it costs in CPU, memory and disk, with
// an empty log and a full one; and how healthy endpoints fare beside others.
//
// The server, the bare server and the receiver of webhooks run on this machine
// and talk over loopback; everything is bounded in count and time. PostgreSQL is
// a cluster of the benchmark's own, with durable settings.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// plan is what a run does.
type plan struct {
	clients int     // that call at once
	scale   float64 // of all counts
}

// times is a count of the full benchmark at the scale of this run.
func (p plan) times(n int) int { return max(1, int(float64(n)*p.scale)) }

// section is a part of the benchmark.
type section struct {
	name    string
	measure func(*subject, context.Context, plan) error
}

var sections = []section{
	{"approve", (*subject).approve},
	{"owned_apps", (*subject).ownedApps},
	{"log", (*subject).log},
	{"install", (*subject).install},
	{"delete", (*subject).delete},
}

func main() {
	log.SetFlags(0)
	if done, err := postRaw(); done {
		if err != nil {
			log.Fatal("the bare poster: ", err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "delivery" {
		if err := deliveryCommand(ctx, os.Args[2:]); err != nil {
			log.Fatal("bench: ", err)
		}
		return
	}
	var p plan
	flag.IntVar(&p.clients, "clients", 32, "how many clients call at once")
	flag.Float64Var(&p.scale, "scale", 1, "a part of all counts, to try something; from 0.001")
	engines := flag.String("engines", "sqlite,postgres", "which databases are measured")
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	only := flag.String("only", strings.Join(names, ","), "what is measured")
	echo := flag.Bool("echo", false, "be the bare server (used by the benchmark itself)")
	flag.Parse()
	if *echo {
		if err := serveEcho(ctx); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := measureAll(ctx, p, strings.Split(*engines, ","), strings.Split(*only, ",")); err != nil {
		log.Fatal("bench: ", err)
	}
}

func measureAll(ctx context.Context, p plan, engines, only []string) error {
	var chosen []section
	for _, name := range only {
		i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
		if i < 0 {
			return fmt.Errorf("there is no section %q", name)
		}
		chosen = append(chosen, sections[i])
	}
	if err := os.MkdirAll(profiles, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "souk-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "souk")
	if err := build(ctx, binary); err != nil {
		return err
	}
	fmt.Printf("%d clients, %s\n\n", p.clients, machine())
	fmt.Println("| | calls/s | p50 | p99 | worst | beside |")
	fmt.Println("|---|---|---|---|---|---|")
	if err := measureEcho(ctx, p); err != nil {
		return fmt.Errorf("bare server: %w", err)
	}
	for _, engine := range engines {
		for _, s := range chosen {
			if err := measure(ctx, p, s, engine, dir, binary); err != nil {
				return fmt.Errorf("%s on %s: %w", s.name, engine, err)
			}
		}
	}
	return nil
}
