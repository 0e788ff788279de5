package mirror

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

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
		if err := r.dropHere(b); err != nil {
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
	if r.selection != nil && r.selection.Name == b.server {
		if err := r.unselect(ctx); err != nil {
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

// dropHere removes an empty Maildir: first cur/ and new/, which the system refuses while there is mail in them. What
// others keep in the folder stays.
func (r *run) dropHere(b *box) error {
	r.step("rmdir " + b.Folder)
	for _, name := range []string{"new", "cur"} {
		if err := os.Remove(filepath.Join(string(b.dir), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			if name == "cur" {
				err = errors.Join(err, os.Mkdir(filepath.Join(string(b.dir), "new"), 0o700))
			}
			return err
		}
	}
	for _, name := range []string{"tmp", "dovecot-keywords"} {
		if err := os.RemoveAll(filepath.Join(string(b.dir), name)); err != nil {
			return err
		}
	}
	if b.Folder != "." {
		os.Remove(string(b.dir)) // if it is empty now
	}
	return nil
}
