package browser

import (
	"context"
	_ "embed" // what is asked of pages
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed page.js
var pageScript string

// Tab is a browser window with cookies of its own, as a private window has
// them. Its methods are steps of one test, to be called by that test's
// goroutine; one that cannot be done ends the test.
type Tab struct {
	t      testing.TB
	ctx    context.Context
	width  int
	still  bool // runs no scripts of pages
	status int  // of the page that is shown

	mu     sync.Mutex
	faults []string // that the browser found, in order
}

// Open opens a tab 1280 pixels wide, light, with JavaScript, which closes when
// the test ends.
func Open(t testing.TB) *Tab {
	t.Helper()
	browser, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	b := (&Tab{t: t, ctx: browser}).attach(chromedp.WithNewBrowserContext())
	b.Width(1280)
	b.Light()
	return b
}

// attach answers with another tab of b's browser, which closes when the test
// ends.
func (b *Tab) attach(to chromedp.ContextOption) *Tab {
	b.t.Helper()
	other := &Tab{t: b.t, width: b.width}
	ctx, end := chromedp.NewContext(b.ctx, to, chromedp.WithListener(other.listen))
	if err := launch(ctx, end); err != nil {
		b.t.Fatalf("browser: open a tab: %v", err)
	}
	other.ctx = ctx
	b.t.Cleanup(other.close)
	return other
}

// close closes the tab and tells the test what the browser found.
func (b *Tab) close() {
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if err := chromedp.Cancel(ctx); err != nil {
		b.t.Errorf("browser: close the tab: %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Errorf("the browser says: %s", fault)
	}
}

// listen remembers what is wrong with a page. Answers like 404 are not: tests
// ask for them.
func (b *Tab) listen(event any) {
	var fault string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			fault = e.Entry.Text + " " + e.Entry.URL
		}
	case *cdpruntime.EventExceptionThrown:
		fault = (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error()
	}
	if fault != "" {
		b.mu.Lock()
		b.faults = append(b.faults, fault)
		b.mu.Unlock()
	}
}

// Go opens an absolute URL.
func (b *Tab) Go(url string) {
	b.t.Helper()
	b.load("go to "+url, func(ctx context.Context) (*network.Response, error) {
		return chromedp.Run(ctx, chromedp.NavigateResponse(url))
	})
}

// Fill types text into the field with the label, in place of what it held.
func (b *Tab) Fill(label, text string) {
	b.t.Helper()
	run(b, "fill "+label, ask[chromedp.Void]("ready", label))
	if text == "" {
		run(b, "empty "+label, chromedp.KeyEvent(kb.Delete))
		return
	}
	run(b, "fill "+label, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}

// Value is what the field with the label holds.
func (b *Tab) Value(label string) string {
	b.t.Helper()
	return run(b, "read "+label, ask[string]("value", label))
}

// Choose picks an option of the list with the label.
func (b *Tab) Choose(label, option string) {
	b.t.Helper()
	run(b, "choose "+label, ask[chromedp.Void]("choose", label, option))
}

// Check clicks the box or the round button with the label.
func (b *Tab) Check(label string) {
	b.t.Helper()
	run(b, "check "+label, click("labelled", label))
}

// Checked reports whether the box or the round button with the label is.
func (b *Tab) Checked(label string) bool {
	b.t.Helper()
	return run(b, "read "+label, ask[bool]("checked", label))
}

// Press clicks the button with the name and waits for the page that comes of it.
func (b *Tab) Press(name string) {
	b.t.Helper()
	b.leave("press "+name, click("button", name))
}

// Unfold clicks the button with the name, which leads to no other page.
func (b *Tab) Unfold(name string) {
	b.t.Helper()
	run(b, "unfold "+name, click("button", name))
}

// Follow clicks the link with the text and waits for its page.
func (b *Tab) Follow(text string) {
	b.t.Helper()
	b.leave("follow "+text, click("link", text))
}

// PressForTab clicks the button with the name and answers with the tab in which
// that opens a page, behind b.
func (b *Tab) PressForTab(name string) *Tab {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	opened := chromedp.WaitNewTarget(ctx, func(info *target.Info) bool { return strings.HasPrefix(info.URL, "http") })
	run(b, "press "+name, click("button", name))
	select {
	case id, ok := <-opened:
		if ok {
			other := b.attach(chromedp.WithTargetID(id))
			run(other, "wait for the page", chromedp.WaitReady(chromedp.CSS("body")))
			run(b, "come back", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, page.BringToFront, cdp.Empty{})
				return err
			}))
			return other
		}
	case <-ctx.Done():
	}
	b.t.Fatalf("pressing %s opens no tab", name)
	return nil
}

// Text is what the page says.
func (b *Tab) Text() string {
	b.t.Helper()
	return run(b, "read the page", ask[string]("text"))
}

// Says fails the test unless the page says each of the texts.
func (b *Tab) Says(texts ...string) {
	b.t.Helper()
	said := b.Text()
	for _, text := range texts {
		if !strings.Contains(said, text) {
			b.t.Fatalf("%s does not say %q:\n%s", b.URL(), text, said)
		}
	}
}

// Lacks fails the test if the page says one of the texts.
func (b *Tab) Lacks(texts ...string) {
	b.t.Helper()
	said := b.Text()
	for _, text := range texts {
		if strings.Contains(said, text) {
			b.t.Fatalf("%s says %q:\n%s", b.URL(), text, said)
		}
	}
}

// Title is the title of the page.
func (b *Tab) Title() string {
	b.t.Helper()
	return run(b, "read the title", chromedp.Title())
}

// URL is the address of the page.
func (b *Tab) URL() string {
	b.t.Helper()
	return run(b, "read the address", chromedp.Location())
}

// Status is the status with which the page was answered.
func (b *Tab) Status() int { return b.status }

// Width makes the window so many pixels wide. Below 600 it is that of a phone,
// which lays a page out for a desktop unless the page says that it fits.
func (b *Tab) Width(pixels int) {
	b.t.Helper()
	b.width = pixels
	var options []chromedp.EmulateViewportOption
	if pixels < 600 {
		options = append(options, chromedp.EmulateMobile)
	}
	run(b, "change the width", chromedp.EmulateViewport(int64(pixels), 800, options...))
}

// Light has pages know that the person prefers light colours and no motion.
func (b *Tab) Light() { b.t.Helper(); b.prefer("light") }

// Dark has pages know that the person prefers dark colours and no motion.
func (b *Tab) Dark() { b.t.Helper(); b.prefer("dark") }

func (b *Tab) prefer(scheme string) {
	b.t.Helper()
	run(b, "prefer "+scheme, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	}))
}

// WithoutJavaScript runs no scripts of the pages that are opened from now on.
func (b *Tab) WithoutJavaScript() {
	b.t.Helper()
	b.still = true
	run(b, "disable JavaScript", scripts(false))
}

// scripts lets pages run scripts, or not.
func scripts(run bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
		return err
	})
}

// NoSidewaysScroll fails the test if the page is wider than the window, and
// says what sticks out.
func (b *Tab) NoSidewaysScroll() {
	b.t.Helper()
	if out := run(b, "measure the page", ask[[]string]("sideways", b.width)); len(out) > 0 {
		b.t.Errorf("%s scrolls sideways at %d px: %s", b.URL(), b.width, strings.Join(out, "\n\t"))
	}
}

// maxStops is more than any page has to stop at for the Tab key.
const maxStops = 200

// KeyboardReach fails the test unless the Tab key reaches everything on the page
// that can be operated, and shows each time where it is.
func (b *Tab) KeyboardReach() {
	b.t.Helper()
	for _, wrong := range b.unreached() {
		b.t.Errorf("%s: %s", b.URL(), wrong)
	}
}

func (b *Tab) unreached() (wrong []string) {
	b.t.Helper()
	run(b, "begin at the top", ask[chromedp.Void]("begin"))
	for range maxStops {
		run(b, "press Tab", chromedp.KeyEvent(kb.Tab))
		switch at := run(b, "look where the focus is", ask[string]("reach")); at {
		case "":
			return append(wrong, run(b, "look what was missed", ask[[]string]("missed"))...)
		case "seen":
		default:
			wrong = append(wrong, at)
		}
	}
	return append(wrong, "the Tab key goes on and on")
}

// Screenshot writes all of the page, however long, to a PNG file.
func (b *Tab) Screenshot(path string) {
	b.t.Helper()
	png := run(b, "take a picture", chromedp.FullScreenshot(100))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// leave does what leads to another page and waits until that has loaded.
func (b *Tab) leave(what string, action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.load(what, func(ctx context.Context) (*network.Response, error) {
		return chromedp.RunResponse(ctx, action)
	})
}

func (b *Tab) load(what string, open func(context.Context) (*network.Response, error)) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	answer, err := open(ctx)
	if err != nil {
		b.fail(what, err)
	}
	b.status = 0
	if answer != nil { // about:blank has none
		b.status = int(answer.Status)
	}
}

// run does one step within patience.
func run[T any](b *Tab, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.fail(what, err)
	}
	return v
}

// fail ends the test and shows what a person would have had before them.
func (b *Tab) fail(what string, err error) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	where, whereErr := chromedp.Run(ctx, chromedp.Location())
	said, saidErr := chromedp.Run(ctx, ask[string]("text"))
	if whereErr != nil || saidErr != nil {
		b.t.Fatalf("cannot %s: %v", what, err) // nor can the page be read
	}
	b.t.Fatalf("cannot %s: %v\nat %s, which says:\n%s", what, err, where, said)
}

// call is the script that calls a function of page.js.
func call(function string, args ...any) string {
	list, err := json.Marshal(append([]any{}, args...))
	if err != nil {
		panic(err) // arguments are texts and numbers
	}
	return fmt.Sprintf("(() => {%s\nreturn %s(...%s)})()", pageScript, function, list)
}

func ask[T any](function string, args ...any) chromedp.Action[T] {
	return chromedp.Evaluate[T](call(function, args...))
}

// click clicks with the mouse on the element that a function of page.js finds.
// What covers the element gets the click instead, as it would from a person.
func click(function, name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		element, err := ask[*cdpruntime.RemoteObject](function, name)(ctx, t)
		if err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, t, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{ObjectID: element.ObjectID}); err != nil {
			return err
		}
		box, err := cdp.Call(ctx, t, dom.GetContentQuads, dom.GetContentQuadsParams{ObjectID: element.ObjectID})
		if err != nil {
			return err
		}
		if len(box.Quads) == 0 {
			return fmt.Errorf("%q has no place on the page", name)
		}
		corners := box.Quads[0] // x and y of four, clockwise
		_, err = chromedp.MouseClickXY((corners[0]+corners[4])/2, (corners[1]+corners[5])/2)(ctx, t)
		return err
	})
}
