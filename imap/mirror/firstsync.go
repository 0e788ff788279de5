package mirror

import (
	"context"
	"slices"
)

// onlyHere says whether a mailbox is seen for the first time, and only here: it may be mail of another account, or known to the
// server under another name. What lies in it is an orphan then, which is not uploaded unasked, as in a mailbox that is on both sides.
// A mailbox that comes later was made by somebody who knows that this tree is kept equal with the server.
func (r *run) onlyHere(b *box) bool {
	return r.untouched(b) && !b.outside && !r.oneSided(b) && (r.first || slices.Contains(r.unseen, b.Name))
}

// untouched: it is here only, and no run has had anything to do with it.
func (r *run) untouched(b *box) bool {
	return b.here && b.remote == nil && !b.known && !b.Made && !b.Some && b.newbase == nil
}

// firstEnds records that the first sync has ended, and which mailboxes are still to be looked at for the first time.
func (r *run) firstEnds(ctx context.Context) error {
	var left []string
	for _, b := range r.sorted() {
		if r.untouched(b) && (b.outside || r.oneSided(b)) && (r.first || slices.Contains(r.unseen, b.Name)) {
			left = append(left, b.Name)
		}
	}
	if !r.first && slices.Equal(left, r.unseen) {
		return nil
	}
	if err := r.base.SetUnseen(ctx, left); err != nil {
		return err
	}
	r.unseen, r.first = left, false
	return nil
}
