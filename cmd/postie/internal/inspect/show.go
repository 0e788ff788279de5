// Package inspect is what postie verify and postie manifest do: they compare the mail that is here with its index, its server, or a
// manifest, tell what differs, and fetch again what is damaged or missing, if that is wanted.
package inspect

import (
	"fmt"
	"math"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/verify"
)

// difference is a line of verify --json.
type difference struct {
	Event     string    `json:"event"` // "difference"
	Account   string    `json:"account"`
	Mailbox   string    `json:"mailbox"`
	Kind      string    `json:"kind"`
	Fault     bool      `json:"fault"` // false: it waits for the next run, or is people's own doing
	ID        ui.OrNull `json:"id"`    // as list prints it; null: the index does not have it
	UID       ui.UID    `json:"uid"`
	UIDL      ui.OrNull `json:"uidl"`
	Key       ui.OrNull `json:"key"`
	Path      ui.OrNull `json:"path"`
	MessageID ui.OrNull `json:"message_id"`
	Subject   ui.OrNull `json:"subject"`
	Detail    string    `json:"detail"`
}

// outcome is the last line of an account.
type outcome struct {
	Event       string    `json:"event"` // "verified"
	Account     string    `json:"account"`
	Protocol    string    `json:"protocol"`
	Form        string    `json:"form"` // "local", "server", "deep" or "manifest"
	OK          bool      `json:"ok"`
	Mailboxes   int       `json:"mailboxes"`
	Messages    int       `json:"messages"`
	Files       int       `json:"files"`       // that were read and are whole
	Octets      int64     `json:"octets"`      // of them
	There       int       `json:"there"`       // messages that were read on the server
	Unhashed    int       `json:"unhashed"`    // files of which no hash is known
	Bodyless    int       `json:"bodyless"`    // messages whose bodies are not wanted here
	Archived    int       `json:"archived"`    // messages that are kept here and are gone on the server
	OneSide     int       `json:"one_side"`    // messages that are on one side only, since the direction of their mailbox has it so
	Altered     int       `json:"altered"`     // that the server keeps in other octets than were sent to it
	OwnDates    int       `json:"own_dates"`   // files that had another date when they were matched with the server's
	Differences int       `json:"differences"` // faults
	Waiting     int       `json:"waiting"`     // differences that are none
	Repaired    int       `json:"repaired"`
	Seed        *uint64   `json:"seed"` // of a sample; null: everything was compared
	Seconds     float64   `json:"seconds"`
	Error       ui.OrNull `json:"error"`
	Exit        int       `json:"exit"`
}

// telling tells of one account.
type telling struct {
	ui      *ui.UI
	name    string
	account config.Account
	store   *library.Store
	form    string
	began   time.Time
	sample  verify.Sample
}

// tell is a line for a difference.
func (t *telling) tell(d verify.Difference) error {
	line := difference{Event: "difference", Account: t.name, Mailbox: d.Mailbox, Kind: string(d.Kind), Fault: d.Kind.Fault(), UID: ui.UID(d.UID), UIDL: ui.OrNull(d.UIDL),
		Path: ui.OrNull(d.Path), Detail: t.ui.Hide(d.Detail), MessageID: ui.OrNull(d.Message.Summary.MessageID), Subject: ui.OrNull(d.Message.Summary.Subject), Key: ui.OrNull(d.Message.Entry.Key)}
	if d.Message.ID != 0 {
		line.ID = ui.OrNull(library.Message(t.account, t.store, d.Message).ID)
	}
	if t.ui.JSON() {
		return t.ui.Event(line)
	}
	if t.ui.Quiet() && !line.Fault {
		return nil
	}
	return t.line(line.text())
}

// line prints one, also when quiet.
func (t *telling) line(text string) error {
	w := t.ui.Text()
	fmt.Fprintln(w, ui.Clean(text))
	w.Close()
	return t.ui.Err()
}

func (d difference) text() string {
	what := string(d.ID)
	switch {
	case what != "":
	case d.UID != 0:
		what = fmt.Sprintf("%s/%s UID %d", d.Account, d.Mailbox, d.UID)
	case d.UIDL != "":
		what = fmt.Sprintf("%s/%s UIDL %s", d.Account, d.Mailbox, d.UIDL)
	default:
		what = d.Account + "/" + d.Mailbox
	}
	if d.Subject != "" {
		what += fmt.Sprintf(" %q", string(d.Subject))
	}
	text := strings.ReplaceAll(d.Kind, "_", " ") + ": " + what + ": " + d.Detail
	if d.Path != "" {
		text += " (" + string(d.Path) + ")"
	}
	return text
}

// conclude tells how it went, and gives the exit code.
func (t *telling) conclude(c verify.Counts, repaired int, err error) int {
	code := exit.Code(err)
	left := c.Faults - repaired
	switch {
	case err != nil:
		t.ui.Error(ui.Failure{Account: t.account.Name, Host: t.account.Host, Err: err, Hint: exit.Hint(err, t.account.Name), Exit: code})
	case left > 0:
		code = exit.Partial
	}
	o := outcome{Event: "verified", Account: t.name, Protocol: string(t.account.Protocol), Form: t.form, OK: code == exit.OK, Mailboxes: c.Mailboxes, Messages: c.Messages, Files: c.Files,
		Octets: c.Octets, There: c.There, Unhashed: c.Unhashed, Bodyless: c.Bodyless, Archived: c.Archived, OneSide: c.OneSide, Altered: c.Altered, OwnDates: c.OwnDates, Differences: c.Faults, Waiting: c.Waiting,
		Repaired: repaired, Seconds: math.Round(time.Since(t.began).Seconds()*100) / 100, Exit: code}
	if t.sample.N > 0 {
		o.Seed = &t.sample.Seed
	}
	if err != nil {
		o.Error = ui.OrNull(t.ui.Hide(err.Error()))
	}
	if t.ui.JSON() {
		t.ui.Event(o)
	} else if err == nil {
		t.ui.Print(o.text())
	}
	return code
}

// text is the summary for people.
func (o outcome) text() string {
	parts := []string{ui.Count(o.Messages, "message")}
	add := func(n int, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	if o.Files > 0 {
		parts = append(parts, fmt.Sprintf("%s whole (%s)", ui.Count(o.Files, "file"), ui.Size(o.Octets)))
	}
	add(o.There, "%d read on the server")
	add(o.Unhashed, "%d of which no hash is known")
	add(o.Bodyless, "%d without a body here")
	add(o.Archived, "%d archived")
	add(o.OneSide, "%d on one side only, as direction has it")
	add(o.Altered, "%d kept otherwise by the server")
	add(o.OwnDates, "%d with a date of their own")
	add(o.Waiting, "%d waiting or new")
	add(o.Repaired, "%d repaired")
	if o.Differences == 0 {
		parts = append(parts, "no difference")
	} else {
		parts = append(parts, ui.Count(o.Differences, "difference"))
	}
	text := o.Account + ": " + strings.Join(parts, ", ")
	if o.Seed != nil {
		text += fmt.Sprintf(" (a sample; --seed %d is the same one)", *o.Seed)
	}
	return text
}
