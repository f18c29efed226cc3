package souk

import "encoding/json"

// Publication is a change of a resource of the host product, told on a channel.
type Publication struct {
	Org      ID
	Channel  Channel
	Action   Action
	Resource string          // id
	Body     json.RawMessage `json:",omitempty"` // the resource, or what changed of it; none of a removed one
	Scope    string          // that whoever hears it must hold; "": none
}

// Bounds of a publication.
const (
	MaxPublications = 1000      // in one call
	MaxPublished    = 240 << 10 // bytes of a resource: a notification stays under 256 KiB
	MaxResourceID   = 200       // bytes
)
