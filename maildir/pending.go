package maildir

import "github.com/emersion/go-imap/v2"

// PendingChange is a local change to a message that has no body here, hence no file to show it: the next sync brings it to the server.
type PendingChange struct {
	UID    imap.UID
	Flags  *Flags // as they are to be; nil: as they were agreed
	To     string // the mailbox that it is to be moved to; "": stays
	Delete bool
}
