package source

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"postie/maildir"
)

// mostSubscriptions is how many octets of a file of subscriptions are read.
const mostSubscriptions = 16 << 20

// subscriptions reads which mailboxes an IMAP server that keeps its mail in this root has as subscribed; known is false where it is none
// that writes that down there: Dovecot's subscriptions, Courier's courierimapsubscribed.
func (t *Tree) subscriptions(root string) (names map[string]bool, known bool) {
	for file, parse := range map[string]func(string) map[string]bool{"subscriptions": dovecot, "courierimapsubscribed": courier} {
		path := filepath.Join(root, file)
		f, _, err := maildir.Open(path)
		if no := (*maildir.NotMessage)(nil); errors.Is(err, fs.ErrNotExist) || errors.As(err, &no) { // a folder may be called so
			continue
		}
		var text []byte
		if err == nil {
			text, err = io.ReadAll(io.LimitReader(f, mostSubscriptions))
			f.Close()
		}
		if err != nil {
			t.Closed[path] = err
			continue
		}
		return parse(string(text)), true
	}
	return nil, false
}

// dovecot reads a name a line, as the folder has it without its first dot. Version 2 separates the levels of the hierarchy by tabs, the
// older form as folders do.
func dovecot(text string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(strings.TrimPrefix(text, "V\t2\n")) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			names[maildir.MailboxAt("."+strings.ReplaceAll(line, "\t", "."))] = true
			names[maildir.MailboxAt(strings.ReplaceAll(line, "\t", "/"))] = true
		}
	}
	return names
}

// courier reads a name a line, as clients have it: all lie below INBOX.
func courier(text string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			names[maildir.MailboxAt("."+strings.TrimPrefix(line, "INBOX."))] = true
		}
	}
	return names
}
