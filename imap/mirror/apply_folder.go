package mirror

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// create makes a mailbox where it is missing.
func (r *run) create(ctx context.Context, op plan.Op) error {
	b := r.byName[op.Mailbox]
	if b.outside || b.exist()|op.Side != plan.Both { // a trash that is not kept here
		if err := r.makeThere(ctx, b); err != nil {
			return err
		}
		r.done(op)
		return nil
	}
	if err := r.enter(ctx, b); err != nil {
		return err
	}
	b.Made = true
	r.step("base create")
	if err := r.base.Record(ctx, b.Mailbox); err != nil {
		return err
	}
	if op.Side&plan.Local != 0 && !b.here {
		r.step("mkdir " + b.Folder)
		if err := b.dir.Ensure(); err != nil {
			return err
		}
		b.here = true
	}
	if op.Side&plan.Remote != 0 {
		if err := r.createThere(ctx, b); err != nil {
			return err
		}
	} else if b.UIDValidity != b.now.UIDValidity {
		if err := r.begin(ctx, b); err != nil {
			return err
		}
	}
	r.done(op)
	return nil
}

// makeThere makes a mailbox on the server, and subscribes to it, since many programs show nothing else.
func (r *run) makeThere(ctx context.Context, b *box) error {
	b.server, _ = r.naming.theirs(b.Name)
	r.step("create " + b.Name)
	err := r.session.Create(ctx, b.server)
	if err != nil && !r.thereAlready(ctx, b.server) && !r.belowInbox(ctx, b) {
		return err
	}
	if err := r.session.Subscribe(ctx, b.server); err != nil && !single(err) {
		return err
	}
	b.remote = &imap.Mailbox{Name: b.server}
	return nil
}

// createThere makes a mailbox on the server and learns what its UIDs will mean.
func (r *run) createThere(ctx context.Context, b *box) error {
	if err := r.makeThere(ctx, b); err != nil {
		return err
	}
	s, err := r.selected(ctx, b, nil)
	if err != nil {
		return err
	}
	b.observed(s)
	b.pushed = true
	if b.Count > 0 { // UIDs of an earlier life
		r.step("base orphan")
		if err := r.base.Orphan(ctx, b.ID); err != nil {
			return err
		}
	}
	return r.begin(ctx, b)
}

// belowInbox tries to make a mailbox below INBOX that was refused beside it: the first there, on a server that does not say
// by NAMESPACE where mailboxes lie.
func (r *run) belowInbox(ctx context.Context, b *box) bool {
	beside := func(b *box) bool { return b.remote != nil && b.Name != index.Inbox }
	if r.session.Has(goimap.CapNamespace) || r.naming.prefix != "" || r.naming.delim == 0 || slices.ContainsFunc(r.boxes, beside) {
		return false
	}
	below := naming{index.Inbox + string(r.naming.delim), r.naming.delim}
	server, _ := below.theirs(b.Name)
	if r.session.Create(ctx, server) != nil {
		return false
	}
	r.naming, b.server = below, server
	return true
}

func (r *run) thereAlready(ctx context.Context, server string) bool {
	found, err := r.session.Status(ctx, server)
	return err == nil && found[server] != nil
}

// rename gives a mailbox the name that it has on the other side. What is below it on the server goes along, by RFC 9051
// section 6.3.6; those are renamed in the plan too, and then there is nothing left to do.
func (r *run) rename(ctx context.Context, op plan.Op) error {
	old, b := r.byName[op.Mailbox], r.byName[op.To]
	var err error
	switch op.Side {
	case plan.Local:
		err = r.renameHere(old, b)
	case plan.Remote:
		err = r.renameThere(ctx, old, b)
	}
	if err != nil {
		return err
	}
	to := old.Mailbox
	to.Name, to.Folder = b.Name, b.Folder
	to.Stamp = maildir.Stamp{}
	r.step("base rename")
	if err := r.base.Enter(ctx, &to); err != nil {
		return err
	}
	// From here on it is the mailbox b, with the base of old, and its view.
	now, read := b.now, b.read
	if op.Side == plan.Remote || !read {
		now, read = old.now, old.read
	}
	if op.Side&plan.Local != 0 {
		b.entries = old.entries
	}
	b.Mailbox, b.known, b.now, b.read, b.here = to, true, now, read, true
	b.now.ID, b.now.Name, b.now.Folder = to.ID, to.Name, to.Folder
	if b.remote == nil {
		b.remote = &imap.Mailbox{Name: b.server}
	}
	b.spoiled = true // the views of two mailboxes became one: the next run reads it whole
	r.done(op)
	return nil
}

func (r *run) renameThere(ctx context.Context, old, b *box) error {
	if r.current != "" {
		r.current, r.state = "", nil
		if err := r.session.Unselect(ctx); err != nil && !single(err) {
			return err
		}
	}
	r.step("rename " + old.Name)
	err := r.session.Rename(ctx, old.server, b.server)
	if err != nil && !(r.thereAlready(ctx, b.server) && !r.thereAlready(ctx, old.server)) {
		return err
	}
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
	from, to := string(old.dir), string(b.dir)
	if isDir(filepath.Join(to, "cur")) {
		if isDir(filepath.Join(from, "cur")) {
			return errExists
		}
		return nil // it went along with the one above
	}
	r.step("rename " + old.Folder)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if !r.nests(old) && !exists(to) {
		if err := os.Rename(from, to); err != nil {
			return err
		}
		return syncParents(from, to)
	}
	// cur/ comes last: with it the folder is a Maildir, and a run that was stopped before finds what is left to do.
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"dovecot-keywords", "tmp", "new", "cur"} {
		err := os.Rename(filepath.Join(from, name), filepath.Join(to, name))
		if err != nil && !(errors.Is(err, fs.ErrNotExist) && name != "cur") {
			return err
		}
	}
	os.Remove(from) // if it is empty now
	return syncParents(from, to)
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

func syncParents(paths ...string) error {
	for _, p := range paths {
		d, err := os.Open(filepath.Dir(p))
		if err != nil {
			return err
		}
		err = d.Sync()
		d.Close()
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return nil
}

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
	if r.current == b.server {
		r.current, r.state = "", nil
		if err := r.session.Unselect(ctx); err != nil && !single(err) {
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
