package changes

import (
	"context"
	"fmt"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// Kept is what a server had kept back, by its own words: what it has now, and did not tell when it was asked what changed.
type Kept struct {
	Flags, Gone goimap.UIDSet // messages of the base
	New         goimap.UIDSet // messages that the base does not have, though it was read up to behind them: the fault may be here
	Cap         goimap.Cap    // by which it was asked, and which is not to be relied on; "": none
}

// None says whether nothing was kept back.
func (k Kept) None() bool { return len(k.Flags)+len(k.Gone)+len(k.New) == 0 }

// String says what was.
func (k Kept) String() string {
	var parts []string
	for _, p := range []struct {
		set goimap.UIDSet
		one string
		all string
	}{{k.Flags, "the flags of 1 message changed", "the flags of %d messages changed"}, {k.Gone, "1 message is gone", "%d messages are gone"},
		{k.New, "1 message is there that was not known", "%d messages are there that were not known"}} {
		switch n := Count(p.set); {
		case n == 1:
			parts = append(parts, p.one)
		case n > 1:
			parts = append(parts, fmt.Sprintf(p.all, n))
		}
	}
	return strings.Join(parts, ", ")
}

// Audit finds what changed in a mailbox like Since, and compares all of it besides: UIDs and flags. Servers forget changes: they lose
// VANISHED, leave MODSEQ as it was, give back an old STATUS. It costs two round trips where nothing changed, one more than Since elsewhere.
//
// What somebody changes while it reads is not held against the server: what counts is its mod-sequence, which says when it changed.
// Errors: those of Since.
func (r *Reader) Audit(ctx context.Context, m Mailbox, then Then, rows Rows, room int) (Delta, Kept, error) {
	told, err := r.Since(ctx, m, then, rows, room)
	if err != nil || told.Doubt != nil || told.Compared || !then.Base || then.Match || then.ModSeq == 0 || then.UIDValidity != told.Now.UIDValidity {
		return told, Kept{}, err
	}
	all := then
	all.ModSeq = 0 // read all
	d, err := r.Since(ctx, Mailbox{Name: m.Name}, all, rows, room)
	if err != nil || d.Doubt != nil || d.Now.UIDValidity != then.UIDValidity {
		return d, Kept{}, err
	}
	still := told.Read && r.session.Tally().Expunged == 0 || // since it was selected
		!told.Read && d.Now.UIDNext == then.UIDNext && d.Now.Messages == then.Messages && d.Now.ModSeq == then.ModSeq
	kept := keptBack(&told, &d, still)
	if len(kept.Flags)+len(kept.Gone) > 0 {
		kept.Cap = goimap.CapCondStore
		if told.Read && r.session.QResync() {
			kept.Cap = goimap.CapQResync
		}
	}
	return d, kept, nil
}

// keptBack compares what was told with what there is. still: nothing was expunged meanwhile, by what the server said.
func keptBack(told, all *Delta, still bool) (kept Kept) {
	for _, p := range all.Pairs {
		is, was := all.Message(p.UID), told.Message(p.UID)
		switch known := told.Pair(p.UID) != nil; {
		case is == nil && still && !(known && was == nil):
			kept.Gone.AddNum(p.UID)
		case is == nil || is.Still, was != nil && !was.Still && was.Flags == is.Flags:
		case is.ModSeq <= told.Now.ModSeq: // 0: it does not even have one
			kept.Flags.AddNum(p.UID)
		}
	}
	if told.New.Dynamic() || all.New.Dynamic() {
		return kept
	}
	for uid := range imap.UIDs(all.New) {
		if uid < told.Now.UIDNext && !told.New.Contains(uid) && told.Message(uid) == nil {
			kept.New.AddNum(uid)
		}
	}
	return kept
}
