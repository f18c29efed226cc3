// Package conformance drives the running binary with what is used to reach it:
// the unmodified client libraries of Slack and Zoom, an app's server in Python,
// and a browser. README.md says what that proves.
package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"souk"
	"souk/world"
)

// binary is the souk that the tests run.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// buildAndRun builds the binary, with the race detector if the tests have it,
// and runs the tests.
func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "souk-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "souk")
	build := exec.Command("go", "build", "-o", binary, "-race="+raced(), "souk/cmd/souk")
	if said, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build.Args, err, said)
		return 1
	}
	return m.Run()
}

// raced is "true" when these tests run with the race detector.
func raced() string {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value
		}
	}
	return "false"
}

// server is a running souk and the company that testdata/world.yaml puts into
// its database.
type server struct {
	URL string `json:"url"`
	world.Output

	// Witnesses are receivers of the test's own, by the keys of the apps whose
	// they are.
	Witnesses map[string]string `json:"witnesses,omitempty"`
}

// startServer applies the company to a fresh database and serves it, with more
// flags, until the test ends.
func startServer(t *testing.T, database string, flags ...string) server {
	t.Helper()
	s, _ := startWorld(t, database, filepath.Join("testdata", "world.yaml"), flags...)
	return s
}

// startWorld is startServer with another world document. It answers with the
// server's key as well.
func startWorld(t *testing.T, database, document string, flags ...string) (server, souk.Key) {
	t.Helper()
	where, key := place(t, database)
	s := server{Output: apply(t, append(where, document)...)}
	s.URL = serve(t, s.secrets(), slices.Concat(where, flags)...).base
	return s, key
}

// place is where a Souk lives: the flags that name a database and a new key for
// it, and the key.
func place(t *testing.T, database string) (flags []string, key souk.Key) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "souk.key")
	var secret [souk.KeySize]byte
	rand.Read(secret[:]) // never fails
	if err := os.WriteFile(file, []byte(hex.EncodeToString(secret[:])), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--db", database, "--key-file", file}, souk.NewKey(secret)
}

// secrets are what no log may hold.
func (s server) secrets() (all []string) {
	for _, made := range s.Tokens {
		all = append(all, made.Token)
	}
	for _, app := range s.Apps {
		c := app.Credentials
		all = append(all, c.Slack.ClientSecret, c.Slack.SigningSecret, c.Slack.VerificationToken, c.Giosg.Secret)
		all = append(all, c.Zoom.ClientSecret, c.Zoom.WebhookSecretToken)
	}
	return slices.DeleteFunc(all, func(secret string) bool { return secret == "" })
}

// apply runs souk apply.
func apply(t *testing.T, args ...string) (made world.Output) {
	t.Helper()
	node := exec.CommandContext(t.Context(), binary, append([]string{"apply"}, args...)...)
	var said bytes.Buffer
	node.Stderr = &said
	out, err := node.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", node.Args, err, said.String())
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatalf("%v: %v\n%s", node.Args, err, out)
	}
	return made
}

// patience is how long anything may take that takes milliseconds where nothing
// else runs.
const patience = 2 * time.Minute

// serve runs souk serve on a free port until the test ends, and then holds it to
// a clean exit and a log without secrets. It answers with what the server prints.
func serve(t *testing.T, secrets []string, flags ...string) *announcement {
	t.Helper()
	said := &announcement{url: make(chan string, 1)}
	var logged bytes.Buffer
	ctx, stop := context.WithCancel(context.Background())
	node := exec.CommandContext(ctx, binary, append([]string{"serve", "--addr", "127.0.0.1:0", "--allow-private-targets"}, flags...)...)
	node.Stdout, node.Stderr = said, &logged
	node.Cancel = func() error { return node.Process.Signal(os.Interrupt) }
	node.WaitDelay = patience
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = node.Wait() // its ProcessState is looked at
		close(ended)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if code := node.ProcessState.ExitCode(); code != 0 {
			t.Errorf("souk serve: %v", node.ProcessState)
		}
		for _, secret := range secrets {
			if strings.Contains(logged.String(), secret) {
				t.Errorf("the log holds the secret %s", secret)
			}
		}
		if t.Failed() {
			t.Logf("souk serve said:\n%s%s", said.String(), logged.String())
		}
	})

	select {
	case said.base = <-said.url:
	case <-ended:
		t.Fatal("souk serve ended before it listened")
	case <-time.After(patience):
		t.Fatal("souk serve does not listen")
	}
	ready, err := (&http.Client{Timeout: patience}).Get(said.base + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Body.Close()
	if ready.StatusCode != http.StatusOK {
		t.Fatalf("/readyz answers %s", ready.Status)
	}
	return said
}

// announcement finds in what souk serve prints where it listens.
type announcement struct {
	base string // once it listens
	url  chan string

	mu   sync.Mutex
	text strings.Builder
}

var listens = regexp.MustCompile(`Souk listens on (http://\S+) `)

func (a *announcement) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := listens.MatchString(a.text.String())
	a.text.Write(p)
	if found := listens.FindStringSubmatch(a.text.String()); found != nil && !before {
		a.url <- found[1]
	}
	return len(p), nil
}

func (a *announcement) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.text.String()
}
