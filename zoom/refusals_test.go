package zoom

import (
	"testing"

	"souk"
)

func TestEveryRefusalHasASpelling(t *testing.T) {
	for _, r := range souk.Refusals() {
		if f, ok := refusals[r]; !ok || f.status < 400 || f.code == 0 || f.message == "" {
			t.Errorf("%s: %+v", r, f)
		}
	}
	if len(refusals) != len(souk.Refusals()) {
		t.Errorf("%d spellings of %d refusals", len(refusals), len(souk.Refusals()))
	}
}
