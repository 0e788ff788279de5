package restore

import (
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/maildir"
	"postie/maildir/source"
)

// Event is what Progress is told.
type Event interface{ event() }

type (
	// Planned: so much is to be put into a mailbox, more than was told before.
	Planned struct {
		Mailbox  string
		Messages int
		Bytes    int64
	}
	// Created: a mailbox was made, or would be.
	Created struct{ Mailbox string }
	// Subscribed: a mailbox was subscribed to, or would be.
	Subscribed struct{ Mailbox string }
	// Uploaded: a message is on the server, or would be put there.
	Uploaded struct {
		Mailbox string
		UID     goimap.UID // 0: the server did not tell
		Message *source.Message
	}
	// Flagged: messages that were there got flags, or would get them.
	Flagged struct {
		Mailbox string
		UIDs    goimap.UIDSet
		Add     maildir.Flags
	}
	// Redated: a message that this run put there has another date of arrival there. It fails no run.
	Redated struct {
		Mailbox     string
		UID         goimap.UID // 0: the server did not tell
		Where       string
		Date, There time.Time // There is zero where nobody knows which message it is
	}
	// Failed: a message is not there, or a mailbox could not be looked at or made (Where is "").
	Failed struct {
		Mailbox string
		Where   string
		Err     error
	}
	// Notice: what the server does not keep, and the like. It fails no run.
	Notice struct{ Mailbox, Text string }
)

func (Planned) event()    {}
func (Created) event()    {}
func (Subscribed) event() {}
func (Uploaded) event()   {}
func (Flagged) event()    {}
func (Redated) event()    {}
func (Failed) event()     {}
func (Notice) event()     {}
