package mirror

import (
	"context"

	"postie/imap/plan"
)

// drop removes a mailbox that everything has left, if it is empty still, and forgets it.
func (c *mailboxChanges) drop(ctx context.Context, op plan.Op) error {
	b := c.byName[op.Mailbox]
	if op.Side&plan.Remote != 0 && b.remote != nil {
		if err := c.dropThere(ctx, b); err != nil {
			return err
		}
	}
	if op.Side&plan.Local != 0 && b.here {
		c.step("rmdir " + b.Folder)
		if err := b.dir.Drop(b.Folder == "."); err != nil {
			return err
		}
	}
	c.step("base drop")
	if err := c.base.Drop(ctx, b.ID); err != nil {
		return err
	}
	b.ID = 0
	c.done(op)
	return nil
}

func (c *mailboxChanges) dropThere(ctx context.Context, b *box) error {
	found, err := c.session.Status(ctx, b.server)
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
	if c.reader.Selected(b.server) {
		if err := c.reader.Leave(ctx); err != nil {
			return err
		}
	}
	c.step("delete " + b.Name)
	if err := c.session.Delete(ctx, b.server); err != nil {
		return err
	}
	if b.remote.Subscribed {
		if err := c.session.Unsubscribe(ctx, b.server); err != nil && !single(err) {
			return err
		}
	}
	return nil
}
