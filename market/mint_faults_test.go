package market_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"souk"
	"souk/market"
)

// What is wrong with a token that is asked for is told by its field.
func TestBadTokens(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		i, botless := w.install("sid", "tool", w.hq), w.install("sid", "files", w.hq)
		bot := w.mint(i)
		mint := func(change func(*market.Minting)) func() error {
			in := market.Minting{Description: "x"}
			change(&in)
			return func() error { return drop(w.m.MintToken(ctx, w.session("jane"), in)) }
		}
		forApp := func(i souk.Installation, change func(*market.Minting)) func() error {
			in := market.Minting{Description: "x"}
			change(&in)
			return func() error { return drop(w.m.MintAppUserToken(ctx, w.as("vic"), i.App, i.ID, in)) }
		}
		rotate := func(overlap time.Duration) func() error {
			return func() error { return drop(w.m.RotateToken(ctx, w.as("vic"), i.App, i.ID, bot.Token.ID, overlap)) }
		}
		w.wantInvalid([]faulty{
			{"no description", mint(func(in *market.Minting) { in.Description = " " }), "description"},
			{"a description with NUL", mint(func(in *market.Minting) { in.Description = "a\x00" }), "description"},
			{"a long description", mint(func(in *market.Minting) { in.Description = string(make([]byte, 201)) }), "description"},
			{"a life before it began", mint(func(in *market.Minting) { in.Life = -1 }), "expires_in"},
			{"a life of eleven years", mint(func(in *market.Minting) { in.Life = 11 * 365 * 24 * time.Hour }), "expires_in"},
			{"an app user's without a description", forApp(i, func(in *market.Minting) { in.Description = "" }), "description"},
			{"an app user's with what was not granted", forApp(i, func(in *market.Minting) { in.Scopes = []string{"team:read", "settings"} }), "scopes"},
			{"no app user's", forApp(botless, func(*market.Minting) {}), "installation"},
			{"an overlap of more than a week", rotate(7*24*time.Hour + 1), "overlap"},
			{"an overlap before it began", rotate(-1), "overlap"},
		})
	})
}

// faulty is a call whose input is bad in one field.
type faulty struct {
	name  string
	call  func() error
	field string
}

func (w *town) wantInvalid(calls []faulty) {
	w.t.Helper()
	before := w.digest()
	for _, tt := range calls {
		var invalid souk.Invalid
		if err := tt.call(); !errors.As(err, &invalid) || invalid[0].Field != tt.field || invalid[0].Reason == "" {
			w.t.Errorf("%s: %v, want a problem with %s", tt.name, err, tt.field)
		}
		if w.digest() != before {
			w.t.Fatalf("%s: was refused and changed something", tt.name)
		}
	}
}
