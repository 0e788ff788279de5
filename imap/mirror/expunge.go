package mirror

import (
	"context"
	"errors"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
)

// expunge removes messages of the selected mailbox. Without UIDPLUS an EXPUNGE takes everything that is marked: where that is
// more than ours, ours are marked only, and named. (Somebody may mark one between the SEARCH and the EXPUNGE.)
func (d *deletions) expunge(ctx context.Context, b *box, set goimap.UIDSet) (marked goimap.UIDSet, err error) {
	if len(set) == 0 {
		return nil, nil
	}
	trashed := plan.Change{Add: maildir.Flags{Set: maildir.FlagTrashed}}
	if _, err := d.flags.store(ctx, b, set, trashed, 0, map[goimap.UID]maildir.Flags{}); err != nil {
		return nil, err
	}
	if b.forbids.Expunge {
		return d.left(ctx, b, set)
	}
	if d.session.Has(goimap.CapUIDPlus) {
		d.step("expunge")
		err := d.session.Expunge(ctx, set)
		if e, ok := errors.AsType[*imap.Error](err); ok && e.Misunderstood() {
			d.session.Lose(goimap.CapUIDPlus)
			return d.expunge(ctx, b, set)
		}
		if err != nil {
			return nil, err
		}
		return d.unexpunged(ctx, b, set)
	}
	if ours, err := d.reader.OnlyOurs(ctx, b.server, d.expungeable(b, set)); err != nil || !ours {
		return set, err
	}
	d.step("expunge")
	if err := d.session.ExpungeAll(ctx); err != nil {
		return nil, err
	}
	return d.unexpunged(ctx, b, set)
}

// mark marks messages as deleted, and notes those that the server did not mark, though it said OK.
func (d *deletions) mark(ctx context.Context, b *box, set goimap.UIDSet) error {
	now := map[goimap.UID]maildir.Flags{}
	if _, err := d.flags.store(ctx, b, set, plan.Change{Add: maildir.Flags{Set: maildir.FlagTrashed}}, 0, now); err != nil {
		return err
	}
	for uid, has := range now {
		if has.Set&maildir.FlagTrashed == 0 && set.Contains(uid) {
			b.withheld.AddNum(uid)
		}
	}
	return nil
}

// unexpunged is what is left of messages after an EXPUNGE to which the server said OK. Nothing should be.
func (d *deletions) unexpunged(ctx context.Context, b *box, set goimap.UIDSet) (left goimap.UIDSet, err error) {
	left, err = d.left(ctx, b, set)
	if len(changes.Less(left, b.withheld)) > 0 {
		d.note(b.Name, "the server says OK to EXPUNGE and does not do it: what was deleted here is only marked there, and tried again")
	}
	return left, err
}

// left is what is still there of messages that were to be expunged; withheld is what could not even be marked. Who lacks the right to it may be told OK all the same:
// RFC 4314 section 4 lets a server leave flags unchanged without an error, and Dovecot expunges nothing and says OK.
func (d *deletions) left(ctx context.Context, b *box, set goimap.UIDSet) (left goimap.UIDSet, err error) {
	for m, err := range d.session.FetchFlags(ctx, set, 0, nil) {
		if err != nil {
			return nil, err
		}
		if !set.Contains(m.UID) {
			continue
		}
		if left.AddNum(m.UID); changes.FlagsOf(m.Flags).Set&maildir.FlagTrashed == 0 {
			b.withheld.AddNum(m.UID)
		}
	}
	return left, nil
}
