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

// mailboxChanges makes, renames and removes mailboxes, on either side.
type mailboxChanges struct{ *agreements }

// create makes a mailbox where it is missing.
func (c *mailboxChanges) create(ctx context.Context, op plan.Op) error {
	b := c.byName[op.Mailbox]
	if b.outside || b.exist()|op.Side != plan.Both { // a trash that is not kept here
		if err := c.makeThere(ctx, b); err != nil {
			return err
		}
		c.done(op)
		return nil
	}
	if err := c.enter(ctx, b); err != nil {
		return err
	}
	b.Made, b.Called, b.Deleted = true, "", false
	c.step("base create")
	if err := c.base.Record(ctx, b.Mailbox); err != nil {
		return err
	}
	if op.Side&plan.Local != 0 && !b.here {
		c.step("mkdir " + b.Folder)
		if err := b.dir.Ensure(); err != nil {
			return err
		}
		b.here = true
	}
	if op.Side&plan.Remote != 0 {
		if err := c.createThere(ctx, b); err != nil {
			return err
		}
	} else if b.UIDValidity != b.delta.Now.UIDValidity {
		if err := c.begin(ctx, b); err != nil {
			return err
		}
	}
	c.done(op)
	return nil
}

// makeThere makes a mailbox on the server, and subscribes to it, since many programs show nothing else.
func (c *mailboxChanges) makeThere(ctx context.Context, b *box) error {
	first := b.Name == index.Inbox
	if c.newAccount() && !first {
		return errNoInbox
	}
	b.server, _ = c.naming.Theirs(b.Name)
	b.Server = ""
	c.step("create " + b.Name)
	err := c.session.Create(ctx, b.server)
	if err != nil && (first || !c.thereAlready(ctx, b.server) && !c.belowInbox(ctx, b)) {
		return err // an INBOX that turns out to be there has not been looked at
	}
	if first { // now NAMESPACE tells where the others lie
		if c.naming.Prefix, c.naming.Delim, err = c.session.Namespace(ctx); err != nil {
			return err
		}
	}
	err = c.session.Subscribe(ctx, b.server)
	if err != nil && !single(err) {
		return err
	}
	b.remote = &imap.Mailbox{Name: b.server, Subscribed: err == nil, Told: err == nil}
	c.parents(ctx, b.Name)
	return nil
}

// parents looks whether the server made the mailboxes above a new one too, as RFC 9051 section 6.3.4 wants it to: those that can
// hold messages are in this run's next pass. (Cyrus and mox make such, Dovecot makes names only.)
func (c *mailboxChanges) parents(ctx context.Context, name string) {
	for {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return
		}
		name = name[:i]
		server, ok := c.naming.Theirs(name)
		if c.byName[name] == nil && ok && naming.Patterns(c.Mailboxes).Match(name) {
			c.again = c.again || c.thereAlready(ctx, server)
		}
	}
}

// createThere makes a mailbox on the server and learns what its UIDs will mean.
func (c *mailboxChanges) createThere(ctx context.Context, b *box) error {
	if err := c.makeThere(ctx, b); err != nil {
		return err
	}
	s, err := c.selected(ctx, b, nil)
	if err != nil {
		return err
	}
	b.delta.Now = changes.StateOf(s)
	b.pushed = true
	if b.Some { // UIDs of an earlier life
		c.step("base orphan")
		if err := c.base.Orphan(ctx, b.ID); err != nil {
			return err
		}
	}
	return c.begin(ctx, b)
}

// belowInbox tries to make a mailbox below INBOX that was refused beside it: the first there, on a server that does not say
// by NAMESPACE where mailboxes lie.
func (c *mailboxChanges) belowInbox(ctx context.Context, b *box) bool {
	beside := func(b *box) bool { return b.remote != nil && b.Name != index.Inbox }
	if c.session.Has(goimap.CapNamespace) || c.naming.Prefix != "" || c.naming.Delim == 0 || slices.ContainsFunc(c.boxes, beside) {
		return false
	}
	below := naming.Scheme{Prefix: index.Inbox + string(c.naming.Delim), Delim: c.naming.Delim}
	server, _ := below.Theirs(b.Name)
	if c.session.Create(ctx, server) != nil {
		return false
	}
	c.naming, b.server = below, server
	return true
}
