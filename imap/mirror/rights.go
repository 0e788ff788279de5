package mirror

import (
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/changes"
	"postie/imap/plan"
)

// permissions finds out what may be done in a mailbox, where something is to be done there, or waits for a right: what is forbidden then is
// not tried and not planned, and what is not any more is done.
func (o *remoteObserver) permissions(ctx context.Context, b *box) error {
	if err := o.canExpunge(ctx, b); err != nil {
		return err
	}
	b.forbids = changes.Forbidden{}
	if b.remote == nil || !o.pushes(b) {
		return nil
	}
	var err error
	if b.forbids, err = o.reader.Forbidden(ctx, b.server, &b.delta); err != nil {
		return err
	}
	if b.forbids.Expunge && !b.forbids.Delete && len(b.missing) > 0 && o.Policy.Expunge {
		o.note(b.Name, "the server does not permit to expunge there: what is deleted here is only marked there")
	}
	return nil
}

// canExpunge finds out whether a deletion would take away only what we deleted.
func (o *remoteObserver) canExpunge(ctx context.Context, b *box) (err error) {
	b.expunges = o.session.Has(goimap.CapUIDPlus)
	if b.expunges || b.remote == nil || b.delta.Now.ReadOnly {
		return nil
	}
	ours := o.expungeable(b, b.missing)
	if b.expunges = len(ours) == 0; b.expunges { // nothing is to be deleted, as far as we know
		return nil
	}
	b.expunges, err = o.reader.OnlyOurs(ctx, b.server, ours)
	return err
}

// pushes says whether something here may have to go to the server, but for flags.
func (o *remoteObserver) pushes(b *box) bool {
	waits := func(p plan.Pair) bool { return p.State == plan.Withheld || p.State == plan.Marked && o.Policy.Expunge }
	return len(b.missing) > 0 || b.news > 0 || len(b.pending) > 0 || slices.ContainsFunc(b.delta.Pairs, waits) || slices.ContainsFunc(b.byKey, waits)
}
