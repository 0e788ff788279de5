// Package near finds, among the words that are known, the one that a mistyped word may have been meant for.
package near

import "strings"

// Word is the known word that is nearest to word, "" if none is near.
func Word(word string, known []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, k := range known {
		d := distance(word, k)
		if len(k) > 3 && strings.Contains(word, k) || len(word) > 3 && strings.Contains(k, word) {
			d = min(d, least-1) // username, fingerprint
		}
		if strings.EqualFold(word, k) {
			d = 0
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts insertions, removals, replacements and swaps of neighbours between two words.
func distance(this, that string) int {
	a, b := []rune(this), []rune(that)
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
