package retrieve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
	"postie/pop3"
	"postie/pop3/ledger"
)

// deletion is a message that may be deleted on the server: what licenses it is durable.
type deletion struct {
	item  pop3.Item
	copy  *Copy // what we have of it; nil: it was stored in this run
	row   int64 // its receipt; 0: none to mark
	check bool  // its header is to be looked at first
	lost  bool  // because its file is gone
}

// apply carries the plan out, in crash order: what earlier runs left; then messages, batch by batch; then DELE for
// what is durable; then QUIT, by which the server deletes; then the ledger says so. New mail comes before all that old mail
// costs: over a line that breaks each time, every run still gets further.
func (r *run) apply(ctx context.Context, u unfinished, plan Plan) error {
	if n, err := r.Dir.CleanTmp(r.view.Now); err != nil || n > 0 {
		r.Log.Info("cleaned tmp", "files", n, "error", err)
	}
	if err := r.resume(ctx, u); err != nil {
		return err
	}
	if r.forgot || slices.ContainsFunc(plan.Ops, func(op Op) bool { return op.Action == Fetch }) {
		if err := r.ledger.Begin(ctx, r.Dir, r.forgot); err != nil {
			return err
		}
	}
	if err := r.record(ctx, plan); err != nil {
		return err
	}
	r.unmatched = plan.Unmatched
	r.sizes.uniform = uniform(r.view.Items)
	if err := r.fetch(ctx, plan.fetches()); err != nil {
		return errors.Join(err, r.recordBreakers(ctx, plan)) // and no QUIT: what was marked before stays on the server
	}
	if err := r.remove(ctx); err != nil {
		return err
	}
	err := r.askLast(ctx, plan)
	if err = errors.Join(err, r.recordBreakers(context.WithoutCancel(ctx), plan)); err != nil {
		return err
	}
	if r.report.Later > 0 || r.report.Failed > 0 {
		return nil
	}
	if err := r.forget(ctx, append(plan.Forget, r.stale...)); err != nil {
		return err
	}
	return r.ledger.Finished(ctx, r.view.Now, r.leaves())
}

// fetches are what is fetched first. In a first fetch that is all, which is not copied then: there may be very many.
func (p *Plan) fetches() []Op {
	other := func(op Op) bool { return op.Action != Fetch || op.Last }
	if !slices.ContainsFunc(p.Ops, other) {
		return p.Ops
	}
	return slices.DeleteFunc(slices.Clone(p.Ops), other)
}

// record brings the ledger up to what the server lists, and remembers what is to be deleted without a fetch.
func (r *run) record(ctx context.Context, plan Plan) error {
	var matches []ledger.Match
	for _, op := range plan.Ops {
		switch op.Action {
		case RecordOnly:
			matches = append(matches, matchOf(op.Item, op.Copy, op.Read))
		case Drop:
			r.deletions = append(r.deletions, deletion{op.Item, op.Copy, op.Copy.Receipt, op.Check, op.Lost})
		}
	}
	r.report.Matched += len(matches)
	r.step("ledger match")
	if err := r.ledger.Match(ctx, matches); err != nil {
		return err
	}
	return r.ledger.Away(ctx, plan.Away)
}

// forget drops the receipts of messages that have left the server, but for those that turned out to be there after all,
// under another UIDL. It comes last, when all that might be one of them was looked at.
func (r *run) forget(ctx context.Context, ids []int64) error {
	found := map[int64]bool{}
	for c := range r.taken {
		found[c.Receipt] = true
	}
	return r.ledger.Forget(ctx, slices.DeleteFunc(ids, func(id int64) bool { return found[id] }))
}

func matchOf(it pop3.Item, c *Copy, read bool) ledger.Match {
	return ledger.Match{ID: c.Receipt, Message: c.Message, UIDL: named(it, c.header), Listed: it.Size, Read: read}
}

// arrival is a message that came to its end, or was refused.
type arrival struct {
	op       Op
	refused  error // then all else is empty
	delivery *maildir.Delivery
	receipt  ledger.Receipt
	message  index.Message
	equal    *Copy // it is this one: delivery is not to be kept
	verdict  message.Verdict
	dots     bool // it is to be read again, with its dots
}

// receive streams one message into tmp/. It returns nil without an error when the line broke, which the session
// reports next.
func (r *run) receive(op Op, m pop3.Message, header *message.Header, in *maildir.Intake[*arrival]) (*arrival, error) {
	delivery, err := in.Create(r.Dir)
	if err != nil {
		return nil, err
	}
	defer r.inHand()()
	header.Reset()
	whole, err := delivery.Fill(m.Body, header, func(n int) { r.emit(Received{n}) })
	if !whole {
		delivery.Close()
		return nil, err
	}
	a := &arrival{op: op, delivery: delivery}
	a.receipt = ledger.Receipt{UIDL: named(op.Item, header.Hash()), Listed: op.Item.Size, Wire: delivery.Wire(), Header: header.Hash(), Read: true}
	a.message = index.Message{Mailbox: index.Inbox, Wire: a.receipt.Wire, Header: a.receipt.Header,
		Date: r.Now(), Summary: message.Summarize(header.Bytes())}
	a.equal = r.equal(op, a.receipt.Wire)
	if a.equal != nil && a.equal.damaged {
		a.op.Damaged, a.equal = a.equal, nil
	}
	if a.equal != nil {
		delivery.Close()
	} else {
		a.dots = m.Dots.Kept(op.Item.Size, a.receipt.Wire.Size)
		a.verdict = r.sizes.judge(op.Item.Size, a.receipt.Wire.Size, header.Done(), header.Body())
	}
	return a, nil
}

// named is what a message is called in the ledger: its UIDL or, where the server has none, what it is told by. No UIDL looks
// like that (RFC 1939 section 7: no spaces).
func named(it pop3.Item, header [32]byte) string {
	return cmp.Or(it.UIDL, fmt.Sprintf("size %d header %x", it.Size, header[:16]))
}

// equal finds the copy that a message is, octet for octet: one of its UIDL, or one that nothing was matched with. Each copy serves once.
func (r *run) equal(op Op, w maildir.Wire) *Copy {
	for _, copies := range [][]*Copy{op.Against, r.unmatched[content{w.Size, w.Hash}]} {
		for _, c := range copies {
			if c.Wire.Hash == w.Hash && c.Wire.Size == w.Size && !r.taken[c] {
				r.taken[c] = true
				return c
			}
		}
	}
	return nil
}
