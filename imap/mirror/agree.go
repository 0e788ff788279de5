package mirror

import (
	"context"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// agreements writes down in the base what was done, and tells of it.
type agreements struct {
	*account
	breakers *breakers
}

// agreement is that of an operation, by the rule that plan.Op gives.
func (g *agreements) agreement(op plan.Op, p plan.Pair) base.Agreement {
	b := g.byName[op.Mailbox]
	a := base.Agreement{Mailbox: b.ID, UID: op.UID, Key: op.Key, Pair: p, Pending: g.fulfilled(b, op.UID)}
	if op.To != "" && p != (plan.Pair{}) {
		b = g.byName[op.To]
		a.To = b.ID
	}
	if p.Key != "" {
		a.Entry, a.Message = b.entries[p.Key], b.fresh[p.Key]
	}
	if m := b.message(p.UID); m != nil {
		a.EmailID = m.ID.EmailID
	}
	return a
}

// fulfilled is the pending change of a message that need not wait any more.
func (g *agreements) fulfilled(b *box, uid goimap.UID) maildir.PendingChange {
	w := b.pendingChange(uid)
	if w == nil || w.To != "" && g.byName[w.To] == nil { // to a mailbox that is not there: it waits
		return maildir.PendingChange{}
	}
	return *w
}

// agree writes agreements down, and tells of their operations.
func (g *agreements) agree(ctx context.Context, ops []plan.Op, as []base.Agreement) error {
	if len(as) == 0 {
		return nil
	}
	var known map[messageAt]index.Message
	if g.Named { // now: of what is deleted nothing is known afterwards
		var err error
		if known, err = g.summaries(ctx, ops); err != nil {
			return err
		}
	}
	g.step("agree " + ops[0].Kind.String())
	if err := g.base.Agree(ctx, as); err != nil {
		return err
	}
	g.breakers.progressed(ops[0])
	for _, op := range ops {
		g.doneTo(op, known[messageOf(op)])
	}
	return nil
}

// done counts an operation of which no more is to be said, and tells of it.
func (g *agreements) done(op plan.Op) { g.doneTo(op, index.Message{}) }

// doneTo counts an operation on a message and tells of it.
func (g *agreements) doneTo(op plan.Op, m index.Message) {
	g.count(func(p *Report) { p.Add(op, g.Policy) })
	g.emit(Done{op, m})
}

// messageAt is where the message of an operation is known.
type messageAt struct {
	mailbox string
	uid     goimap.UID
	key     maildir.Key
}

// messageOf is where the message of an operation is known: by UID, if it has one.
func messageOf(op plan.Op) messageAt {
	switch {
	case op.UID != 0:
		return messageAt{mailbox: op.Mailbox, uid: op.UID}
	case op.Key != "":
		return messageAt{mailbox: op.At(), key: op.Key}
	}
	return messageAt{mailbox: op.Mailbox, uid: op.Pair.UID}
}

// summaries gives what the index knows of the messages of operations.
func (g *agreements) summaries(ctx context.Context, ops []plan.Op) (map[messageAt]index.Message, error) {
	known := map[messageAt]index.Message{}
	sets, keys := map[string]goimap.UIDSet{}, map[messageAt]bool{}
	for _, op := range ops {
		switch at := messageOf(op); {
		case at.key != "":
			keys[at] = true
		case at.uid != 0:
			set := sets[at.mailbox]
			set.AddNum(at.uid)
			sets[at.mailbox] = set
		}
	}
	for name, set := range sets {
		b := g.byName[name]
		if b == nil || b.ID == 0 {
			continue
		}
		var ids []int64
		var uids []goimap.UID
		for row, err := range g.base.ByUID(ctx, b.ID, set) {
			if err != nil {
				return nil, err
			}
			ids, uids = append(ids, row.Message), append(uids, row.UID)
		}
		ms, err := g.Store.ByIDs(ctx, ids)
		if err != nil {
			return nil, err
		}
		byID := map[int64]index.Message{}
		for _, m := range ms {
			byID[m.ID] = m
		}
		for i, id := range ids {
			if m, ok := byID[id]; ok {
				known[messageAt{mailbox: name, uid: uids[i]}] = m
			}
		}
	}
	for at := range keys {
		ms, err := g.base.WithKey(ctx, at.key)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			if m.Mailbox == at.mailbox {
				known[at] = m
			}
		}
	}
	return known, nil
}
