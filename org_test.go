package souk_test

import (
	"testing"

	"souk"
)

func TestTheRootOfAnOrg(t *testing.T) {
	for _, o := range []souk.Org{enterprise, alone} {
		if o.Root() != o.ID {
			t.Errorf("the root of a %s at the top is %v", o.Kind, o.Root())
		}
	}
	if workspace.Root() != enterprise.ID {
		t.Errorf("the root of a workspace under an enterprise is %v", workspace.Root())
	}
}

func TestPolicyOf(t *testing.T) {
	for _, tt := range []struct{ here, above, want souk.Policy }{
		{"", "", souk.Open},
		{"", souk.Closed, souk.Closed},
		{souk.Approval, souk.Closed, souk.Approval},
		{souk.Open, souk.Closed, souk.Open},
	} {
		if got := souk.PolicyOf(souk.Org{Policy: tt.here}, souk.Org{Policy: tt.above}); got != tt.want {
			t.Errorf("%q under %q is %q, want %q", tt.here, tt.above, got, tt.want)
		}
	}
}

func TestAudiencesAreSpelledAndRead(t *testing.T) {
	for _, a := range []souk.Audience{everyone, forSales, forAsker} {
		if back, err := souk.ParseAudience(a.String()); err != nil || back != a {
			t.Errorf("ParseAudience(%q) = %v, %v", a, back, err)
		}
		if a.IsEveryone() != (a == everyone) {
			t.Errorf("%s is everyone: %v", a, a.IsEveryone())
		}
	}
	for _, s := range []string{"", "nobody", "user:", "user", "group:x", "everyone:", "role:" + asker.String()} {
		if a, err := souk.ParseAudience(s); err == nil {
			t.Errorf("ParseAudience(%q) = %v", s, a)
		}
	}
}
