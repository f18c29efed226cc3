package market

import (
	"fmt"
	"iter"
	"slices"
)

// didYouMean ends a sentence with the known word that is nearest to one that
// is not known, if any is near.
func didYouMean(word string, known iter.Seq[string]) string {
	if near, ok := Nearest(word, known); ok {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// Nearest finds the known word that somebody who wrote word most likely
// meant: at most a third of its characters differ, two at least.
func Nearest(word string, known iter.Seq[string]) (near string, found bool) {
	if len(word) > maxName {
		return "", false
	}
	best := max(2, len(word)/3) + 1
	for _, k := range slices.Sorted(known) {
		if d := distance(word, k, best); d < best {
			best, near, found = d, k, true
		}
	}
	return near, found
}

// distance counts the letters to change, add, leave out or swap with their
// neighbour to make b of a; it stops counting at most.
func distance(a, b string, most int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= most {
		return most
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
