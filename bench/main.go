// Command bench measures what Souk promises about speed, in one run for each
// database, beside what the same machine reaches with a bare net/http server:
//
//   - approvals: admin.apps.approve over HTTP at 32 clients, each call for a
//     pending request of its own with two subscribers, in 32 root orgs and in
//     one, while the courier delivers;
//   - lists: admin.apps.requests.list of 20 in a table of 100,000;
//   - the server's memory.
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
	"strings"
	"syscall"
)

// plan is what a run does.
type plan struct {
	clients   int
	approvals int // per measurement
	listed    int // rows in the table that lists are read from
	lists     int // list calls
}

func main() {
	log.SetFlags(0)
	var p plan
	flag.IntVar(&p.clients, "clients", 32, "how many clients call at once")
	flag.IntVar(&p.approvals, "approvals", 10_000, "how many requests are approved in each measurement")
	flag.IntVar(&p.listed, "listed", 100_000, "how many pending requests the listed organization has")
	flag.IntVar(&p.lists, "lists", 10_000, "how many list calls are made")
	engines := flag.String("engines", "sqlite,postgres", "which databases are measured")
	echo := flag.Bool("echo", false, "be the bare server (used by the benchmark itself)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *echo {
		if err := serveEcho(ctx); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := measureAll(ctx, p, strings.Split(*engines, ",")); err != nil {
		log.Fatal("bench: ", err)
	}
}

func measureAll(ctx context.Context, p plan, engines []string) error {
	if err := os.MkdirAll(filepath.Join("bench", "out"), 0o755); err != nil { // for CPU profiles of the servers
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
		if err := measureEngine(ctx, p, engine, dir, binary); err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}
