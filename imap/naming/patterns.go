package naming

import (
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// Patterns choose mailboxes: those that any pattern matches (all, when there is none without "!"), less those that one
// with "!" matches. "*" is any characters, "%" any but the separator.
type Patterns []string

// Match says whether the patterns choose a mailbox.
func (ps Patterns) Match(name string) bool {
	chosen, positive := false, false
	for _, p := range ps {
		if not, ok := strings.CutPrefix(p, "!"); ok {
			if glob(Canonical(not), name) {
				return false
			}
			continue
		}
		positive = true
		chosen = chosen || glob(Canonical(p), name)
	}
	return chosen || !positive
}

// Names says whether a pattern is that very name.
func (ps Patterns) Names(name string) bool {
	for _, p := range ps {
		if Canonical(p) == name {
			return true
		}
	}
	return false
}

// Canonical writes the one name that is equal in any case in one way.
func Canonical(pattern string) string {
	if strings.EqualFold(pattern, Inbox) {
		return Inbox
	}
	return pattern
}

// glob keeps for each beginning of name whether the pattern up to here matches it: to try one wildcard after the other takes time
// that doubles with each.
func glob(pattern, name string) bool {
	matches := make([]bool, len(name)+1)
	matches[0] = true
	for i := range len(pattern) {
		c := pattern[i]
		wild, before := false, false
		for n := range matches {
			now := matches[n]
			switch {
			case c == '*':
				wild = wild || now
				matches[n] = wild
			case c == '%':
				wild = now || wild && name[n-1] != '/'
				matches[n] = wild
			default:
				matches[n] = before && name[n-1] == c
			}
			before = now
		}
	}
	return matches[len(name)]
}

// Virtual mailboxes show messages that lie in others: Gmail's All Mail, Starred and Important (RFC 6154, RFC 8457).
func Virtual(m imap.Mailbox) bool {
	return m.Has(goimap.MailboxAttrAll) || m.Has(goimap.MailboxAttrFlagged) || m.Has(`\Important`)
}
