package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine names what was measured on.
func machine() string {
	return fmt.Sprintf("%d cores, %s %s/%s", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// build compiles the command that is measured.
func build(ctx context.Context, into string) error {
	c := exec.CommandContext(ctx, "go", "build", "-o", into, "./cmd/souk")
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c.Run()
}

// process is a server that the benchmark started.
type process struct {
	command *exec.Cmd
	base    string // its URL
}

// start runs a server that listens on the address it is given in its
// environment, and waits until path answers.
func start(ctx context.Context, path string, env []string, program string, args ...string) (*process, error) {
	// A port that was free a moment ago.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(append(os.Environ(), "SOUK_ADDR="+address), env...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 30 * time.Second
	if err := c.Start(); err != nil {
		return nil, err
	}
	p := &process{command: c, base: "http://" + address}
	if err := p.ready(ctx, path); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *process) ready(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		answer, err := http.Get(p.base + path)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server did not get ready: %w", errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}

func (p *process) stop() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.command.Wait()
}

// memory is what the process holds now and held at most, in MiB.
func (p *process) memory() (now, most int, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.Atoi(fields[1]) // other lines hold other things
		switch fields[0] {
		case "VmRSS:":
			now = kib / 1024
		case "VmHWM:":
			most = kib / 1024
		}
	}
	return now, most, nil
}

// serveEcho is the bare server: it reads a body and answers as many bytes as an
// approval does, or as it is asked for.
func serveEcho(ctx context.Context) error {
	s := &http.Server{Addr: os.Getenv("SOUK_ADDR"), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if n, err := strconv.Atoi(r.URL.Query().Get("bytes")); err == nil {
			io.WriteString(w, `{"`+strings.Repeat(" ", n)+`":0}`)
			return
		}
		io.WriteString(w, `{"ok":true}`+"\n")
	})}
	context.AfterFunc(ctx, func() { s.Close() })
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
