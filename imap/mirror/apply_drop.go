package mirror

import (
	"context"

	"postie/imap/plan"
)

// drop removes a mailbox that everything has left, if it is empty still, and forgets it.
func (r *run) drop(ctx context.Context, op plan.Op) error {
	b := r.byName[op.Mailbox]
	if op.Side&plan.Remote != 0 && b.remote != nil {
		if err := r.dropThere(ctx, b); err != nil {
			return err
		}
	}
	if op.Side&plan.Local != 0 && b.here {
		r.step("rmdir " + b.Folder)
		if err := b.dir.Drop(b.Folder == "."); err != nil {
			return err
		}
	}
	r.step("base drop")
	if err := r.base.Drop(ctx, b.ID); err != nil {
		return err
	}
	b.ID = 0
	r.done(op)
	return nil
}

func (r *run) dropThere(ctx context.Context, b *box) error {
	found, err := r.session.Status(ctx, b.server)
	if err != nil {
		return err
	}
	st := found[b.server]
	switch {
	case st == nil:
		return nil
	case st.Messages > 0:
		return errFilled
	}
	if r.reader.Selected(b.server) {
		if err := r.reader.Leave(ctx); err != nil {
			return err
		}
	}
	r.step("delete " + b.Name)
	if err := r.session.Delete(ctx, b.server); err != nil {
		return err
	}
	if b.remote.Subscribed {
		if err := r.session.Unsubscribe(ctx, b.server); err != nil && !single(err) {
			return err
		}
	}
	return nil
}
