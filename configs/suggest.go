package configs

import (
	"fmt"
	"slices"
	"strings"
)

// suggest names the known word that a wrong one was probably meant to be, or all that would do.
func suggest(wrong string, known []string) string {
	if best, ok := nearest(wrong, known); ok {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 {
		return "there are none"
	}
	return "known here: " + strings.Join(known, ", ")
}

// nearest is the known word with the fewest typing errors, if they are few enough for the word's length.
func nearest(wrong string, known []string) (best string, ok bool) {
	fewest := len(wrong)/3 + 2
	for _, k := range known {
		if d := distance(strings.ToLower(wrong), strings.ToLower(k)); d < fewest {
			best, fewest, ok = k, d, true
		}
	}
	return best, ok
}

// distance is how many letters must be put in, taken out, changed, or swapped with their neighbour.
func distance(a, b string) int {
	const most = 64
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last = last, row
		row = make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// duplicates are the indices of those that stood before, with the index of the first, compared without case.
func duplicates(words []string) map[int]int {
	first := map[string]int{}
	twice := map[int]int{}
	for i, w := range words {
		w = strings.ToLower(w)
		if f, ok := first[w]; ok && w != "" {
			twice[i] = f
		} else {
			first[w] = i
		}
	}
	return twice
}

// listed reports whether a word is one of a list, compared as it is.
func listed[T comparable](word T, list []T) bool { return slices.Contains(list, word) }
