package ui

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Summary is what came of a run on one account. Its JSON form is part of postie's contract.
type Summary struct {
	Event         string   `json:"event"` // set by UI.Summary
	Account       string   `json:"account"`
	Protocol      string   `json:"protocol"`
	OK            bool     `json:"ok"`
	New           int      `json:"new"`
	Uploaded      int      `json:"uploaded"`
	FlagsPulled   int      `json:"flags_pulled"`         // messages
	FlagsPushed   int      `json:"flags_pushed"`         // messages
	Subscribed    int      `json:"subscribed,omitempty"` // restore: mailboxes
	Redated       int      `json:"redated,omitempty"`    // restore: messages uploaded whose date of arrival the server did not keep
	Moved         int      `json:"moved"`
	DeletedLocal  int      `json:"deleted_local"`
	DeletedRemote int      `json:"deleted_remote"`
	Cleared       int64    `json:"cleared,omitempty"` // octets that the server was rid of, by delete_after
	Skipped       int      `json:"skipped"`
	Present       int      `json:"present,omitempty"` // restore: messages that were there
	Bytes         int64    `json:"bytes"`             // what came from the server, after decompression
	Seconds       float64  `json:"seconds"`
	Error         OrNull   `json:"error"`
	Exit          int      `json:"exit"`
	Failed        int      `json:"failed,omitempty"`           // messages and mailboxes
	Mailboxes     int      `json:"failed_mailboxes,omitempty"` // of those
	DryRun        bool     `json:"dry_run,omitempty"`          // the numbers say what would be done
	Changed       []string `json:"mailboxes,omitempty"`        // in which something changed on either side, sorted
	Quarantined   int      `json:"quarantined,omitempty"`      // messages at which the connection ends: they are tried ever more seldom
	Beside        string   `json:"-"`                          // what failed beside the mail, which is done: "a hook failed"
}

// Then is what came of a run and of the one that took up where it broke off.
func (s Summary) Then(next Summary) Summary {
	next.New += s.New
	next.Uploaded += s.Uploaded
	next.FlagsPulled += s.FlagsPulled
	next.FlagsPushed += s.FlagsPushed
	next.Subscribed += s.Subscribed
	next.Redated += s.Redated
	next.Moved += s.Moved
	next.DeletedLocal += s.DeletedLocal
	next.DeletedRemote += s.DeletedRemote
	next.Cleared += s.Cleared
	next.Bytes += s.Bytes
	next.Changed = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Changed, next.Changed))))
	return next
}

// Encode gives the summary as the event that Summary prints with JSON, on a line.
func (u *UI) Encode(s Summary) string {
	line, err := encode(u.finished(s))
	if err != nil {
		return "" // not reached: a summary holds nothing that JSON cannot
	}
	return line
}

// finished is a summary as it is shown.
func (u *UI) finished(s Summary) Summary {
	s.Event, s.Error = "summary", OrNull(u.Hide(string(s.Error)))
	s.Seconds = math.Round(s.Seconds*100) / 100
	return s
}

// Summary prints the result of one account: a line on standard output, or the last event. A run that failed before
// it did anything has only its error to tell, and that is printed by Error.
func (u *UI) Summary(s Summary) error {
	if u.opt.JSON {
		return u.Event(u.finished(s))
	}
	if text := s.text(); text != "" && !u.opt.Quiet {
		return u.log(&u.out, priorityInfo, text+"\n")
	}
	return nil
}

func (s Summary) text() string {
	parts := s.parts()
	switch {
	case !s.OK && len(parts) == 0:
		return ""
	case len(parts) == 0 && s.DryRun:
		parts = []string{"nothing to do"}
	case len(parts) == 0:
		parts = []string{"nothing new"}
	case s.DryRun:
		parts[0] = "would " + parts[0]
	}
	switch {
	case s.Beside != "":
		parts = append(parts, "but "+s.Beside)
	case !s.OK && s.Failed == 0:
		parts = append(parts, "not finished")
	}
	return fmt.Sprintf("%s: %s", line(s.Account), strings.Join(parts, ", "))
}

// parts says what is not zero, as done or, in a dry run, as to be done.
func (s Summary) parts() []string {
	var parts []string
	add := func(n int, done, todo string) {
		if s.DryRun {
			done = todo
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf(done, n))
		}
	}
	size := ""
	if s.Bytes > 0 {
		size = " (" + Size(s.Bytes) + ")"
	}
	add(s.New, "%d new"+size, "store %d new"+size)
	add(s.Uploaded, "%d uploaded", "upload %d")
	add(s.FlagsPulled, "flags of %d updated here", "update flags of %d here")
	add(s.FlagsPushed, "flags of %d updated on the server", "update flags of %d on the server")
	add(s.Subscribed, "%d subscribed to", "subscribe to %d")
	add(s.Redated, "%d of another date there", "")
	add(s.Moved, "%d moved", "move %d")
	add(s.DeletedLocal, "%d deleted here", "delete %d here")
	won := ""
	if s.Cleared > 0 {
		won = " (" + Size(s.Cleared) + " won there)"
	}
	add(s.DeletedRemote, "%d deleted on the server"+won, "delete %d on the server"+won)
	add(s.Present, "%d were there", "%d are there")
	add(s.Skipped, "%d skipped", "skip %d")
	add(s.Failed, "%d failed", "%d failed")
	return parts
}
