package web

import (
	"bytes"
	"strconv"
	"unicode/utf16"
)

// Unspeakable reports whether valid JSON holds an escape of NUL, which databases
// do not keep, or of half a surrogate pair, which a decoder turns into a character
// that the caller never sent.
func Unspeakable(valid []byte) bool {
	for {
		i := bytes.IndexByte(valid, '\\')
		if i < 0 {
			return false
		}
		valid = valid[i:]
		if valid[1] != 'u' {
			valid = valid[2:]
			continue
		}
		r := escape(valid)
		valid = valid[6:]
		if r == 0 {
			return true
		}
		if utf16.IsSurrogate(r) {
			if len(valid) < 6 || valid[0] != '\\' || valid[1] != 'u' ||
				utf16.DecodeRune(r, escape(valid)) == '\uFFFD' {
				return true
			}
			valid = valid[6:]
		}
	}
}

// escape reads \uXXXX at the start of valid JSON.
func escape(valid []byte) rune {
	n, err := strconv.ParseUint(string(valid[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}
