package market

import (
	"errors"

	"souk/store"
)

// Fault is what went wrong when a verb neither did its work nor refused it. A
// wire has one spelling for each and tells nothing else.
type Fault string

// The faults. After a Failure and while Unavailable nothing was changed; after
// a Calamity something may have been.
const (
	NoFault     Fault = ""            // a refusal, or no error at all
	Unavailable Fault = "unavailable" // the database is gone or the server stops
	Failure     Fault = "failure"     // undone: an encoder failed, a statement was wrong
	Calamity    Fault = "calamity"    // a panic, or a commit whose outcome is unknown
)

// FaultOf tells which fault err is. Refusals, bad input and dead tokens are
// none.
func FaultOf(err error) Fault {
	var refusal interface{ Refuses() }
	var panicked *store.Panic
	switch {
	case err == nil, errors.As(err, &refusal):
		return NoFault
	case errors.Is(err, store.ErrOutcomeUnknown), errors.As(err, &panicked):
		return Calamity
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, ErrBusy):
		return Unavailable
	}
	return Failure
}
