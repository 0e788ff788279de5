package plan

import "github.com/emersion/go-imap/v2"

// Begun is something that a run which was stopped had begun, and what is found of it now.
type Begun struct {
	Op    Op       // what was to be done: Download of UID into the file Key, Upload of Key to To, or Move of UID to To by COPY
	Void  bool     // Upload, Move: nothing is left to look for
	Here  bool     // Download, Upload: the file Key is in the Maildir of Mailbox
	Found imap.UID // Upload, Move: what it is in To; 0: it is not there
	Tries int      // Upload: how often it was done before and could not be found
}

// Outcome is what becomes of something begun.
type Outcome uint8

const (
	Anew     Outcome = iota // it is planned as if it had not been begun
	GivenUp                 // it was done twice and could not be found: it is not done again
	Undone                  // it did not happen, or the comparison finds what is left of it
	Happened                // it is only to be written down
	Halfway                 // the message is in its new place, and its original is to be deleted
)

// mostTries is after how many uploads that could not be found no other is tried.
const mostTries = 2

// Resume decides what becomes of something begun. The operation tells of it; one without a kind is not told, since it is no
// more than a file, or its absence, that is written down.
func Resume(b Begun) (Outcome, Op) {
	op := Op{Kind: Settle, Side: Remote, Mailbox: b.Op.Mailbox, To: b.Op.To, Key: b.Op.Key, UID: b.Op.UID, Reason: "copied by a run that was stopped"}
	switch b.Op.Kind {
	case Download:
		if b.Here {
			return Happened, Op{}
		}
		return Undone, Op{}
	case Move:
		if b.Found != 0 && !b.Void {
			return Halfway, op
		}
		return Undone, Op{}
	}
	switch {
	case b.Void:
		return Undone, Op{}
	case b.Found != 0:
		op.Mailbox, op.To, op.UID, op.Reason = b.Op.To, "", b.Found, "uploaded by a run that was stopped"
		return Happened, op
	case !b.Here:
		return Undone, Op{}
	case b.Tries >= mostTries:
		return GivenUp, Op{}
	}
	return Anew, Op{}
}
