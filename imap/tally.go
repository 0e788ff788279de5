package imap

import "github.com/emersion/go-imap/v2"

// Tally counts the messages of the selected mailbox, as the server told it so far. Two tallies, one from before and one from behind
// a command, say how many messages there can have been while it was answered (Between).
type Tally struct {
	Exists   int64 // now
	Expunged int64 // since the mailbox was selected
}

// Tally is that of the selected mailbox.
func (s *Session) Tally() Tally {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	return s.wire.tally
}

// Between says how many messages an answer may name that came between two tallies: those that were expunged meanwhile may be
// missing in it, or still be there, and likewise those that arrived.
func (t Tally) Between(after Tally) (least, most int64) {
	gone := after.Expunged - t.Expunged
	return max(t.Exists-gone, 0), max(t.Exists, after.Exists+gone)
}

// exists takes an EXISTS. Only SELECT and an EXPUNGE may lower the number (RFC 9051 section 7.4.1).
func (t *Tally) exists(n uint32, selecting bool) {
	if t.Exists = max(t.Exists, int64(n)); selecting {
		*t = Tally{Exists: int64(n)}
	}
}

func (t *Tally) expunged(n int64) {
	n = min(n, t.Exists)
	t.Exists, t.Expunged = t.Exists-n, t.Expunged+n
}

// forgetTally begins anew: a server need not say EXISTS of an empty mailbox, though it should.
func (w *wire) forgetTally() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally = Tally{}
}

func (w *wire) expunged(set imap.UIDSet) {
	n := int64(0)
	for _, r := range set {
		n += int64(r.Stop) - int64(r.Start) + 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally.expunged(n)
}
