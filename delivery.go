package souk

import "time"

// DeliveryStatus is how far one event got on its way to one endpoint.
type DeliveryStatus string

// pending → successful | exhausted | cancelled | skipped. Outside, each
// dialect has its own words.
const (
	DeliveryPending    DeliveryStatus = "pending"
	DeliverySuccessful DeliveryStatus = "successful"
	DeliveryExhausted  DeliveryStatus = "exhausted" // no attempt is left
	DeliveryCancelled  DeliveryStatus = "cancelled" // what justified it is gone
	DeliverySkipped    DeliveryStatus = "skipped"   // its endpoint was not to be told, or it came too late
)

// DeliveryStatuses are all there are.
var DeliveryStatuses = []DeliveryStatus{DeliveryPending, DeliverySuccessful, DeliveryExhausted, DeliveryCancelled, DeliverySkipped}

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
	Final        bool // still delivered after its installation ended
	Body         []byte
	Channel      Channel // giosg: what it tells
	Action       Action
	Resource     string // what it is about: those to one webhook about one resource go one after another; "": no order
	Speaker      ID     // the installation whose app user's token goes with each attempt, or none
	Status       DeliveryStatus
	Attempts     int       // made so far
	LastOutcome  Outcome   // of the attempt before, empty before the first
	NextAt       time.Time // when the next attempt is due; zero once ended, and while an earlier one about the same resource is pending
	Entry        ID        // of the next attempt in the log
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
	NoConnection   Outcome = "connect"        // refused, unreachable, reset, or closed without an answer
	BadTLS         Outcome = "tls"            // handshake or certificate
	WriteFailed    Outcome = "write"          // the request could not be sent whole
	HeaderTimeout  Outcome = "header_timeout" // no complete answer headers in time
	BodyTimeout    Outcome = "body_timeout"   // the headers of a failure came in time, the rest did not
	BadStatus      Outcome = "status"         // an answer other than 2xx
	TooManyMoves   Outcome = "redirect"       // more redirects than the dialect follows
	BadAnswer      Outcome = "answer"         // what came back is not HTTP, or too large
	AttemptStopped Outcome = "cancelled"      // Souk itself broke it off; consumes no attempt
	Unprepared     Outcome = "unprepared"     // Souk could not make the request: a fault of its own
)

// Attempt is one HTTP request made for a delivery, written once with its
// outcome.
type Attempt struct {
	ID        ID
	Delivery  ID
	Webhook   ID
	Number    int // from 0
	URL       string
	Outcome   Outcome
	Status    int       // HTTP status, 0 when none came
	Answer    string    // excerpt of the answer's body, at most 16 KiB of valid text
	Headers   string    // of the answer, as a JSON object of texts; giosg alone, else empty
	ListedAt  time.Time // since when the log has shown it: as what was to come, and then as what was
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
}

// Speaker is the app user whose short token an attempt carries; zero when there
// is none, or the installation is not active any more.
type Speaker struct {
	Installation ID
	App, Org     ID
	User         ID
}

// Prepared is what Prepare made for one attempt.
type Prepared struct {
	Body   []byte
	Header map[string]string
}
