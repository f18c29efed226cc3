package zoom

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"souk"
)

// callRoutes tell an app's owner what the app called (docs/dialects/zoom.md, "API
// call logs").
var callRoutes = []route{
	{
		method: "GET", path: "/v2/marketplace/apps/{appId}/api_call_logs", weight: medium, serve: listCalls,
		scopes: []string{"marketplace:read:list_api_logs:admin"},
	},
}

// callLogs is a page of them.
type callLogs struct {
	listing
	CallLogs []calledLog `json:"call_logs"`
}

// calledLog is one call that was answered.
type calledLog struct {
	URLPattern string `json:"url_pattern"`
	Time       string `json:"time"` // ms since 1970
	HTTPStatus int    `json:"http_status"`
	Method     string `json:"method"`
	TraceID    string `json:"trace_id"`
}

// badCallPage is how this route refuses a next_page_token.
var badCallPage = refusal{http.StatusBadRequest, 301, "Next page token is not valid."}

func listCalls(c *call) (a answer, err error) {
	filter, err := c.callFilter()
	if err != nil {
		return a, err
	}
	p, err := c.pageWithin(10, defaultSize, 100)
	if err == badPageToken {
		err = badCallPage
	}
	if err != nil {
		return a, err
	}
	if filter.App, err = c.appID(); err != nil {
		return a, err
	}
	found, err := c.market.Calls(c.ctx, c.actor, filter, p.ask())
	if err != nil {
		return a, err
	}
	found, next := listed(p, found, func(l souk.Call) souk.Position { return souk.Position{At: l.At, ID: l.ID} })
	return shown(callLogs{listing{next, p.size}, each(found, func(l souk.Call) calledLog {
		return calledLog{l.Pattern, strconv.FormatInt(l.At.UnixMilli(), 10), l.Status, l.Method, l.Trace}
	})}), nil
}

// callMethods are those that the parameter method may name.
var callMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// callFilter reads which calls are asked for.
func (c *call) callFilter() (f souk.CallFilter, err error) {
	days := 7
	switch text := c.parameter("duration"); text {
	case "":
	case "7", "14", "30":
		days, _ = strconv.Atoi(text)
	default:
		return f, invalid("duration", "must be 7, 14 or 30")
	}
	f.From = c.now().AddDate(0, 0, -days)
	if f.Method = c.parameter("method"); f.Method != "" && !slices.Contains(callMethods, f.Method) {
		return f, invalid("method", "must be an HTTP method")
	}
	if text := c.parameter("status_code"); text != "" {
		if f.Status, err = strconv.Atoi(text); err != nil || f.Status < 200 || f.Status > 599 {
			return f, invalid("status_code", "must be an HTTP status")
		}
	}
	if word := c.parameter("query"); word != "" {
		f.Patterns = c.handler.patternsWith(word)
	}
	return f, nil
}

// patternsWith are the addresses of this face that contain a word, in whatever
// case.
func (h *Handler) patternsWith(word string) []string {
	return slices.DeleteFunc(slices.Clone(h.patterns), func(path string) bool {
		return !strings.Contains(strings.ToLower(path), strings.ToLower(word))
	})
}

// Bounds of what waits to be written down.
const (
	mostCalls = 8192        // those beyond are not logged
	callPause = time.Second // how long a call waits for others, and what a crash loses
)

// callLog has calls that are still to be written down, so that nobody who calls
// waits for it.
type callLog struct {
	mu      sync.Mutex
	waiting []souk.Call
	lost    int           // for lack of room
	some    chan struct{} // that something waits
}

func newCallLog() *callLog { return &callLog{some: make(chan struct{}, 1)} }

// note keeps a call in mind.
func (l *callLog) note(made souk.Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= mostCalls {
		l.lost++
		return
	}
	l.waiting = append(l.waiting, made)
	select {
	case l.some <- struct{}{}:
	default:
	}
}

// take answers with what waits, and how many calls found no room.
func (l *callLog) take() (all []souk.Call, lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, lost = l.waiting, l.lost
	l.waiting, l.lost = nil, 0
	return all, lost
}

// run writes calls down a second after they were made, with keep, until ctx ends,
// and then the last. What cannot be written is lost and said to log.
func (l *callLog) run(ctx context.Context, log *slog.Logger, keep func(context.Context, []souk.Call) error) {
	const lastWord = 5 * time.Second
	for over := false; !over; {
		select {
		case <-ctx.Done():
		case <-l.some:
		}
		select {
		case <-ctx.Done():
			over = true
		case <-time.After(callPause):
		}
		all, lost := l.take()
		if len(all) > 0 {
			within, done := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
			err := keep(within, all)
			done()
			if err != nil {
				log.ErrorContext(ctx, "calls of the Zoom face could not be logged", "calls", len(all), "err", err)
			}
		}
		if lost > 0 {
			log.WarnContext(ctx, "there were too many calls of the Zoom face to log all of them", "calls", lost)
		}
	}
}

// KeepCalls writes down what apps call, for their owners to read, until ctx ends.
// As long as nobody runs it calls are answered and not logged. A crash loses what
// was called in the last second.
func (h *Handler) KeepCalls(ctx context.Context) { h.calls.run(ctx, h.log, h.market.KeepCalls) }

// noteCall keeps a call in mind that was answered, if an app made it.
func (h *Handler) noteCall(c *call, status int) {
	if c.app.IsZero() {
		return
	}
	h.calls.note(souk.Call{
		ID: souk.NewID(), App: c.app, At: c.now(), Method: c.request.Method, Pattern: c.route.path, Status: status,
		Trace: c.writer.Header().Get("X-Zm-Trackingid"),
	})
}
