package souktest

import (
	"flag"
	"strconv"
	"testing"
)

// Few has rapid make a number of checks in a test, unless -rapid.checks says how
// many: a walk on two databases takes longer than what rapid is made for.
func Few(t *testing.T, checks int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return
	}
	if err := f.Value.Set(strconv.Itoa(checks)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(f.DefValue); err != nil {
			t.Error(err)
		}
	})
}
