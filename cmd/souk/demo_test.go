package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDemoHolds(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := run([]string{"demo", "--once"}, &out, &errs); code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
	}
	if !strings.Contains(out.String(), "All 66 steps held.") {
		t.Errorf("the story does not end:\n%s", &out)
	}
}

// No step only looks as if it checked: what others see, spoiled, holds for none.
func TestDemoNoticesWhatIsBroken(t *testing.T) {
	t.Parallel()
	spoil := map[string]func([]byte) []byte{
		"nothing":     func([]byte) []byte { return nil },
		"a refusal":   func([]byte) []byte { return []byte(`{"ok":false,"error":"internal_error"}`) },
		"other words": bytes.ToUpper,
	}
	c := demoCommand{Once: true, Addr: "127.0.0.1:0", tamper: func(step int, seen []byte, want []string) []byte {
		for what, instead := range spoil {
			if check(instead(seen), want) == nil {
				t.Errorf("step %d holds when it sees %s instead of %s", step, what, seen)
			}
		}
		return seen
	}}
	if err := c.Run(t.Context(), terminal{io.Discard, io.Discard}); err != nil {
		t.Error(err)
	}
}

// A step that does not hold is the last one, and ends the demo with a failure.
func TestDemoEndsAtTheFirstBrokenStep(t *testing.T) {
	t.Parallel()
	const broken = 7
	reached := 0
	c := demoCommand{Once: true, Addr: "127.0.0.1:0", tamper: func(step int, seen []byte, _ []string) []byte {
		if reached = step; step == broken {
			return bytes.ToUpper(seen)
		}
		return seen
	}}
	err := c.Run(t.Context(), terminal{io.Discard, io.Discard})
	if err == nil || !strings.Contains(err.Error(), "step 7 ") || reached != broken {
		t.Errorf("it reached step %d and ended with %v", reached, err)
	}
}

// What the demo invites to try by hand works as it is printed.
func TestDemoInvitation(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- demoCommand{Addr: "127.0.0.1:0"}.Run(ctx, terminal{w, io.Discard})
		w.Close()
	}()
	var told strings.Builder
	for b := make([]byte, 4096); !strings.Contains(told.String(), "openapi.yaml\n"); {
		n, err := r.Read(b)
		told.Write(b[:n])
		if err != nil {
			t.Fatalf("the demo ended: %v\n%s", <-ended, &told)
		}
	}
	pages := regexp.MustCompile(`http://[^/\s]+/(?:apps|console)/\S+`).FindAllString(told.String(), -1)
	if len(pages) != 4 {
		t.Fatalf("%d pages in\n%s", len(pages), &told)
	}
	for _, who := range []string{"beth", "ada"} {
		s := &story{out: io.Discard, base: pages[0][:strings.Index(pages[0], "/apps/")]}
		b := s.browser(who)
		for i, page := range pages[2*slices.Index([]string{"beth", "ada"}, who):][:2] {
			see := b.open(at(page))
			if i == 0 {
				see = b.then(see, b.submit("password", logins[who]))
			}
			seen, err := see(ctx)
			if path := strings.TrimPrefix(page, s.base); err != nil || check(seen, []string{"status=200", "at=" + path}) != nil {
				t.Errorf("%s sees %s at %s: %v", who, seen, page, err)
			}
		}
	}
	commands := regexp.MustCompile(`curl -s (\S+)(.*)`).FindAllStringSubmatch(told.String(), -1)
	if len(commands) != 7 {
		t.Fatalf("%d commands in\n%s", len(commands), &told)
	}
	for _, c := range commands {
		method, form := http.MethodGet, ""
		if _, after, ok := strings.Cut(c[2], "-d "); ok {
			method, form = http.MethodPost, after
		}
		req, err := http.NewRequestWithContext(ctx, method, c[1], strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		if form != "" {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for _, h := range regexp.MustCompile(`-H '([^:]+): ([^']+)'`).FindAllStringSubmatch(c[2], -1) {
			req.Header.Set(h[1], h[2])
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || bytes.Contains(body, []byte(`"ok":false`)) {
			t.Errorf("%s\nanswered %d %s %v", c[0], answer.StatusCode, body, err)
		}
		answer.Body.Close()
	}
	interrupt()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
