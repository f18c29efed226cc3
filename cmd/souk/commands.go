package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are the sub-commands and their flags. What a machine is set up with
// has a twin in the environment; what one run does has none.
type commands struct {
	Serve serveCommand `cmd:"" help:"Run the server."`
	Apply applyCommand `cmd:"" help:"Write world documents into a database that no server holds."`
	Demo  demoCommand  `cmd:"" help:"Tell the story of one app, from the first request to a signed webhook."`
}

// terminal is where a command reads from and writes to.
type terminal struct {
	out, err io.Writer
}

// Exit codes: done, refused or failed, bad usage or a bad document.
const (
	exitDone    = 0
	exitFailed  = 1
	exitBadText = 2
)

// badText is an error in what the user wrote.
type badText struct{ error }

// run is main without the process: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	var c commands
	code := exitDone
	ended := false
	parser, err := kong.New(&c,
		kong.Name("souk"),
		kong.Description("The app marketplace and app governance server that a company runs itself."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(n int) { code, ended = n, true }), // after --help
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(stderr, "souk:", err)
		return exitFailed
	}
	chosen, err := parser.Parse(args)
	if ended {
		return code
	}
	if err != nil {
		fmt.Fprintln(stderr, "souk:", err)
		return exitBadText
	}

	ctx, stop := interruptible()
	defer stop()
	chosen.BindTo(ctx, (*context.Context)(nil))
	err = chosen.Run(terminal{stdout, stderr})
	var bad badText
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &bad):
		code = exitBadText
	default:
		code = exitFailed
	}
	fmt.Fprintln(stderr, "souk:", err)
	return code
}

// interruptible is a context that ends at the first interrupt or termination.
// The second exits at once: leases and the outbox make that harmless.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(exitFailed)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
