package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// stamps are a few times in one column: microseconds, with spaces between them.
type stamps [3]time.Time

func (s stamps) String() string {
	var b strings.Builder
	for _, t := range s {
		if t.IsZero() {
			break // those that follow are none either
		}
		b.WriteString(strconv.FormatInt(t.UnixMicro(), 10) + " ")
	}
	return strings.TrimSuffix(b.String(), " ")
}

// Scan reads what String wrote.
func (s *stamps) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("store: %T where times were stored", src)
	}
	*s = stamps{}
	for i, word := range strings.Fields(text) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil || i == len(s) {
			return fmt.Errorf("store: %q where times were stored", text)
		}
		s[i] = time.UnixMicro(n).UTC()
	}
	return nil
}
