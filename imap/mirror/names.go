package mirror

import (
	"iter"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir/index"
)

// naming translates between the server's mailbox names and ours: a hierarchy joined by "/", without the prefix of the
// personal namespace. A component that holds a "/", on servers with another separator, has it as %2F.
type naming struct {
	prefix string // of the personal namespace: "", "INBOX.", …
	delim  rune   // 0: no hierarchy
}

// ours gives the name here of a mailbox on the server.
func (n naming) ours(server string) string {
	name := server
	if rest, ok := n.cut(server); ok && !strings.EqualFold(rest, index.Inbox) {
		name = rest
	}
	parts := []string{name}
	if n.delim != 0 {
		parts = strings.Split(name, string(n.delim))
	}
	for i, part := range parts {
		if strings.Contains(part, "/") {
			parts[i] = strings.NewReplacer("%", "%25", "/", "%2F").Replace(part)
		}
	}
	if strings.EqualFold(parts[0], index.Inbox) {
		parts[0] = index.Inbox // RFC 9051 section 5.1: in any case
	}
	return strings.Join(parts, "/")
}

// guess is for servers without NAMESPACE: where mailboxes lie below INBOX and none beside it, that is the prefix. It stays so
// once mailboxes of the base (known, by our names) were named by it, and never comes once they were named without.
func (n naming) guess(all []imap.Mailbox, known iter.Seq[string]) naming {
	with := naming{index.Inbox + string(n.delim), n.delim}
	if n.delim == 0 || n.prefix != "" {
		return n
	}
	below, beside := map[string]bool{}, map[string]bool{}
	for _, m := range all {
		if rest, ok := with.cut(m.Name); ok {
			below[rest] = true
		} else if m.Name != index.Inbox {
			beside[m.Name] = true
		}
	}
	kept := false
	for name := range known {
		server, _ := n.theirs(name)
		kept = kept || below[server] && !beside[server]
		if strings.HasPrefix(name, index.Inbox+"/") {
			return n
		}
	}
	if len(below) > 0 && (len(beside) == 0 || kept) {
		return with
	}
	return n
}

// cut takes the prefix off. That of "INBOX." is told apart in any case, as INBOX is.
func (n naming) cut(server string) (string, bool) {
	if len(server) <= len(n.prefix) || !strings.EqualFold(server[:len(n.prefix)], n.prefix) {
		return server, false
	}
	inbox := len(n.prefix) >= 5 && strings.EqualFold(n.prefix[:5], index.Inbox)
	return server[len(n.prefix):], inbox || server[:len(n.prefix)] == n.prefix
}

// theirs gives the server's name for one of ours; false: it cannot have one there.
func (n naming) theirs(name string) (string, bool) {
	if name == index.Inbox {
		return name, true
	}
	parts := split(name)
	if n.delim == 0 {
		return n.prefix + parts[0], len(parts) == 1
	}
	for _, part := range parts {
		if part == "" || strings.ContainsRune(part, n.delim) {
			return "", false
		}
	}
	return n.prefix + strings.Join(parts, string(n.delim)), true
}

// split gives the components of one of our names, as they are.
func split(name string) []string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if strings.Contains(part, "%2F") {
			parts[i] = strings.NewReplacer("%2F", "/", "%25", "%").Replace(part)
		}
	}
	return parts
}

// patterns choose mailboxes: those that any pattern matches (all, when there is none without "!"), less those that one
// with "!" matches. "*" is any characters, "%" any but the separator.
type patterns []string

func (ps patterns) match(name string) bool {
	chosen, positive := false, false
	for _, p := range ps {
		if not, ok := strings.CutPrefix(p, "!"); ok {
			if glob(inbox(not), name) {
				return false
			}
			continue
		}
		positive = true
		chosen = chosen || glob(inbox(p), name)
	}
	return chosen || !positive
}

// Match reports whether patterns of mailboxes, as Options.Mailboxes has them, choose a mailbox.
func Match(these []string, mailbox string) bool { return patterns(these).match(mailbox) }

// names says whether a pattern is that very name.
func (ps patterns) names(name string) bool {
	for _, p := range ps {
		if inbox(p) == name {
			return true
		}
	}
	return false
}

func inbox(pattern string) string {
	if strings.EqualFold(pattern, index.Inbox) {
		return index.Inbox
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

// virtual mailboxes show messages that lie in others: Gmail's All Mail, Starred and Important (RFC 6154, RFC 8457).
func virtual(m imap.Mailbox) bool {
	return m.Has(goimap.MailboxAttrAll) || m.Has(goimap.MailboxAttrFlagged) || m.Has(`\Important`)
}
