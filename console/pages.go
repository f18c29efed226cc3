package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"golang.org/x/text/language"

	"souk"
	"souk/market"
)

// pageFiles are the templates. A page is a file that defines "title" and "main";
// layout.html puts them into the frame that all pages share, and parts.html has
// what several pages are made of.
//
//go:embed html/*.html
var pageFiles embed.FS

// pages are the templates by language and name.
type pages map[language.Tag]map[string]*template.Template

// loadPages parses the templates for each language. They are part of the
// program, so it panics when one is wrong.
func loadPages(t texts, a assets) pages {
	files, err := fs.Glob(pageFiles, "html/*.html")
	if err != nil {
		panic(err)
	}
	all := pages{}
	for _, language := range t.all {
		common := template.Must(template.New("").Funcs(language.funcs(a)).ParseFS(pageFiles, "html/layout.html", "html/parts.html"))
		all[language.tag] = map[string]*template.Template{}
		for _, file := range files {
			name := strings.TrimSuffix(path.Base(file), ".html")
			if name != "layout" && name != "parts" {
				all[language.tag][name] = template.Must(template.Must(common.Clone()).ParseFS(pageFiles, file))
			}
		}
	}
	return all
}

// frame is what layout.html shows around a page, and the page's data.
type frame struct {
	Lang       string
	Page       string          // its template
	User       *souk.User      // nil: a stranger
	Home       souk.Org        // of User
	Navigation []market.Opener // apps that open from the top
	Done       string          // what an action did, in a sentence
	Provider   string          // by whom people may sign in, beside passwords; empty: nobody
	Data       any
}

// render makes a page whole before anything is sent.
func (h *Handler) render(v *visit, a answer) ([]byte, error) {
	f := frame{Lang: v.text.tag.String(), Page: a.page, Data: a.data}
	if !v.stranger() {
		f.User, f.Home = &v.User, v.Org
	}
	if f.User != nil && a.status < http.StatusInternalServerError { // a page about a fault asks for nothing more
		var err error
		if f.Navigation, err = h.market.Navigation(v.ctx, v.Actor); err != nil {
			return nil, err
		}
	}
	if what := h.doneOf(v); what != "" {
		var err error
		if f.Done, err = v.text.say("done." + what); err != nil {
			return nil, err
		}
	}
	if h.provider != nil {
		f.Provider = h.provider.Name
	}
	t, ok := h.pages[v.text.tag][a.page]
	if !ok {
		return nil, fmt.Errorf("there is no page %q", a.page)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", f); err != nil {
		return nil, fmt.Errorf("make a page: %w", err)
	}
	return b.Bytes(), nil
}

// Times are told in UTC: the server cannot know where a reader is.
func day(t time.Time) string     { return t.UTC().Format("2 January 2006") }
func moment(t time.Time) string  { return t.UTC().Format("2 January 2006, 15:04 UTC") }
func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }
