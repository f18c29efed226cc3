package slack

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"souk"
	"souk/market"
)

// silent are documented codes that single methods have no occasion for, or
// that nothing can provoke from outside (docs/dialects/slack.md, "Errors that
// never occur").
var silent = map[string][]code{
	"admin.apps.requests.list":   {notAllowed, restrictedAction, userIsRestricted, internalError, fatalError},
	"admin.apps.requests.cancel": {restrictedAction},
	"admin.apps.approved.list":   {internalError, fatalError}, // a read encodes nothing that could fail
	"admin.apps.restricted.list": {internalError, fatalError},
}

func TestEveryDocumentedCodeIsProvoked(t *testing.T) {
	everyTown(t, func(t *testing.T, o *town) {
		for name := range scenes {
			for c, play := range scenesOf(name) {
				if slices.Contains(silent[name], c) {
					continue
				}
				t.Run(name+"/"+string(c), func(t *testing.T) {
					want(t, c, play(t, o, name, good[name](t, o)))
				})
			}
		}
	})
}

func TestScenesAreComplete(t *testing.T) {
	for name, m := range methods {
		if !m.governs {
			continue
		}
		played := scenesOf(name)
		for _, c := range m.codes {
			_, is := played[c]
			if mute := slices.Contains(never, c) || slices.Contains(silent[name], c); !is && !mute {
				t.Errorf("%s: %s is documented and provoked by no scene", name, c)
			} else if is && slices.Contains(never, c) {
				t.Errorf("%s: %s is said never to occur and has a scene", name, c)
			}
		}
		for c := range played {
			if !slices.Contains(m.codes, c) {
				t.Errorf("%s: %s has a scene and is not documented", name, c)
			}
		}
	}
}

// The lists of the four methods are Slack's own.
func TestDocumentedCodesAreSlacks(t *testing.T) {
	all := map[string]bool{}
	for name, count := range map[string]int{
		"admin.apps.approve": 45, "admin.apps.clearResolution": 38, "admin.apps.restrict": 43, "admin.apps.uninstall": 40,
	} {
		file, err := os.ReadFile("testdata/documented/" + name)
		if err != nil {
			t.Fatal(err)
		}
		theirs := strings.Fields(string(file))
		var ours []string
		for _, c := range methods[name].codes {
			ours = append(ours, string(c))
			all[string(c)] = true
		}
		slices.Sort(ours)
		if diff := cmp.Diff(theirs, ours); diff != "" || len(ours) != count {
			t.Errorf("%s: %d codes (-Slack's +ours):\n%s", name, len(ours), diff)
		}
	}
	if len(all) != 55 || len(common) != 31 {
		t.Errorf("%d codes in all, %d common", len(all), len(common))
	}
}

func TestEveryRefusalHasACode(t *testing.T) {
	for _, r := range souk.Refusals() {
		if codes[r] == "" {
			t.Errorf("%q has no code", r)
		}
	}
	for r := range codes {
		if !souk.IsRefusal(r) {
			t.Errorf("%q is no refusal", r)
		}
	}
	for _, f := range []market.Fault{market.NoFault, market.Failure, market.Unavailable, market.Calamity} {
		if faults[f] == "" {
			t.Errorf("fault %q has no code", f)
		}
	}
}

// What is never answered is written down for those who look for it.
func TestEveryCodeIsInTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/dialects/slack.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range methods {
		if !strings.Contains(string(page), strings.TrimPrefix(name, "admin.apps")) {
			t.Errorf("%s is not there", name)
		}
		for _, c := range m.codes {
			if !strings.Contains(string(page), "`"+string(c)+"`") {
				t.Errorf("%s is not there", c)
			}
		}
	}
}
