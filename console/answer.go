package console

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"souk/web"
)

// answer is what a visitor gets: a page, or the way to one.
type answer struct {
	page     string // a template of html/, without its suffix
	data     any    // that it shows
	status   int    // of a page; 0: 200
	location string // instead of a page: on to there
	done     string // what the page that comes next says was done: the text done.<done>
	policy   policy
	wait     time.Duration // after which to try again
}

// policy is what one page needs beyond what all pages may: origins, or schemes
// with their colon.
type policy struct {
	forms  []string // to which its form leads, also by way of redirects
	frames []string // that it shows inside
}

// show answers a page.
func show(page string, data any) answer { return answer{page: page, data: data} }

// see sends the visitor to a page. Only safeNext and the market make locations
// of what somebody else sent.
func see(location string) answer { return answer{location: location} }

// done sends the visitor to a page of ours that says what was done: the text
// done.<what>. A cookie carries it, which nobody can put into a link.
func done(path, what string) answer { return answer{location: path, done: what} }

const (
	doneCookieName = "souk_done"
	doneLife       = time.Minute
)

// doneOf is what was done before the visitor came; empty: nothing to tell of.
func (h *Handler) doneOf(v *visit) string {
	what, ok := h.cookieOf(v.request, doneCookieName)
	if !ok || !v.text.has("done."+what) {
		return ""
	}
	return what
}

// guardHeaders keep a page from being framed, sniffed, kept or talked about.
func (h *Handler) guardHeaders(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", policy{}.String())
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	if h.secure {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// String is the header Content-Security-Policy. Nothing inline runs, whatever a
// page shows.
func (p policy) String() string {
	directives := []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
		strings.Join(append([]string{"form-action 'self'"}, p.forms...), " "),
		"frame-ancestors 'none'", "base-uri 'none'",
	}
	if len(p.frames) > 0 {
		directives = append(directives, "frame-src "+strings.Join(p.frames, " "))
	}
	return strings.Join(directives, "; ")
}

// write sends a. An error means that nothing was sent yet.
func (h *Handler) write(w http.ResponseWriter, v *visit, a answer) error {
	header := w.Header()
	var body []byte
	if a.location == "" {
		var err error
		if body, err = h.render(v, a); err != nil {
			return err
		}
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Language", v.text.tag.String())
		header.Set("Content-Security-Policy", a.policy.String())
		if a.status == 0 {
			a.status = http.StatusOK
		}
		if h.doneOf(v) != "" && v.request.Method != http.MethodHead { // told, and told once
			v.keep(h.cookie(doneCookieName, "", 0))
		}
	} else {
		header.Set("Location", a.location)
		if a.status = http.StatusSeeOther; v.looks() {
			a.status = http.StatusFound
		}
		if a.done != "" {
			v.keep(h.cookie(doneCookieName, a.done, doneLife))
		}
	}
	for _, c := range v.cookies {
		http.SetCookie(w, c)
	}
	if a.wait > 0 {
		header.Set("Retry-After", web.RetryAfter(a.wait))
	}
	w.WriteHeader(a.status)
	if _, err := w.Write(body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) { // HEAD
		h.log.InfoContext(v.ctx, "console page was not taken", "err", err)
	}
	return nil
}

// refuse answers a visit that failed.
func (h *Handler) refuse(w http.ResponseWriter, v *visit, err error) {
	f := failureOf(err)
	web.Note(v.ctx, "refused", f.name)
	if f.status >= http.StatusInternalServerError && v.ctx.Err() == nil { // a visitor who left is no fault
		h.log.ErrorContext(v.ctx, "console page failed", "call", v.request.Method+" "+v.request.Pattern, "err", err)
	}
	a := answer{page: "problem", status: f.status, wait: f.wait, data: problemPage{Name: f.name, Request: web.RequestID(v.ctx), Wait: int(math.Ceil(f.wait.Seconds()))}}
	if err := h.write(w, v, a); err != nil {
		h.log.ErrorContext(v.ctx, "console page of a failure failed", "err", err)
		http.Error(w, "The server failed to answer this request.", http.StatusInternalServerError)
	}
}

// problemPage is what the page of a failure shows.
type problemPage struct {
	Name    string // of the texts problem.<name>
	Request string // its id, for whoever asks the operator
	Wait    int    // seconds after which to try again; 0: nothing is known
}
