package retrieve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"postie/maildir"
	"postie/pop3"
)

// firstPortion is how many messages of earlier runs are deleted in the first session, each further one taking four times as
// many. Only QUIT deletes: were it all or nothing, a line that always breaks before would never get anything done.
const firstPortion = 16

// remove carries the deletions out. The server marks at DELE and deletes at QUIT (RFC 1939 section 6): until
// that is answered with +OK nothing is believed to be gone.
func (r *run) remove(ctx context.Context) error {
	if err := r.spare(ctx); err != nil {
		return err
	}
	for size := firstPortion; ; size *= 4 {
		rest, err := r.portion(ctx, size)
		if err != nil {
			return err
		}
		if done, err := r.quit(ctx); err != nil || !done || len(rest) == 0 {
			return err
		}
		r.deletions = rest
		if _, err := r.reconnect(ctx, nil); err != nil {
			return err
		}
	}
}

// portion sees to it that r.deletions is what this session deletes: all of this run's messages, and so many of those of
// earlier runs, checked. The rest is for further sessions.
func (r *run) portion(ctx context.Context, size int) (rest []deletion, err error) {
	slices.SortStableFunc(r.deletions, func(a, b deletion) int { return cmp.Compare(a.item.Number, b.item.Number) })
	var now, check []deletion
	for _, d := range r.deletions {
		switch {
		case !d.check:
			now = append(now, d)
		case len(check) < size:
			check = append(check, d)
		default:
			rest = append(rest, d)
		}
	}
	r.deletions = now
	return rest, r.verify(ctx, check)
}

// verify adds to r.deletions those whose header is still the one that was stored. Where it is another one the server may have given
// the UIDL to another message, or TOP shows another header than RETR: such a message is fetched and compared, as is any where the
// server has no TOP.
func (r *run) verify(ctx context.Context, check []deletion) error {
	ns := make([]pop3.Number, len(check))
	for i, d := range check {
		ns[i] = d.item.Number
	}
	first := len(r.deletions)
	r.deletions = append(r.deletions, check...) // so that they are renumbered with the others if this session breaks
	heads, broke, err := r.headsAtAll(ctx, ns)
	if err != nil {
		return err
	}
	if broke {
		first = slices.IndexFunc(r.deletions, func(d deletion) bool { return d.check })
	}
	if first < 0 {
		return nil
	}
	check = slices.Clone(r.deletions[first:])
	r.deletions = r.deletions[:first]
	var again []Op
	for _, d := range check {
		head, seen := heads[d.item.Number]
		if seen && head.Hash == d.copy.header {
			r.deletions = append(r.deletions, d)
			continue
		}
		mine := []*Copy{d.copy}
		again = append(again, Op{Action: Fetch, Item: d.item, Lost: d.lost, Against: mine, Stale: mine})
	}
	return r.fetch(ctx, again)
}

// quit marks the messages to be deleted and lets the server delete them. false: it refused, and nobody knows which are still there.
func (r *run) quit(ctx context.Context) (done bool, err error) {
	marked, gone, err := r.mark(ctx)
	if err != nil {
		return false, err
	}
	if len(marked) == 0 {
		return true, r.leave(ctx)
	}
	r.step("quit")
	if err := r.session.Quit(ctx); err != nil {
		if refusal, ok := errors.AsType[*pop3.Error](err); ok { // RFC 1939 section 6: some may not have been removed
			r.unconfirmed(len(marked), refusal)
			return false, nil
		}
		return false, err
	}
	r.report.Deleted += len(marked)
	r.items = slices.DeleteFunc(slices.Clone(r.items), func(it pop3.Item) bool { return gone[it.Number] })
	r.step("ledger gone")
	return true, r.ledger.Gone(ctx, marked)
}

// unconfirmed tells that the server did not confirm what it was to delete.
func (r *run) unconfirmed(n int, refusal error) {
	r.mu.Lock()
	r.report.Failed += n
	r.mu.Unlock()
	r.emit(Failed{Err: fmt.Errorf("the server did not confirm that it deleted %d messages; they are stored here, and the next run looks which are left: %w", n, refusal)})
}

// mark sends DELE and returns the receipts and the numbers of those that the server accepted.
func (r *run) mark(ctx context.Context) (marked []int64, gone map[pop3.Number]bool, err error) {
	slices.SortStableFunc(r.deletions, func(a, b deletion) int { return cmp.Compare(a.item.Number, b.item.Number) })
	marked, gone = make([]int64, 0, len(r.deletions)), make(map[pop3.Number]bool, len(r.deletions))
	next := 0
	for d, err := range r.session.Delete(ctx, r.numbersToDelete()) {
		if err != nil {
			return nil, nil, err
		}
		victim := r.deletions[next]
		next++
		if d.Refused != nil {
			r.fail(victim.item, d.Refused)
			continue
		}
		marked, gone[d.Number] = append(marked, victim.row), true
	}
	return marked, gone, nil
}

func (r *run) numbersToDelete() iter.Seq[pop3.Number] {
	return func(yield func(pop3.Number) bool) {
		for _, d := range r.deletions {
			r.step("dele")
			if !yield(d.item.Number) {
				return
			}
		}
	}
}

// spare looks again, just before anything is deleted, for files that were gone, and lets their messages live if they are
// there after all, or nobody can tell.
func (r *run) spare(ctx context.Context) error {
	wanted := map[maildir.Key]bool{}
	for _, d := range r.deletions {
		if d.lost && d.copy != nil {
			wanted[d.copy.Key] = true
		}
	}
	places, steady, err := r.find(ctx, wanted)
	if err != nil {
		return err
	}
	r.deletions = slices.DeleteFunc(r.deletions, func(d deletion) bool {
		_, here := places[keyOf(d.copy)]
		return d.lost && (here || !steady)
	})
	return nil
}

func keyOf(c *Copy) maildir.Key {
	if c == nil {
		return ""
	}
	return c.Key
}
