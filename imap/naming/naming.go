// Package naming translates between the names that mailboxes have on an IMAP server and those that they have here: a hierarchy
// joined by "/", in UTF-8, without the prefix of the personal namespace. It also matches patterns of mailboxes. It asks nobody anything.
package naming

import (
	"iter"
	"strings"

	"postie/imap"
)

// Inbox is the mailbox that always exists (RFC 9051 section 5.1).
const Inbox = "INBOX"

// Scheme is how a server names mailboxes. A component that holds a "/", on servers with another separator, has it as %2F.
type Scheme struct {
	Prefix string // of the personal namespace: "", "INBOX.", …
	Delim  rune   // 0: no hierarchy
}

// Ours gives the name here of a mailbox on the server.
func (n Scheme) Ours(server string) string { return n.Shown(server, false) }

// Shown is Ours. apart tells one whose name on the wire is malformed from another that it looks like.
func (n Scheme) Shown(server string, apart bool) string {
	name := server
	if rest, ok := n.cut(server); ok && !strings.EqualFold(rest, Inbox) {
		name = rest
	}
	parts := []string{name}
	if n.Delim != 0 {
		parts = strings.Split(name, string(n.Delim))
	}
	for i, part := range parts {
		part = imap.Shown(part, apart)
		if parts[i] = part; strings.Contains(part, "/") || coded(part) {
			parts[i] = strings.NewReplacer("%", "%25", "/", "%2F").Replace(part)
		}
	}
	if strings.EqualFold(parts[0], Inbox) {
		parts[0] = Inbox // RFC 9051 section 5.1: in any case
	}
	return strings.Join(parts, "/")
}

// Guess is for servers without NAMESPACE: where mailboxes lie below INBOX and none beside it, that is the prefix. It stays so
// once mailboxes of the base (known, by our names) were named by it, and never comes once they were named without.
func (n Scheme) Guess(all []imap.Mailbox, known iter.Seq[string]) Scheme {
	with := Scheme{Inbox + string(n.Delim), n.Delim}
	if n.Delim == 0 || n.Prefix != "" {
		return n
	}
	below, beside := map[string]bool{}, map[string]bool{}
	for _, m := range all {
		if rest, ok := with.cut(m.Name); ok {
			below[rest] = true
		} else if m.Name != Inbox {
			beside[m.Name] = true
		}
	}
	kept := false
	for name := range known {
		server, _ := n.Theirs(name)
		kept = kept || below[server] && !beside[server]
		if strings.HasPrefix(name, Inbox+"/") {
			return n
		}
	}
	if len(below) > 0 && (len(beside) == 0 || kept) {
		return with
	}
	return n
}

// cut takes the prefix off. That of "INBOX." is told apart in any case, as INBOX is.
func (n Scheme) cut(server string) (string, bool) {
	if len(server) <= len(n.Prefix) || !strings.EqualFold(server[:len(n.Prefix)], n.Prefix) {
		return server, false
	}
	inbox := len(n.Prefix) >= 5 && strings.EqualFold(n.Prefix[:5], Inbox)
	return server[len(n.Prefix):], inbox || server[:len(n.Prefix)] == n.Prefix
}

// Theirs gives the server's name for one of ours; false: it cannot have one there.
func (n Scheme) Theirs(name string) (string, bool) {
	if name == Inbox {
		return name, true
	}
	parts := Split(name)
	if n.Delim == 0 {
		return n.Prefix + parts[0], len(parts) == 1
	}
	for _, part := range parts {
		if part == "" || strings.ContainsRune(part, n.Delim) {
			return "", false
		}
	}
	return n.Prefix + strings.Join(parts, string(n.Delim)), true
}

// Split gives the components of one of our names, as they are.
func Split(name string) []string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if coded(part) {
			parts[i] = strings.NewReplacer("%2F", "/", "%25", "%").Replace(part)
		}
	}
	return parts
}

// coded says whether a part reads as one that held a "/": then also one that came so has to be coded, to stay another.
func coded(part string) bool {
	for _, after, found := strings.Cut(part, "%"); found; _, after, found = strings.Cut(after, "%") {
		rest := after
		for strings.HasPrefix(rest, "25") {
			rest = rest[2:]
		}
		if strings.HasPrefix(rest, "2F") {
			return true
		}
	}
	return false
}
