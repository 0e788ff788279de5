package mirror

import (
	"context"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/naming"
	"postie/imap/plan"
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
	b.Made, b.Called, b.Deleted = true, "", false
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
	} else if b.UIDValidity != b.delta.Now.UIDValidity {
		if err := r.begin(ctx, b); err != nil {
			return err
		}
	}
	r.done(op)
	return nil
}

// makeThere makes a mailbox on the server, and subscribes to it, since many programs show nothing else.
func (r *run) makeThere(ctx context.Context, b *box) error {
	b.server, _ = r.naming.Theirs(b.Name)
	b.Server = ""
	r.step("create " + b.Name)
	err := r.session.Create(ctx, b.server)
	if err != nil && !r.thereAlready(ctx, b.server) && !r.belowInbox(ctx, b) {
		return err
	}
	if err := r.session.Subscribe(ctx, b.server); err != nil && !single(err) {
		return err
	}
	b.remote = &imap.Mailbox{Name: b.server}
	r.parents(ctx, b.Name)
	return nil
}

// parents looks whether the server made the mailboxes above a new one too, as RFC 9051 section 6.3.4 wants it to: those that can
// hold messages are in this run's next pass. (Cyrus and mox make such, Dovecot makes names only.)
func (r *run) parents(ctx context.Context, name string) {
	for {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return
		}
		name = name[:i]
		server, ok := r.naming.Theirs(name)
		if r.byName[name] == nil && ok && naming.Patterns(r.Mailboxes).Match(name) {
			r.again = r.again || r.thereAlready(ctx, server)
		}
	}
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
	b.delta.Now = changes.StateOf(s)
	b.pushed = true
	if b.Some { // UIDs of an earlier life
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
	if r.session.Has(goimap.CapNamespace) || r.naming.Prefix != "" || r.naming.Delim == 0 || slices.ContainsFunc(r.boxes, beside) {
		return false
	}
	below := naming.Scheme{Prefix: index.Inbox + string(r.naming.Delim), Delim: r.naming.Delim}
	server, _ := below.Theirs(b.Name)
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
