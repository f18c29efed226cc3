// Package zoom is the Zoom face of the market: Zoom's Marketplace REST API in
// and its webhooks out, so that clients and receivers written for Zoom work
// against Souk unchanged.
//
// A call is authenticated and checked (handler.go, call.go, limits.go), finds
// its route in a table (routes.go) and is told to one verb or read of the market.
// The market's refusals become Zoom's codes in one table (refusals.go). The
// account of a call is the root org of its token: that is where this face asks
// and decides.
//
// What is answered, what never and why: docs/dialects/zoom.md, whose section
// titles the comments of this package cite.
package zoom
