package imap

import "github.com/emersion/go-imap/v2"

// Flag is go-imap's; Forwarded is "$Forwarded".
type Flag = imap.Flag

// Event is something that the server said unasked. One of Exists, Expunged, Vanished, Changed, ChangedMailbox, Listed, Alert, Unusable.
type Event interface{ event() }

// Exists is the new number of messages in the selected mailbox.
type Exists uint32

// Expunged is a message that left the selected mailbox; those behind it move up by one.
type Expunged SeqNum

// Vanished names messages that left the selected mailbox (RFC 7162 section 3.2.10), in place of Expunged.
type Vanished imap.UIDSet

// Changed is a message of the selected mailbox whose flags changed. UID is 0 where the server does not say it.
type Changed Message

// ChangedMailbox is the status of another mailbox (RFC 5465 section 5.2).
type ChangedMailbox struct {
	Name   string
	Status Status
}

// Listed is a mailbox that appeared, changed its subscription, or (\NonExistent) is gone (RFC 5465 section 5.4).
type Listed Mailbox

// Alert is a text that RFC 9051 section 7.1 wants shown to the user, and the address that came with it. It is uncleaned.
type Alert string

// Unusable is a mailbox whose name, as it came, cannot be sent in a command: it is empty, too long, or has a NUL or the end of a line.
type Unusable string

func (Exists) event()         {}
func (Expunged) event()       {}
func (Vanished) event()       {}
func (Changed) event()        {}
func (ChangedMailbox) event() {}
func (Listed) event()         {}
func (Alert) event()          {}
func (Unusable) event()       {}
