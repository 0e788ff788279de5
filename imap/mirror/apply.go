package mirror

import (
	"context"
	"errors"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// apply carries the plan of a round out in its order. broken are mailboxes that could not be made or renamed: the next run's.
func (r *run) apply(ctx context.Context, p *plan.Plan, broken map[string]bool) error {
	if err := r.mend(ctx, p, broken); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	return r.carry(ctx, p.Ops, broken)
}

// carry carries operations out, group by group of those that one command can do.
func (r *run) carry(ctx context.Context, all []plan.Op, broken map[string]bool) error {
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && together(all[i], all[j]) && !r.singly(all[i]) {
			j++
		}
		ops := all[i:j]
		i = j
		if op := ops[0]; op.Kind <= plan.Create && len(r.todo(ops)) == 0 {
			broken[op.Mailbox], broken[op.To], broken[op.From] = true, op.To != "", op.From != ""
		}
		if broken[ops[0].Mailbox] || broken[ops[0].To] || broken[ops[0].From] {
			r.spoil(ops[0])
			continue
		}
		if ops = r.todo(ops); len(ops) == 0 {
			continue
		}
		if err := r.brokeAt(ops, r.group(ctx, ops)); err != nil {
			if err := r.failed(ops[0], err, broken); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// failed takes care of operations like this one that could not be done, for a reason that only concerns them; else it gives that back.
func (r *run) failed(op plan.Op, err error, broken map[string]bool) error {
	if !single(err) {
		return err
	}
	if b := r.byName[op.Mailbox]; b != nil {
		b.refused = true
	}
	if errors.Is(err, errNowReadOnly) {
		r.again = true
		r.spoil(op)
		return nil
	}
	r.refuse(plan.Op{Kind: op.Kind, Mailbox: op.Mailbox, To: op.To}, err)
	if op.Kind == plan.Create || op.Kind == plan.Rename {
		broken[op.Mailbox], broken[op.To] = true, op.To != ""
		broken[op.From] = op.From != ""
	}
	return nil
}

func together(a, b plan.Op) bool {
	return a.Kind == b.Kind && a.Mailbox == b.Mailbox && a.To == b.To && a.From == b.From && a.Side == b.Side &&
		!slices.Contains([]plan.Kind{plan.Create, plan.Rename, plan.Drop}, a.Kind)
}

func (r *run) group(ctx context.Context, ops []plan.Op) error {
	switch op := ops[0]; op.Kind {
	case plan.Create:
		return r.create(ctx, op)
	case plan.Rename:
		return r.rename(ctx, op)
	case plan.RecordOnly, plan.Forget:
		return r.adopt(ctx, ops)
	case plan.Move:
		if op.Side == plan.Remote {
			return r.moveThere(ctx, ops)
		}
		return r.moveHere(ctx, ops)
	case plan.Upload:
		return r.upload(ctx, ops)
	case plan.Download:
		return r.download(ctx, ops)
	case plan.FetchSummary:
		return r.summarize(ctx, ops)
	case plan.Flags:
		return r.flag(ctx, ops)
	case plan.Expunge, plan.Mark:
		return r.delete(ctx, ops)
	case plan.Clear:
		return r.clear(ctx, ops)
	case plan.Trash:
		return r.trash(ctx, ops)
	case plan.Remove:
		return r.remove(ctx, ops)
	case plan.Drop:
		return r.drop(ctx, op)
	}
	return problem("no such operation: " + ops[0].String())
}

// prepare writes down what observing found out: mailboxes that are known from now on, and bases that were matched again.
func (r *run) prepare(ctx context.Context) error {
	for _, b := range r.boxes {
		if b.outside || b.remote == nil && b.newbase == nil || !b.here || b.spoiled && !b.partial {
			continue
		}
		if err := r.enter(ctx, b); err != nil {
			return err
		}
		if b.newbase != nil {
			r.step("base " + b.Name)
			if err := r.base.Rebase(ctx, b.ID, b.rebased()); err != nil {
				return err
			}
		}
		if b.newbase != nil || b.UIDValidity != b.delta.Now.UIDValidity {
			if err := r.begin(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin records what UIDs mean from now on; of it nothing was read to its end yet.
func (r *run) begin(ctx context.Context, b *box) error {
	b.UIDValidity, b.MailboxID, b.PermanentFlags, b.ReadOnly = b.delta.Now.UIDValidity, b.delta.Now.MailboxID, b.delta.Now.PermanentFlags, b.delta.Now.ReadOnly
	b.UIDNext, b.Messages, b.ModSeq, b.Stamp = 0, 0, 0, maildir.Stamp{}
	return r.base.Record(ctx, b.Mailbox)
}

// rebased are the agreements of a base that was matched again.
func (b *box) rebased() []base.Agreement {
	who := map[goimap.UID]plan.Identity{}
	for _, m := range b.delta.Messages {
		who[m.UID] = m.ID
	}
	as := make([]base.Agreement, 0, len(b.newbase))
	for _, p := range b.newbase {
		id := who[p.UID]
		a := base.Agreement{Mailbox: b.ID, Pair: p, EmailID: id.EmailID, Entry: b.entries[p.Key], Message: b.fresh[p.Key]}
		if p.Key == "" {
			a.Message, a.Entry = &index.Message{}, maildir.Entry{}
			a.Message.Summary.MessageID = id.MessageID
		}
		as = append(as, a)
	}
	return as
}

// agreement is that of an operation, by the rule that plan.Op gives.
func (r *run) agreement(op plan.Op, p plan.Pair) base.Agreement {
	b := r.byName[op.Mailbox]
	a := base.Agreement{Mailbox: b.ID, UID: op.UID, Key: op.Key, Pair: p, Pending: r.fulfilled(b, op.UID)}
	if op.To != "" && p != (plan.Pair{}) {
		b = r.byName[op.To]
		a.To = b.ID
	}
	if p.Key != "" {
		a.Entry, a.Message = b.entries[p.Key], b.fresh[p.Key]
	}
	if m := b.message(p.UID); m != nil {
		a.EmailID = m.ID.EmailID
	}
	return a
}

// fulfilled is the pending change of a message that need not wait any more.
func (r *run) fulfilled(b *box, uid goimap.UID) plan.PendingChange {
	w := b.pendingChange(uid)
	if w == nil || w.To != "" && r.byName[w.To] == nil { // to a mailbox that is not there: it waits
		return plan.PendingChange{}
	}
	return *w
}

// agree writes agreements down, and tells of their operations.
func (r *run) agree(ctx context.Context, ops []plan.Op, as []base.Agreement) error {
	if len(as) == 0 {
		return nil
	}
	var known map[messageAt]index.Message
	if r.Named { // now: of what is deleted nothing is known afterwards
		var err error
		if known, err = r.summaries(ctx, ops); err != nil {
			return err
		}
	}
	r.step("agree " + ops[0].Kind.String())
	if err := r.base.Agree(ctx, as); err != nil {
		return err
	}
	r.progressed(ops[0])
	for _, op := range ops {
		r.doneTo(op, known[messageOf(op)])
	}
	return nil
}

// done counts an operation of which no more is to be said, and tells of it.
func (r *run) done(op plan.Op) { r.doneTo(op, index.Message{}) }

// doneTo counts an operation on a message and tells of it.
func (r *run) doneTo(op plan.Op, m index.Message) {
	r.count(func(p *Report) { p.Add(op, r.Policy) })
	r.emit(Done{op, m})
}

// adopt writes down what needs no doing. A mailbox that is here alone, as its direction has it, is made known then.
func (r *run) adopt(ctx context.Context, ops []plan.Op) error {
	for _, name := range []string{ops[0].Mailbox, ops[0].To} {
		if b := r.byName[name]; b != nil {
			if err := r.enter(ctx, b); err != nil {
				return err
			}
		}
	}
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		as := make([]base.Agreement, len(part))
		for i, op := range part {
			as[i] = r.agreement(op, op.Pair)
		}
		if err := r.agree(ctx, part, as); err != nil {
			return err
		}
	}
	return nil
}
