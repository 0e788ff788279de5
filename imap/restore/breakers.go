package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"postie/imap"
	"postie/maildir/source"
)

// A server may end the connection at one message, each time, or refuse it each time for a reason that ought to pass. It keeps none of the others
// back: where a connection ended, the messages that may have been the cause are sent over another one when all else is there, one by one, so that
// it shows which it was. That one is named, and left out.

const (
	mostSuspects = 128 // of messages without an answer when a connection ends: a MULTIAPPEND has not more
	mostEnds     = 2   // how often a connection may end at a message that is sent alone
	mostLosses   = 64  // connections that may end one after the other without a message that was taken
)

var errEnds = errors.New("the connection ends at it")

// address tells a message from others.
type address struct{ mailbox, where string }

// item is a message on its way into a mailbox.
type item struct {
	s *sending
	m *source.Message
}

func (l item) address() address { return address{l.s.b.name, l.m.Where} }

// breakers is what a run knows of messages at which connections end.
type breakers struct {
	late       []item           // of this connection: to be sent when all else is there
	alone      bool             // they are being sent
	unanswered []item           // when the connection ended
	unsure     map[address]bool // messages that were sent and not answered
	ends       map[address]int  // messages that may be the cause; how often a connection ended at each alone
	taken      int              // messages that the server took
	before     int              // of those: before the last connection ended
	losses     int              // connections that ended without one
	passing    int              // messages refused for a reason that ought to pass, one after the other
}

// begin is a new connection.
func (b *breakers) begin() { b.late, b.alone, b.unanswered = nil, false, nil }

// sure gives the messages that may be sent at once. Those that may end the connection have to wait.
func (s *sending) sure(all []*source.Message) (now []*source.Message) {
	for _, m := range all {
		l := item{s, m}
		switch n, suspect := s.r.ends[l.address()]; {
		case !suspect:
			now = append(now, m)
		case n < mostEnds:
			s.r.late = append(s.r.late, l)
		}
	}
	return now
}

// lastly sends the messages that had to wait, each alone.
func (r *run) lastly(ctx context.Context) error {
	r.alone = true
	for _, l := range r.late {
		l.s.plainly = true
		if err := l.s.flight(ctx, []*source.Message{l.m}); err != nil {
			return err
		}
		if err := l.s.confirm(ctx, false); err != nil {
			return err
		}
		if l.s.left > 0 { // its mailbox takes nothing
			r.fail(l.s.b.name, l.m.Where, fmt.Errorf("%w: %w", errRefusing, l.s.last))
			l.s.left = 0
		}
	}
	return nil
}

// lost takes note of the messages that have no answer, since the connection ended, and says whether another one may get further.
func (r *run) lost(err error) bool {
	if len(r.unanswered) == 0 {
		return false // it did not end at a message
	}
	if r.losses++; r.taken > r.before {
		r.losses = 0
	}
	r.before = r.taken
	for _, l := range r.unanswered {
		r.unsure[l.address()] = true
	}
	for _, l := range r.unanswered[:min(len(r.unanswered), mostSuspects)] {
		at := l.address()
		if !r.alone {
			r.ends[at] = 0
		} else if r.ends[at]++; r.ends[at] == mostEnds {
			r.fail(at.mailbox, at.where, fmt.Errorf("%w, %d times: %v", errEnds, mostEnds, err)) // no fault of the line
		}
	}
	return r.losses < mostLosses
}

// putOff takes a refusal that ought to pass. It gives the error back where the server is in trouble, and not the message.
func (r *run) putOff(l item, err error) error {
	switch r.passing++; {
	case r.passing >= mostRefused, r.alone && r.taken == 0 && r.report.There == 0 && len(r.late) > 1:
		return err
	case r.alone:
		r.fail(l.s.b.name, l.m.Where, err)
	default:
		r.late = append(r.late, l)
	}
	return nil
}

// cameThrough tells of messages that were sent over another connection, without an answer, and turn out to be there.
func (r *run) cameThrough(name string, ours []*source.Message, d *decision) {
	missing := d.all()
	for _, m := range ours {
		at := address{name, m.Where}
		if r.unsure[at] && !slices.Contains(missing, m) {
			r.taken++
			r.done(Uploaded{name, 0, m})
		}
		delete(r.unsure, at)
	}
}

// passes says whether an error is a refusal that ought to pass, on a connection that goes on.
func (r *run) passes(err error) bool {
	e, refused := errors.AsType[*imap.Error](err)
	return refused && e.Temporary() && r.session.Alive()
}
