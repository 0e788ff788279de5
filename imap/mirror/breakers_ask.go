package mirror

import (
	"context"
	"fmt"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
)

// identifier asks the server who messages are, past those at which the connection ends.
type identifier struct {
	*account
	breakers *breakers
}

// Some servers end the connection, or fall silent, as soon as they are asked for size or header of a message. Nobody knows then who the
// message is, so it takes no part in the plan. It is found in halves, over new connections, and remembered as a Breaker without a size.

const errOften = problem("the connection ended too often while the server was asked for sizes or headers of its messages: the mailbox is left as it is")

// nameless is a message at which the connection ends when the server is asked for its size or header.
type nameless struct {
	mailbox string
	uid     goimap.UID
	ask     changes.Ask
	broke   error // what ended the connection; nil: it was not asked for in this run
	told    bool
}

func (m *nameless) op() plan.Op {
	return plan.Op{Kind: plan.Download, Mailbox: m.mailbox, UID: m.uid}
}

// identifyThere asks who messages of a mailbox are, brings them into view, and tells of those that the server cannot give. It names
// these, and those that are not there any more. Those at which the connection ends are left out likewise.
func (i *identifier) identifyThere(ctx context.Context, b *box, set goimap.UIDSet, ask changes.Ask) (gone goimap.UIDSet, err error) {
	ask.Marks, ask.Strict = b.mustMatch || len(b.fresh) > 0, b.mustMatch // there may be files here that mbsync or offlineimap stored
	set, gone, err = i.identifiable(ctx, b, set, ask)
	if err != nil {
		return gone, err
	}
	ended := 0
	for parts := []goimap.UIDSet{set}; len(parts) > 0; {
		part := parts[0]
		if parts = parts[1:]; len(part) == 0 {
			continue
		}
		without, why := i.identifyOnce(ctx, b, part, ask)
		gone.AddSet(without)
		if why == nil {
			continue
		}
		if ctx.Err() != nil || !i.hungUp(why) {
			return gone, why
		}
		ended++
		rest, some, err := i.lacking(ctx, b, part, ask, why)
		if err != nil {
			return gone, err
		}
		switch n := changes.Count(rest); {
		case n == 1 && ended > 1: // not the line, but the message
			gone.AddSet(rest)
			i.leaveOut(nameless{mailbox: b.Name, uid: rest[0].Start, ask: ask, broke: why})
		case n == 1:
			parts = slices.Insert(parts, 0, rest)
		case n > 1 && some: // servers answer in order, so it is most likely the first that did not come
			first, others := changes.Cut(rest, 1)
			parts = slices.Insert(parts, 0, first, others)
		case n > 1:
			first, others := changes.Cut(rest, n/2)
			parts = slices.Insert(parts, 0, first, others)
		}
	}
	return gone, nil
}

// identifyOnce is identifyThere over one connection.
func (i *identifier) identifyOnce(ctx context.Context, b *box, set goimap.UIDSet, ask changes.Ask) (goimap.UIDSet, error) {
	gone, sick, err := i.reader.Identify(ctx, remoteOf(b), &b.delta, set, ask)
	for _, missing := range sick {
		for uid := range imap.UIDs(missing.UIDs) {
			i.fail(plan.Op{Kind: plan.Download, Mailbox: b.Name, UID: uid}, missing.Err)
		}
	}
	return gone, err
}

// leaveOut keeps a message out of the plan, which goes on without it. Where the mailbox is matched its file matches nothing, and waits.
func (i *identifier) leaveOut(m nameless) {
	i.spoil(m.op())
	i.byName[m.mailbox].partial = true
	i.breakers.breaks.nameless = append(i.breakers.breaks.nameless, m)
}

// identifiable leaves out of a set the messages that are asked for last, or not in this run.
func (i *identifier) identifiable(ctx context.Context, b *box, set goimap.UIDSet, ask changes.Ask) (some, left goimap.UIDSet, err error) {
	var mine, known goimap.UIDSet
	for _, m := range i.breakers.breaks.nameless {
		if m.mailbox == b.Name {
			mine.AddNum(m.uid)
		}
	}
	for at, m := range i.breakers.breaks.known {
		if at.box == b.ID && at.kind == 0 && at.uid != 0 && m.Size == 0 && plan.UIDValidity(m.UIDValidity) == b.delta.Now.UIDValidity && !mine.Contains(at.uid) {
			known.AddNum(at.uid)
		}
	}
	if len(mine)+len(known) == 0 {
		return set, nil, nil
	}
	if set, err = i.concrete(ctx, b, set); err != nil {
		return nil, nil, err
	}
	known, mine = changes.Common(set, known), changes.Common(set, mine)
	for uid := range imap.UIDs(known) {
		m := nameless{mailbox: b.Name, uid: uid, ask: ask}
		last := i.breakers.breaks.known[messageIn(b, uid)]
		if again := last.At.Add(rest(last.Tries)); i.Now().Before(again) {
			i.fail(m.op(), &BreaksError{Tries: last.Tries, Again: again})
			m.told = true
		}
		i.leaveOut(m)
	}
	if len(mine) > 0 {
		i.spoil(plan.Op{Mailbox: b.Name})
		b.partial = true
	}
	left.AddSet(known)
	left.AddSet(mine)
	return changes.Less(set, left), left, nil
}

// concrete makes of "1:*" the messages that there are.
func (i *identifier) concrete(ctx context.Context, b *box, set goimap.UIDSet) (goimap.UIDSet, error) {
	s, err := i.reader.Select(ctx, b.server, nil)
	if err != nil {
		return nil, err
	}
	if plan.UIDValidity(s.UIDValidity) != b.delta.Now.UIDValidity {
		return nil, errValidity
	}
	if !set.Dynamic() {
		return set, nil
	}
	there, err := i.session.SearchAll(ctx)
	if n := changes.Count(there); err == nil && int64(n) > i.session.Tally().Exists { // a few octets may name all UIDs
		err = &changes.Contradiction{Said: fmt.Sprintf("that there are %d messages, and finds %d", i.session.Tally().Exists, n)}
	}
	return there, err
}

// lacking begins a new session in place of one that ended, and says which messages of a set did not come, and whether some did.
func (i *identifier) lacking(ctx context.Context, b *box, set goimap.UIDSet, ask changes.Ask, why error) (lack goimap.UIDSet, some bool, err error) {
	i.Log.Info("connection ended", "mailbox", b.Name, "asked", set.String()[:min(len(set.String()), 80)], "err", why)
	more := i.breakers.counted(why)
	if len(set.String()) > imap.ShortSet {
		i.IMAP.ShortSets = true // it may have been the long line
	}
	switch {
	case !i.reconnect(ctx):
		return nil, false, why
	case !more:
		return nil, false, errOften
	}
	if set, err = i.concrete(ctx, b, set); err != nil {
		return nil, false, err
	}
	for uid := range imap.UIDs(set) {
		if m := b.delta.Message(uid); m == nil || !identified(m.ID, ask) {
			lack.AddNum(uid)
		} else {
			some, i.breakers.breaks.row = true, 0
		}
	}
	return lack, some, nil
}

// identified says whether what was asked is known of a message.
func identified(id plan.Identity, ask changes.Ask) bool {
	switch {
	case ask.Whole:
		return id.Header != [32]byte{}
	case ask.Header:
		return id.MessageID != ""
	}
	return id.Size > 0
}

// askNameless asks once more, each alone, for the messages that were left out and are due, and remembers those that end the connection. It says
// whether one did not, which may be planned then.
func (i *identifier) askNameless(ctx context.Context) (mended bool, err error) {
	all := i.breakers.breaks.nameless
	i.breakers.breaks.nameless = nil
	for _, m := range all {
		b := i.byName[m.mailbox]
		if b == nil || b.remote == nil {
			continue
		}
		at := messageIn(b, m.uid)
		if m.broke == nil && !m.told && !i.DryRun {
			_, _, err := i.reader.Identify(ctx, remoteOf(b), new(changes.Delta), goimap.UIDSetNum(m.uid), m.ask)
			if ctx.Err() != nil || !i.hungUp(err) {
				if err != nil && !single(err) {
					return false, err
				}
				delete(i.breakers.breaks.known, at)
				if err := i.base.Mended(ctx, base.Breaker{Mailbox: at.box, UID: at.uid}); err != nil {
					return false, err
				}
				mended = true
				continue
			}
			m.broke = err
		}
		if !m.told {
			if err := i.remindOf(ctx, b, at, m); err != nil {
				return false, err
			}
		}
		if m.told = true; !i.session.Alive() && !i.reconnect(ctx) {
			return false, m.broke
		}
		i.breakers.breaks.nameless = append(i.breakers.breaks.nameless, m)
	}
	return mended, nil
}

// remindOf tells of a message that was left out, and writes it down for the next runs.
func (i *identifier) remindOf(ctx context.Context, b *box, at place, m nameless) error {
	tries := i.breakers.breaks.known[at].Tries
	if m.broke != nil {
		tries++
	}
	i.fail(m.op(), &BreaksError{Tries: tries, Err: m.broke})
	if m.broke == nil || i.DryRun {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := i.enter(ctx, b); err != nil {
		return err
	}
	return i.base.Break(ctx, base.Breaker{Mailbox: b.ID, UIDValidity: uint32(b.delta.Now.UIDValidity), UID: m.uid, Tries: tries, At: i.Now()})
}
