package mirror

import (
	"cmp"
	"context"
	"slices"

	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
)

// remoteObserver brings into view what changed on the server. It changes nothing.
type remoteObserver struct {
	*account
	breakers    *breakers
	identifier  *identifier
	room        int  // for how many newcomers there is room in this plan
	auditing    *box // it is compared whole; nil: none is
	auditChosen bool
}

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
func (o *remoteObserver) serverChanges(ctx context.Context, b *box) (err error) {
	if b.remote == nil {
		b.delta, err = o.reader.Nothing(ctx, stateOf(b.Mailbox), o.rows(b))
		return err
	}
	then := changes.Then{State: stateOf(b.Mailbox), Base: b.known, Match: b.mustMatch}
	if o.audits(b) {
		b.delta, err = o.audit(ctx, b, then)
	} else {
		b.delta, err = o.reader.Since(ctx, remoteOf(b), then, o.rows(b), o.room)
	}
	if err != nil {
		return err
	}
	return cmp.Or(o.finish(ctx, b), o.newcomers(ctx, b))
}

// finish takes out of view, in a dry run, the messages that will be gone when what was left open is settled.
func (o *remoteObserver) finish(ctx context.Context, b *box) error {
	if len(b.finished) == 0 {
		return nil
	}
	d := &b.delta
	d.Messages = slices.DeleteFunc(d.Messages, func(m plan.Message) bool { return b.finished.Contains(m.UID) })
	d.Pairs = slices.DeleteFunc(d.Pairs, func(p plan.Pair) bool { return b.finished.Contains(p.UID) })
	for row, err := range o.base.ByUID(ctx, b.ID, b.finished) {
		if err != nil {
			return err
		}
		d.Pairs = append(d.Pairs, row.Pair)
	}
	slices.SortFunc(d.Pairs, func(a, b plan.Pair) int { return cmp.Compare(a.UID, b.UID) })
	return nil
}
