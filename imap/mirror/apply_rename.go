package mirror

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// rename gives a mailbox the name that it has on the other side. What is below it on the server goes along, by RFC 9051
// section 6.3.6; those are renamed in the plan too, and then there is nothing left to do.
func (c *mailboxChanges) rename(ctx context.Context, op plan.Op) error {
	old, b, lies := c.byName[op.Mailbox], c.byName[op.To], c.byName[op.At()]
	var err error
	switch op.Side {
	case plan.Local:
		err = c.renameHere(lies, b)
	case plan.Remote:
		err = c.renameThere(ctx, old, b)
	}
	if err != nil {
		return err
	}
	to := old.Mailbox
	to.Name, to.Folder = b.Name, b.Folder
	to.Server = b.Server
	to.Stamp, to.Places, to.Called, to.Deleted = maildir.Stamp{}, maildir.Places{}, "", false
	c.step("base rename")
	if err := c.base.Enter(ctx, &to); err != nil {
		return err
	}
	// From here on it is the mailbox b, with the base of old, and its view.
	now, read := b.delta.Now, b.delta.Read
	if op.Side == plan.Remote || !read {
		now, read = old.delta.Now, old.delta.Read
	}
	if op.Side&plan.Local != 0 {
		b.entries, b.fresh = lies.entries, lies.fresh
		lies.here, lies.fresh = false, map[maildir.Key]*index.Message{}
	}
	b.Mailbox, b.known, b.delta.Now, b.delta.Read, b.here = to, true, now, read, true
	if b.remote == nil {
		b.remote = &imap.Mailbox{Name: b.server}
	}
	b.spoiled = true // the views of two mailboxes became one: the next run reads it whole
	c.done(op)
	return nil
}

func (c *mailboxChanges) renameThere(ctx context.Context, old, b *box) error {
	if err := c.reader.Leave(ctx); err != nil {
		return err
	}
	c.step("rename " + old.Name)
	err := c.session.Rename(ctx, old.server, b.server)
	if err != nil && !(c.thereAlready(ctx, b.server) && !c.thereAlready(ctx, old.server)) {
		return err
	}
	c.parents(ctx, b.Name)
	if old.remote != nil && old.remote.Subscribed {
		for _, err := range []error{c.session.Subscribe(ctx, b.server), c.session.Unsubscribe(ctx, old.server)} {
			if err != nil && !single(err) {
				return err
			}
		}
	}
	return nil
}

// renameHere renames a Maildir. One that holds others in its folder leaves them there.
func (c *mailboxChanges) renameHere(old, b *box) error {
	c.step("rename " + old.Folder)
	if err := old.dir.Rename(b.dir, c.nests(old)); errors.Is(err, fs.ErrExist) {
		return errExists
	} else {
		return err
	}
}

// nests says whether other Maildirs lie in the folder of a mailbox.
func (c *mailboxChanges) nests(b *box) bool {
	for _, other := range c.boxes {
		if c.Layout == maildir.FS && other.here && strings.HasPrefix(other.Folder, b.Folder+"/") {
			return true
		}
	}
	return false
}
