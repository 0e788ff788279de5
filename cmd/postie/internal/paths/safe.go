package paths

import (
	"path/filepath"
	"slices"
	"strings"
)

// longest is how many octets of a name are kept: file systems take 255, and something may be put behind it.
const longest = 200

// Safe makes a plain file name of text that is clean already: no path, nothing hidden, none that a system keeps for itself. "": nothing is left.
func Safe(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	name = strings.TrimRight(strings.TrimLeft(strings.TrimSpace(name), ".-~ "), ". ")
	if ext := filepath.Ext(name); len(name) > longest {
		ext = ext[:min(len(ext), 20)]
		name = strings.ToValidUTF8(name[:longest-len(ext)]+ext, "")
	}
	if base, _, _ := strings.Cut(name, "."); reserved(base) {
		name = "_" + name
	}
	return name
}

// reserved: names of devices on Windows, with any extension and in any case.
func reserved(base string) bool {
	base = strings.ToUpper(strings.TrimSpace(base))
	if len(base) == 4 && (base[:3] == "COM" || base[:3] == "LPT") && base[3] >= '0' && base[3] <= '9' {
		return true
	}
	return slices.Contains([]string{"CON", "PRN", "AUX", "NUL"}, base)
}
