package mirror

import (
	"cmp"
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
		done := part[:0:0]
		var as []index.Agreement
		for _, op := range part {
			a := r.agreement(op, op.Pair)
			if marked.Contains(op.UID) {
				if b.marks(op.UID) {
					continue // it was tried before, and counted
				}
				if a, err = r.tombstone(ctx, b, op); err != nil {
					return err
				}
				if a.Pair.State == plan.Withheld {
					op.Kind = plan.Adopt // nothing was done
				}
			}
			done, as = append(done, op), append(as, a)
		}
		if err := r.agree(ctx, done, as); err != nil {
			return err
		}
	}
	return nil
}

// marks says whether a message was deleted here before, and could only be marked, or not even that.
func (b *box) marks(uid goimap.UID) bool {
	i, ok := slices.BinarySearchFunc(b.byUID, uid, func(p plan.Pair, uid goimap.UID) int { return cmp.Compare(p.UID, uid) })
	return ok && b.byUID[i].State != plan.Agreed
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
	if b.withheld.Contains(op.UID) {
		a.Pair.State = plan.Withheld
		r.note(b.Name, "the server does not permit to delete there: what was deleted here stays there")
		return a, nil
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
		if err := r.session.Expunge(ctx, set); err != nil {
			return nil, err
		}
		return r.left(ctx, b, set)
	}
	foreign, err := r.foreign(ctx, r.doomed(b, set))
	if err != nil || foreign {
		return set, err
	}
	r.step("expunge")
	if err := r.session.ExpungeAll(ctx); err != nil {
		return nil, err
	}
	return r.left(ctx, b, set)
}

// left is what is still there of messages that were to be expunged; withheld is what could not even be marked. Who lacks the right to it may be told OK all the same:
// RFC 4314 section 4 lets a server leave flags unchanged without an error, and Dovecot expunges nothing and says OK.
func (r *run) left(ctx context.Context, b *box, set goimap.UIDSet) (left goimap.UIDSet, err error) {
	for m, err := range r.session.FetchFlags(ctx, set, 0, nil) {
		if err != nil {
			return nil, err
		}
		if !set.Contains(m.UID) {
			continue
		}
		if left.AddNum(m.UID); flagsOf(m.Flags).Set&maildir.FlagTrashed == 0 {
			b.withheld.AddNum(m.UID)
		}
	}
	return left, nil
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
