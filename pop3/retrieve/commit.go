package retrieve

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"postie/maildir"
	"postie/maildir/index"
)

// A batch is as large as what an interrupted run may lose, and as what one flush of the disk should serve.
const (
	batchMessages = 256
	batchBytes    = 8 << 20
)

// committer makes batches durable in a goroutine of its own, one after the other.
type committer struct {
	run     *run
	ctx     context.Context
	current *batch
	queue   chan *batch
	done    chan struct{}
	failed  chan struct{} // closed at the first error
	err     error         // valid once failed or done is closed
}

type batch struct {
	files    maildir.Batch
	arrivals []*arrival // those whose file is in files
	equals   []*arrival
}

func (r *run) newCommitter(ctx context.Context) *committer {
	c := &committer{run: r, ctx: ctx, current: r.newBatch(), queue: make(chan *batch), done: make(chan struct{}), failed: make(chan struct{})}
	go c.work()
	return c
}

func (r *run) newBatch() *batch { return &batch{files: maildir.Batch{Step: r.Step}} }

// add puts a message into the current batch. It waits while a full batch finds the one before not yet durable.
func (c *committer) add(a *arrival) error {
	b := c.current
	if a.equal != nil {
		b.equals = append(b.equals, a)
	} else {
		a.receipt.Key = b.files.Add(a.draft, maildir.Flags{})
		a.message.Entry = a.draft.Entry()
		b.arrivals = append(b.arrivals, a)
	}
	if len(b.arrivals)+len(b.equals) < cmp.Or(c.run.Batch, batchMessages) && b.files.Bytes() < batchBytes {
		return nil
	}
	return c.flush()
}

func (c *committer) flush() error {
	b := c.current
	c.current = c.run.newBatch()
	select {
	case c.queue <- b:
		return nil
	case <-c.failed:
		b.files.Close()
		return c.err
	}
}

// drain waits until all that was added is durable.
func (c *committer) drain() {
	c.flush()
	c.flush() // an empty batch is taken when the one before is done
}

// close commits what is left and waits for all.
func (c *committer) close() error {
	c.flush() // its error is c.err
	close(c.queue)
	<-c.done
	return c.err
}

func (c *committer) work() {
	defer close(c.done)
	for b := range c.queue {
		if c.err = c.run.commit(c.ctx, b); c.err != nil {
			b.files.Close()
			close(c.failed)
			return
		}
	}
}

// commit makes a batch durable: files, ledger 'arriving', names, ledger 'stored'. Only what came through all of it
// may be deleted on the server. An error is one that more batches would repeat.
func (r *run) commit(ctx context.Context, b *batch) error {
	if err := r.commitEqual(ctx, b.equals); err != nil || len(b.arrivals) == 0 {
		return err
	}
	if err := r.without(b, b.files.Sync()); err != nil || len(b.arrivals) == 0 {
		return err
	}
	receipts := make([]index.Receipt, len(b.arrivals))
	for i, a := range b.arrivals {
		receipts[i] = a.receipt
	}
	r.step("ledger arriving")
	ids, err := r.ledger.Arriving(ctx, receipts)
	if err != nil {
		return err
	}
	for i, a := range b.arrivals {
		a.message.Receipt = ids[i]
	}
	// What fails here stays 'arriving': its file may be there all the same. The next run looks.
	if err := r.without(b, b.files.Publish()); err != nil || len(b.arrivals) == 0 {
		return err
	}
	messages := make([]index.Message, len(b.arrivals))
	for i, a := range b.arrivals {
		messages[i] = a.message
	}
	r.step("ledger stored")
	if err := r.ledger.Stored(ctx, messages); err != nil {
		return err
	}
	r.stored(b.arrivals, messages)
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

// without takes the messages that failed out of the batch, and tells of them. It returns an error when the failure is
// one that every further message would meet.
func (r *run) without(b *batch, err error) error {
	var failures maildir.Failures
	if !errors.As(err, &failures) {
		return err
	}
	why := make(map[maildir.Key]error, len(failures))
	for _, f := range failures {
		why[f.Key] = f.Err
	}
	kept := b.arrivals[:0]
	var stop error
	for _, a := range b.arrivals {
		switch err := why[a.receipt.Key]; {
		case err == nil:
			kept = append(kept, a)
		case hopeless(err):
			stop = err
		default:
			r.fail(a.op.Item, err)
		}
	}
	b.arrivals = kept
	return stop
}
