package market_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"souk"
	"souk/market"
)

// wantWrong fails unless err finds fault with that field alone.
func wantWrong(t fataler, what string, err error, field string) {
	t.Helper()
	var bad souk.Invalid
	if !errors.As(err, &bad) || len(bad) != 1 || bad[0].Field != field {
		t.Errorf("%s: %v, want fault with %s", what, err, field)
	}
}

// rotations are the refusals to change the secrets of an app on Zoom's wire.
func (w *town) rotations() []refused {
	ctx, vic := context.Background(), w.as("vic")
	w.zoomClient("chat")
	w.zoomClient("files")
	for range 3 {
		must(w.m.RotateZoomSecret(ctx, vic, w.app["files"], time.Time{}))(w.t)
	}
	return []refused{
		{"end a secret: none was replaced", func() error {
			return drop(w.m.EndOldZoomSecret(ctx, vic, w.app["chat"], time.Time{}))
		}, souk.UnknownSecret},
		{"rotate a secret: a fourth time", func() error {
			return drop(w.m.RotateZoomSecret(ctx, vic, w.app["files"], time.Time{}))
		}, souk.ChangedTooOften},
	}
}

// A client secret that was replaced answers until its end, and no more than three
// changes are made in a quarter of an hour.
func TestRotatingZoomSecrets(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		vic, app := w.as("vic"), w.app["chat"]
		old := w.zoomClient("chat")
		with := func(secret string) market.ZoomClient { c := old; c.Secret = secret; return c }
		answers := func(c market.ZoomClient) bool { return drop(w.m.AppToken(ctx, c)) == nil }
		in := func(days time.Duration) time.Time { return time.Now().Add(days * 24 * time.Hour) }
		rotate := func(until time.Time) (market.ZoomSecret, error) { return w.m.RotateZoomSecret(ctx, vic, app, until) }
		end := func(until time.Time) (market.ZoomSecret, error) { return w.m.EndOldZoomSecret(ctx, vic, app, until) }

		before := w.digest()
		wantRefusal(t, "before any was replaced", drop(end(time.Time{})), souk.UnknownSecret)
		wantRefusal(t, "by a stranger", drop(w.m.RotateZoomSecret(ctx, w.as("gus"), app, time.Time{})), souk.UnknownApp)
		wantRefusal(t, "by a member", drop(w.m.RotateZoomSecret(ctx, w.as("val"), app, time.Time{})), souk.NotAllowed)
		wantRefusal(t, "by another app", drop(w.m.RotateZoomSecret(ctx, w.itself("files"), app, time.Time{})), souk.UnknownApp)
		wantRefusal(t, "of an app that is gone", drop(w.m.RotateZoomSecret(ctx, vic, w.app["gone"], time.Time{})), souk.UnknownApp)
		wantWrong(t, "before now", drop(rotate(time.Now().Add(-time.Microsecond))), "revoke_old_secret_time")
		wantWrong(t, "too late", drop(rotate(in(30).Add(time.Microsecond))), "revoke_old_secret_time")
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}

		began := time.Now()
		first := must(rotate(in(30)))(t)
		if first.Secret == old.Secret || first.ID.IsZero() || !first.OldUntil.Equal(in(30).Truncate(time.Microsecond)) || !answers(old) || !answers(with(first.Secret)) {
			t.Errorf("rotated to %+v", first)
		}
		time.Sleep(20 * 24 * time.Hour)
		wantWrong(t, "beyond thirty days from the start", drop(end(began.Add(market.MaxZoomOverlap+time.Second))), "revoke_old_secret_time")
		if later := must(end(in(1)))(t); later.ID != first.ID || later.Secret != "" {
			t.Errorf("changed to %+v", later)
		}
		time.Sleep(24*time.Hour - time.Microsecond)
		if !answers(old) {
			t.Error("it ended early")
		}
		time.Sleep(time.Microsecond)
		if answers(old) || !answers(with(first.Secret)) {
			t.Error("it did not end, or the new one did")
		}
		wantRefusal(t, "when it has ended", drop(end(in(1))), souk.UnknownSecret)

		second := must(rotate(in(1)))(t)
		third := must(w.m.RotateZoomSecret(ctx, w.itself("chat"), app, in(1)))(t)
		if answers(with(first.Secret)) || !answers(with(second.Secret)) || !answers(with(third.Secret)) {
			t.Error("the last two are to answer")
		}
		must(end(time.Time{}))(t)
		if answers(with(second.Secret)) || !answers(with(third.Secret)) {
			t.Error("the last one is to answer")
		}
		time.Sleep(15*time.Minute - time.Microsecond)
		wantRefusal(t, "a fourth change", drop(rotate(in(1))), souk.ChangedTooOften)
		time.Sleep(time.Microsecond)
		must(rotate(time.Time{}))(t)
		wantList(t, "audit", w.rows(`SELECT verb FROM audit WHERE app_id = $1 AND verb LIKE '%ZoomSecret'`, app),
			"EndOldZoomSecret", "EndOldZoomSecret", "RotateZoomSecret", "RotateZoomSecret", "RotateZoomSecret", "RotateZoomSecret")
		for _, text := range w.rows(`SELECT before || after FROM audit`) {
			for _, secret := range []string{old.Secret, first.Secret, second.Secret, third.Secret} {
				if strings.Contains(text, secret) {
					t.Error("a secret is in the audit")
				}
			}
		}
		w.checkAudit()
	})
}

// The secret token of webhooks is replaced at the time that was said.
func TestRotatingZoomTokens(t *testing.T) {
	eachTownInTime(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		vic, app := w.as("vic"), w.app["chat"]
		w.client("chat")
		signer := func() string { return w.credentialsOf("chat").ZoomSigner(time.Now()) }
		rotate := func(from time.Time) (market.NextZoomToken, error) { return w.m.RotateZoomToken(ctx, vic, app, from) }
		old := signer()
		before := w.digest()
		wantRefusal(t, "by a stranger", drop(w.m.RotateZoomToken(ctx, w.as("gus"), app, time.Time{})), souk.UnknownApp)
		wantWrong(t, "before now", drop(rotate(time.Now().Add(-time.Second))), "at")
		wantWrong(t, "too late", drop(rotate(time.Now().Add(market.MaxZoomOverlap+time.Second))), "at")
		if w.digest() != before {
			t.Error("something that was refused changed something")
		}
		must(rotate(time.Now().Add(time.Minute)))(t)
		next := must(rotate(time.Now().Add(time.Hour)))(t)
		time.Sleep(time.Hour - time.Microsecond)
		if signer() != old {
			t.Error("it was replaced early")
		}
		time.Sleep(time.Microsecond)
		if signer() != next.Secret || next.Secret == old {
			t.Error("it was not replaced")
		}
		now := must(rotate(time.Time{}))(t)
		if signer() != now.Secret {
			t.Error("it was not replaced at once")
		}
		w.checkAudit()
	})
}
