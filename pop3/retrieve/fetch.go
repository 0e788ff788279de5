package retrieve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"postie/maildir"
	"postie/maildir/message"
	"postie/pop3"
)

// maxBroken is how many sessions may break in one run while messages are fetched, before the line or the server as a whole
// is to blame.
const maxBroken = 16

// suspect is a message at which a session broke, or of which less came than the server lists. It is asked for again when all
// else is done.
type suspect struct {
	op    Op           // with the number that it has in the session
	first pop3.Item    // as the first session listed it
	err   error        // what went wrong
	wire  maildir.Wire // what came, if it came to an end
	gone  bool         // a later session does not list it, or not so that it is known
}

// broken is what ended a session in the middle of fetching.
type broken struct {
	at    int  // the message that it is laid on, by its place; -1: it struck none
	from  int  // the first message of which it is not sure that it came
	step  bool // the answers are not sure to have been in step
	cause error
}

// rest is what is to be asked for in another session, without the message that it is laid on.
func (b *broken) rest(ops []Op) []Op {
	return append(slices.Clone(ops[b.from:b.at]), ops[b.at+1:]...)
}

// fetch retrieves and stores. While one batch is made durable the next one comes in. When it ends early, what had
// come in whole is stored all the same: an interrupted run keeps what it did.
//
// A message at which the session breaks, be it that the line ends or that nonsense comes, is left to askLast: all others go on over a
// new connection.
func (r *run) fetch(ctx context.Context, ops []Op) error {
	for len(ops) > 0 {
		b, err := r.pass(ctx, ops)
		if err != nil || b == nil {
			return err
		}
		if b.at < 0 || ctx.Err() != nil {
			return b.cause
		}
		it, rest := ops[b.at].Item, b.rest(ops)
		r.suspects = append(r.suspects, suspect{op: ops[b.at], first: it, err: b.cause})
		if r.breaks++; r.hopeless(rest) {
			for _, s := range r.suspects { // the next run asks for all others before
				r.unlucky = append(r.unlucky, s.first)
			}
			return fmt.Errorf("%s: %w", name(it), b.cause)
		}
		r.Log.Info("session broke", "message", it, "error", b.cause)
		if b.step {
			r.POP3.Window = 1
		}
		if ops, err = r.reconnect(ctx, rest); err != nil {
			return err
		}
	}
	return nil
}

// hopeless says whether not messages are to blame for sessions that break, but the line or the server: it happens too often,
// or no message came at all, though several were asked for.
func (r *run) hopeless(rest []Op) bool {
	barren := r.answers == 0 && (r.breaks >= 4 || r.breaks >= 2 && len(rest) == 0)
	return r.breaks > maxBroken || barren
}

// pass fetches in one session. Unless that broke, what it returns is nil. An error is one of the store, which more messages would
// only repeat.
func (r *run) pass(ctx context.Context, ops []Op) (*broken, error) {
	in := r.newIntake(context.WithoutCancel(ctx))
	b, err := r.receiveAll(ctx, ops, in)
	return b, cmp.Or(in.Close(), err)
}

// receiveAll holds messages back until it is sure that they are those that were asked for (pop3.Message.InStep).
func (r *run) receiveAll(ctx context.Context, ops []Op, in *maildir.Intake[*arrival]) (*broken, error) {
	var header message.Header
	var held []*arrival
	defer func() { r.discard(held) }()
	next, first := 0, 0 // of ops; the first that is held back
	for m, err := range r.session.Retrieve(ctx, listed(ops)) {
		if m.InStep {
			failed := r.release(held, in)
			if held, first = nil, next; failed != nil {
				return nil, failed
			}
		}
		if err != nil {
			return broke(ops, m, err, next, first), nil
		}
		op := ops[next]
		next++
		a, err := r.answered(op, m, &header, in)
		if err != nil {
			return nil, err
		}
		if a != nil {
			r.answers++
			held = append(held, a)
		}
		if m.InStep && a != nil && a.receipt.Wire.Size == op.Item.Size {
			err := r.release(held, in)
			if held, first = nil, next; err != nil {
				return nil, err
			}
		}
		r.emit(Fetched{op.Item})
		if ctx.Err() != nil { // also when more is buffered
			return &broken{at: -1, cause: context.Cause(ctx)}, nil
		}
	}
	last := held
	held = nil
	return nil, r.release(last, in)
}

// answered takes one answer. It is nil when the line broke, which the session reports next.
func (r *run) answered(op Op, m pop3.Message, header *message.Header, in *maildir.Intake[*arrival]) (*arrival, error) {
	if m.Refused != nil {
		return &arrival{op: op, refused: m.Refused}, nil
	}
	a, err := r.receive(op, m, header, in)
	if err != nil && !maildir.Hopeless(err) {
		return &arrival{op: op, refused: err}, nil
	}
	return a, err
}

// broke lays the end of a session on a message. next is the place of the one that comes after the last that was answered, first
// that of the first one of which it is not sure that it came.
func broke(ops []Op, m pop3.Message, err error, next, first int) *broken {
	b := &broken{at: next, from: first, cause: err, step: !m.InStep}
	if next > 0 && ops[next-1].Item.Number == m.Number {
		b.at--
	}
	switch {
	case m.Number == 0 || b.at == len(ops):
		b.at = -1
	case !m.InStep && is[*pop3.ProtocolError](err):
		b.at = first
		b.cause = fmt.Errorf("less came than the server lists, and behind it something that is no answer (does the server double dots at the begin of a line?): %w", err)
	}
	b.from = min(b.from, b.at)
	return b
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// release hands messages over that are those that were asked for. Of what falls short of what the server lists nothing is
// stored.
func (r *run) release(held []*arrival, in *maildir.Intake[*arrival]) error {
	for n, a := range held {
		short := &message.Short{Announced: a.op.Item.Size, Came: a.receipt.Wire.Size}
		switch {
		case a.refused != nil:
			r.fail(a.op.Item, a.refused)
		case a.dots:
			a.delivery.Close()
			op := a.op
			op.Dots = true
			r.suspects = append(r.suspects, suspect{op: op, first: op.Item, err: errors.New("the server does not double dots at the begin of a line: to be asked for once more")})
		case a.verdict == message.CutOff:
			a.delivery.Close()
			r.fail(a.op.Item, short)
		case a.verdict == message.Doubtful && !r.agrees(a):
			a.delivery.Close()
			r.suspects = append(r.suspects, suspect{op: a.op, first: a.op.Item, err: short, wire: a.receipt.Wire})
		default:
			if err := r.add(in, a); err != nil {
				r.discard(held[n+1:])
				return err
			}
		}
	}
	return nil
}

// agrees says whether a doubtful message came a second time as it came the first.
func (r *run) agrees(a *arrival) bool {
	return r.asking != nil && r.asking.wire == a.receipt.Wire && r.sizes.believes(a.op.Item.Size, a.receipt.Wire.Size)
}

// discard gives messages up that may be others than were asked for.
func (r *run) discard(held []*arrival) {
	for _, a := range held {
		delete(r.taken, a.equal)
		if a.delivery != nil {
			a.delivery.Close()
		}
	}
}

func listed(ops []Op) iter.Seq[pop3.Item] {
	return func(yield func(pop3.Item) bool) {
		for _, op := range ops {
			if !yield(op.Item) {
				return
			}
		}
	}
}
