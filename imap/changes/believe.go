// Package changes finds out what changed on an IMAP server since a state that is known, and which absences may be believed. It
// only reads: nothing changes on the server.
package changes

import (
	"fmt"

	goimap "github.com/emersion/go-imap/v2"
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
