package retrieve

import (
	"context"
	"slices"

	"postie/maildir"
	"postie/maildir/index"
)

// newCommitter makes batches durable while the next one comes in.
func (r *run) newCommitter(ctx context.Context) *maildir.Committer[*arrival] {
	return maildir.NewCommitter(r.Batch, r.Step, func(files *maildir.Batch, all []*arrival) error { return r.commit(ctx, files, all) })
}

// add puts a message into the current batch.
func add(c *maildir.Committer[*arrival], a *arrival) error {
	if a.equal == nil {
		a.receipt.Key = c.Stage(a.draft, maildir.Flags{})
		a.message.Entry = a.draft.Entry()
	}
	return c.Add(a)
}

// commit makes a batch durable: files, ledger 'arriving', names, ledger 'stored'. Only what came through all of it
// may be deleted on the server. An error is one that more batches would repeat.
func (r *run) commit(ctx context.Context, files *maildir.Batch, all []*arrival) error {
	equals, arrivals := []*arrival{}, []*arrival{} // those whose file is in files
	for _, a := range all {
		if a.equal != nil {
			equals = append(equals, a)
		} else {
			arrivals = append(arrivals, a)
		}
	}
	if err := r.commitEqual(ctx, equals); err != nil || len(arrivals) == 0 {
		return err
	}
	arrivals, err := r.without(arrivals, files.Sync())
	if err != nil || len(arrivals) == 0 {
		return err
	}
	receipts := make([]index.Receipt, len(arrivals))
	for i, a := range arrivals {
		receipts[i] = a.receipt
	}
	r.step("ledger arriving")
	ids, err := r.ledger.Arriving(ctx, receipts)
	if err != nil {
		return err
	}
	for i, a := range arrivals {
		a.message.Receipt = ids[i]
	}
	// What fails here stays 'arriving': its file may be there all the same. The next run looks.
	if arrivals, err = r.without(arrivals, files.Publish()); err != nil || len(arrivals) == 0 {
		return err
	}
	messages := make([]index.Message, len(arrivals))
	for i, a := range arrivals {
		messages[i] = a.message
	}
	r.step("ledger stored")
	if err := r.ledger.Stored(ctx, messages); err != nil {
		return err
	}
	r.stored(arrivals, messages)
	return nil
}

// stored tells what is safe now.
func (r *run) stored(arrivals []*arrival, messages []index.Message) {
	r.mu.Lock()
	r.report.New += len(arrivals)
	if r.Policy.Keep.Mode == Delete {
		for _, a := range arrivals {
			r.doomed = append(r.doomed, doomed{item: a.op.Item, row: a.message.Receipt})
		}
	}
	r.mu.Unlock()
	for i, a := range arrivals {
		r.emit(Stored{a.op.Item, messages[i]})
	}
}

// commitEqual notes messages that were read whole and proved to be ones that we have.
func (r *run) commitEqual(ctx context.Context, equals []*arrival) error {
	if len(equals) == 0 {
		return nil
	}
	adoptions := make([]index.Adoption, len(equals))
	for i, a := range equals {
		adoptions[i] = adoption(a.op.Item, a.equal, true)
	}
	r.step("ledger equal")
	if err := r.ledger.Adopt(ctx, adoptions); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Adopted += len(equals)
	for _, a := range equals {
		// What the guard has not counted is not deleted because its file is gone: the next run counts it.
		counted := r.Policy.Keep.Mode != UntilDeleted || slices.Contains(a.op.Against, a.equal)
		if a.equal.Due && counted {
			r.doomed = append(r.doomed, doomed{a.op.Item, a.equal, a.equal.Receipt, false, a.op.Lost})
		}
	}
	return nil
}

// without gives the messages of a batch that were stored, and tells of those that failed. The error is one that every
// further message would meet.
func (r *run) without(all []*arrival, outcome error) ([]*arrival, error) {
	stored, _, err := maildir.Split(all, outcome, func(a *arrival) maildir.Key { return a.receipt.Key },
		func(a *arrival, err error) { r.fail(a.op.Item, err) })
	return stored, err
}
