package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"souk/console"
	"souk/market"
	"souk/web"
)

// serveCommand runs the server. Without a flag it keeps a SQLite database in
// the working directory and listens on loopback.
type serveCommand struct {
	Addr           string         `default:"127.0.0.1:8080" env:"SOUK_ADDR" help:"Address to listen on."`
	DB             string         `name:"db" default:"souk.db" env:"SOUK_DB" help:"Path of a SQLite database, or postgres://…"`
	KeyFile        string         `env:"SOUK_KEY_FILE" type:"path" help:"File with the server's key; made beside a SQLite database, required on PostgreSQL."`
	URL            string         `name:"url" env:"SOUK_URL" help:"Public base URL; default: what --addr says."`
	Egress         egressFlags    `embed:""`
	TrustedProxies []string       `env:"SOUK_TRUSTED_PROXIES" help:"Addresses or prefixes of proxies whose X-Forwarded-For is believed."`
	RateLimits     string         `enum:"on,off" default:"on" env:"SOUK_RATE_LIMITS" help:"Whether calls are limited: on or off."`
	KeepLog        time.Duration  `default:"168h" env:"SOUK_KEEP_LOG" help:"How long the log of deliveries is kept."`
	LogBytes       int64          `env:"SOUK_LOG_BYTES" help:"About how large the log may get, in bytes, before its oldest part goes; 0: as large as it gets."`
	OpenID         openIDFlags    `embed:"" prefix:"oidc-"`
	Telemetry      telemetryFlags `embed:""`
	Mail           mailFlags      `embed:""`
	CPUProfile     string         `name:"cpu-profile" env:"SOUK_CPU_PROFILE" type:"path" help:"File for a CPU profile of the whole run, for go tool pprof."`
}

// Run serves until an interrupt, then drains.
func (c serveCommand) Run(ctx context.Context, t terminal) (err error) {
	made, _ := debug.ReadBuildInfo()
	if err := checkClock(time.Now(), made); err != nil {
		return err
	}
	collectSeldom()
	s, err := c.settings(t)
	if err != nil {
		return err
	}
	if c.CPUProfile != "" {
		stop, err := profile(c.CPUProfile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return err
	}
	defer listener.Close() // for the ways out before Serve takes it
	s.URL = baseURL(c.URL, listener)
	if s.Watched, err = c.Telemetry.open(ctx, s.Log); err != nil {
		return err
	}
	n, err := openNode(ctx, s)
	if err != nil {
		s.Watched.close()
		return err
	}
	return within(ctx, stopTime, func() error {
		defer s.Watched.close()
		return errors.Join(c.serve(ctx, t, n, s.URL, listener), n.close())
	})
}

// serve says on the terminal what somebody needs to know who starts a node, and runs it.
func (c serveCommand) serve(ctx context.Context, t terminal, n *node, base string, listener net.Listener) error {
	secret, err := n.market.FirstPlatformToken(ctx)
	if err != nil {
		return err
	}
	if secret != "" {
		fmt.Fprintf(t.out, "This is a new marketplace. Its platform token, shown this once:\n\n    %s\n\n", secret)
	}
	code, err := n.market.WelcomeCode(ctx)
	if err != nil {
		return err
	}
	if code != "" {
		fmt.Fprintf(t.out, "Make the first operator account (good for 24 hours):\n\n    %s\n\n", console.WelcomeLink(base, code))
	}
	fmt.Fprintf(t.out, "Souk listens on %s (database %s).\n", base, withoutPassword(c.DB))
	return n.run(ctx, listener)
}

// profile writes what the CPU does into a file until it is stopped.
func profile(file string) (stop func() error, err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// settings reads the flags.
func (c serveCommand) settings(t terminal) (s settings, err error) {
	if err := checkURL(c.URL); err != nil {
		return s, err
	}
	proxies, err := web.ParseProxies(c.TrustedProxies)
	if err != nil {
		return s, badText{err}
	}
	provider, err := c.OpenID.provider()
	if err != nil {
		return s, err
	}
	egress, err := c.Egress.options()
	if err != nil {
		return s, err
	}
	log := slog.New(web.WithRequestID(slog.NewJSONHandler(t.err, nil)))
	mailer, err := c.Mail.mailer(egress.RootCAs, log)
	if err != nil {
		return s, err
	}
	key, err := serverKey(c.KeyFile, c.DB)
	return settings{
		Database: c.DB, Key: key, Egress: egress,
		TrustedProxies: proxies, RateLimits: c.RateLimits == "on", OpenID: provider,
		Keep: market.Keeping{For: c.KeepLog, Bytes: c.LogBytes},
		Mail: mailer.Send, Log: log,
	}, err
}

// checkURL refuses what cannot be the public base URL; none is fine.
func checkURL(s string) error {
	switch {
	case s != "" && !isBase(s):
		return badText{errors.New("--url must be an http or https URL without user, query and fragment")}
	case hasPath(s):
		return badText{errors.New("--url must have no path: pages and links stand at the top of a host")}
	}
	return nil
}

// isBase reports whether paths can be put behind s to make addresses for
// everybody.
func isBase(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil && !strings.ContainsAny(s, "?#")
}

// hasPath reports whether the base address s is not the top of a host.
func hasPath(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Path != "" && u.Path != "/"
}

// withoutPassword is a database's address as it may be shown.
func withoutPassword(address string) string {
	if !isPostgres(address) {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		return "postgres://…"
	}
	return u.Redacted()
}
