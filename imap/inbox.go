package imap

import (
	"strings"

	"github.com/emersion/go-imap/v2"
)

// inbox collects what the server says for the command under way. It is guarded by wire.mu until the command has taken it.
type inbox struct {
	Codes     []code
	Tags      []string        // of its commands, as they were sent
	Tagged    map[string]code // by tag; nil: not wanted
	Refusal   code            // of the last NO or BAD
	Ended     chan struct{}   // closed when the command was answered; nil: nobody waits for that
	Caps      imap.CapSet     // untagged CAPABILITY
	Enabled   imap.CapSet
	List      bool // LIST: collect its responses
	Lists     []Mailbox
	Status    map[string]*Status
	Vanished  gathered   // VANISHED (EARLIER)
	Vanishing bool       // a FETCH that wants to know what vanished
	Found     *gathered  // SEARCH: gets what is found; nil: another command
	Rights    *string    // MYRIGHTS: gets the letters; nil: another command
	Personal  *namespace // NAMESPACE: gets the first of the user's own; nil: another command

	Select *Selected // SELECT and EXAMINE: what is said of the mailbox; nil: another command
	Keep   bool      // keep FETCH responses: STORE, SELECT with QRESYNC
	Kept   []Message
	Fetch  *handover // FETCH: responses are handed over one by one

	Unread        error  // the first response of those that it gathers which could not be read: what was gathered is not all
	names, octets int    // of Lists and Status, and of Codes
	weight        int    // of Kept
	kept          bool   // there were more than Kept has room for
	flood         string // of what there were too many; "": of nothing
}

func (b *inbox) take(c code) {
	if b == nil || c.Name != "COPYUID" && c.Name != "MODIFIED" {
		return
	}
	if b.octets += len(c.Args); len(b.Codes) >= maxCodes || b.octets > maxLine {
		b.over("response codes")
		return
	}
	b.Codes = append(b.Codes, c)
}

// answered takes what a tagged reply brings.
func (b *inbox) answered(tag string, r reply) {
	if b == nil {
		return
	}
	b.take(r.Code)
	if b.Tagged != nil {
		b.Tagged[tag] = r.Code
	}
	if r.Status != "OK" {
		b.Refusal = r.Code
	}
	b.Select.code(r.Code)
	if b.Ended != nil {
		close(b.Ended)
		b.Ended = nil
	}
}

// refusedWith says whether the last refusal of the command under way had that code.
func (w *wire) refusedWith(name string) bool {
	return w.note(func(b *inbox) bool { return b.Refusal.Name == name })
}

// handover brings a FETCH response from the reading goroutine to the one that asked. Both wait for each other, so that a
// body is read from the connection by its consumer, and never two responses are in memory.
type handover struct {
	section string // what of a message is its Body here: "BODY[]", or how it begins: "BODY[HEADER"
	ready   chan *arrival
	resume  chan struct{}
	gone    chan struct{} // closed when nobody receives any more
}

func newHandover(section string) *handover {
	return &handover{section, make(chan *arrival), make(chan struct{}), make(chan struct{})}
}

// wants says whether a section of a message is what was asked for.
func (w *wire) wants(section string) bool {
	return w.note(func(b *inbox) bool {
		return b.Fetch != nil && (section == b.Fetch.section || b.Fetch.section != wholeBody && strings.HasPrefix(section, b.Fetch.section))
	})
}

// arrival is one FETCH response, handed over first when its body begins, and once more when it ended.
type arrival struct {
	Message
	has   items
	body  *literal // the body, when it begins
	ended bool
	moved bool // messages were expunged since the last arrival: sequence numbers mean others now
	given bool // set by the receiver: he has all he wants of it
}

// items says which items of a message are known.
type items uint8

const (
	hasUID items = 1 << iota
	hasFlags
	hasDate
	hasSize
	hasModSeq
)

// open puts up an inbox for the next command.
func (w *wire) open(b *inbox) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inbox = b
}

// shut takes the inbox away; from now on its content is the caller's.
func (w *wire) shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inbox != nil && w.inbox.Fetch != nil {
		close(w.inbox.Fetch.gone)
	}
	w.inbox = nil
	w.out.amend = nil
}

// note lets f put something into the inbox, if a command is under way; f says whether it wanted it.
func (w *wire) note(f func(*inbox) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inbox != nil && f(w.inbox)
}

func (w *wire) tell(e Event) {
	if w.event != nil {
		w.event(e)
	}
}
