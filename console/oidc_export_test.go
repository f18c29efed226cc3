package console

import "net/http"

// AskProviderBy makes h ask its provider over another network.
func (h *Handler) AskProviderBy(network http.RoundTripper) {
	h.provider.client.Transport = bounded{network}
}
