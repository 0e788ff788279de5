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

// glob matches from the left; what a wildcard may take is tried from nothing on.
func glob(pattern, name string) bool {
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if c != '*' && c != '%' {
			if name == "" || name[0] != c {
				return false
			}
			name = name[1:]
			continue
		}
		for n := 0; n <= len(name); n++ {
			if glob(pattern[i+1:], name[n:]) {
				return true
			}
			if n < len(name) && c == '%' && name[n] == '/' {
				return false
			}
		}
		return false
	}
	return name == ""
}

// Virtual mailboxes show messages that lie in others: Gmail's All Mail, Starred and Important (RFC 6154, RFC 8457).
func Virtual(m imap.Mailbox) bool {
	return m.Has(goimap.MailboxAttrAll) || m.Has(goimap.MailboxAttrFlagged) || m.Has(`\Important`)
}
