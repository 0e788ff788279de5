package ui

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Failure is something that went wrong, told on standard error and, with JSON, as an event too.
type Failure struct {
	Account string // "": not about one account
	Host    string // where it was tried, if anywhere
	Err     error
	Hint    string // what to do next: a command, or a sentence. May have several lines
	Exit    int    // exit code that follows from it
}

// maxErrors is how many of many joined errors are told unless verbose.
const maxErrors = 10

// Error prints a failure:
//
//	postie: home (pop.example.org): login refused by the server: bad password
//	  try: postie login home
//
// Joined errors become a list. Errors are printed even when quiet, and with JSON on both streams, so that a person
// behind `postie fetch --json | jq` sees them. The error returned is that of writing the event.
func (u *UI) Error(f Failure) error {
	where := place(f.Account, f.Host)
	var b strings.Builder
	b.WriteString(u.err.paint(Red, "postie:") + " " + where)
	es := flatten(f.Err)
	for i, e := range es {
		es[i] = u.Hide(e)
	}
	f.Hint = u.Hide(f.Hint)
	if len(es) == 1 {
		b.WriteString(indent(es[0], "  ") + "\n")
	} else {
		fmt.Fprintf(&b, "%s:\n", Count(len(es), "error"))
		for i, e := range es {
			if i == maxErrors && u.opt.Verbose == 0 {
				fmt.Fprintf(&b, "  … and %d more (-v tells all)\n", len(es)-i)
				break
			}
			b.WriteString("  - " + indent(e, "    ") + "\n")
		}
	}
	if f.Hint != "" {
		b.WriteString("  " + u.err.paint(Bold, "try:") + " " + indent(f.Hint, "       ") + "\n")
	}
	u.log(&u.err, priorityError, b.String())
	return u.Event(struct {
		Event   string `json:"event"`
		Account OrNull `json:"account"`
		Host    OrNull `json:"host"`
		Error   string `json:"error"`
		Exit    int    `json:"exit"`
		Hint    OrNull `json:"hint"`
	}{"error", OrNull(f.Account), OrNull(f.Host), strings.Join(es, "\n"), f.Exit, OrNull(f.Hint)})
}

func place(account, host string) string {
	account, host = line(account), line(host)
	switch {
	case account != "" && host != "" && !strings.HasSuffix(account, "@"+host): // USER@HOST of a URL says it already
		return fmt.Sprintf("%s (%s): ", account, host)
	case account != "":
		return account + ": "
	case host != "":
		return host + ": "
	}
	return ""
}

// flatten lists the errors that errors.Join put together; any other error is one.
func flatten(err error) []string {
	if err == nil {
		return []string{"unknown error"}
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{err.Error()}
	}
	var texts, all []string
	for _, e := range joined.Unwrap() {
		texts = append(texts, e.Error())
		all = append(all, flatten(e)...)
	}
	if len(all) == 0 || strings.Join(texts, "\n") != err.Error() {
		return []string{err.Error()} // fmt.Errorf with several %w
	}
	return all
}

// indent cleans text and puts prefix before its second and later lines.
func indent(text, prefix string) string {
	lines := strings.Split(strings.TrimSpace(CleanText(text)), "\n")
	return strings.Join(lines, "\n"+prefix)
}

// Notice prints something worth knowing that is no failure, on standard error, unless quiet. With JSON it is an event.
func (u *UI) Notice(account, text string) error {
	text = u.Hide(text)
	if u.opt.JSON {
		return u.Event(struct {
			Event   string `json:"event"`
			Account OrNull `json:"account"`
			Text    string `json:"text"`
		}{"notice", OrNull(account), text})
	}
	if u.opt.Quiet {
		return nil
	}
	return u.log(&u.err, priorityWarning, u.err.paint(Yellow, "note:")+" "+place(account, "")+indent(text, "  ")+"\n")
}

// Alert prints what a server wants its user to see (RFC 9051 section 7.1: it has to be shown), also when quiet.
func (u *UI) Alert(account, text string) {
	if u.opt.JSON {
		u.Notice(account, text)
		return
	}
	u.log(&u.err, priorityWarning, u.err.paint(Yellow, "note:")+" "+place(account, "")+indent(u.Hide(text), "  ")+"\n")
}

// Warn is Notice for commands whose standard output, also with JSON, holds only what was asked for.
func (u *UI) Warn(account, text string) {
	if !u.opt.Quiet {
		u.log(&u.err, priorityWarning, u.err.paint(Yellow, "note:")+" "+place(account, "")+indent(u.Hide(text), "  ")+"\n")
	}
}

// Verbose prints a line on standard error from that level (1, 2) of -v on.
func (u *UI) Verbose(level int, account, text string) {
	if u.opt.Verbose >= level {
		u.log(&u.err, priorityDebug, u.err.paint(Dim, place(account, "")+line(u.Hide(text)))+"\n")
	}
}

// Trace prints a line of the protocol dialogue at -vv. dir is 'C' (we said it) or 'S' (the server did).
func (u *UI) Trace(account string, dir byte, text string) {
	if u.opt.Verbose < 2 {
		return
	}
	style := Plain
	if dir == 'C' {
		style = Bold
	}
	who := line(account)
	if who != "" {
		who += " "
	}
	text = u.Hide(strings.TrimRight(text, "\r\n"))
	u.write(&u.err, u.err.paint(Dim, who)+u.err.paint(style, string(rune(dir))+": "+Clean(text))+"\n")
}

// Step is one operation, of the plan that a dry run prints or, as an event, of a run.
type Step struct {
	Event   string `json:"event"` // "plan", set by UI.Plan; "flags", "move" or "delete" when it was done
	Account string `json:"account"`
	Mailbox string `json:"mailbox"`
	Do      string `json:"do"`      // "store", "upload", "delete on the server", …: follows 'would'
	Says    string `json:"-"`       // all of this but Reason in words, for people; "": made of Do, Message, To and Size
	Side    OrNull `json:"side"`    // that is changed: "local", "remote", "both"; null: neither
	Message string `json:"message"` // what it is done to: an ID, UIDL, UID or key
	ID      OrNull `json:"id"`      // of the message, as list prints it; null: the index has it not yet
	UID     UID    `json:"uid"`     // null: it has none
	UIDL    string `json:"uidl,omitempty"`
	Key     OrNull `json:"key"`     // of its file; null: there is none
	Subject OrNull `json:"subject"` // null: not known
	To      OrNull `json:"to"`      // destination
	Flags   string `json:"flags"`   // that are changed: "push +F", "pull -S work"
	Size    int64  `json:"size,omitempty"`
	Reason  string `json:"reason"`
}

func (s Step) words() string {
	text := s.Do
	if s.Message != "" {
		text += " " + s.Message
	}
	if s.To != "" {
		text += " to " + string(s.To)
	}
	if s.Size > 0 {
		text += " (" + Size(s.Size) + ")"
	}
	return text
}

// Plan prints a step: "home: INBOX: would store 17 (48 kB): new on the server". Quiet, it prints only JSON.
func (u *UI) Plan(s Step) error {
	s.Event, s.Reason = "plan", u.Hide(s.Reason)
	if u.opt.JSON || u.opt.Quiet {
		return u.Event(s)
	}
	text := place(s.Account, "") + place(s.Mailbox, "") + "would " + line(cmp.Or(s.Says, s.words()))
	if s.Reason != "" {
		text += ": " + line(s.Reason)
	}
	return u.write(&u.out, text+"\n")
}

// Did tells of a step that was done: an event, and with -v a line.
func (u *UI) Did(s Step) error {
	s.Reason = u.Hide(s.Reason)
	if s.Event != "" && u.opt.JSON {
		u.Event(s)
	}
	u.Verbose(1, s.Account, s.Mailbox+": "+cmp.Or(s.Says, s.words())+": "+s.Reason)
	return u.Err()
}

// Change tells of something that happened to a mailbox or a message, as watch sees it: a line on standard output, unless quiet or
// JSON, which has events for that. timed: with the time before it.
func (u *UI) Change(account, mailbox, text string, timed bool) error {
	if u.opt.Quiet || u.opt.JSON {
		return u.Err()
	}
	at := ""
	if timed {
		at = u.opt.Now().Format(time.DateTime) + " "
	}
	return u.log(&u.out, priorityInfo, at+place(account, "")+place(mailbox, "")+line(text)+"\n")
}
