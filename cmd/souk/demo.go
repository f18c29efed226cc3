package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"souk"
	"souk/courier"
	"souk/market"
	"souk/web"
	"souk/world"
)

//go:embed demo.yaml
var demoWorld []byte

// demoCommand tells the story of one app on the terminal: every request and
// answer is real, goes over HTTP and is checked.
type demoCommand struct {
	Once bool   `help:"Tell the story and exit: 0 only if every step held."`
	Addr string `default:"127.0.0.1:0" env:"SOUK_ADDR" help:"Address to listen on; default: a free port of loopback."`

	tamper tamper // of the tests
}

// Run tells the story; without --once the server then stays up until an
// interrupt.
func (c demoCommand) Run(ctx context.Context, t terminal) (err error) {
	dir, err := os.MkdirTemp("", "souk-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	database := filepath.Join(dir, "souk.db")
	key, err := serverKey("", database)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return err
	}
	var logged bytes.Buffer // shown when a step fails
	log := slog.New(web.WithRequestID(slog.NewTextHandler(&locked{w: &logged}, &slog.HandlerOptions{Level: slog.LevelWarn})))
	watched, err := telemetryFlags{}.open(ctx, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer watched.close()
	n, err := openNode(ctx, settings{
		Database: database, Key: key, URL: baseURL("", listener), Egress: courier.ClientOptions{AllowPrivate: true}, RateLimits: true,
		Watched: watched, Log: log,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, n.close()) }()
	people, err := settle(ctx, n.market)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	hooks, err := openInbox()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer hooks.close()

	running, stop := context.WithCancel(ctx)
	defer stop()
	stopped := make(chan error, 1)
	go func() { stopped <- n.run(running, listener) }()
	told := c.tell(ctx, t, baseURL("", listener), people, hooks)
	if told != nil {
		fmt.Fprint(t.err, logged.String())
	} else if !c.Once {
		people.invite(t.out, baseURL("", listener))
		<-ctx.Done()
	}
	stop()
	return errors.Join(told, <-stopped)
}

func (c demoCommand) tell(ctx context.Context, t terminal, base string, people cast, hooks *inbox) error {
	s := &story{out: t.out, base: base, cast: people, hooks: hooks, tamper: c.tamper}
	return s.tell(ctx)
}

// cast are the objects of the made-up company by their names in demo.yaml.
type cast map[string]market.Object

// settle applies the made-up company.
func settle(ctx context.Context, m *market.Market) (cast, error) {
	document, err := world.Parse(world.File{Name: "demo.yaml", Text: demoWorld})
	if err != nil {
		return nil, err
	}
	applied, err := m.ApplyWorld(ctx, souk.Operator("demo"), document, market.How{})
	if err != nil {
		return nil, err
	}
	people := cast{}
	for _, o := range applied.Objects {
		people[o.Section+"."+o.Key] = o
	}
	return people, nil
}

// id is an object's ID as the native API spells it.
func (c cast) id(name string) string { return c[name].ID.String() }

// token is the secret of a token.
func (c cast) token(name string) string { return c["tokens."+name].Secret }
