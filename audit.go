package souk

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"
)

// AuditEntry says who did what, through which face, before and after.
// Entries of one root org are chained: each carries the hash of the one before,
// so that one that was changed or taken out shows.
type AuditEntry struct {
	Root     ID
	Number   int64 // from 1, without gaps, per root
	At       time.Time
	Verb     string // such as "Approve"
	Face     string
	User     ID   // who acted, or none
	Token    ID   // with which, or none
	OnBehalf bool // a platform token acted for User
	Org      ID
	App      ID
	Subject  ID
	Before   string // JSON
	After    string // JSON
	Previous []byte // hash of entry Number-1, empty for the first
	Hash     []byte
}

// Chained returns e with its place in the chain and its hash. previous is the
// entry before, or the zero entry.
func (e AuditEntry) Chained(previous AuditEntry) AuditEntry {
	e.Number, e.Previous = previous.Number+1, previous.Hash
	e.Hash = e.digest()
	return e
}

// Follows reports whether e is unchanged and comes right after previous.
func (e AuditEntry) Follows(previous AuditEntry) bool {
	return e.Number == previous.Number+1 &&
		string(e.Previous) == string(previous.Hash) && string(e.Hash) == string(e.digest())
}

func (e AuditEntry) digest() []byte {
	h := sha256.New()
	// Every text is written with its length, so that no two entries meet.
	for _, part := range []string{
		string(e.Previous), e.Verb, e.Face, e.Before, e.After,
	} {
		fmt.Fprintf(h, "%d:", len(part))
		io.WriteString(h, part)
	}
	fmt.Fprintf(h, "%s %d %d %s %s %t %s %s %s",
		e.Root, e.Number, e.At.UnixMicro(), e.User, e.Token, e.OnBehalf, e.Org, e.App, e.Subject)
	return h.Sum(nil)
}
