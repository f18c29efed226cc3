package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// BodyTime is how long ReadBody waits for the whole of a request's body.
const BodyTime = 10 * time.Second

// Bodies may be read before anybody knows who sends them, so strangers choose how
// many there are at once. Those beyond smallBody have to share a few places: what
// is being read takes some 130 MB at most, for any thousand slow senders. A body
// that announces its length gets exactly that; one that does not takes up to three
// times its size, which faces bear by smaller limits where strangers may send.
const (
	smallBody   = 64 << 10 // bytes
	largeBodies = 32
)

var largeBody = make(chan struct{}, largeBodies)

// ErrBodyTooLarge and ErrBodyTooSlow are what a client can do wrong with the size
// and the pace of a body. ErrBusy is no fault of the client's: as many bodies of
// more than 64 KiB are being read as there is room for.
var (
	ErrBodyTooLarge = errors.New("request body is too large")
	ErrBodyTooSlow  = errors.New("request body did not arrive in time")
	ErrBusy         = errors.New("too many large request bodies at once")
)

// ReadBody reads the whole body of a request: at most limit bytes, which must
// have arrived BodyTime from now. It answers ErrBodyTooLarge, ErrBodyTooSlow or
// ErrBusy, and any other error when the body broke off. After an error the rest of the body
// is still on its way, so the answer is told to close the connection.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := readBody(w, r, limit)
	if err != nil {
		w.Header().Set("Connection", "close")
	}
	return body, err
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, ErrBodyTooLarge
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	// net/http lifts the deadline when the body has ended, so that it does not
	// cut short what the handler does next. A writer without a connection, such as
	// a recorder, has no pace.
	err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(BodyTime))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, fmt.Errorf("set read deadline: %w", err)
	}
	body, err := readAll(io.LimitReader(r.Body, limit+1), r.ContentLength)
	var timeout interface{ Timeout() bool }
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over), err == nil && int64(len(body)) > limit:
		return nil, ErrBodyTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, ErrBodyTooSlow
	case errors.Is(err, ErrBusy):
		return nil, ErrBusy
	case err != nil:
		return nil, fmt.Errorf("read request body: %w", err)
	}
	return body, nil
}

// readAll is io.ReadAll, but for a large body only while there is a place. length
// is what was announced, or -1.
func readAll(r io.Reader, length int64) ([]byte, error) {
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, smallBody+1); err != nil {
		if err == io.EOF {
			err = nil // a small body has ended
		}
		return body.Bytes(), err
	}
	select {
	case largeBody <- struct{}{}:
		defer func() { <-largeBody }()
	default:
		return nil, ErrBusy
	}
	body.Grow(int(max(length-int64(body.Len()), 0)) + bytes.MinRead) // not by doubling
	_, err := body.ReadFrom(r)
	return body.Bytes(), err
}
