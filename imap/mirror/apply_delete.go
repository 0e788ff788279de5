package mirror

import (
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// delete deletes messages on the server whose files are gone, or only marks them, as policy says.
func (r *run) delete(ctx context.Context, ops []plan.Op) error {
	b := r.byName[ops[0].Mailbox]
	if err := r.opened(ctx, b); err != nil {
		return err
	}
	for part := range slices.Chunk(ops, batchMessages) {
		part, err := r.stillGone(ctx, b, part)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			continue
		}
		var marked goimap.UIDSet
		if part[0].Kind == plan.Mark {
			_, err = r.store(ctx, b, uids(part, opUID), plan.Change{Add: maildir.Flags{Set: maildir.FlagTrashed}}, 0)
		} else {
			marked, err = r.expunge(ctx, b, uids(part, opUID))
		}
		if err != nil {
			return err
		}
		as := make([]index.Agreement, len(part))
		for i, op := range part {
			if as[i] = r.agreement(op, op.Pair); marked.Contains(op.UID) {
				if as[i], err = r.tombstone(ctx, b, op); err != nil {
					return err
				}
			}
		}
		if err := r.agree(ctx, part, as); err != nil {
			return err
		}
	}
	return nil
}

// tombstone is the agreement about a message that was to be expunged and could only be marked.
func (r *run) tombstone(ctx context.Context, b *box, op plan.Op) (index.Agreement, error) {
	a := index.Agreement{Mailbox: b.ID, UID: op.UID}
	for row, err := range r.base.ByUID(ctx, b.ID, goimap.UIDSetNum(op.UID)) {
		if err != nil {
			return a, err
		}
		a.Pair = row.Pair
	}
	if a.Pair == (plan.Pair{}) {
		return a, errGone
	}
	a.Pair.State = plan.Marked
	a.Pair.Remote.Set |= maildir.FlagTrashed
	return a, nil
}

// expunge removes messages of the selected mailbox. Without UIDPLUS an EXPUNGE takes everything that is marked: where that is
// more than ours, ours are marked only, and named. (Somebody may mark one between the SEARCH and the EXPUNGE.)
func (r *run) expunge(ctx context.Context, b *box, set goimap.UIDSet) (marked goimap.UIDSet, err error) {
	if len(set) == 0 {
		return nil, nil
	}
	if _, err := r.store(ctx, b, set, plan.Change{Add: maildir.Flags{Set: maildir.FlagTrashed}}, 0); err != nil {
		return nil, err
	}
	if r.session.Has(goimap.CapUIDPlus) {
		r.step("expunge")
		return nil, r.session.Expunge(ctx, set)
	}
	foreign, err := r.foreign(ctx, r.doomed(b, set))
	if err != nil || foreign {
		return set, err
	}
	r.step("expunge")
	return nil, r.session.ExpungeAll(ctx)
}

// doomed is a set and all else that an EXPUNGE may take along: what was only marked before, unless policy wants it no
// more than marked.
func (r *run) doomed(b *box, set goimap.UIDSet) goimap.UIDSet {
	ours := slices.Clone(set)
	for _, p := range b.byUID {
		if p.State == plan.Marked && r.Policy.Expunge {
			ours.AddNum(p.UID)
		}
	}
	return ours
}
