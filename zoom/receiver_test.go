package zoom

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// receiver takes what is sent to an app. At /good it validates as Zoom's own sample
// does; the other paths fail each in their way.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []*http.Request // to /good, their bodies were read
}

func newReceiver(t *testing.T, secret func() string) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		var said struct {
			Event   string
			Payload struct{ PlainToken string }
		}
		if err := json.Unmarshal(body, &said); err != nil || said.Event != validationName {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		plain := said.Payload.PlainToken
		answer := func(encrypted string) {
			fmt.Fprintf(w, `{"encryptedToken":%q,"plainToken":%q,"more":1}`, encrypted, plain)
		}
		switch q.URL.Path {
		case "/good":
			r.mu.Lock()
			r.got = append(r.got, q)
			r.mu.Unlock()
			answer(encrypted(secret(), plain))
		case "/forged":
			answer(encrypted("another", plain))
		case "/echo":
			w.Write(body)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/moved":
			http.Redirect(w, q, "/good", http.StatusTemporaryRedirect)
		default:
			http.Error(w, "no", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// header is a header of the latest validation.
func (r *receiver) header(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[len(r.got)-1].Header.Get(name)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// posted sends what validates a URL.
func posted(ctx context.Context, url string, header map[string]string, body []byte) (int, []byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		return 0, nil, err
	}
	for name, value := range header {
		q.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}
