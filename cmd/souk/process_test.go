package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// beSouk has the test binary be the souk command: so the processes that tests
// start are the ones that were built for them, race detector included.
const beSouk = "SOUK_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(beSouk) == "" {
		os.Exit(m.Run())
	}
	signal.Ignore(syscall.SIGXFSZ) // a write without room fails instead
	go func() {
		done := os.NewFile(3, "limits")
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			size, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				panic(err)
			}
			limitFiles(size)
			if _, err := done.Write([]byte{'.'}); err != nil {
				panic(err)
			}
		}
		os.Exit(exitFailed) // we live no longer than the test that holds the other end
	}()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// limitFiles says, in bytes, beyond which size files cannot be written, as if the
// disk were full.
func limitFiles(size uint64) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit)
	if err == nil {
		limit.Cur = min(size, limit.Max)
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	}
	if err != nil {
		panic(err)
	}
}

// patience is how long tests wait for what must come. It is long for machines
// that do other things as well: nothing is ever waited for in vain.
const patience = time.Minute

// process is a souk command that runs beside the test.
type process struct {
	*exec.Cmd
	Base     string // public URL, of a server
	Out, Log *output
	life     io.WriteCloser // it ends when this is closed, and reads from it how large files may become
	limits   *os.File       // says that one of them has been set
	exited   chan struct{}  // closed when Wait has answered
}

// start runs souk with arguments in a directory. The environment has nothing
// of Souk's but what env adds.
func start(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...), Out: newOutput(), Log: newOutput(), exited: make(chan struct{})}
	p.Dir, p.Stdout, p.Stderr = dir, p.Out, p.Log
	p.Env = []string{beSouk + "=1"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SOUK_") {
			p.Env = append(p.Env, v)
		}
	}
	p.Env = append(p.Env, env...)
	var err error
	if p.life, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	limits, done, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.limits, p.ExtraFiles = limits, []*os.File{done}
	err = p.Cmd.Start()
	if err := errors.Join(err, done.Close()); err != nil {
		t.Fatal(err)
	}
	go func() {
		// How it ended is in ProcessState, and each test knows what to expect.
		_ = p.Wait()
		p.Out.close()
		p.Log.close()
		close(p.exited)
	}()
	t.Cleanup(func() {
		if err := p.life.Close(); err != nil && !p.ended() {
			t.Error(err)
		}
		<-p.exited
		if err := p.limits.Close(); err != nil {
			t.Error(err)
		}
		const most = 32 << 10 // the rest is more of the same
		log := p.Log.String()
		if race := strings.Index(log, "WARNING: DATA RACE"); race >= 0 {
			t.Errorf("souk %s has a race:\n%s", strings.Join(args, " "), log[race:min(len(log), race+most)])
		} else if t.Failed() {
			t.Errorf("souk %s ended with %v and said:\n%s%s", strings.Join(args, " "), p.ProcessState, p.Out, log[max(0, len(log)-most):])
		}
	})
	return p
}

var listens = regexp.MustCompile(`Souk listens on (\S+) `)

// serve starts a server on a free port and waits until it is ready.
func serve(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := start(t, dir, nil, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
	p.ready(t)
	return p
}

// ready waits until a server answers that it is ready.
func (p *process) ready(t *testing.T) {
	t.Helper()
	found := p.Out.await(listens)
	if found == nil {
		<-p.exited
		t.Fatalf("souk did not serve: %v\n%s%s", p.ProcessState, p.Out, p.Log)
	}
	p.Base = found[1]
	if status, body := get(t, p.Base+"/readyz"); status != http.StatusOK {
		t.Fatalf("/readyz says %d %q", status, body)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(raw)
}

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// exit waits for the end of the process and answers its exit code, -1 after a
// signal.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("souk did not end in %s", patience)
		return 0
	}
}

// interrupt sends a signal.
func (p *process) interrupt(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process as the kernel does when it is short of memory.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.interrupt(t, syscall.SIGKILL)
	p.exit(t)
}

// allow says, in bytes, beyond which size the process can write no file from now on.
func (p *process) allow(t *testing.T, size uint64) {
	t.Helper()
	if _, err := fmt.Fprintln(p.life, size); err != nil {
		t.Fatal(err)
	}
	if _, err := p.limits.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// stop has a server drain, which it must do without a complaint.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.interrupt(t, syscall.SIGTERM)
	if code := p.exit(t); code != exitDone {
		t.Fatalf("a server that was told to stop ended with %d", code)
	}
}

// output is what a process says, to be read while it speaks.
type output struct {
	mu     sync.Mutex
	text   bytes.Buffer
	ended  bool
	change chan struct{} // closed and made anew with each change
}

func newOutput() *output { return &output{change: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	o.changed()
	return len(b), nil
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.changed()
}

func (o *output) changed() {
	close(o.change)
	o.change = make(chan struct{})
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await answers what matches, or nil when the process ended without saying so.
func (o *output) await(what *regexp.Regexp) []string {
	deadline := time.After(patience)
	for {
		o.mu.Lock()
		found, ended, change := what.FindStringSubmatch(o.text.String()), o.ended, o.change
		o.mu.Unlock()
		if found != nil || ended {
			return found
		}
		select {
		case <-change:
		case <-deadline:
			return nil
		}
	}
}

// site is a database with a key file, for servers to be started on.
type site struct {
	Address string
	Key     souk.Key
	dir     string
	keyFile string
}

func newSite(t *testing.T, address string) *site {
	t.Helper()
	s := &site{Address: address, dir: t.TempDir()}
	s.keyFile = filepath.Join(s.dir, "key")
	var secret [souk.KeySize]byte
	rand.Read(secret[:]) // never fails
	if err := os.WriteFile(s.keyFile, []byte(hex.EncodeToString(secret[:])), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Key = souk.NewKey(secret)
	return s
}

// serve starts a server of the site: without limits, and free to deliver to
// receivers of the test.
func (s *site) serve(t *testing.T, args ...string) *process {
	t.Helper()
	p := s.launch(t, args...)
	p.ready(t)
	return p
}

// launch is serve that waits for nothing.
func (s *site) launch(t *testing.T, args ...string) *process {
	t.Helper()
	return start(t, s.dir, nil, append([]string{
		"serve", "--addr", "127.0.0.1:0", "--db", s.Address, "--key-file", s.keyFile, "--rate-limits", "off", "--allow-private-targets",
	}, args...)...)
}

// open runs fn on the site's database while no server has it.
func (s *site) open(t *testing.T, fn func(*store.DB) error) {
	t.Helper()
	db, err := store.Open(t.Context(), s.Address)
	if err != nil {
		t.Fatal(err)
	}
	if err := fn(db); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// seed writes into the site's database while no server has it.
func (s *site) seed(t *testing.T, fn func(*souktest.Seeder)) {
	t.Helper()
	s.open(t, func(db *store.DB) error { return souktest.Seed(t.Context(), db, s.Key, fn) })
}

// read reads the site's database while no server has it.
func (s *site) read(t *testing.T, fn func(*store.Tx) error) {
	t.Helper()
	s.open(t, func(db *store.DB) error { return db.Read(context.Background(), fn) })
}
