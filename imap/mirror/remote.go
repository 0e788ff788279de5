package mirror

import (
	"cmp"
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
)

// remoteOf is a mailbox as changes.Reader is asked for it.
func remoteOf(b *box) changes.Mailbox {
	return changes.Mailbox{Name: b.server, Status: b.remote.Status}
}

// stateOf is how far a mailbox was read.
func stateOf(m base.Mailbox) changes.State {
	return changes.State{UIDValidity: m.UIDValidity, MailboxID: m.MailboxID, UIDNext: m.UIDNext, Messages: m.Messages, ModSeq: m.ModSeq,
		PermanentFlags: m.PermanentFlags, ReadOnly: m.ReadOnly}
}

// reached is a mailbox that was read up to a state.
func reached(m base.Mailbox, s changes.State) base.Mailbox {
	m.UIDValidity, m.MailboxID, m.UIDNext, m.Messages, m.ModSeq = s.UIDValidity, s.MailboxID, s.UIDNext, s.Messages, s.ModSeq
	m.PermanentFlags, m.ReadOnly = s.PermanentFlags, s.ReadOnly
	return m
}

// serverChanges finds what changed on the server.
func (r *run) serverChanges(ctx context.Context, b *box) (err error) {
	if b.remote == nil {
		b.delta, err = r.reader.Nothing(ctx, stateOf(b.Mailbox), r.rows(b))
		return err
	}
	then := changes.Then{State: stateOf(b.Mailbox), Base: b.known, Match: b.mustMatch}
	if b.delta, err = r.reader.Since(ctx, remoteOf(b), then, r.rows(b), r.room); err != nil {
		return err
	}
	return cmp.Or(r.finish(ctx, b), r.newcomers(ctx, b))
}

// finish takes out of view, in a dry run, the messages that will be gone when what was left open is settled.
func (r *run) finish(ctx context.Context, b *box) error {
	if len(b.finished) == 0 {
		return nil
	}
	d := &b.delta
	d.Messages = slices.DeleteFunc(d.Messages, func(m plan.Message) bool { return b.finished.Contains(m.UID) })
	d.Pairs = slices.DeleteFunc(d.Pairs, func(p plan.Pair) bool { return b.finished.Contains(p.UID) })
	for row, err := range r.base.ByUID(ctx, b.ID, b.finished) {
		if err != nil {
			return err
		}
		d.Pairs = append(d.Pairs, row.Pair)
	}
	slices.SortFunc(d.Pairs, func(a, b plan.Pair) int { return cmp.Compare(a.UID, b.UID) })
	return nil
}

// identifyThere asks who messages of a mailbox are, brings them into view, and tells of those that the server cannot give. It names
// these, and those that are not there any more.
func (r *run) identifyThere(ctx context.Context, b *box, set goimap.UIDSet, ask changes.Ask) (goimap.UIDSet, error) {
	ask.Marks, ask.Strict = b.mustMatch || len(b.fresh) > 0, b.mustMatch // there may be files here that mbsync or offlineimap stored
	gone, sick, err := r.reader.Identify(ctx, remoteOf(b), &b.delta, set, ask)
	for _, missing := range sick {
		for uid := range imap.UIDs(missing.UIDs) {
			r.fail(plan.Op{Kind: plan.Download, Mailbox: b.Name, UID: uid}, missing.Err)
		}
	}
	return gone, err
}
