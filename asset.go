package souk

import "time"

// Asset is an image that belongs to an org, such as the icon of an app. Whoever
// knows its address sees it.
type Asset struct {
	ID            ID
	Org           ID
	Name          string
	Description   string
	FileName      string
	ContentType   string // image/png, image/jpeg or image/gif: what the bytes are, not what was claimed
	Size          int    // bytes
	Width, Height int    // pixels
	CreatedBy     ID     // user, or none
	UpdatedBy     ID     // user, or none
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// MaxAsset bounds an asset's content, in bytes.
const MaxAsset = 1 << 20
