package mirror

import (
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
)

// forbids are the rights that the user lacks in a mailbox.
type forbids struct{ insert, delete, expunge bool }

// rights asks what the user may do in a mailbox, where the server tells (RFC 4314) and something is to be done, or waits for a
// right: what is forbidden then is not tried and not planned, and what is not any more is done.
func (r *run) rights(ctx context.Context, b *box) error {
	b.forbids = forbids{}
	if !r.session.Has(goimap.CapACL) || b.remote == nil || !r.pushes(b) {
		return nil
	}
	may, err := r.session.MyRights(ctx, b.server)
	if err != nil {
		if single(err) {
			err = nil // then what is tried tells
		}
		return err
	}
	b.forbids = forbids{!may.Insert, !may.Delete, !may.Expunge}
	if b.forbids.expunge && !b.forbids.delete && len(b.missing) > 0 && r.Policy.Expunge {
		r.note(b.Name, "the server does not permit to expunge there: what is deleted here is only marked there")
	}
	if b.delta.Now.ReadOnly && (may.Insert || may.Delete) || b.delta.Now.PermanentFlags.Set&maildir.FlagTrashed == 0 && may.Delete {
		// Rights were given back, and nothing else had changed, so nobody had looked.
		s, err := r.selected(ctx, b, nil)
		if err != nil {
			return err
		}
		b.delta.Now.PermanentFlags, b.delta.Now.ReadOnly = changes.PermanentFlags(s), s.ReadOnly
	}
	return nil
}

// pushes says whether something here may have to go to the server, but for flags.
func (r *run) pushes(b *box) bool {
	waits := func(p plan.Pair) bool { return p.State == plan.Withheld || p.State == plan.Marked && r.Policy.Expunge }
	return len(b.missing) > 0 || b.news > 0 || len(b.pending) > 0 || slices.ContainsFunc(b.delta.Pairs, waits) || slices.ContainsFunc(b.byKey, waits)
}
