package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"postie/imap"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir/index"
)

// unlisted looks for mailboxes that LIST did not name: those that the base knows, which must not be taken for deleted because of one
// answer, and INBOX, which always exists (RFC 9051 section 5.1). An extended LIST is asked again plainly, then STATUS and at last
// EXAMINE have to say that a mailbox is not there. all is what LIST said.
func (r *run) unlisted(ctx context.Context, all []imap.Mailbox) error {
	missing := r.missingThere(all)
	if len(missing) > 0 && r.session.ListsExtended() {
		plain, err := r.session.ListPlain(ctx, !r.breaks.mute)
		if err != nil && !single(err) {
			return err
		}
		for i, m := range plain {
			if b := r.byName[r.naming.Ours(m.Name)]; b == nil || b.remote == nil {
				r.listed(&plain[i])
			}
		}
		all = append(all, plain...)
		missing = r.missingThere(all)
	}
	if named := func(p string) bool { return !strings.ContainsAny(p, "*%") }; len(all) == 0 && r.first && (len(r.Mailboxes) == 0 || !slices.ContainsFunc(r.Mailboxes, named)) {
		r.fail(plan.Op{}, errLists)
	}
	names := make([]string, len(missing))
	for i, b := range missing {
		names[i] = b.server
	}
	if len(names) == 0 {
		return nil
	}
	found, refusals, err := r.session.Statuses(ctx, names...)
	if err != nil && !r.doWithout(ctx, err) { // else EXAMINE tells
		return err
	}
	for _, b := range missing {
		if err := r.confirm(ctx, b, found[b.server], refusals[b.server]); err != nil {
			return err
		}
	}
	return nil
}

// missingThere are the mailboxes that should be on the server and are not listed, each with the name that it has there.
func (r *run) missingThere(all []imap.Mailbox) (missing []*box) {
	inbox := slices.ContainsFunc(all, func(m imap.Mailbox) bool { return m.Name == index.Inbox })
	if !inbox && naming.Patterns(r.Mailboxes).Match(index.Inbox) {
		r.box(index.Inbox)
	}
	for _, b := range r.sorted() {
		expected := b.known || b.Name == index.Inbox && !inbox
		server, ok := r.theirs(b)
		if ok && expected && b.remote == nil && naming.Patterns(r.Mailboxes).Match(b.Name) {
			b.server = server
			missing = append(missing, b)
		}
	}
	return missing
}

// confirm finds out whether a mailbox that LIST did not name is there, by what STATUS said of it and, where that does not tell, EXAMINE.
func (r *run) confirm(ctx context.Context, b *box, st *imap.Status, refusal *imap.Error) error {
	if st == nil && refusal != nil && refusal.Nonexistent() && b.Name != index.Inbox {
		return nil // two answers agree
	}
	if st == nil {
		if why, left := r.breaks.left[looking(b)]; left {
			b.apart = true
			r.leave(looking(b).op(), looking(b), why)
			return nil
		}
		r.reader.Forget()
		_, err := r.session.Examine(ctx, b.server, nil)
		refusal, _ = errors.AsType[*imap.Error](err)
		switch {
		case err != nil && !single(err):
			return r.at(looking(b), err)
		case refusal != nil && refusal.Nonexistent() && b.Name != index.Inbox:
			return nil
		case err != nil:
			r.undecided(b, err)
			return nil
		}
	}
	b.remote = &imap.Mailbox{Name: b.server, Delim: r.naming.Delim, Status: st}
	r.note(b.Name, "the server does not list it, though it is there")
	return nil
}

// undecided leaves a mailbox alone of which nobody knows whether it is there.
func (r *run) undecided(b *box, err error) {
	b.apart = true
	if !r.contradicted[b.Name] {
		r.contradicted[b.Name] = true
		r.fail(plan.Op{Mailbox: b.Name}, fmt.Errorf("the server does not list it, and does not say that it is gone: it is left as it is: %w", err))
	}
}
