package index

import (
	"path/filepath"

	"postie/maildir"
)

// Path is where the message's file lies, as of the last look; "": it has no body here.
func (s *Store) Path(m Message) string {
	if m.Entry.Name == "" {
		return ""
	}
	return s.DirOf(m).Path(m.Entry)
}

// DirOf is the Maildir of a message.
func (s *Store) DirOf(m Message) maildir.Dir {
	if m.folder != "" {
		return maildir.Dir(filepath.Join(string(s.root), m.folder))
	}
	return s.dir(m.Mailbox)
}
