// Command pgserver runs a command beside a PostgreSQL server that lives as
// long as the command does:
//
//	go run ./souktest/pgserver [-durable] -- go test ./...
//
// The command finds the server in SOUK_TEST_POSTGRES. If that is set already,
// the command just runs. The exit code is the command's.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"souk/souktest"
)

func main() {
	durable := flag.Bool("durable", false, "sync files to the disk, as a server for measurements must")
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	code, err := run(*durable, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgserver:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(durable bool, command []string) (code int, err error) {
	// An interrupt reaches the command from the terminal. We stay for its code.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if os.Getenv(souktest.PostgresVariable) == "" {
		cluster, err := souktest.StartPostgres(durable)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, cluster.Stop()) }()
		cmd.Env = append(os.Environ(), souktest.PostgresVariable+"="+cluster.Address)
	}
	var exit *exec.ExitError
	if err = cmd.Run(); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil // a signal has no code
	}
	return 0, err
}
