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

// applier carries out plans. Each kind of operation is done by a type of its own.
type applier struct {
	*agreements
	mender    *mender
	mailboxes *mailboxChanges
	downloads *downloads
	uploads   *uploads
	flags     *flags
	deletions *deletions
	moves     *moves
}

// apply carries the plan of a round out in its order. broken are mailboxes that could not be made or renamed: the next run's.
func (a *applier) apply(ctx context.Context, p *plan.Plan, broken map[string]bool) error {
	repairs := slices.IndexFunc(p.Ops, func(op plan.Op) bool { return op.Kind != plan.Repair })
	if repairs < 0 {
		repairs = len(p.Ops)
	}
	if err := a.carry(ctx, p.Ops[:repairs], broken); err != nil {
		return err
	}
	if err := a.prepare(ctx, p.Guards, broken); err != nil {
		return err
	}
	return a.carry(ctx, p.Ops[repairs:], broken)
}

// carry carries operations out, group by group of those that one command can do.
func (a *applier) carry(ctx context.Context, all []plan.Op, broken map[string]bool) error {
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && together(all[i], all[j]) && !a.breakers.singly(all[i]) {
			j++
		}
		ops := all[i:j]
		i = j
		if op := ops[0]; op.Kind <= plan.Create && len(a.breakers.todo(ops)) == 0 {
			broken[op.Mailbox], broken[op.To], broken[op.From] = true, op.To != "", op.From != ""
		}
		if broken[ops[0].Mailbox] || broken[ops[0].To] || broken[ops[0].From] {
			a.spoil(ops[0])
			continue
		}
		if ops = a.breakers.todo(ops); len(ops) == 0 {
			continue
		}
		if err := a.breakers.brokeAt(ops, a.group(ctx, ops)); err != nil {
			if err := a.failed(ops[0], err, broken); err != nil {
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
func (a *applier) failed(op plan.Op, err error, broken map[string]bool) error {
	if !single(err) {
		return err
	}
	if b := a.byName[op.Mailbox]; b != nil {
		b.refused = true
	}
	if errors.Is(err, errNowReadOnly) {
		a.again = true
		a.spoil(op)
		return nil
	}
	a.refuse(plan.Op{Kind: op.Kind, Mailbox: op.Mailbox, To: op.To}, err)
	if op.Kind == plan.Create || op.Kind == plan.Rename || op.Kind == plan.Repair {
		broken[op.Mailbox], broken[op.To] = true, op.To != ""
		broken[op.From] = op.From != ""
	}
	return nil
}

func together(a, b plan.Op) bool {
	return a.Kind == b.Kind && a.Mailbox == b.Mailbox && a.To == b.To && a.From == b.From && a.Side == b.Side &&
		!slices.Contains([]plan.Kind{plan.Create, plan.Rename, plan.Drop}, a.Kind)
}

func (a *applier) group(ctx context.Context, ops []plan.Op) error {
	switch op := ops[0]; op.Kind {
	case plan.Repair:
		return a.mender.mend(ops)
	case plan.Create:
		return a.mailboxes.create(ctx, op)
	case plan.Rename:
		return a.mailboxes.rename(ctx, op)
	case plan.RecordOnly, plan.Forget:
		return a.recordOnly(ctx, ops)
	case plan.Move:
		if op.Side == plan.Remote {
			return a.moves.moveThere(ctx, ops)
		}
		return a.moves.moveHere(ctx, ops)
	case plan.Upload:
		return a.uploads.upload(ctx, ops)
	case plan.Download:
		return a.downloads.download(ctx, ops)
	case plan.FetchSummary:
		return a.downloads.summarize(ctx, ops)
	case plan.Flags:
		return a.flags.flag(ctx, ops)
	case plan.Expunge, plan.Mark:
		return a.deletions.delete(ctx, ops)
	case plan.Clear:
		return a.deletions.clear(ctx, ops)
	case plan.Trash:
		return a.moves.trash(ctx, ops)
	case plan.Remove:
		return a.deletions.remove(ctx, ops)
	case plan.Drop:
		return a.mailboxes.drop(ctx, op)
	}
	return problem("no such operation: " + ops[0].String())
}

// prepare writes down what observing found out: names that files have by now, mailboxes that are known from now on, and bases that were
// matched again. Of mailboxes that are guarded nothing is noted, so that the next run sees the same.
func (a *applier) prepare(ctx context.Context, guards []plan.Guard, broken map[string]bool) error {
	for _, b := range a.boxes {
		guarded := slices.ContainsFunc(guards, func(g plan.Guard) bool { return g.Mailbox == b.Name })
		if !b.outside && b.here && !guarded && !broken[b.Name] {
			if err := a.base.Renamed(ctx, b.renamed); err != nil {
				return err
			}
			b.renamed = nil
		}
		if b.outside || b.remote == nil && b.newbase == nil || !b.here || b.spoiled && !b.partial {
			continue
		}
		if err := a.enter(ctx, b); err != nil {
			return err
		}
		if b.newbase != nil {
			a.step("base " + b.Name)
			if err := a.base.Rebase(ctx, b.ID, b.rebased()); err != nil {
				return err
			}
		}
		if b.newbase != nil || b.UIDValidity != b.delta.Now.UIDValidity {
			if err := a.begin(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
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

// recordOnly writes down what needs no doing. A mailbox that is here alone, as its direction has it, is made known then.
func (a *applier) recordOnly(ctx context.Context, ops []plan.Op) error {
	for _, name := range []string{ops[0].Mailbox, ops[0].To} {
		if b := a.byName[name]; b != nil {
			if err := a.enter(ctx, b); err != nil {
				return err
			}
		}
	}
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		as := make([]base.Agreement, len(part))
		for i, op := range part {
			as[i] = a.agreement(op, op.Pair)
		}
		if err := a.agree(ctx, part, as); err != nil {
			return err
		}
	}
	return nil
}
