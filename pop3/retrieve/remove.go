package retrieve

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"postie/maildir"
	"postie/pop3"
)

// remove deletes on the server what is doomed. The server marks at DELE and deletes at QUIT (RFC 1939 section 6): until
// that is answered with +OK nothing is believed to be gone.
func (r *run) remove(ctx context.Context) error {
	marked, err := r.mark(ctx)
	if err != nil {
		return err
	}
	r.step("quit")
	if err := r.session.Quit(ctx); err != nil {
		return err
	}
	r.report.Deleted = len(marked)
	r.step("ledger gone")
	return r.ledger.Gone(ctx, marked)
}

// mark sends DELE for the doomed messages and returns the receipts of those that the server accepted.
func (r *run) mark(ctx context.Context) ([]int64, error) {
	if err := r.spare(); err != nil {
		return nil, err
	}
	slices.SortFunc(r.doomed, func(a, b doomed) int { return cmp.Compare(a.item.Number, b.item.Number) })
	marked := make([]int64, 0, len(r.doomed))
	next := 0
	for d, err := range r.session.Delete(ctx, r.doomedNumbers()) {
		if err != nil {
			return nil, err
		}
		victim := r.doomed[next]
		next++
		if d.Refused != nil {
			r.fail(victim.item, d.Refused)
			continue
		}
		marked = append(marked, victim.receipt)
	}
	return marked, nil
}

func (r *run) doomedNumbers() iter.Seq[pop3.Number] {
	return func(yield func(pop3.Number) bool) {
		for _, d := range r.doomed {
			r.step("dele")
			if !yield(d.item.Number) {
				return
			}
		}
	}
}

// spare looks a second time for files that were gone: one reading of a folder in which others rename may miss a file
// that is there, so only what two readings miss is believed to be deleted.
func (r *run) spare() error {
	wanted := map[maildir.Key]bool{}
	for _, d := range r.doomed {
		if d.lost {
			wanted[d.key] = true
		}
	}
	missing, err := r.missing(wanted)
	if err != nil {
		return err
	}
	r.doomed = slices.DeleteFunc(r.doomed, func(d doomed) bool { return d.lost && !missing[d.key] })
	return nil
}
