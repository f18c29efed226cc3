package zoom

import (
	"net/http"

	"souk"
)

// failedReasons are the codes that Zoom's log has for a request without an
// answer (docs/dialects/zoom.md, "Outcome, retries, log").
var failedReasons = map[souk.Outcome]int{
	souk.HeaderTimeout:  1,
	souk.NoConnection:   2,
	souk.Unprepared:     3,
	souk.AttemptStopped: 3,
	souk.Blocked:        6,
	souk.HungUp:         7,
	souk.BadAnswer:      7,
	souk.WriteFailed:    7,
	souk.NoToken:        7, // for which the log has no code
	souk.BadCertificate: 9,
	souk.WrongHost:      11,
	souk.BadTLS:         12,
	souk.BadName:        13,
}

const tooManyRequests = 16

// FailedReason is the failed_reason_type of an attempt in the log, 0 for one that
// has none: it succeeded, or its status says why it did not.
func FailedReason(a souk.Attempt) int {
	switch {
	case a.Status == http.StatusTooManyRequests:
		return tooManyRequests
	case a.Status != 0:
		return 0
	}
	return failedReasons[a.Outcome]
}

// LoggedStatus is the status of an attempt in the log: the answer's, or -1 when
// there was none.
func LoggedStatus(a souk.Attempt) int {
	if a.Status == 0 {
		return -1
	}
	return a.Status
}
