package retrieve

import (
	"context"
	"slices"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3/ledger"
)

// newIntake makes batches durable while the next one comes in.
func (r *run) newIntake(ctx context.Context) *maildir.Intake[*arrival] {
	return maildir.NewIntake(r.Batch, r.Step, maildir.Ledger[*arrival](receipts{r, ctx}))
}

// add puts a message into the current batch: without its file where it proved to be one that we have.
func (r *run) add(in *maildir.Intake[*arrival], a *arrival) error {
	if a.equal != nil {
		return in.Add(a, "")
	}
	var flags maildir.Flags
	if a.op.Damaged != nil { // as the copy that it takes the place of
		flags.Set = r.places[a.op.Damaged.Key].entry.Set
	}
	a.receipt.Key = in.Stage(a.delivery, flags)
	a.message.Entry, a.message.Flags = a.delivery.Entry(), flags
	return in.Add(a, a.receipt.Key)
}

// receipts writes into the POP3 ledger what comes in. Only what is stored there may be deleted on the server.
type receipts struct {
	r   *run
	ctx context.Context
}

// Arriving writes receipts down for what is about to appear.
func (l receipts) Arriving(all []*arrival) error {
	rows := make([]ledger.Receipt, len(all))
	for i, a := range all {
		if !a.message.Wire.Exact {
			var err error
			if a.message.Own, err = a.delivery.Own(); err != nil { // then nobody can verify the file
				l.r.Log.Warn("message cannot be read", "key", a.delivery.Key(), "err", err)
			}
		}
		rows[i] = a.receipt
	}
	l.r.step("ledger arriving")
	ids, err := l.r.ledger.Arriving(l.ctx, rows)
	if err != nil {
		return err
	}
	for i, a := range all {
		a.message.Receipt = ids[i]
	}
	return nil
}

// Stored confirms the receipts of messages that are here. Those of lost stay 'arriving': the files may be there all the same, and
// the next run looks.
func (l receipts) Stored(all, _ []*arrival) error {
	var arrived, equals []*arrival
	for _, a := range all {
		if a.equal != nil {
			equals = append(equals, a)
		} else {
			arrived = append(arrived, a)
		}
	}
	if err := l.equal(equals); err != nil || len(arrived) == 0 {
		return err
	}
	messages := make([]index.Message, len(arrived))
	for i, a := range arrived {
		messages[i] = a.message
	}
	l.r.step("ledger stored")
	if err := l.r.ledger.Stored(l.ctx, messages); err != nil {
		return err
	}
	l.r.stored(arrived, messages)
	return nil
}

func (l receipts) Failed(a *arrival, why error) { l.r.fail(a.op.Item, why) }

// stored tells what is safe now.
func (r *run) stored(arrivals []*arrival, messages []index.Message) {
	r.mu.Lock()
	r.report.New += len(arrivals)
	if r.Policy.Keep.Mode == Delete {
		for _, a := range arrivals {
			r.deletions = append(r.deletions, deletion{item: a.op.Item, row: a.message.Receipt})
		}
	}
	r.settled(arrivals)
	r.mu.Unlock()
	for i, a := range arrivals {
		if a.op.Damaged != nil {
			damaged := r.places[a.op.Damaged.Key]
			if err := damaged.replaced(r.Dir.Path(a.delivery.Entry())); err != nil {
				r.Log.Info("damaged copy stays", "file", damaged.entry.Name, "error", err)
			}
		}
		r.emit(Stored{a.op.Item, messages[i]})
	}
}

// settled notes the receipts that are over with these messages: those of damaged copies, and those whose UIDL was given to them.
func (r *run) settled(all []*arrival) {
	for _, a := range all {
		if a.op.Damaged != nil && a.equal == nil {
			r.stale = append(r.stale, a.op.Damaged.Receipt)
		}
		for _, c := range a.op.Stale {
			r.stale = append(r.stale, c.Receipt)
		}
	}
}

// equal notes messages that were read whole and proved to be ones that we have.
func (l receipts) equal(equals []*arrival) error {
	if len(equals) == 0 {
		return nil
	}
	r := l.r
	matches := make([]ledger.Match, len(equals))
	for i, a := range equals {
		matches[i] = matchOf(a.op.Item, a.equal, true)
	}
	r.step("ledger equal")
	if err := r.ledger.Match(l.ctx, matches); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Matched += len(equals)
	r.settled(equals)
	for _, a := range equals {
		// What the guard has not counted is not deleted though its file is gone: the next run counts it.
		counted := !a.equal.lost || slices.Contains(a.op.Against, a.equal)
		if a.equal.Due && counted {
			r.deletions = append(r.deletions, deletion{a.op.Item, a.equal, a.equal.Receipt, false, a.op.Lost})
		}
	}
	return nil
}
