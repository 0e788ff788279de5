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
func (r *run) rename(ctx context.Context, op plan.Op) error {
	old, b, lies := r.byName[op.Mailbox], r.byName[op.To], r.byName[op.At()]
	var err error
	switch op.Side {
	case plan.Local:
		err = r.renameHere(lies, b)
	case plan.Remote:
		err = r.renameThere(ctx, old, b)
	}
	if err != nil {
		return err
	}
	to := old.Mailbox
	to.Name, to.Folder = b.Name, b.Folder
	to.Server = b.Server
	to.Stamp, to.Places, to.Called, to.Deleted = maildir.Stamp{}, maildir.Places{}, "", false
	r.step("base rename")
	if err := r.base.Enter(ctx, &to); err != nil {
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
	r.done(op)
	return nil
}

func (r *run) renameThere(ctx context.Context, old, b *box) error {
	if err := r.reader.Leave(ctx); err != nil {
		return err
	}
	r.step("rename " + old.Name)
	err := r.session.Rename(ctx, old.server, b.server)
	if err != nil && !(r.thereAlready(ctx, b.server) && !r.thereAlready(ctx, old.server)) {
		return err
	}
	r.parents(ctx, b.Name)
	if old.remote != nil && old.remote.Subscribed {
		for _, err := range []error{r.session.Subscribe(ctx, b.server), r.session.Unsubscribe(ctx, old.server)} {
			if err != nil && !single(err) {
				return err
			}
		}
	}
	return nil
}

// renameHere renames a Maildir. One that holds others in its folder leaves them there.
func (r *run) renameHere(old, b *box) error {
	r.step("rename " + old.Folder)
	if err := old.dir.Rename(b.dir, r.nests(old)); errors.Is(err, fs.ErrExist) {
		return errExists
	} else {
		return err
	}
}

// nests says whether other Maildirs lie in the folder of a mailbox.
func (r *run) nests(b *box) bool {
	for _, other := range r.boxes {
		if r.Layout == maildir.FS && other.here && strings.HasPrefix(other.Folder, b.Folder+"/") {
			return true
		}
	}
	return false
}
