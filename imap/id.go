package imap

import (
	"maps"
	"slices"
	"strings"
)

// idCommand is RFC 2971's, its fields in order; what cannot be quoted is left out.
func idCommand(id map[string]string) string {
	var fields []string
	for _, k := range slices.Sorted(maps.Keys(id)) {
		if quotable(k) && quotable(id[k]) {
			fields = append(fields, quote(k)+" "+quote(id[k]))
		}
	}
	if len(fields) == 0 {
		return "ID NIL"
	}
	return "ID (" + strings.Join(fields, " ") + ")"
}
