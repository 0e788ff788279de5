package mirror

import (
	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// Event is what a run tells while it goes on: one of the types below.
type Event interface{ event() }

// Planned comes once per plan: the downloads and uploads ahead.
type Planned struct {
	Messages int
	Bytes    int64
}

// Revised comes while large mailboxes are read part by part: what Planned said, as far as is known by now.
type Revised Planned

// Received comes many times: so many more octets of bodies arrived.
type Received struct{ Bytes int }

// Done comes once per operation that was carried out and agreed.
type Done struct {
	Op    plan.Op
	About index.Message // with Options.Named: what was known of its message before
}

// Stored comes once per message that is new here, when it is safe. Under bodies = "none" it has no file.
type Stored struct {
	Mailbox string
	UID     goimap.UID
	Message index.Message
}

// Failed comes once per message, or mailbox (no UID, no Key), for which something could not be done. The next run tries again.
type Failed struct {
	Mailbox string
	UID     goimap.UID
	Key     maildir.Key
	Err     error
}

// Notice is something that the user should know once. Mailbox "" is the whole account.
type Notice struct{ Mailbox, Text string }

func (Planned) event()  {}
func (Revised) event()  {}
func (Received) event() {}
func (Done) event()     {}
func (Stored) event()   {}
func (Failed) event()   {}
func (Notice) event()   {}
