package plan

import (
	"cmp"
	"fmt"
	"strings"
)

// Cause is what a guard saw.
type Cause uint8

const (
	TooMany    Cause = iota + 1 // more deletions than policy allows in one run
	Vanished                    // the whole mailbox, or its Maildir, is gone
	FolderLost                  // its Maildir's new/ or cur/ is gone, with messages in it
	Orphans                     // messages here that may be new, or deleted there: the base that would tell is lost
)

// Guard says which mailbox was left untouched, and why. With Orphans only those messages were left alone. Either way
// AllowMassDelete goes on: deletions are done, orphans are uploaded.
type Guard struct {
	Mailbox   string
	Cause     Cause
	Side      Side   // where the deletions would be done; with Orphans where they are
	Would, Of int    // messages to be deleted, or orphaned, of so many known ones
	Folder    string // FolderLost: which
	Clears    bool   // their copies here were verified, and they are to go from the server alone
	Omits     bool   // nothing is deleted there: those that are gone here would be left out for good
	Anew      bool   // FolderLost: there is another one in its place
}

func (g Guard) Error() string {
	other, side := "on the server", "here"
	if g.Side == Remote {
		other, side = side, other
	}
	gone := "is gone here"
	if g.Anew {
		gone = "was made anew here, and nothing that it held is left"
	}
	switch {
	case g.Clears:
		return fmt.Sprintf("%s: clearing the server of %d of %d messages, whose copies here are verified, was refused", g.Mailbox, g.Would, g.Of)
	case g.Omits && g.Cause == Vanished:
		return fmt.Sprintf("%s is gone here, with %d messages: leaving them out for good was refused", g.Mailbox, g.Would)
	case g.Omits && g.Cause == FolderLost:
		return fmt.Sprintf("%s: its folder %s/ %s: leaving %d of %d messages out for good was refused", g.Mailbox, g.Folder, gone, g.Would, g.Of)
	case g.Omits:
		return fmt.Sprintf("%s: %d of %d messages are gone here: leaving them out for good was refused", g.Mailbox, g.Would, g.Of)
	}
	switch g.Cause {
	case Vanished:
		with := ""
		if g.Would > 0 {
			with = fmt.Sprintf(", with %d messages,", g.Would)
		} else if g.Of > 0 && g.Side == Local { // none has a body here
			with = fmt.Sprintf(", with what is known of %d messages,", g.Of)
		}
		return fmt.Sprintf("%s is gone %s: deleting it %s too%s was refused", g.Mailbox, other, side, with)
	case FolderLost:
		return fmt.Sprintf("%s: its folder %s/ %s: deleting %d of %d messages on the server too was refused", g.Mailbox, g.Folder, gone, g.Would, g.Of)
	case Orphans:
		return fmt.Sprintf("%s: %d messages here match none on the server: they were neither deleted nor uploaded", g.Mailbox, g.Would)
	}
	return fmt.Sprintf("%s: %d of %d messages are gone %s: deleting them %s too was refused", g.Mailbox, g.Would, g.Of, other, side)
}

// tally counts what is planned for one mailbox.
type tally struct {
	remove  int // files
	expunge int // messages, by whatever way of deleting
	before  int // those among them that were deleted, and guarded, in an earlier run, and could only be marked then
	moves   int // rows that go elsewhere
	forgets int
	stays   int // rows that are marked only
	comes   int // rows, from anywhere, and what waits to become one
	orphans int
	trashed int // messages that it is the trash of
	puts    int // messages that are put into it on the server
	clears  int // of expunge: those that stay here
	omits   int // messages that stay there, and whose files are gone here
}

func (t *tally) count(op Op, b *box) {
	if (op.Kind == Trash || op.Kind == Move && op.Side == Remote) && !b.Expunges {
		t.stays++ // without MOVE it is copied, and the original only marked
	}
	switch op.Kind {
	case Remove:
		t.remove++
	case Expunge, Trash:
		t.expunge++
	case Mark:
		t.expunge++
		t.stays++
	case Clear:
		t.expunge++
		t.clears++
		t.stays++
	case Forget:
		t.forgets++
	case Upload:
		t.puts++
	}
	if op.To != "" && op.Kind != Trash {
		t.moves++
	}
}

// left is how many rows stay when all is done.
func (t *tally) left(count int) int {
	return count + t.stays + t.comes - t.remove - t.expunge - t.moves - t.forgets
}

// guard is the promise that what looks like an accident on one side does not become one on the other. A mailbox that
// vanished because all its messages were moved is none.
func (d *differ) guard(b *box, guarded map[string]Cause) (gs []Guard) {
	t := d.tally[b]
	if t.orphans > 0 {
		gs = append(gs, Guard{Mailbox: b.Name, Cause: Orphans, Side: Local, Would: t.orphans, Of: b.Count})
	}
	if d.policy.AllowMassDelete || b.Outside {
		return gs
	}
	cause := TooMany
	switch {
	case b.vanished() && !(b.Deleted && b.Exist == Remote) && t.accident(b):
		cause = Vanished
	case b.Lost != "" && t.expunge+t.omits > t.before:
		cause = FolderLost
	}
	for _, s := range []Side{Local, Remote} {
		would := t.remove
		if s == Remote {
			would = t.expunge + t.omits - t.before
		}
		many := would > 10 && float64(would) > d.policy.MaxDelete*float64(b.Count)
		if cause == Vanished && b.Exist == s || cause == FolderLost && s == Remote || cause == TooMany && many {
			guarded[b.Name] = max(cause, guarded[b.Name])
			g := Guard{Mailbox: b.Name, Cause: cause, Side: s, Would: would, Of: b.Count, Folder: b.Lost, Anew: b.Anew}
			g.Clears = s == Remote && cause == TooMany && t.clears > t.omits
			g.Omits = s == Remote && !b.changes(s) && !g.Clears
			gs = append(gs, g)
		}
	}
	return gs
}

// accident says whether a mailbox that is left on one side would lose something that its messages did not take with them.
func (t *tally) accident(b *box) bool {
	switch {
	case b.Exist == Local && b.policy.Direction.Keeps():
		return false
	case b.Exist == Remote && !b.changes(Remote):
		return t.omits > 0
	}
	return t.remove+t.expunge > 0 || t.moves == 0
}

// vanished: it was known on both sides, and is left on one.
func (b *box) vanished() bool {
	return b.Known && (b.Exist == Local || b.Exist == Remote) && !b.Outside
}

// taken says whether an operation touches a guarded mailbox. What goes into the trash may, as long as the trash is there.
func taken(op Op, guarded map[string]Cause) bool {
	return guarded[op.Mailbox] != 0 || guarded[op.From] != 0 || guarded[op.To] == Vanished || guarded[op.To] == FolderLost || guarded[op.To] != 0 && op.Kind != Trash
}

func (a Notice) compare(b Notice) int {
	return cmp.Or(strings.Compare(a.Mailbox, b.Mailbox), strings.Compare(a.Text, b.Text))
}
