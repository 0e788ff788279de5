package mirror

import (
	"context"
	"slices"
)

// firstSync is what a run knows of mailboxes that no run has looked at yet.
type firstSync struct {
	*account
}

// onlyHere says whether a mailbox is seen for the first time, and only here: it may be mail of another account, or known to the
// server under another name. What lies in it is an orphan then, which is not uploaded unasked, as in a mailbox that is on both sides.
// A mailbox that comes later was made by somebody who knows that this tree is kept equal with the server.
func (f *firstSync) onlyHere(b *box) bool {
	return f.untouched(b) && !b.outside && !f.oneSided(b) && f.isUnseen(b)
}

// untouched: it is here only, and no run has had anything to do with it.
func (f *firstSync) untouched(b *box) bool {
	return b.here && b.remote == nil && !b.known && !b.Made && !b.Some && b.newbase == nil
}

// firstEnds records that the first sync has ended, and which mailboxes are still to be looked at for the first time.
func (f *firstSync) firstEnds(ctx context.Context) error {
	var left []string
	for _, b := range f.sorted() {
		if f.untouched(b) && (b.outside || f.oneSided(b)) && f.isUnseen(b) {
			left = append(left, b.Name)
		}
	}
	if !f.first && slices.Equal(left, f.unseen) {
		return nil
	}
	if err := f.base.SetUnseen(ctx, left); err != nil {
		return err
	}
	f.unseen, f.first = left, false
	return nil
}
