package ui

import (
	"fmt"
	"slices"
	"strings"
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
	u *UI
	t *Table
}

// List begins a list. Close it after the last message.
func (u *UI) List() *List {
	return &List{u, u.Table(
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
	return l.t.Row(style, m.ID, marks(m.Flags), Date(m.Date.Time, l.u.opt.Now()), sender(m.From), Size(m.Size), subject)
}

// Close prints what is left.
func (l *List) Close() error { return l.t.Close() }

// marks shows flags in two cells as mutt does: N unread before r answered; D deleted before ! flagged.
func marks(flags []string) string {
	m := []byte("  ")
	if !slices.Contains(flags, `\Seen`) {
		m[0] = 'N'
	}
	for _, f := range flags {
		switch {
		case f == `\Answered` && m[0] == ' ':
			m[0] = 'r'
		case f == `\Deleted`:
			m[1] = 'D'
		case f == `\Flagged` && m[1] == ' ':
			m[1] = '!'
		}
	}
	return string(m)
}

// sender is the name in a From field, or the address where there is no name.
func sender(from string) string {
	name, _, found := strings.Cut(from, " <")
	if name = strings.Trim(line(name), `" `); found && name != "" {
		return name
	}
	return strings.Trim(line(from), "<>")
}
