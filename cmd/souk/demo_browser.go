package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// browser is what the demo reads pages with: it keeps cookies, follows redirects
// and fills in forms, and runs no scripts.
type browser struct {
	*story
	who  string
	http *http.Client
	page string   // that it shows
	at   *url.URL // where that is
}

func (s *story) browser(who string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // only for options that it is not given
	}
	return &browser{story: s, who: who, http: &http.Client{Jar: jar}}
}

// seen is what a page comes to for whoever looks at it.
type seen struct {
	Status  int               `json:"status"`
	At      string            `json:"at"` // the path
	Query   map[string]string `json:"query"`
	Heading string            `json:"heading"`
}

// open goes to an address: a path of Souk's own, or any.
func (b *browser) open(address func() string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		to, err := url.Parse(b.base)
		if err == nil {
			to, err = to.Parse(address())
		}
		if err != nil {
			return nil, err
		}
		return b.load(ctx, http.MethodGet, to, nil)
	}
}

// submit fills in the form of the page that has a field, or the last one of the
// page, and sends it.
func (b *browser) submit(field string, values url.Values) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		forms := formPattern.FindAllStringSubmatch(mainPart(b.page), -1)
		slices.Reverse(forms)
		for _, f := range forms {
			filled := fill(f[2])
			if _, has := filled[field]; !has && field != "" {
				continue
			}
			maps.Copy(filled, values)
			to, err := b.at.Parse(html.UnescapeString(f[1]))
			if err != nil {
				return nil, err
			}
			return b.load(ctx, http.MethodPost, to, filled)
		}
		return nil, fmt.Errorf("the page has no form with %q", field)
	}
}

// then does one thing after another and shows what the last one comes to.
func (b *browser) then(acts ...func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) (seen []byte, err error) {
		for _, act := range acts {
			if seen, err = act(ctx); err != nil {
				break
			}
		}
		return seen, err
	}
}

func (b *browser) load(ctx context.Context, method string, to *url.URL, form url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	fmt.Fprintf(b.out, "   → %s %s  (%s's browser)\n", method, to.Path, b.who)
	answer, err := b.http.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	b.page, b.at = string(body), answer.Request.URL
	s := seen{Status: answer.StatusCode, At: b.at.Path, Query: map[string]string{}, Heading: text(headingPattern, b.page)}
	for name, values := range b.at.Query() {
		if shownParameters[name] {
			s.Query[name] = values[0]
		}
	}
	fmt.Fprintf(b.out, "   ← %s %s “%s”\n", answer.Status, s.At, s.Heading)
	return json.Marshal(s)
}

// shownParameters of an address may be shown; others carry tokens.
var shownParameters = map[string]bool{"status": true, "state": true, "request_id": true, "case_id": true, "next": true}

// The pages are our own, and well formed enough for this.
var (
	mainPattern    = regexp.MustCompile(`(?s)<main.*</main>`)
	formPattern    = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	fieldPattern   = regexp.MustCompile(`<(?:input|textarea)([^>]*)>`)
	headingPattern = regexp.MustCompile(`(?s)<h1[^>]*>(.*?)</h1>`)
	tagPattern     = regexp.MustCompile(`<[^>]*>`)
	namePattern    = regexp.MustCompile(`\bname="([^"]*)"`)
	valuePattern   = regexp.MustCompile(`\bvalue="([^"]*)"`)
)

// mainPart is a page without what frames it.
func mainPart(page string) string {
	if part := mainPattern.FindString(page); part != "" {
		return part
	}
	return page
}

// fill is what a form sends when nobody touches it.
func fill(form string) url.Values {
	values := url.Values{}
	for _, f := range fieldPattern.FindAllStringSubmatch(form, -1) {
		name, value := text(namePattern, f[1]), text(valuePattern, f[1])
		if name == "" {
			continue
		}
		values[name] = nil // there, and sent only if it says something
		if !strings.Contains(f[1], `type="checkbox"`) && !strings.Contains(f[1], `type="radio"`) || strings.Contains(f[1], " checked") {
			values.Set(name, value)
		}
	}
	return values
}

// text is the first thing that pattern finds, as it reads.
func text(pattern *regexp.Regexp, in string) string {
	found := pattern.FindStringSubmatch(in)
	if found == nil {
		return ""
	}
	return strings.Join(strings.Fields(html.UnescapeString(tagPattern.ReplaceAllString(found[1], ""))), " ")
}
