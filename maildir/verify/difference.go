// Package verify compares the files of a root with what its index has of them: the hash of each message, as it was stored. It reads
// only, asks no server, and is the first half of comparing a copy with its server (imap/verify, pop3/verify), which tell what they find in
// the same words.
package verify

import (
	"github.com/emersion/go-imap/v2"

	"postie/maildir/index"
)

// Kind says what a difference is. The words are those of postie verify --json.
type Kind string

const (
	Damaged    Kind = "damaged"      // the octets of a file are not those that were stored
	Unreadable Kind = "unreadable"   // a file, or a folder, cannot be read
	Missing    Kind = "missing_here" // what the index, or the server, has is not here
	OtherKey   Kind = "other_key"    // the file was given another key
	Unknown    Kind = "unknown_file" // the index does not know the file, so that nothing tells whether it is whole

	MissingThere   Kind = "missing_there" // the server does not have it
	OtherFlags     Kind = "other_flags"   // the server has other flags than were agreed
	OtherDate      Kind = "other_date"    // the server has another date than the file
	OtherSize      Kind = "other_size"    // the server says another size than it did
	OtherOctets    Kind = "other_octets"  // the server gives other octets than it did, or than were sent to it
	OtherUIDs      Kind = "other_uids"    // UIDVALIDITY changed: the next sync matches all messages anew
	NotGiven       Kind = "not_given"     // the server has the message and does not give it
	MailboxMissing Kind = "mailbox_missing_here"
	MailboxGone    Kind = "mailbox_missing_there"

	NotPushed Kind = "not_pushed" // done here since the last run
	NotPulled Kind = "not_pulled" // done there since the last run, as far as the server tells

	Moved   Kind = "moved"   // of a manifest: it lies in another mailbox now
	Flagged Kind = "flagged" // of a manifest: it has other flags now
)

// Fault says whether a difference is one that should not be. What waits for the next run, and what people do to their mail, is none.
func (k Kind) Fault() bool {
	switch k {
	case NotPushed, NotPulled, Unknown, Moved, Flagged:
		return false
	}
	return true
}

// Difference is one thing that is not as it should be, or waits.
type Difference struct {
	Kind    Kind
	Mailbox string
	Message index.Message // what the index has of it; ID 0: nothing
	UID     imap.UID      // on its server; 0: none
	UIDL    string        // likewise
	Path    string        // of its file, as it was found, or where it ought to be; "": none
	Detail  string        // in words
}

// Counts say what was compared.
type Counts struct {
	Mailboxes int
	Messages  int   // that are known
	Files     int   // that were read and have the hash that they should have
	Octets    int64 // of them
	There     int   // messages that were read on the server
	Unhashed  int   // files that are there, and of which no hash is known
	Archived  int   // messages that were kept here when they vanished on the server
	OneSide   int   // messages that are on one side only, and are to be: the direction of their mailbox has it so
	Altered   int   // messages that the server keeps in other octets than were sent to it, since they were
	OwnDates  int   // files that had another date than the server's message when they were matched with it
	Bodyless  int   // messages without a body here, as policy or their user wants it
	Faults    int   // differences that are faults
	Waiting   int   // the others
}

// Teller counts differences and passes them on.
type Teller struct {
	Counts
	To func(Difference) error // nil: nobody
}

// Tell takes one. The error is that of whoever it is passed on to.
func (t *Teller) Tell(d Difference) error {
	if d.Kind.Fault() {
		t.Faults++
	} else {
		t.Waiting++
	}
	if t.To == nil {
		return nil
	}
	return t.To(d)
}
