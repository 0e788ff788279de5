// Package changes finds out what changed on an IMAP server since a state that is known, and which absences may be believed. It
// only reads: nothing changes on the server.
package changes

import (
	"cmp"
	"context"
	"fmt"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
)

// Answer is what a server said of the messages of one mailbox, next to what is known of them.
type Answer struct {
	Known int64 // messages that the base has on the server
	Gone  int64 // of those: the ones that are not there any more, as the answer has it
	New   int64 // messages that the answer names and the base does not have

	Least, Most int64 // how many messages the mailbox had while the answer came, as EXISTS and EXPUNGE count them

	Both goimap.UIDSet // UIDs that vanished by one part of the answer, and are there by another
}

// left is how many messages there are, as the answer has it.
func (a Answer) left() int64 { return a.Known - a.Gone + a.New }

// Believable says whether the answer agrees with the number of messages in the mailbox, the second thing that a server says of
// what is left there. Only then may what is missing in the answer be taken for deleted. The error is a *Contradiction.
//
// Some servers give a FETCH or SEARCH that leaves messages out, or send VANISHED for messages that are there, for
// once or for good. Who believed that would delete mail that nobody has deleted.
func Believable(a Answer) error {
	switch left := a.left(); {
	case len(a.Both) > 0:
		return &Contradiction{fmt.Sprintf("that the messages with UID %s vanished, and shows them", a.Both)}
	case left >= a.Least && left <= a.Most:
		return nil
	case a.Least < a.Most:
		return &Contradiction{fmt.Sprintf("that there are %d to %d messages, and names %d", a.Least, a.Most, left)}
	case a.Gone == 0 && a.New == 0:
		return &Contradiction{fmt.Sprintf("that there are %d messages, and no word of what became of the %d that were there", a.Most, left)}
	default:
		return &Contradiction{fmt.Sprintf("that there are %d messages, and names %d", a.Most, left)}
	}
}

// Contradiction is the error of a server whose answers do not fit together.
type Contradiction struct {
	Said string // "that there are 4 messages, and names 2"
}

func (c *Contradiction) Error() string {
	return "the server contradicts itself: it says " + c.Said + ". Nothing was deleted; the next run reads the mailbox whole"
}

// believe judges what the server said of a mailbox, and looks a second time where it does not agree with the number of messages
// there. What is missing is taken for gone only if it agrees both times, or what was expunged meanwhile explains it.
func (r *Reader) believe(ctx context.Context, d *Delta, m Mailbox, then Then, rows Rows, seen answer) error {
	if d.New.Dynamic() {
		return nil // Identify finds out which they are
	}
	first, err := d.answer(ctx, rows, seen.both)
	if err != nil {
		return err
	}
	first.Least, first.Most = seen.before.Between(r.session.Tally())
	doubt := cmp.Or(seen.doubt, Believable(first))
	if doubt == nil && (seen.whole || !first.differs(m.Status)) {
		return nil
	}
	second := first
	if !seen.whole {
		again := answer{all: true, whole: true, messages: r.flags(ctx)}
		if err := d.align(ctx, rows, again); err != nil {
			return err
		}
		if second, err = d.answer(ctx, rows, nil); err != nil {
			return err
		}
	}
	if err := r.session.Noop(ctx); err != nil { // a server need not say before that what was expunged (RFC 9051 section 7.5.1)
		return err
	}
	first.Least, first.Most = seen.before.Between(r.session.Tally())
	second.Least, second.Most = first.Least, first.Most
	doubt = cmp.Or(seen.doubt, Believable(first), Believable(second))
	if doubt != nil && then.Match {
		return doubt // its files would look as if they matched nothing there
	}
	if doubt != nil {
		d.Presume(doubt)
	}
	return nil
}

// answer is what was said of a mailbox, now that it is in view.
func (d *Delta) answer(ctx context.Context, rows Rows, both goimap.UIDSet) (Answer, error) {
	held, err := rows.Held(ctx)
	a := Answer{Known: held, New: int64(Count(d.New)), Both: both}
	i := 0
	for _, m := range d.Messages { // those of the base among them are sorted as the pairs are
		for ; i < len(d.Pairs) && d.Pairs[i].UID < m.UID; i++ {
			a.Gone++
		}
		if i < len(d.Pairs) && d.Pairs[i].UID == m.UID {
			i++
		} else {
			a.New++
		}
	}
	a.Gone += int64(len(d.Pairs) - i)
	return a, err
}

// differs says whether STATUS had told another number of messages than are left now that some are missing: somebody deleted them in
// between, or they are there.
func (a Answer) differs(st *imap.Status) bool {
	return a.Gone > 0 && st != nil && int64(st.Messages) != a.left()
}

// Presume takes what is missing for being there still: nobody can tell, and why says so.
func (d *Delta) Presume(why error) {
	d.Doubt = why
	all := make([]plan.Message, 0, len(d.Messages))
	i := 0
	for _, p := range d.Pairs {
		for ; i < len(d.Messages) && d.Messages[i].UID < p.UID; i++ {
			all = append(all, d.Messages[i])
		}
		if i == len(d.Messages) || d.Messages[i].UID != p.UID {
			all = append(all, plan.Message{UID: p.UID, Still: true})
		}
	}
	d.Messages = append(all, d.Messages[i:]...)
}

// Search looks in a mailbox for messages that are missing in what the server said so far. Where it finds some, nothing is believed
// to be gone.
func (r *Reader) Search(ctx context.Context, m Mailbox, d *Delta) error {
	if _, err := r.Select(ctx, m.Name, nil); err != nil {
		return err
	}
	there, err := r.session.SearchAll(ctx)
	if err != nil {
		return err
	}
	var both goimap.UIDSet
	for _, p := range d.Pairs {
		if there.Contains(p.UID) && d.Message(p.UID) == nil {
			both.AddNum(p.UID)
		}
	}
	if len(both) > 0 {
		d.Presume(&Contradiction{fmt.Sprintf("that the messages with UID %s are gone, and finds them", both)})
	}
	return nil
}
