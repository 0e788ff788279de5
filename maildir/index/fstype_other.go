//go:build !linux && !darwin

package index

// networked is not known here: WAL, which SQLite refuses by itself where there is no shared memory.
func networked(string) bool { return false }
