package mirror

import (
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// account is what all steps of a run share: the account that is made equal with its Maildirs, the connection to it, what was agreed with it,
// its mailboxes, and who is told what is done.
type account struct {
	Options
	*line
	*telling
	*mailboxes
	rehearsal
	base   *base.Account
	naming naming.Scheme
	again  bool     // something was done that only another look can make an agreement of
	unseen []string // mailboxes that no run has looked at yet; see first
	first  bool     // no run has come to its end: that are all
}

// rehearsal is what a dry run keeps, so that it can plan what comes after the first rounds though it carries nothing out.
type rehearsal struct {
	scratch   *index.Store // a copy of the index, in which what was left open is settled; nil: nothing was
	aside     []string     // mailboxes whose Maildir is another one's by then
	unsettled []plan.Op    // what the first rounds would do
}

// policy is what the user wants of one mailbox.
func (a *account) policy(b *box) plan.Policy { return a.Policy.Of(&plan.Mailbox{Terms: b.terms}) }

// isUnseen says whether no run has looked at a mailbox yet.
func (a *account) isUnseen(b *box) bool { return a.first || slices.Contains(a.unseen, b.Name) }

// oneSided: it is on one side only, and is not to be created on the other. Nothing comes of what is in it, however much that is, unless a
// file or a mailbox has gone there: what only left for it on the server is gone as well as if it had been expunged. Where an archive is seen for
// the first time, the database may be lost, and what is here alone may be what was archived.
func (a *account) oneSided(b *box) bool {
	missing := plan.Both &^ b.exist()
	if missing == plan.Remote && a.policy(b).Direction == plan.Archive && a.isUnseen(b) {
		return false
	}
	return !b.known && missing != 0 && (a.Policy.Create&missing == 0 || !a.policy(b).Direction.Changes(missing))
}

// enter makes a mailbox known to the index.
func (a *account) enter(ctx context.Context, b *box) error {
	if b.ID != 0 {
		return nil
	}
	return a.base.Enter(ctx, &b.Mailbox)
}

// begin records what UIDs mean from now on; of it nothing was read to its end yet.
func (a *account) begin(ctx context.Context, b *box) error {
	b.UIDValidity, b.MailboxID, b.PermanentFlags, b.ReadOnly = b.delta.Now.UIDValidity, b.delta.Now.MailboxID, b.delta.Now.PermanentFlags, b.delta.Now.ReadOnly
	b.UIDNext, b.Messages, b.ModSeq, b.Stamp = 0, 0, 0, maildir.Stamp{}
	return a.base.Record(ctx, b.Mailbox)
}

// theirs is the server's name of a mailbox that it may not have any more.
func (a *account) theirs(b *box) (string, bool) {
	if b.Server != "" {
		return b.Server, true
	}
	return a.naming.Theirs(b.Name)
}

func (a *account) thereAlready(ctx context.Context, server string) bool {
	found, err := a.session.Status(ctx, server)
	return err == nil && found[server] != nil
}

// expungeable is a set and all else that an EXPUNGE may take along: what was only marked before, unless policy wants it no
// more than marked.
func (a *account) expungeable(b *box, set goimap.UIDSet) goimap.UIDSet {
	ours := slices.Clone(set)
	for _, p := range b.delta.Pairs {
		if p.State == plan.Marked && a.Policy.Expunge {
			ours.AddNum(p.UID)
		}
	}
	return ours
}

// fail tells of one operation that failed, counts it, and sees to it that the next run looks again.
func (a *account) fail(op plan.Op, err error) {
	a.spoil(op)
	a.tell(op, err)
}

// refuse takes care of what the server would not do. That its user has no right to it is said once and is no failure, since it
// would be one in each run: rights come back without a word, so it is tried again each time.
func (a *account) refuse(op plan.Op, err error) {
	if !forbidden(err) {
		a.fail(op, err)
		return
	}
	a.spoil(op)
	text := "the server does not permit to " + op.Kind.String() + " there: it is left as it is, and tried again"
	switch op.Kind {
	case 0:
		text = "the server does not permit to read it: it is left as it is"
	case plan.Move, plan.Trash:
		text = "the server does not permit to move from there to " + op.To + ": it is left as it is, and tried again"
	}
	a.note(op.Mailbox, text)
}

// spoil marks the mailboxes of an operation that was not done: what was read of them must be read again.
func (a *account) spoil(op plan.Op) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range []string{op.Mailbox, op.To, op.From} {
		if b := a.byName[name]; b != nil {
			b.spoiled = true
		}
	}
}

// rehearse lets a dry run go on with a copy of the index, in which it may write.
func (a *account) rehearse(ctx context.Context) (err error) {
	if a.scratch != nil {
		return nil
	}
	if a.scratch, err = a.Store.Copy(ctx); err != nil {
		return err
	}
	a.Store = a.scratch
	a.base, err = base.Open(ctx, a.Store, a.Account)
	return err
}
