package console

import "souk/web"

// limits are how often somebody may try to sign in.
type limits struct {
	addresses *web.AddressLimiter
}

func newLimits() *limits { return &limits{web.NewAddressLimiter(30, 60)} }
