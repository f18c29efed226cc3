package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// A server without its database lives and is not ready.
func TestReadyFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	cluster, err := souktest.StartPostgres(false)
	if err != nil {
		t.Fatal(err)
	}
	site := newSite(t, cluster.Address)
	var c company
	site.seed(t, func(s *souktest.Seeder) { c = newCompany(s, "Acme", 1, nil) })
	p := site.serve(t)
	on := newClient(t, p.Base)
	if code, err := on.slack(t, c.adminToken, "auth.test", nil); err != nil || code != "ok" {
		t.Errorf("before: auth.test got %q (%v)", code, err)
	}
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, p.Base+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz says %d %q", status, body)
	}
	if status, body := get(t, p.Base+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d %q", status, body)
	}
	a, err := on.do(t, "POST", "/api/auth.test", c.adminToken, "", nil)
	if err != nil || a.status != http.StatusServiceUnavailable || !bytes.Contains(a.body, []byte(`"service_unavailable"`)) {
		t.Errorf("auth.test got %d %s (%v)", a.status, a.body, err)
	}
	if a, err = on.native(t, c.memberToken, "GET", "/me", ""); err != nil || a.status != http.StatusServiceUnavailable {
		t.Errorf("/me got %d %s (%v)", a.status, a.body, err)
	}
	p.stop(t)
}

// A server that is told to stop answers what it has in hand, a request and a
// delivery, writes down what became of it, and ends well.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		t.Parallel()
		hears := newReceiver(t)
		held, release := make(chan struct{}), make(chan struct{})
		hears.slow = func(*http.Request) {
			held <- struct{}{}
			<-release
		}
		site := newSite(t, address)
		var c company
		var q souk.Request
		site.seed(t, func(s *souktest.Seeder) {
			c = newCompany(s, "Acme", 1, hears)
			q = s.Request(c.apps[0], c.workspace, c.member)
		})
		p := site.serve(t)
		if code, err := newClient(t, p.Base).slack(t, c.adminToken, "admin.apps.approve", c.decide(q.ID)); err != nil || code != "ok" {
			t.Fatalf("the approval got %q (%v)", code, err)
		}
		<-held
		late := begin(t, p.Base, c.adminToken)
		p.interrupt(t, syscall.SIGTERM)
		awaitClosed(t, p.Base)
		if said := late.finish(t); !strings.Contains(said, `"ok":true`) {
			t.Errorf("the request in hand got %s", said)
		}
		close(release)
		if code := p.exit(t); code != exitDone {
			t.Errorf("ended with %d", code)
		}
		site.read(t, func(tx *store.Tx) error {
			all, err := tx.DeliveriesPage(c.nativeHook.ID, "", souk.Page{Size: 10})
			if err != nil {
				return err
			}
			if len(all) != 1 || all[0].Status != souk.DeliverySuccessful || all[0].Attempts != 1 {
				t.Errorf("the delivery in hand became %+v", all)
			}
			return nil
		})
	})
}

// The second signal waits for nobody.
func TestSecondSignalExitsAtOnce(t *testing.T) {
	t.Parallel()
	site := newSite(t, filepath.Join(t.TempDir(), "souk.db"))
	var c company
	site.seed(t, func(s *souktest.Seeder) { c = newCompany(s, "Acme", 0, nil) })
	p := site.serve(t)
	begin(t, p.Base, c.adminToken) // and never finished
	p.interrupt(t, syscall.SIGTERM)
	awaitClosed(t, p.Base)
	began := time.Now()
	p.interrupt(t, os.Interrupt)
	if code := p.exit(t); code != exitFailed {
		t.Errorf("ended with %d", code)
	}
	if took := time.Since(began); took > 5*time.Second { // the request would hold it for 10 s
		t.Errorf("it took %s", took)
	}
}

// begun is a request of which the server has read the head and waits for the
// body.
type begun struct{ net.Conn }

const lateBody = "pretty=1"

func begin(t *testing.T, base, token string) begun {
	t.Helper()
	return beginCall(t, base, "/api/auth.test", token, "application/x-www-form-urlencoded", len(lateBody))
}

func beginCall(t *testing.T, base, path, token, contentType string, length int) begun {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: souk\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", path, token, contentType, length); err != nil {
		t.Fatal(err)
	}
	// It says so when somebody wants to read the body.
	line := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(conn, line); err != nil || !bytes.HasPrefix(line, []byte("HTTP/1.1 100 ")) {
		t.Fatalf("%q: %v", line, err)
	}
	return begun{conn}
}

// finish sends the rest and answers all that comes back.
func (b begun) finish(t *testing.T) string {
	t.Helper()
	if _, err := b.Write([]byte(lateBody)); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	if _, err := all.ReadFrom(b); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// awaitClosed waits until a server takes no new connections.
func awaitClosed(t *testing.T, base string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			return
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("it still takes connections")
}
