package souk_test

import (
	"testing"
	"time"

	"souk"
)

// chain makes entries that follow one another.
func chain(n int) []souk.AuditEntry {
	var all []souk.AuditEntry
	last := souk.AuditEntry{}
	for i := range n {
		last = souk.AuditEntry{
			Root: souk.NewID(), At: time.Unix(1_760_000_000+int64(i), 0), Verb: "Approve", Face: "slack", User: souk.NewID(),
			Token: souk.NewID(), Org: souk.NewID(), App: souk.NewID(), Subject: souk.NewID(), Before: "{}", After: `{"a":1}`,
		}.Chained(last)
		all = append(all, last)
	}
	return all
}

func TestAnAuditChainHolds(t *testing.T) {
	previous := souk.AuditEntry{}
	for i, e := range chain(5) {
		if e.Number != int64(i+1) || !e.Follows(previous) {
			t.Errorf("entry %d does not follow", i+1)
		}
		previous = e
	}
}

func TestEveryChangeOfAnAuditEntryShows(t *testing.T) {
	all := chain(3)
	changes := map[string]func(*souk.AuditEntry){
		"root":     func(e *souk.AuditEntry) { e.Root[0] ^= 1 },
		"number":   func(e *souk.AuditEntry) { e.Number++ },
		"time":     func(e *souk.AuditEntry) { e.At = e.At.Add(time.Microsecond) },
		"verb":     func(e *souk.AuditEntry) { e.Verb = "Restrict" },
		"face":     func(e *souk.AuditEntry) { e.Face = "native" },
		"user":     func(e *souk.AuditEntry) { e.User = souk.NewID() },
		"token":    func(e *souk.AuditEntry) { e.Token = souk.NewID() },
		"behalf":   func(e *souk.AuditEntry) { e.OnBehalf = !e.OnBehalf },
		"org":      func(e *souk.AuditEntry) { e.Org = souk.NewID() },
		"app":      func(e *souk.AuditEntry) { e.App = souk.NewID() },
		"subject":  func(e *souk.AuditEntry) { e.Subject = souk.NewID() },
		"before":   func(e *souk.AuditEntry) { e.Before = "[]" },
		"after":    func(e *souk.AuditEntry) { e.After = "" },
		"previous": func(e *souk.AuditEntry) { e.Previous = nil },
		"hash":     func(e *souk.AuditEntry) { e.Hash = e.Previous },
		"moved":    func(e *souk.AuditEntry) { e.Before, e.After = e.After, e.Before },
		"shifted":  func(e *souk.AuditEntry) { e.Verb, e.Face = e.Verb+e.Face[:1], e.Face[1:] },
	}
	for name, change := range changes {
		e := all[1]
		change(&e)
		if e.Follows(all[0]) {
			t.Errorf("a changed %s does not show", name)
		}
	}
	if all[2].Follows(all[0]) {
		t.Error("an entry that was taken out does not show")
	}
	// Whoever makes a changed entry fit again breaks the next link.
	e := all[1]
	e.After = "changed"
	if e = e.Chained(all[0]); !e.Follows(all[0]) || all[2].Follows(e) {
		t.Error("a chain that was begun anew fits the old one")
	}
}
