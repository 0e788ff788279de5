package mirror

import (
	"context"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
)

// arrival is a message that came in whole.
type arrival struct {
	op        plan.Op
	draft     *maildir.Draft
	agreement index.Agreement
	row       index.Row
}

// receive streams one message into tmp/. It returns nil without an error when the line broke, which the session
// reports next.
func (r *run) receive(b *box, op plan.Op, m imap.Message, header *message.Header, c *maildir.Committer[*arrival]) (*arrival, error) {
	draft, err := c.Create(b.dir)
	if err != nil {
		return nil, err
	}
	header.Reset()
	whole, err := draft.Fill(m.Body, header, func(n int) { r.emit(Received{n}) })
	if !whole {
		draft.Close()
		return nil, err
	}
	draft.SetTime(m.Date)
	p := op.Pair
	p.Date, p.Size = m.Date, m.Size
	if m.Size < 0 {
		p.Size = draft.Wire().Size
	}
	msg := &index.Message{Mailbox: b.Name, Wire: draft.Wire(), Header: header.Hash(), Date: m.Date, Flags: p.Local,
		Summary: message.Summarize(header.Bytes())}
	if m.Date.IsZero() {
		msg.Date = r.Now()
	}
	return &arrival{op: op, draft: draft, agreement: index.Agreement{Mailbox: b.ID, UID: op.UID, Key: op.Key, Pair: p,
		EmailID: m.EmailID, Message: msg, Wish: r.granted(b, op.UID)}}, nil
}

// newCommitter makes batches durable while the next one comes in.
func (r *run) newCommitter(ctx context.Context) *maildir.Committer[*arrival] {
	return maildir.NewCommitter(r.Batch, r.Step, func(files *maildir.Batch, all []*arrival) error { return r.commit(ctx, files, all) })
}

// add puts a message into the current batch.
func add(c *maildir.Committer[*arrival], a *arrival) error {
	a.agreement.Pair.Key = c.Stage(a.draft, a.agreement.Pair.Local)
	return c.Add(a)
}

// commit makes a batch durable: files, rows that say what arrives, names, rows that say that it is here. An error is
// one that more batches would repeat.
func (r *run) commit(ctx context.Context, files *maildir.Batch, all []*arrival) error {
	all, _, err := r.without(all, files.Sync())
	if err != nil || len(all) == 0 {
		return err
	}
	as := make([]index.Agreement, len(all))
	for i, a := range all {
		a.agreement.Entry = a.draft.Entry()
		if m := a.agreement.Message; !m.Wire.Exact {
			if m.Own, err = a.draft.Own(); err != nil { // then it is known by its key only
				r.Log.Warn("message cannot be read", "key", a.draft.Key(), "err", err)
			}
		}
		as[i] = a.agreement
	}
	r.step("base arriving")
	rows, err := r.base.Arrive(ctx, as)
	if err != nil {
		return err
	}
	for i, a := range all {
		a.row = rows[i]
	}
	// What fails here may be there all the same, or not: as a message without a body it is asked for again.
	all, lost, err := r.without(all, files.Publish())
	if err != nil {
		return err
	}
	r.step("base arrived")
	if err := r.base.Arrived(ctx, arrivedRows(all), arrivedRows(lost)); err != nil {
		return err
	}
	r.stored(all)
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
	for _, a := range as {
		m := a.agreement.Message
		m.Entry = a.agreement.Entry
		if a.op.Kind == plan.Download {
			r.done(a.op)
		}
		r.emit(Stored{m.Mailbox, a.op.Pair.UID, *m})
	}
}

// without parts the messages of a batch that were stored from those that failed, and tells of these. The error is one
// that every further message would meet.
func (r *run) without(all []*arrival, outcome error) (stored, lost []*arrival, err error) {
	return maildir.Split(all, outcome, func(a *arrival) maildir.Key { return a.draft.Key() },
		func(a *arrival, err error) { r.fail(a.op, err) })
}
