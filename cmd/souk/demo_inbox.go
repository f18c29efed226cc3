package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// inbox plays the servers of the apps that are told things. It checks
// signatures as any receiver would: by what the wires' documents say, without
// Souk's own code.
type inbox struct {
	server *http.Server
	url    string
	heard  chan notice

	mu            sync.Mutex
	signingSecret string // of Slack's wire
	webhookSecret string // of the native wire
	appSecret     string // of giosg's wire
	guideSecret   string // of the app that is called by its trigger URL

	zoomSecrets map[string]string // of Zoom's wire, by the path of who has it
}

// notice is one webhook request that came in.
type notice struct {
	method, path string
	body         []byte
	err          error // of its signature
}

func openInbox() (*inbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &inbox{url: "http://" + l.Addr().String(), heard: make(chan notice, 64), zoomSecrets: map[string]string{}}
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: 5 * time.Second}
	go i.server.Serve(l)
	return i, nil
}

// hear takes note of a request. Once nobody listens any more, the newest are
// forgotten.
func (i *inbox) hear(n notice) {
	select {
	case i.heard <- n:
	default:
	}
}

func (i *inbox) close() { i.server.Close() }

// trust tells the inbox what its apps' deliveries are signed with.
func (i *inbox) trust(signing, webhook string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if signing != "" {
		i.signingSecret = signing
	}
	if webhook != "" {
		i.webhookSecret = webhook
	}
}

// trustApp is trust for an app whose deliveries are signed in giosg's way.
func (i *inbox) trustApp(secret string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.appSecret = secret
}

// trustZoom is trust for an app whose deliveries come to a path, signed in Zoom's
// way.
func (i *inbox) trustZoom(path, secret string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.zoomSecrets[path] = secret
}

// ServeHTTP takes a delivery, or answers a challenge, or shows the page of an
// app that is called by its trigger URL.
func (i *inbox) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == guidePath {
		i.guide(w, req)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	n := notice{method: req.Method, path: req.URL.Path, body: body}
	zoomSecret, isZoom := i.zoomSecrets[n.path]
	switch {
	case isZoom:
		n.err = checkZoom(zoomSecret, req.Header, body)
	case n.path == "/slack":
		n.err = checkSlack(i.signingSecret, req.Header, body)
	case n.path == "/chatbot":
		n.err = checkKeyed([]byte(i.appSecret), req.Header, body)
	default:
		n.err = checkStandard(i.webhookSecret, req.Header, body)
	}
	i.mu.Unlock()
	var challenge struct {
		Type, Challenge, Event string
		Payload                struct{ PlainToken string }
	}
	switch bad := json.Unmarshal(body, &challenge); {
	case n.err != nil:
		w.WriteHeader(http.StatusUnauthorized)
	case bad == nil && challenge.Type == "url_verification":
		io.WriteString(w, challenge.Challenge)
	case bad == nil && challenge.Event == "endpoint.url_validation":
		plain := challenge.Payload.PlainToken
		fmt.Fprintf(w, `{"plainToken":%q,"encryptedToken":%q}`, plain, hexMAC(zoomSecret, plain))
	}
	i.hear(n)
}

// next waits for the next request.
func (i *inbox) next(ctx context.Context) (notice, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case n := <-i.heard:
		return n, nil
	case <-ctx.Done():
		return notice{}, fmt.Errorf("nothing came: %w", ctx.Err())
	}
}

var errSignature = errors.New("the signature is wrong")

// checkSlack verifies X-Slack-Signature: v0 over "v0:<timestamp>:<body>".
func checkSlack(secret string, h http.Header, body []byte) error {
	return checkV0(secret, h.Get("X-Slack-Request-Timestamp"), h.Get("X-Slack-Signature"), body)
}

// checkZoom verifies x-zm-signature, which is made as Slack's is.
func checkZoom(secret string, h http.Header, body []byte) error {
	return checkV0(secret, h.Get("X-Zm-Request-Timestamp"), h.Get("X-Zm-Signature"), body)
}

func checkV0(secret, timestamp, signature string, body []byte) error {
	want := "v0=" + hexMAC(secret, "v0:"+timestamp+":"+string(body))
	if !hmac.Equal([]byte(want), []byte(signature)) {
		return errSignature
	}
	return nil
}

// hexMAC is the HMAC-SHA256 of a text in hexadecimal digits.
func hexMAC(secret, text string) string {
	m := hmac.New(sha256.New, []byte(secret))
	io.WriteString(m, text)
	return hex.EncodeToString(m.Sum(nil))
}

// checkStandard verifies what is signed with a secret of the native wire.
func checkStandard(secret string, h http.Header, body []byte) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	return checkKeyed(key, h, body)
}

// checkKeyed verifies webhook-signature: v1 over "<id>.<timestamp>.<body>".
func checkKeyed(key []byte, h http.Header, body []byte) error {
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%s.%s.%s", h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), body)
	if !hmac.Equal([]byte("v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil))), []byte(h.Get("Webhook-Signature"))) {
		return errSignature
	}
	return nil
}

// locked lets goroutines share a writer.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
