package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// BodyTime is how long ReadBody waits for the whole of a request's body.
const BodyTime = 10 * time.Second

// ErrBodyTooLarge and ErrBodyTooSlow are what a client can do wrong with the size
// and the pace of a body.
var (
	ErrBodyTooLarge = errors.New("request body is too large")
	ErrBodyTooSlow  = errors.New("request body did not arrive in time")
)

// ReadBody reads the whole body of a request: at most limit bytes, which must
// have arrived BodyTime from now. It answers ErrBodyTooLarge or ErrBodyTooSlow, and
// any other error when the body broke off. After an error the rest of the body
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
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	var timeout interface{ Timeout() bool }
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over), err == nil && int64(len(body)) > limit:
		return nil, ErrBodyTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, ErrBodyTooSlow
	case err != nil:
		return nil, fmt.Errorf("read request body: %w", err)
	}
	return body, nil
}
