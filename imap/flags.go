package imap

import (
	"fmt"
	"strings"
)

// isAtom is RFC 9051's ATOM-CHAR, at least once.
func isAtom(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`(){%*"\]`, r) })
}

// IsKeyword says whether a word can be a keyword (RFC 9051 section 9, flag-keyword): other programs know such as cannot.
func IsKeyword(word string) bool { return isAtom(word) }

// checkFlags refuses what the library would close the connection for (trap 8), and \Recent, which only a server sets.
func checkFlags(flags []Flag) error {
	for _, f := range flags {
		if !isAtom(strings.TrimPrefix(string(f), `\`)) || strings.EqualFold(string(f), `\Recent`) {
			return fmt.Errorf("flag %q: not possible", f)
		}
	}
	return nil
}
