package mirror

import (
	"cmp"
	"context"
	"slices"

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
	if r.audits(b) {
		b.delta, err = r.audit(ctx, b, then)
	} else {
		b.delta, err = r.reader.Since(ctx, remoteOf(b), then, r.rows(b), r.room)
	}
	if err != nil {
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
