package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Message is a message as list and search show it, and as the event of its arrival.
type Message struct {
	Event     string  `json:"event"` // "message", or what was done to it: "marked", "moved", "deleted", "freed"
	ID        string  `json:"id"`
	Account   string  `json:"account"`
	Mailbox   string  `json:"mailbox"`
	UID       UID     `json:"uid"`
	UIDL      string  `json:"uidl,omitempty"`
	Key       OrNull  `json:"key"`
	Path      OrNull  `json:"path"`  // null: the body is not local
	Flags     Strings `json:"flags"` // IMAP names: \Seen, \Flagged, $Forwarded
	Date      Time    `json:"date"`  // INTERNALDATE
	From      string  `json:"from"`
	To        string  `json:"to"`
	Subject   string  `json:"subject"`
	Size      int64   `json:"size"`
	MessageID OrNull  `json:"message_id"`

	Sent       Time   `json:"sent"`             // the message's own date; null: it has none
	Attachment *bool  `json:"attachment"`       // null: its body was not read yet
	Thread     string `json:"thread,omitempty"` // ID of the first message of its thread; only in lists of threads
	Depth      *int   `json:"depth,omitempty"`  // in its thread

	Listed time.Time `json:"-"` // the date by which it is listed; zero: Date
}

// Stored tells of a message that a run has stored: an event, or a line at -v.
func (u *UI) Stored(m Message) error {
	m.Event = "message"
	if !u.opt.JSON {
		u.Verbose(1, m.Account, fmt.Sprintf("stored %s (%s) from %s: %s", m.ID, Size(m.Size), sender(m.From), m.Subject))
		return nil
	}
	return u.Event(m)
}

// List prints messages: unread ones bold and marked N, flagged ones marked !.
type List struct {
	u      *UI
	t      *Table
	common string
	begun  bool
}

// List begins a list. Close it after the last message. What all IDs begin with, if anything, is printed once on a terminal.
func (u *UI) List(common string) *List {
	if !u.out.tty {
		common = ""
	}
	return &List{u: u, common: common, t: u.Table(
		Column{},                          // ID: a cut one is of no use
		Column{},                          // marks
		Column{Leave: 2},                  // date
		Column{Min: 8, Max: 20, Leave: 1}, // from
		Column{Right: true, Leave: 3},     // size
		Column{Min: 12},                   // subject
	)}
}

// Add prints one message.
func (l *List) Add(m Message) error {
	if l.u.opt.JSON {
		m.Event = "message"
		return l.u.Event(m)
	}
	style := Bold
	if slices.Contains(m.Flags, `\Seen`) {
		style = Plain
	}
	subject := line(m.Subject)
	if subject == "" {
		subject = "(no subject)"
	}
	if m.Depth != nil && *m.Depth > 0 {
		subject = strings.Repeat("  ", min(*m.Depth, 8)-1) + "└ " + subject
	}
	if m.Listed.IsZero() {
		m.Listed = m.Date.Time
	}
	if l.common != "" && !l.begun {
		l.begun = true
		if err := l.u.dim(Clean(l.common)); err != nil {
			return err
		}
	}
	id := strings.TrimPrefix(m.ID, l.common)
	return l.t.Row(style, id, m.marks(), Date(m.Listed, l.u.opt.Now()), sender(m.From), Size(m.Size), subject)
}

// Close prints what is left.
func (l *List) Close() error { return l.t.Close() }

// marks shows flags in two cells as mutt does: N unread before r answered; D deleted before ! flagged. Then follows a
// something is attached, or - the body is not here.
func (m *Message) marks() string {
	cells := []byte("   ")
	if !slices.Contains(m.Flags, `\Seen`) {
		cells[0] = 'N'
	}
	for _, f := range m.Flags {
		switch {
		case f == `\Answered` && cells[0] == ' ':
			cells[0] = 'r'
		case f == `\Deleted`:
			cells[1] = 'D'
		case f == `\Flagged` && cells[1] == ' ':
			cells[1] = '!'
		}
	}
	if m.Attachment != nil && *m.Attachment {
		cells[2] = 'a'
	}
	if m.Path == "" {
		cells[2] = '-'
	}
	return strings.TrimRight(string(cells), " ")
}

// sender is the name in a From field, or the address where there is no name.
func sender(from string) string {
	name, _, found := strings.Cut(from, " <")
	if name = strings.Trim(line(name), `" `); found && name != "" {
		return name
	}
	return strings.Trim(line(from), "<>")
}
