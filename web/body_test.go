package web_test

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"sync"
	"testing"

	"souk/web"
)

// stalled is a body of which a part comes, and the rest when it is let go.
type stalled struct {
	io.Reader
	stalls func()
}

func (s *stalled) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		s.stalls()
	}
	return n, err
}

// However many senders are slow, few large bodies are in memory; small ones
// are read all the same, and a place that was left is free again.
func TestReadBodyHoldsFewLargeBodies(t *testing.T) {
	const places, limit = 32, 1 << 20
	read := func(body io.Reader) error {
		_, err := web.ReadBody(httptest.NewRecorder(), httptest.NewRequest("POST", "/", body), limit)
		return err
	}
	large := bytes.Repeat([]byte("a"), 70<<10)
	var stalls, done sync.WaitGroup
	letGo := make(chan struct{})
	stalls.Add(places)
	for range places {
		done.Go(func() {
			body := &stalled{bytes.NewReader(large), func() { stalls.Done(); <-letGo }}
			if err := read(body); err != nil {
				t.Error(err)
			}
		})
	}
	stalls.Wait()
	if err := read(bytes.NewReader(large)); !errors.Is(err, web.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if err := read(bytes.NewReader(large[:64<<10])); err != nil {
		t.Errorf("a small one: %v", err)
	}
	close(letGo)
	done.Wait()
	if err := read(bytes.NewReader(large)); err != nil {
		t.Errorf("after all went: %v", err)
	}
}
