package mirror

import (
	"context"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
)

// arrival is a message that came in whole.
type arrival struct {
	op        plan.Op
	delivery  *maildir.Delivery
	agreement base.Agreement
	row       base.Row
	announced int64 // octets, by RFC822.SIZE
	verdict   message.Verdict
}

// short is the error of a message of which less came than the server said.
func (a *arrival) short() error {
	return &message.Short{Announced: a.announced, Came: a.delivery.Wire().Size}
}

// receive streams one message into tmp/. It returns nil without an error when the line broke, which the session
// reports next.
func (d *downloads) receive(b *box, op plan.Op, m imap.Message, header *message.Header, in *maildir.Intake[*arrival]) (*arrival, error) {
	delivery, err := in.Create(b.dir)
	if err != nil {
		return nil, err
	}
	defer d.inHand()()
	header.Reset()
	whole, err := delivery.Fill(m.Body, header, func(n int) { d.emit(Received{n}) })
	if !whole {
		delivery.Close()
		return nil, err
	}
	delivery.SetTime(m.Date)
	p := op.Pair
	p.Date, p.Size = m.Date, m.Size
	if m.Size < 0 {
		p.Size = delivery.Wire().Size
	}
	msg := &index.Message{Mailbox: b.Name, Wire: delivery.Wire(), Header: header.Hash(), Date: m.Date, Flags: p.Local,
		Summary: message.Summarize(header.Bytes())}
	if m.Date.IsZero() {
		msg.Date = d.Now()
	}
	announced := max(m.Size, op.Pair.Size) // it may have been told only when the mailbox was observed
	verdict := message.Judge(announced, delivery.Wire().Size, header.Done(), header.Body())
	if delivery.Wire().Size == 0 && announced > 0 {
		verdict = message.CutOff
	}
	return &arrival{op: op, delivery: delivery, announced: announced, verdict: verdict, agreement: base.Agreement{Mailbox: b.ID, UID: op.UID, Key: op.Key, Pair: p,
		EmailID: m.EmailID, Message: msg, Pending: d.fulfilled(b, op.UID)}}, nil
}

// newIntake makes batches durable while the next one comes in.
func (d *downloads) newIntake(ctx context.Context) *maildir.Intake[*arrival] {
	return maildir.NewIntake(d.Batch, d.Step, maildir.Ledger[*arrival](arrivals{d, ctx}))
}

// add puts a message into the current batch.
func add(in *maildir.Intake[*arrival], a *arrival) error {
	a.agreement.Pair.Key = in.Stage(a.delivery, a.agreement.Pair.Local)
	return in.Add(a, a.agreement.Pair.Key)
}

// arrivals writes into the base what comes in.
type arrivals struct {
	d   *downloads
	ctx context.Context
}

// Arriving writes pairs down that say what is about to appear.
func (l arrivals) Arriving(all []*arrival) (err error) {
	as := make([]base.Agreement, len(all))
	for i, a := range all {
		a.agreement.Entry = a.delivery.Entry()
		if m := a.agreement.Message; !m.Wire.Exact {
			if m.Own, err = a.delivery.Own(); err != nil { // then it is known by its key only
				l.d.Log.Warn("message cannot be read", "key", a.delivery.Key(), "err", err)
			}
		}
		as[i] = a.agreement
	}
	l.d.step("base arriving")
	rows, err := l.d.base.Arrive(l.ctx, as)
	if err != nil {
		return err
	}
	for i, a := range all {
		a.row = rows[i]
	}
	return nil
}

// Stored confirms the pairs of messages that are here. What is lost may be here all the same: as a message without a body it
// is asked for again.
func (l arrivals) Stored(all, lost []*arrival) error {
	l.d.step("base arrived")
	if err := l.d.base.Arrived(l.ctx, arrivedRows(all), arrivedRows(lost)); err != nil {
		return err
	}
	for _, a := range all {
		m := a.agreement.Message
		m.Entry = a.agreement.Entry
		if a.op.Kind == plan.Download {
			l.d.done(a.op)
		}
		l.d.emit(Stored{m.Mailbox, a.op.Pair.UID, *m})
	}
	return nil
}

func (l arrivals) Failed(a *arrival, why error) { l.d.fail(a.op, why) }

func arrivedRows(as []*arrival) []base.Row {
	rows := make([]base.Row, len(as))
	for i, a := range as {
		rows[i] = a.row
	}
	return rows
}
