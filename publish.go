package souk

// Publication is a change of a resource of the host product, told on a channel.
type Publication struct {
	Org      ID
	Channel  Channel
	Action   Action
	Resource string   // id
	Body     Document `json:",omitempty"` // the resource, or what changed of it; none of a removed one
	Scope    string   // that whoever hears it must hold; "": none
}

// Document is a JSON text that Souk passes on and does not read.
type Document []byte

// MarshalJSON is the document itself.
func (d Document) MarshalJSON() ([]byte, error) { return d, nil }

// UnmarshalJSON keeps the document.
func (d *Document) UnmarshalJSON(text []byte) error {
	*d = append(Document(nil), text...)
	return nil
}

// Bounds of a publication.
const (
	MaxPublications = 1000      // in one call
	MaxPublished    = 240 << 10 // bytes of a resource: a notification stays under 256 KiB
	MaxResourceID   = 200       // bytes
)
