package mirror

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
)

// downloads brings down messages, or no more than their headers.
type downloads struct {
	*agreements
	flags *flags
}

// ahead is for how many messages one FETCH asks: the set in the command stays short, and ops need be found by UID.
const ahead = 4096

// download fetches messages into files. While one batch is made durable the next one comes in. When it ends early, what had
// come in whole is stored all the same: an interrupted run keeps what it did.
func (d *downloads) download(ctx context.Context, ops []plan.Op) error {
	b := d.byName[ops[0].Mailbox]
	if err := d.opened(ctx, b); err != nil {
		return err
	}
	ops, err := d.flags.push(ctx, b, ops)
	if err != nil {
		return err
	}
	if !d.breakers.asking {
		ops = d.breakers.askable(b, ops)
	}
	d.cleanTmp(b)
	in := d.newIntake(context.WithoutCancel(ctx))
	for part := range slices.Chunk(ops, ahead) {
		if _, err = d.receiveAll(ctx, b, part, in); err != nil {
			break
		}
	}
	return cmp.Or(in.Close(), err)
}

// cleanTmp takes what runs that were killed left in a mailbox.
func (d *downloads) cleanTmp(b *box) {
	if n, err := b.dir.CleanTmp(d.Now()); err != nil || n > 0 {
		d.Log.Info("cleaned tmp", "mailbox", b.Name, "files", n, "error", err)
	}
}

// receiveAll fetches messages, and names those that are not there any more. What came short is not stored; what may have is asked for
// once more, and believed if it comes as it came the first time.
func (d *downloads) receiveAll(ctx context.Context, b *box, ops []plan.Op, in *maildir.Intake[*arrival]) (gone goimap.UIDSet, err error) {
	gone, doubtful, err := d.receiveOnce(ctx, b, ops, in, nil)
	if err != nil || len(doubtful) == 0 {
		return gone, err
	}
	again := slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool { return doubtful[op.Pair.UID] == maildir.Wire{} })
	more, _, err := d.receiveOnce(ctx, b, again, in, doubtful)
	gone.AddSet(more)
	return gone, err
}

// receiveOnce asks for messages. Those of which it is doubtful whether they came whole are given back, unless they came like that before.
func (d *downloads) receiveOnce(ctx context.Context, b *box, ops []plan.Op, in *maildir.Intake[*arrival], before map[goimap.UID]maildir.Wire) (
	gone goimap.UIDSet, doubtful map[goimap.UID]maildir.Wire, err error) {
	wanted := byPairUID(ops)
	var header message.Header
	var came goimap.UIDSet
	under := goimap.UID(0)
	bodies := func(set goimap.UIDSet) iter.Seq2[imap.Message, error] { return d.session.FetchBodies(ctx, set) }
	for m, err := range d.reader.FetchInHalves(ctx, uids(ops, pairUID), bodies) {
		if missing, ok := errors.AsType[*imap.MissingError](err); ok {
			gone.AddSet(d.missed(wanted, missing))
			continue
		}
		if err != nil {
			return nil, nil, d.breakers.broke(ops, came, under, err)
		}
		op, ok := wanted[m.UID]
		if !ok {
			continue
		}
		a, err := d.receive(b, op, m, &header, in)
		switch {
		case err != nil && maildir.Hopeless(err):
			return nil, nil, err
		case err != nil:
			d.fail(op, err)
		case a == nil:
			under = m.UID
		case a.verdict == message.Doubtful && before == nil:
			if doubtful == nil {
				doubtful = map[goimap.UID]maildir.Wire{}
			}
			doubtful[m.UID] = a.delivery.Wire()
			a.delivery.Close()
		case a.verdict == message.CutOff, a.verdict == message.Doubtful && before[m.UID] != a.delivery.Wire():
			d.fail(op, a.short())
			a.delivery.Close()
		default:
			if err := add(in, a); err != nil {
				return nil, nil, err
			}
		}
		came.AddNum(m.UID)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
	}
	return gone, doubtful, nil
}

// missed tells of messages that did not come, and names those that were expunged meanwhile: they are the next run's.
func (d *downloads) missed(wanted map[goimap.UID]plan.Op, missing *imap.MissingError) (gone goimap.UIDSet) {
	for uid, op := range wanted {
		if !missing.UIDs.Contains(uid) {
			continue
		}
		if missing.Err != nil {
			d.fail(op, missing.Err)
		} else {
			d.spoil(op)
			gone.AddNum(uid)
		}
	}
	return gone
}

// summarize fetches headers of messages whose bodies policy does not want.
func (d *downloads) summarize(ctx context.Context, ops []plan.Op) error {
	b := d.byName[ops[0].Mailbox]
	if err := d.opened(ctx, b); err != nil {
		return err
	}
	if !d.breakers.asking {
		ops = d.breakers.askable(b, ops)
	}
	for part := range slices.Chunk(ops, maildir.BatchMessages) {
		var done []plan.Op
		var as []base.Agreement
		var came goimap.UIDSet
		wanted := byPairUID(part)
		for m, err := range d.reader.Headers(ctx, uids(part, pairUID)) {
			if missing, ok := errors.AsType[*imap.MissingError](err); ok {
				d.missed(wanted, missing)
				continue
			}
			if err != nil {
				return cmp.Or(d.agree(context.WithoutCancel(ctx), done, as), d.breakers.broke(part, came, 0, err))
			}
			came.AddNum(m.UID)
			a, err := d.summary(b, wanted[m.UID], m)
			if is[*message.Short](err) {
				d.fail(wanted[m.UID], err)
				continue
			}
			if err != nil {
				return cmp.Or(d.agree(context.WithoutCancel(ctx), done, as), d.breakers.broke(part, came, m.UID, err))
			}
			done, as = append(done, wanted[m.UID]), append(as, a)
		}
		if err := d.agree(ctx, done, as); err != nil {
			return err
		}
		for i, op := range done {
			d.emit(Stored{b.Name, op.Pair.UID, *as[i].Message})
		}
	}
	return nil
}

func (d *downloads) summary(b *box, op plan.Op, m imap.Message) (base.Agreement, error) {
	var header message.Header
	n, err := io.Copy(&header, m.Body)
	d.emit(Received{int(n)})
	if announced := max(m.Size, op.Pair.Size); err == nil && n == 0 && announced > 0 {
		err = &message.Short{Announced: announced}
	}
	p := op.Pair
	p.Date, p.Size = m.Date, max(m.Size, 0)
	msg := &index.Message{Mailbox: b.Name, Wire: maildir.Wire{Size: p.Size}, Header: header.Hash(), Date: m.Date, Flags: p.Local,
		Summary: message.Summarize(header.Bytes())}
	return base.Agreement{Mailbox: b.ID, UID: op.UID, Key: op.Key, Pair: p, EmailID: m.EmailID, Message: msg, Pending: d.fulfilled(b, op.UID)}, err
}
