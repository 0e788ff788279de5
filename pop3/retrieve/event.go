package retrieve

import (
	"postie/maildir/index"
	"postie/pop3"
)

// Event is what a run tells while it goes on: one of the types below.
type Event interface{ event() }

// Planned comes once: what is about to be fetched.
type Planned struct {
	Messages int
	Bytes    int64 // as the server's list says
}

// Received comes many times: so many more octets of messages arrived.
type Received struct{ Bytes int }

// Stored comes once per new message, when it is safe. Message.ID and Message.Entry say where it is.
type Stored struct {
	Item    pop3.Item
	Message index.Message
}

// Fetched comes once per message that was read from the server, stored or not: for progress.
type Fetched struct{ Item pop3.Item }

// Skipped comes once per message that is larger than the limit.
type Skipped struct {
	Item  pop3.Item
	Limit int64
}

// Failed comes once per message that could not be fetched, stored or deleted. It is still on the server. Without an Item it is
// about deletions that the server did not confirm.
type Failed struct {
	Item pop3.Item
	Err  error
}

// Notice is something that the user should know once.
type Notice struct{ Text string }

func (Planned) event()  {}
func (Received) event() {}
func (Stored) event()   {}
func (Fetched) event()  {}
func (Skipped) event()  {}
func (Failed) event()   {}
func (Notice) event()   {}
