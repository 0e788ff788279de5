package maildir

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Layout is how mailboxes lie below a root. A mailbox is its hierarchy of names in UTF-8, so that the server's separator does
// not matter; the personal namespace prefix is stripped by the caller.
type Layout uint8

const (
	FS              Layout = iota // ROOT/INBOX, ROOT/Lists/golang: UTF-8
	MaildirPlusPlus               // ROOT is INBOX, ROOT/.Lists.golang: modified UTF-7 below dots, as Dovecot reads it
)

// A component of a path may have 255 octets on nearly every file system; some room is left.
const (
	maxComponent = 240
	hashMark     = "%-" // no escape looks like this
)

// Folder gives the path of a mailbox below the root, "." for the root itself. What a plain folder name cannot hold is
// percent-encoded; a component too long gets a prefix and a hash. The result never leaves the root and
// is never one of the Maildir's own names. INBOX is INBOX in any case (RFC 9051 section 5.1).
func (l Layout) Folder(mailbox []string) string { return (&Namer{Layout: l}).Folder(mailbox) }

// Mailbox is the reverse of Folder. It reports false when Folder would not make this path: the name was shortened or
// hashed (the index knows the real one), or somebody else made it; then the answer is the best reading of it.
func (l Layout) Mailbox(folder string) (mailbox []string, ok bool) {
	switch {
	case l == FS:
		mailbox = strings.Split(folder, "/")
	case folder == ".":
		return []string{"INBOX"}, true
	default:
		mailbox = strings.Split(strings.TrimPrefix(folder, "."), ".")
		for i, part := range mailbox {
			if text, ok := decodeUTF7(part); ok {
				mailbox[i] = text
			}
		}
	}
	for i, part := range mailbox {
		mailbox[i] = unescape(part)
	}
	return mailbox, l.Folder(mailbox) == folder
}

// Namer gives folders to mailboxes such that no two are equal on a file system that ignores case or Unicode form:
// the second gets a hash. Tell it first what is taken (Take); then the answers depend on the order of the questions alone.
type Namer struct {
	Layout Layout
	taken  map[string]string // path as the file system may see it → as it is
}

// Take says that a folder exists, or is recorded as some mailbox's.
func (n *Namer) Take(folder string) {
	for i := range len(folder) + 1 {
		if i == len(folder) || folder[i] == '/' {
			n.take(folder[:i])
		}
	}
}

// take answers with what already lies at this path, which is path itself if nothing did.
func (n *Namer) take(path string) string {
	if n.taken == nil {
		n.taken = map[string]string{}
	}
	key := fold(path)
	if _, ok := n.taken[key]; !ok {
		n.taken[key] = path
	}
	return n.taken[key]
}

// Folder is Layout.Folder, or a name with a hash where that one is taken in another spelling. The answer is taken then.
func (n *Namer) Folder(mailbox []string) string {
	path := ""
	for _, part := range n.Layout.parts(mailbox) {
		next := path + n.Layout.fit(part, false)
		if n.take(next) != next {
			next = path + n.Layout.fit(part, true)
			n.take(next)
		}
		path = next + "/"
	}
	return strings.TrimSuffix(path, "/")
}

// parts gives the escaped components of the path.
func (l Layout) parts(mailbox []string) []string {
	if len(mailbox) == 1 && strings.EqualFold(mailbox[0], "INBOX") {
		mailbox = []string{"INBOX"}
	}
	if len(mailbox) == 0 || l == MaildirPlusPlus && len(mailbox) == 1 && mailbox[0] == "INBOX" {
		return []string{"."}
	}
	parts := make([]string, len(mailbox))
	for i, name := range mailbox {
		parts[i] = escape(name, l == MaildirPlusPlus)
	}
	if l == MaildirPlusPlus {
		return []string{"." + strings.Join(parts, ".")}
	}
	return parts
}

// fit turns an escaped component into a file name; if it is too long, or hashed is wanted, into a prefix and a hash.
func (l Layout) fit(escaped string, hashed bool) string {
	name := l.encode(escaped)
	if len(name) <= maxComponent && !hashed {
		return name
	}
	suffix := fmt.Sprintf("%s%x", hashMark, sha256.Sum256([]byte(escaped)))[:len(hashMark)+16]
	for n := min(len(escaped), maxComponent); ; n-- {
		if name = l.encode(cut(escaped, n)); len(name)+len(suffix) <= maxComponent {
			return name + suffix
		}
	}
}

func (l Layout) encode(escaped string) string {
	if l == MaildirPlusPlus {
		return encodeUTF7(escaped)
	}
	return escaped
}

// cut takes at most n octets, no broken rune at the end.
func cut(s string, n int) string {
	for n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// escape makes a name a plain path component: percent and two hex digits for what may not be there, "%" alone for "".
func escape(name string, dots bool) string {
	if name == "" {
		return "%"
	}
	var b strings.Builder
	for i, r := range name {
		_, size := utf8.DecodeRuneInString(name[i:])
		raw := name[i : i+size]
		if i == 0 && (r == '.' || reserved(name, dots)) || r == '.' && dots ||
			r == '%' || r == '/' || unicode.IsControl(r) || r == utf8.RuneError && size == 1 {
			raw = strings.ToUpper(fmt.Sprintf("%x", raw))
			for j := 0; j < len(raw); j += 2 {
				b.WriteString("%" + raw[j:j+2])
			}
			continue
		}
		b.WriteString(raw)
	}
	return b.String()
}

// reserved: names that a Maildir uses for itself, in any case, because some file systems ignore it. Below dots the
// mailbox postie/db would be the file .postie.db.
func reserved(name string, dots bool) bool {
	for _, own := range []string{"cur", "new", "tmp", keywordFile} {
		if strings.EqualFold(name, own) {
			return true
		}
	}
	return dots && strings.EqualFold(name, "postie")
}

func unescape(s string) string {
	if s == "%" {
		return ""
	}
	if name, err := url.PathUnescape(s); err == nil {
		return name
	}
	return s
}

// fold maps paths that some file system takes for equal to one string.
func fold(path string) string { return strings.ToLower(strings.ToUpper(norm.NFD.String(path))) }
