// Package slack is the Slack face of the market: its Web API in and its Events
// API out, so that Slack's own client libraries work against Souk unchanged.
//
// A call is read (arguments.go), authenticated and checked (handler.go), told
// to one verb of the market and answered in one envelope (envelope.go). The
// market's refusals become Slack's error codes in one table (refusals.go). An
// event of the market becomes the body that a subscriber gets (events.go).
//
// What is answered, what never and why: docs/dialects/slack.md, whose section
// titles the comments of this package cite.
package slack
