package souk

import "time"

// ReplayStatus is how far a replay got.
type ReplayStatus string

// running → done, when nothing is left to be looked at, or cancelled.
const (
	ReplayRunning   ReplayStatus = "running"
	ReplayDone      ReplayStatus = "done"
	ReplayCancelled ReplayStatus = "cancelled"
)

// ReplayStatuses are all there are.
var ReplayStatuses = []ReplayStatus{ReplayRunning, ReplayDone, ReplayCancelled}

// Replay is what somebody asked to be delivered to a webhook again, bit by bit:
// the deliveries that were created from Since on and before Before and that
// ended with one of Statuses.
type Replay struct {
	ID        ID
	Webhook   ID
	App       ID
	Since     time.Time
	Before    time.Time
	Statuses  []DeliveryStatus // sorted, at least one, of Replayable
	Status    ReplayStatus
	Seen      int // that ended in that time, whatever with
	Replayed  int // of those
	CreatedBy ID  // user, or none
	CreatedAt time.Time
	EndedAt   time.Time
}

// Replayable are what a delivery may have ended with to be part of a replay.
var Replayable = []DeliveryStatus{DeliveryCancelled, DeliveryExhausted, DeliverySkipped, DeliverySuccessful}

// Unsuccessful are those of Replayable that are meant when nothing is said. What
// was cancelled is not: what justified it is gone.
var Unsuccessful = []DeliveryStatus{DeliveryExhausted, DeliverySkipped}
