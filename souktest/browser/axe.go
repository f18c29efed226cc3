package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// axeFile is axe-core as npm installs it, at the version of the lock file.
const axeFile = "conformance/node_modules/axe-core/axe.min.js"

var axeScript = sync.OnceValues(func() (string, error) {
	path, err := moduleFile(axeFile)
	if err != nil {
		return "", err
	}
	script, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("browser: axe-core is not installed; run npm ci in conformance, or make test: %w", err)
	}
	return string(script), err
})

// axeRun has axe-core run every rule that stands for a criterion of WCAG 2.2 at
// level A or AA, and leave the frames of others to themselves.
const axeRun = `axe.run(document, {
	runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
	iframes: false,
})`

// scan is what axe-core found, as far as it matters here.
type scan struct {
	Violations []rule `json:"violations"`
	Passes     []rule `json:"passes"`
}

type rule struct {
	ID      string `json:"id"`
	Help    string `json:"help"`
	HelpURL string `json:"helpUrl"`
	Nodes   []struct {
		Target  json.RawMessage `json:"target"` // its selector
		Summary string          `json:"failureSummary"`
	} `json:"nodes"`
}

// Axe fails the test if the page, as it is shown now, breaks a rule of axe-core
// for WCAG 2.2 A or AA. Each breach is told with its elements and where the rule
// is explained.
func (b *Tab) Axe() {
	b.t.Helper()
	if broken := b.breaches(); len(broken) > 0 {
		b.t.Errorf("%s, %d px wide, is not accessible:\n%s", b.URL(), b.width, strings.Join(broken, "\n"))
	}
}

func (b *Tab) breaches() (told []string) {
	b.t.Helper()
	script, err := axeScript()
	if err != nil {
		b.t.Fatal(err)
	}
	if b.still { // axe-core waits for timers; the page's own scripts have missed their time
		run(b, "enable JavaScript", scripts(true))
		defer func() { run(b, "disable JavaScript", scripts(false)) }()
	}
	// The protocol evaluates scripts whatever the page's policy says.
	found := run(b, "scan the page", func(ctx context.Context, t *chromedp.Target) (scan, error) {
		if _, err := chromedp.Evaluate[chromedp.Void](script)(ctx, t); err != nil {
			return scan{}, err
		}
		return chromedp.Evaluate[scan](axeRun, chromedp.EvalAwaitPromise)(ctx, t)
	})
	if len(found.Passes) == 0 {
		b.t.Fatalf("axe-core found nothing to look at on %s", b.URL())
	}
	for _, r := range found.Violations {
		told = append(told, fmt.Sprintf("%s: %s (%s)", r.ID, r.Help, r.HelpURL))
		for _, n := range r.Nodes {
			told = append(told, fmt.Sprintf("\t%s: %s", n.Target, strings.ReplaceAll(n.Summary, "\n", "\n\t")))
		}
	}
	return told
}
