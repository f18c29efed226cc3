package courier

import (
	"net/http"
	"testing"
	"time"

	"souk/souktest"
)

// serve answers every connection of a new wire with h and returns a client that
// reaches it under any name. It is for virtual time.
func serve(t testing.TB, h http.Handler) *Client {
	w := souktest.NewWire()
	server := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(w) }()
	c := NewClient(ClientOptions{})
	c.transport.DialContext = w.Dial
	t.Cleanup(func() {
		server.Close()
		c.Close()
		<-served
		time.Sleep(time.Second) // until handlers that the server does not know have noticed
	})
	return c
}
