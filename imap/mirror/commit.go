package mirror

import (
	"cmp"
	"context"
	"errors"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
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
	arrivals []*arrival
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
	a.agreement.Pair.Key = b.files.Add(a.draft, a.agreement.Pair.Local)
	b.arrivals = append(b.arrivals, a)
	if len(b.arrivals) < cmp.Or(c.run.Batch, batchMessages) && b.files.Bytes() < batchBytes {
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

// commit makes a batch durable: files, rows that say what arrives, names, rows that say that it is here. An error is
// one that more batches would repeat.
func (r *run) commit(ctx context.Context, b *batch) error {
	if len(b.arrivals) == 0 {
		return nil
	}
	if _, err := r.without(b, b.files.Sync()); err != nil || len(b.arrivals) == 0 {
		return err
	}
	as := make([]index.Agreement, len(b.arrivals))
	for i, a := range b.arrivals {
		a.agreement.Entry = a.draft.Entry()
		as[i] = a.agreement
	}
	r.step("base arriving")
	rows, err := r.base.Arrive(ctx, as)
	if err != nil {
		return err
	}
	for i, a := range b.arrivals {
		a.row = rows[i]
	}
	// What fails here may be there all the same, or not: as a message without a body it is asked for again.
	lost, err := r.without(b, b.files.Publish())
	if err != nil {
		return err
	}
	r.step("base arrived")
	if err := r.base.Arrived(ctx, arrivedRows(b.arrivals), arrivedRows(lost)); err != nil {
		return err
	}
	r.stored(b.arrivals)
	return nil
}

func arrivedRows(as []*arrival) []index.Row {
	rows := make([]index.Row, len(as))
	for i, a := range as {
		rows[i] = a.row
	}
	return rows
}

// stored tells what is safe now.
func (r *run) stored(as []*arrival) {
	r.count(func(p *Report) {
		for _, a := range as {
			if a.op.Kind == plan.Download {
				p.New++
			}
		}
	})
	for _, a := range as {
		m := a.agreement.Message
		m.Entry = a.agreement.Entry
		if a.op.Kind == plan.Download {
			r.done(a.op)
		}
		r.emit(Stored{m.Mailbox, a.op.Pair.UID, *m})
	}
}

// without takes the messages that failed out of the batch, and tells of them. It returns an error when the failure is
// one that every further message would meet.
func (r *run) without(b *batch, err error) (lost []*arrival, _ error) {
	var failures maildir.Failures
	if !errors.As(err, &failures) {
		return nil, err
	}
	why := make(map[maildir.Key]error, len(failures))
	for _, f := range failures {
		why[f.Key] = f.Err
	}
	kept := b.arrivals[:0]
	var stop error
	for _, a := range b.arrivals {
		switch err := why[a.draft.Key()]; {
		case err == nil:
			kept = append(kept, a)
			continue
		case hopeless(err):
			stop = err
		default:
			r.fail(a.op, err)
		}
		lost = append(lost, a)
	}
	b.arrivals = kept
	return lost, stop
}
