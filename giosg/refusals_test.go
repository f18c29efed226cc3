package giosg

import (
	"errors"
	"testing"

	"souk"
	"souk/market"
)

func TestEveryRefusalHasAnAnswer(t *testing.T) {
	for _, r := range souk.Refusals() {
		if refusals[r] == nil {
			t.Errorf("%q has no answer", r)
		}
	}
	if len(refusals) != len(souk.Refusals()) {
		t.Errorf("%d answers for %d refusals", len(refusals), len(souk.Refusals()))
	}
	for _, f := range []market.Fault{market.NoFault, market.Failure, market.Unavailable, market.Calamity} {
		if faultAnswers[f] == nil {
			t.Errorf("the fault %q has no answer", f)
		}
	}
}

func TestSpelling(t *testing.T) {
	tests := []struct {
		err    error
		status int
		body   string
	}{
		{souk.UnknownApp, 404, detailText("Not found.")},
		{errors.Join(errors.New("app x"), souk.UnknownApp), 404, detailText("Not found.")},
		{instead(souk.UnknownApp, souk.UnknownApp, noSuch("app_id", souk.ID{15: 1})), 400,
			`{"app_id":["Invalid pk \"00000000-0000-0000-0000-000000000001\" - object does not exist."]}`},
		{instead(souk.UnknownOrg, souk.UnknownApp, notFound), 403, detailText("You do not have access to this organization.")},
		{souk.Refusal("unheard of"), 500, detailText("A server error occurred.")},
		{errors.New("disk full"), 500, detailText("A server error occurred.")},
		{souk.NotAppProvider, 402, detailText("Your organization does not have the App provider feature.")},
		{souk.AlreadyShared, 400, `{"non_field_errors":["The fields organization_id, app_id must make a unique set."]}`},
		{souk.Invalid{{Field: "name", Reason: "a"}, {Field: "app_user.alias", Reason: "b"}, {Field: "redirect_uris[2]", Reason: "c"}, {Field: "redirect_uris[3]", Reason: "d"}}, 400,
			`{"allowed_redirect_uris":["c","d"],"app_user_default_alias":["b"],"name":["a"]}`},
		{souk.Dead{Kind: souk.PersonToken, Cause: souk.DeadByUser}, 401, detailText("User inactive or deleted.")},
		{souk.Dead{Kind: souk.ShortToken, Cause: souk.DeadByUser}, 401, detailText("User inactive or deleted.")},
		{souk.Dead{Kind: souk.UserToken, Cause: souk.DeadByUser}, 401, detailText("Invalid token.")},
		{souk.Dead{Kind: souk.PersonToken, Cause: souk.DeadByRevocation}, 401, detailText("Invalid token.")},
	}
	for _, tt := range tests {
		f := failureOf(tt.err)
		body, err := marshal(f.body)
		if err != nil || f.status != tt.status || string(body) != tt.body {
			t.Errorf("%v: %d %s (%v), want %d %s", tt.err, f.status, body, err, tt.status, tt.body)
		}
	}
}
