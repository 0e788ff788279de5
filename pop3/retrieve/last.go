package retrieve

import (
	"context"
	"errors"
	"slices"
	"time"

	"postie/pop3"
)

// askLast asks once more, one at a time, for the messages at which a session broke, in this run or in an earlier one, and for those
// that fell a little short. All else is done by then: what is stored is safe, and what is to be deleted on the server is. What fails
// again is told, and remembered.
func (r *run) askLast(ctx context.Context, plan Plan) error {
	suspects := r.suspects
	for _, op := range plan.Ops {
		if op.Action == Fetch && op.Last {
			suspects = append(suspects, suspect{op: op, first: op.Item, err: errors.New("not asked for, since the connection was lost")})
		}
	}
	if r.suspects = nil; len(suspects) == 0 {
		return nil
	}
	r.POP3.Window, r.last = 1, suspects
	lost := true // the session
	for i := range r.last {
		s := &r.last[i]
		if lost {
			if _, err := r.reconnect(ctx, nil); err != nil {
				for _, s := range r.last[i:] {
					r.fail(s.op.Item, s.err)
				}
				return err
			}
			lost = false
		}
		switch {
		case s.gone && s.op.Item.UIDL != "":
			r.report.Later++ // it is gone, or has changed: the next run sees what became of it
			continue
		case s.gone: // others were deleted meanwhile, and nothing tells which it is now
			r.fail(s.op.Item, s.err)
			continue
		}
		r.asking = s
		r.session.KeepDots(s.op.Dots)
		b, err := r.pass(ctx, []Op{s.op})
		switch {
		case err != nil:
			return err
		case b != nil && ctx.Err() != nil:
			return b.cause
		case b != nil:
			r.fail(s.op.Item, b.cause)
			r.broke = append(r.broke, s.first)
			lost = true
		}
		for _, again := range r.suspects {
			r.fail(again.op.Item, again.err)
		}
		r.suspects = nil
	}
	r.asking = nil
	if lost {
		return r.deleteLater(ctx)
	}
	return r.remove(ctx)
}

// deleteLater deletes what came before the last session broke, in another one.
func (r *run) deleteLater(ctx context.Context) error {
	if len(r.deletions) == 0 {
		return nil
	}
	if _, err := r.reconnect(ctx, nil); err != nil {
		return err
	}
	return r.remove(ctx)
}

// reconnect begins a new session in which messages may have other numbers. It gives the ops that are still there with the numbers
// that they have now, and renumbers the deletions likewise. Only what UIDL and size still name without doubt is: all else
// waits for the next run.
func (r *run) reconnect(ctx context.Context, ops []Op) ([]Op, error) {
	r.earlier += r.session.Received()
	r.session.Close()
	session, err := r.connectAgain(ctx)
	if err != nil {
		return nil, err
	}
	r.session = session
	items, err := session.Survey(ctx)
	if err != nil {
		return nil, err
	}
	r.current, r.items = newCurrent(r.items, items), items
	r.deletions = slices.DeleteFunc(r.deletions, func(d deletion) bool { _, here := r.current.find(d.item, true); return !here })
	for i := range r.deletions {
		r.deletions[i].item, _ = r.current.find(r.deletions[i].item, true)
	}
	for _, all := range [][]suspect{r.suspects, r.last} {
		for i := range all {
			op, here := r.now(all[i].op)
			all[i].op, all[i].gone = op, all[i].gone || !here
		}
	}
	var there []Op
	for _, op := range ops {
		if op, here := r.now(op); here {
			there = append(there, op)
		} else {
			r.report.Later++
		}
	}
	return there, nil
}

// connectAgain connects after a session of ours has ended, which the server may not have noticed yet: it then says that the maildrop
// is in use, for a while.
func (r *run) connectAgain(ctx context.Context) (*pop3.Session, error) {
	for pause := 20 * time.Millisecond; ; pause *= 2 {
		session, err := pop3.Connect(ctx, r.POP3)
		refusal, refused := errors.AsType[*pop3.Error](err)
		if !refused || !refusal.Temporary() || pause > 10*time.Second {
			return session, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// now is an op with the number that its message has in this session; false: it is not there.
func (r *run) now(op Op) (Op, bool) {
	it, here := r.current.find(op.Item, false)
	op.Item = it
	return op, here
}

// current says where the messages of a session are in the list of the next one.
type current struct {
	byUIDL   map[string][]pop3.Item
	byNumber map[pop3.Number]pop3.Item // nil: the lists do not agree
}

// newCurrent compares lists: what the session before had left, and what there is now. They agree if the sizes and UIDLs are the same,
// one after the other, and new messages, if any, come behind.
func newCurrent(before, now []pop3.Item) current {
	c := current{byUIDL: make(map[string][]pop3.Item, len(now))}
	if !numbered(now) {
		for _, it := range now {
			c.byUIDL[it.UIDL] = append(c.byUIDL[it.UIDL], it)
		}
	}
	if len(now) < len(before) {
		return c
	}
	byNumber := make(map[pop3.Number]pop3.Item, len(before))
	for i, it := range before {
		if now[i].Size != it.Size || now[i].UIDL != it.UIDL && !(numbered(before) && numbered(now)) {
			return c
		}
		byNumber[it.Number] = now[i]
	}
	c.byNumber = byNumber
	return c
}

// find gives a message of the session before as it is listed now. What is to be deleted has to have a UIDL: that the lists
// agree does not make the messages the same.
func (c current) find(it pop3.Item, delete bool) (pop3.Item, bool) {
	if now := c.byUIDL[it.UIDL]; it.UIDL != "" && len(now) == 1 && now[0].Size == it.Size {
		return now[0], true
	}
	if now, here := c.byNumber[it.Number]; here && !delete {
		return now, true
	}
	return it, false
}
