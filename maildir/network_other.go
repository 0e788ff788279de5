//go:build !linux && !darwin

package maildir

// Networked is not known here: WAL, which SQLite refuses by itself where there is no shared memory.
func Networked(string) bool { return false }
