package souk

import "time"

// DeliveryStatus is how far one event got on its way to one endpoint.
type DeliveryStatus string

// pending → successful | exhausted | cancelled | skipped, and held while its
// endpoint is disabled. Outside, each dialect has its own words.
const (
	DeliveryPending    DeliveryStatus = "pending"
	DeliveryHeld       DeliveryStatus = "held" // its endpoint is disabled, and may be enabled again
	DeliverySuccessful DeliveryStatus = "successful"
	DeliveryExhausted  DeliveryStatus = "exhausted" // no attempt is left
	DeliveryCancelled  DeliveryStatus = "cancelled" // what justified it is gone
	DeliverySkipped    DeliveryStatus = "skipped"   // its endpoint was not to be told, or it came too late
)

// DeliveryStatuses are all there are.
var DeliveryStatuses = []DeliveryStatus{DeliveryPending, DeliveryHeld, DeliverySuccessful, DeliveryExhausted, DeliveryCancelled, DeliverySkipped}

// Delivery is one event for one endpoint. Its body is frozen when the event
// commits and the same on every attempt, but for one place where a dialect may
// put a secret at send time.
type Delivery struct {
	ID           ID
	Event        ID
	Webhook      ID
	App          ID // the webhook's
	Installation ID // that justifies it, or none
	Dialect      Dialect
	Final        bool  // still delivered after its installation ended
	Epoch        int64 // of the webhook when it was born; a webhook with a later one is not told it any more
	Body         []byte
	Channel      Channel // giosg: what it tells
	Action       Action
	Resource     string // what it is about, an id on Channel: those to one webhook about one thing go one after another; "": no order
	Speaker      ID     // the installation whose app user's token goes with each attempt, or none
	Trace        string // the traceparent of what caused it, or ""
	Status       DeliveryStatus
	Attempts     int       // made so far
	Base         int       // of those, how many before it was asked to be delivered again: the schedule counts from there
	Aside        bool      // while open: it was asked to be delivered again, and stands in no line
	LastOutcome  Outcome   // of the attempt before, empty before the first
	Handed       bool      // while open: whoever wrote it down was to hand it over to its own courier, see store.Tx.DueWebhooks
	NextAt       time.Time // when the next attempt is due; zero once ended, and while another about the same resource goes first
	Entry        ID        // of the next attempt in the log, or of the one that was never made; none when all that were are in the log
	EntryAt      time.Time // since when the log shows it
	CreatedAt    time.Time // when the event committed
	EndedAt      time.Time
	Note         string // why it was cancelled or skipped
}

// Outcome classifies an attempt by the phase in which it ended.
type Outcome string

// The outcomes. OK is any 2xx in time; all others are failures.
const (
	OK             Outcome = "ok"
	Blocked        Outcome = "blocked"        // the address is one that Souk does not send to
	BadName        Outcome = "dns"            // the name did not resolve
	NoConnection   Outcome = "connect"        // refused, unreachable or reset
	HungUp         Outcome = "closed"         // the receiver closed the connection before its answer was there
	BadTLS         Outcome = "tls"            // the handshake failed
	BadCertificate Outcome = "certificate"    // expired, or of an authority that nobody trusts
	WrongHost      Outcome = "hostname"       // a certificate of another host
	WriteFailed    Outcome = "write"          // the request could not be sent whole
	HeaderTimeout  Outcome = "header_timeout" // no complete answer headers in time
	BodyTimeout    Outcome = "body_timeout"   // the headers of a failure came in time, the rest did not
	BadStatus      Outcome = "status"         // an answer other than 2xx
	TooManyMoves   Outcome = "redirect"       // more redirects than the dialect follows, or one where it wants none
	BadAnswer      Outcome = "answer"         // what came back is not HTTP, or too large
	NoToken        Outcome = "token"          // the receiver's authorization server gave none, and so nothing was sent
	AttemptStopped Outcome = "cancelled"      // Souk itself broke it off; consumes no attempt
	Unprepared     Outcome = "unprepared"     // Souk could not make the request: a fault of its own
)

// Attempt is one HTTP request made for a delivery, written once with its
// outcome.
type Attempt struct {
	ID        ID // its entry in the log
	Delivery  ID
	Dialect   Dialect
	App       ID // the webhook's
	Webhook   ID
	Channel   Channel // giosg: what it told
	Action    Action
	Resource  string
	Number    int // from 0
	URL       string
	Outcome   Outcome
	Status    int       // HTTP status, 0 when none came
	Answer    string    // excerpt of the answer's body, at most 16 KiB of valid text
	Headers   string    // of the answer, as a JSON object of texts; giosg and Zoom alone, else empty
	Sent      *Sent     // Zoom alone, else nil
	ListedAt  time.Time // since when the log has shown it: first as what is to come
	Detail    string    // of a failure, for people
	StartedAt time.Time
	Duration  time.Duration
}

// Outgoing is one attempt that is about to be made, as a dialect's Prepare
// gets it.
type Outgoing struct {
	Delivery    Delivery
	Webhook     Webhook     // with its secret opened
	Credentials Credentials // the app's, opened
	Speaker     Speaker     // whose token goes with it
	Number      int         // of this attempt, from 0
	At          time.Time   // now
	Began       time.Time   // the same, by the clock of this process
}

// Unsent is the error of a Prepare that needed something from the receiver's side
// and did not get it: nothing is sent, and the attempt counts as one that failed.
type Unsent struct {
	Outcome Outcome
	Err     error // for people: holds no secret
}

// Error says what was missing.
func (u Unsent) Error() string { return u.Err.Error() }

// Unwrap is what was missing.
func (u Unsent) Unwrap() error { return u.Err }

// Speaker is the app user whose short token an attempt carries; zero when there
// is none, or the installation is not active any more.
type Speaker struct {
	Installation ID
	App, Org     ID
	User         ID
}

// Prepared is what Prepare made for one attempt. With a URL, that is asked by
// GET and there is no body; it may hold secrets and is in no log.
type Prepared struct {
	URL    string
	Body   []byte
	Header map[string]string
	Event  string // what the dialect calls the event, where the log of its requests names it
}

// LogStatus is how far one request got, in the log that an app's owner reads.
type LogStatus string

// pending → started → successful | failed. A request that is not to be made any
// more has failed.
const (
	LogPending    LogStatus = "pending"
	LogStarted    LogStatus = "started"
	LogSuccessful LogStatus = "successful"
	LogFailed     LogStatus = "failed"
)

// LogStatuses are all there are.
var LogStatuses = []LogStatus{LogPending, LogStarted, LogSuccessful, LogFailed}

// LogEntry is one request to a giosg webhook: made, to come, or never made. It
// keeps its ID and its place, by CreatedAt and ID, from beginning to end.
type LogEntry struct {
	ID             ID
	CreatedAt      time.Time // when it was decided: at the commit, or when the request before it failed
	App, Webhook   ID
	URL            string // that was asked; the webhook's own while none was
	Channel        Channel
	Action         Action
	Resource       string
	Status         LogStatus
	Retry          int            // 0 for the first request of a notification
	Outcome        Outcome        // of a request that was made, else empty
	Dropped        DeliveryStatus // cancelled or skipped when it was never made, else empty
	ResponseStatus int            // 0 when no answer came
	Answer         string         // as in Attempt
	Headers        string         // as in Attempt
	Duration       time.Duration  // of a request that was made
	CompletedAt    time.Time      // zero while it is to come
}

// LogKept is how long the log has an entry that is over, from its CreatedAt on.
const LogKept = 7 * 24 * time.Hour

// LogFilter narrows the log of an app.
type LogFilter struct {
	App     ID
	Webhook ID        // of the app, perhaps deleted; none: all
	Status  LogStatus // empty: any
}
