package souk

import "time"

// Sent is what the log has of a request to a Zoom webhook beyond its Attempt.
type Sent struct {
	Event   string // as Zoom calls it
	Headers string // a JSON object of texts; of a header that may hold a secret, only that it was there
	Retry   int    // 0 for the first request since the delivery was asked for
}

// Exchange is one request that was made to a Zoom webhook: what was sent and
// what came back.
type Exchange struct {
	Attempt             // Sent is set
	Body         []byte // that was sent
	Installation ID     // that justified it, or none
	Installer    ID     // who made the installation, or none
}

// ExchangeFilter narrows the exchanges of an app.
type ExchangeFilter struct {
	App     ID
	From    time.Time // that began no earlier; zero: any
	Until   time.Time // and before
	Event   string    // as Zoom calls it; empty: any
	Outcome ExchangeOutcome
	Retry   *int // nil: any
}

// ExchangeOutcome is what became of exchanges that are asked for.
type ExchangeOutcome string

// The outcomes that somebody can ask for.
const (
	AnyExchange        ExchangeOutcome = ""
	FailedExchange     ExchangeOutcome = "failed"
	SuccessfulExchange ExchangeOutcome = "successful"
)

// Call is one call of an API by an app, as its owner reads of it later.
type Call struct {
	ID      ID
	App     ID // whose token was shown
	At      time.Time
	Method  string
	Pattern string // of the address, without what a caller put into it
	Status  int
	Trace   string // that the answer was marked with
}

// CallFilter narrows the calls of an app.
type CallFilter struct {
	App      ID
	From     time.Time // no earlier; zero: any
	Patterns []string  // nil: any
	Method   string    // empty: any
	Status   int       // 0: any
}

// CallsKept is how long calls can be read of.
const CallsKept = 30 * 24 * time.Hour
