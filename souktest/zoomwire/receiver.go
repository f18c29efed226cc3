package zoomwire

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Receiver is an app's server that takes nothing but what every receiver of
// Zoom's events takes. It refuses what Check does with 401, and a signature that
// it has seen with 409. Safe for concurrent use.
type Receiver struct {
	Secret func() string // the app's webhook secret token, now

	// Wants, if set, refuses a request for want of a header, say.
	Wants func(Request) error
	// Answers, if set, is the status of an event that is in order, by how many
	// came before; 0 lets the request wait until it is given up.
	Answers func(before int) int

	mu     sync.Mutex
	got    []Request
	faults []error
	seen   map[string]bool
	events int
}

// ServeHTTP takes a request.
func (v *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	got := Request{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: body, At: time.Now()}
	if err == nil && (r.ContentLength != int64(len(body)) || len(r.TransferEncoding) > 0) {
		err = fmt.Errorf("%d bytes came and %d were announced", len(body), r.ContentLength)
	}
	if err == nil {
		err = Check(got, v.Secret())
	}
	if err == nil && v.Wants != nil {
		err = v.Wants(got)
	}
	switch status := v.take(got, err); {
	case status == 0:
		<-r.Context().Done()
	case status == http.StatusOK && got.Event() == Validation:
		plain, _ := got.Payload()["plainToken"].(string)
		json.NewEncoder(w).Encode(map[string]string{"encryptedToken": Encrypt(v.Secret(), plain), "plainToken": plain})
	default:
		w.WriteHeader(status)
	}
}

func (v *Receiver) take(r Request, err error) (status int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.got = append(v.got, r)
	if v.seen == nil {
		v.seen = map[string]bool{}
	}
	signed := r.Header.Get("X-Zm-Request-Timestamp") + r.Header.Get("X-Zm-Signature")
	switch {
	case err != nil:
		v.faults = append(v.faults, err)
		return http.StatusUnauthorized
	case v.seen[signed]:
		v.faults = append(v.faults, fmt.Errorf("the signature of an earlier request came again"))
		return http.StatusConflict
	}
	v.seen[signed] = true
	if v.Answers == nil || r.Event() == Validation {
		return http.StatusOK
	}
	v.events++
	return v.Answers(v.events - 1)
}

// Got is all that came, in order.
func (v *Receiver) Got() []Request {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.got)
}

// Faults are what it refused.
func (v *Receiver) Faults() []error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.faults)
}
