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
// answer, and INBOX, which exists (RFC 9051 section 5.1) but in an account that is new (Cyrus). An extended LIST is asked again plainly, then STATUS and at last
// EXAMINE have to say that a mailbox is not there. all is what LIST said.
func (f *finder) unlisted(ctx context.Context, all []imap.Mailbox) error {
	missing := f.missingThere(all)
	if len(missing) > 0 && f.session.ListsExtended() {
		plain, err := f.session.ListPlain(ctx, !f.breakers.breaks.mute)
		if err != nil && !single(err) {
			return err
		}
		for i, m := range plain {
			if b := f.byName[f.naming.Ours(m.Name)]; b == nil || b.remote == nil {
				f.listed(&plain[i])
			}
		}
		all = append(all, plain...)
		missing = f.missingThere(all)
	}
	names := make([]string, len(missing))
	for i, b := range missing {
		names[i] = b.server
	}
	if len(names) > 0 {
		found, refusals, err := f.session.Statuses(ctx, names...)
		if err != nil && !f.breakers.doWithout(ctx, err) { // else EXAMINE tells
			return err
		}
		for _, b := range missing {
			if err := f.confirm(ctx, b, found[b.server], refusals[b.server]); err != nil {
				return err
			}
		}
	}
	named := func(p string) bool { return !strings.ContainsAny(p, "*%") }
	if len(all) == 0 && f.firstSync.first && !f.newAccount() && (len(f.Mailboxes) == 0 || !slices.ContainsFunc(f.Mailboxes, named)) {
		f.fail(plan.Op{}, errLists)
	}
	return nil
}

// newAccount says whether an account has no INBOX: then it can have no other mailbox either.
func (a *account) newAccount() bool {
	b := a.byName[index.Inbox]
	return b != nil && b.remote == nil && !b.outside && !b.apart && !b.known
}

// missingThere are the mailboxes that should be on the server and are not listed, each with the name that it has there.
func (f *finder) missingThere(all []imap.Mailbox) (missing []*box) {
	inbox := slices.ContainsFunc(all, func(m imap.Mailbox) bool { return m.Name == index.Inbox })
	if !inbox && naming.Patterns(f.Mailboxes).Match(index.Inbox) {
		f.box(index.Inbox)
	}
	for _, b := range f.sorted() {
		expected := b.known || b.Name == index.Inbox && !inbox
		server, ok := f.theirs(b)
		if ok && expected && b.remote == nil && naming.Patterns(f.Mailboxes).Match(b.Name) {
			b.server = server
			missing = append(missing, b)
		}
	}
	return missing
}

// confirm finds out whether a mailbox that LIST did not name is there, by what STATUS said of it and, where that does not tell, EXAMINE.
func (f *finder) confirm(ctx context.Context, b *box, st *imap.Status, refusal *imap.Error) error {
	if st == nil && refusal != nil && refusal.Nonexistent() && b.Name != index.Inbox {
		return nil // two answers agree
	}
	if st == nil {
		if why, left := f.breakers.breaks.left[looking(b)]; left {
			b.apart = true
			f.breakers.leave(looking(b).op(), looking(b), why)
			return nil
		}
		f.reader.Forget()
		_, err := f.session.Examine(ctx, b.server, nil)
		refusal, _ = errors.AsType[*imap.Error](err)
		switch {
		case err != nil && !single(err):
			return f.at(looking(b), err)
		case refusal != nil && refusal.Nonexistent() && b.Name != index.Inbox:
			return nil
		case refusal != nil && refusal.Nonexistent() && !b.known: // LIST, STATUS and EXAMINE agree, and nothing was ever seen in it
			if f.naming.Delim == 0 { // Cyrus says it when INBOX is there: makeThere
				f.naming.Delim = '/'
			}
			f.note(b.Name, "the account has none yet")
			return nil
		case err != nil:
			f.undecided(b, err)
			return nil
		}
	}
	b.remote = &imap.Mailbox{Name: b.server, Delim: f.naming.Delim, Status: st}
	f.note(b.Name, "the server does not list it, though it is there")
	return nil
}

// undecided leaves a mailbox alone of which nobody knows whether it is there.
func (f *finder) undecided(b *box, err error) {
	b.apart = true
	if !f.contradicted[b.Name] {
		f.contradicted[b.Name] = true
		f.fail(plan.Op{Mailbox: b.Name}, fmt.Errorf("the server does not list it, and does not say that it is gone: it is left as it is: %w", err))
	}
}
