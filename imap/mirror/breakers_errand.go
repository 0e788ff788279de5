package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
)

// Servers end the connection, or fall silent, also at other things than messages that are asked for: a mailbox that is selected, a flag
// that is stored, a message that is appended. Such an errand is put aside, the run goes on over a new connection with all else, and
// the errand comes last and alone, one message after the other. What ends the connection then is named and remembered, and in later runs
// tried last, and ever more seldom.

// errand is something to be done at which a connection may end.
type errand struct {
	mailbox string
	kind    plan.Kind   // 0: to look at the mailbox
	uid     goimap.UID  // the message; neither UID nor key: any of the mailbox
	key     maildir.Key // the file that is uploaded
}

// whole is the errand with all messages of the mailbox.
func (e errand) whole() errand { return errand{mailbox: e.mailbox, kind: e.kind} }

// op is the errand as far as it is known as an operation.
func (e errand) op() plan.Op {
	op := plan.Op{Kind: e.kind, Mailbox: e.mailbox, UID: e.uid, Key: e.key}
	if e.key != "" {
		op.Side = plan.Remote
	}
	return op
}

func wholeErrand(op plan.Op) errand { return errand{mailbox: op.Mailbox, kind: op.Kind} }

func errandOf(op plan.Op) errand {
	e := wholeErrand(op)
	if e.uid = cmp.Or(op.UID, op.Pair.UID); e.uid == 0 {
		e.key = op.Key
	}
	return e
}

// brokenIn is the error of a connection that ended at an errand.
type brokenIn struct {
	errand errand
	size   int64
	err    error
}

func (e *brokenIn) Error() string { return e.err.Error() }
func (e *brokenIn) Unwrap() error { return e.err }

// errands is what a run knows of those at which connections ended.
type errands struct {
	left    map[errand]*BreaksError // not to be run now; with why, or nil: it waits to be the last
	waiting []errand
	alone   errand           // the one that is tried alone; zero: none
	vain    map[errand]int   // how many messages of it ended a connection, one by one, since one did not
	once    map[errand]bool  // to look at mailboxes: at which a connection ended once
	blind   map[errand]error // and those at which it ended again
	read    bool             // what is remembered of earlier runs is among left
	mute    bool             // STATUS is not asked for
}

// waits says whether an errand is tried later in this run.
func (b *errands) waits(e errand) bool { return slices.Contains(b.waiting, e) }

// looking is the errand to look at a mailbox.
func looking(b *box) errand { return errand{mailbox: b.Name} }

// unseeable says whether a mailbox is not to be looked at now, and leaves it alone then.
func (x *breakers) unseeable(b *box) bool {
	why, left := x.breaks.left[looking(b)]
	if !left {
		return false
	}
	b.outside = true
	x.leave(looking(b).op(), looking(b), why)
	return true
}

// leave does not do an operation now. Where its errand will not be done in this run, that is told.
func (x *breakers) leave(op plan.Op, e errand, why *BreaksError) {
	if x.spoil(op); why != nil {
		x.tell(e.op(), why)
	}
}

// todo are the operations of a group that are to be done now.
func (x *breakers) todo(ops []plan.Op) []plan.Op {
	if len(x.breaks.left) == 0 {
		return ops
	}
	if why, left := x.breaks.left[wholeErrand(ops[0])]; left {
		x.leave(ops[0], wholeErrand(ops[0]), why)
		return nil
	}
	return slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool {
		why, left := x.breaks.left[errandOf(op)]
		if left {
			x.leave(op, errandOf(op), why)
		}
		return left
	})
}

// singly says whether operations like this one are done one by one, since the connection ended at some of them.
func (x *breakers) singly(op plan.Op) bool {
	e := x.breaks.alone
	return e.mailbox == op.Mailbox && e.kind == op.Kind
}

// brokeAt is the error of a group of operations, with where the connection ended if it did.
func (x *breakers) brokeAt(ops []plan.Op, err error) error {
	if !x.hungUp(err) {
		return err
	}
	if !x.singly(ops[0]) {
		return &brokenIn{errand: wholeErrand(ops[0]), err: err}
	}
	return &brokenIn{errandOf(ops[0]), ops[0].Pair.Size, err}
}

// inVain is after how many messages in a row, each tried alone, it is not the message that ends the connection.
const inVain = 3

// putErrandOff puts an errand aside at which the connection ended; where it was tried alone it is not tried again in this run.
func (x *breakers) putErrandOff(ctx context.Context, broken *brokenIn) error {
	e := broken.errand
	x.Log.Info("connection ended", "mailbox", e.mailbox, "at", e.op().String(), "err", broken.err)
	alone := x.breaks.alone != (errand{}) && x.breaks.alone.whole() == e.whole()
	if e.kind == 0 && !alone {
		// It may have been the line, and without this mailbox it cannot be seen what was moved.
		if x.breaks.once[e] {
			return x.giveUp(ctx, e, broken)
		}
		x.breaks.once[e] = true
		return nil
	}
	if !alone {
		if _, known := x.breaks.left[e]; !known {
			x.breaks.waiting = append(x.breaks.waiting, e)
		}
		x.breaks.left[e] = nil
		return nil
	}
	x.breaks.alone = errand{}
	if x.breaks.vain[e.whole()]++; x.breaks.vain[e.whole()] >= inVain && e != e.whole() {
		if err := x.giveUp(ctx, e, broken); err != nil {
			return err
		}
		e = e.whole()
	}
	return x.giveUp(ctx, e, broken)
}

// giveUp tells of an errand at which the connection ended, and remembers it. Of mailboxes that cannot be looked at that is done in the end.
func (x *breakers) giveUp(ctx context.Context, e errand, broken *brokenIn) error {
	why := &BreaksError{Op: e.kind, Mailbox: e == e.whole(), Size: broken.size, Tries: 1, Err: broken.err}
	if x.breaks.left[e] = why; e.kind == 0 {
		x.breaks.left[e] = nil
		x.breaks.blind[e] = broken.err
		return nil
	}
	return x.own(ctx, e, why)
}

// own tells of an errand that is not tried again in this run, and remembers it.
func (x *breakers) own(ctx context.Context, e errand, why *BreaksError) error {
	b := x.byName[e.mailbox]
	if b == nil {
		return nil
	}
	at := placeOf(b, e)
	why.Tries = x.breaks.known[at].Tries + 1
	x.fail(e.op(), why)
	if x.DryRun {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := x.enter(ctx, b); err != nil {
		return err
	}
	m := base.Breaker{Mailbox: b.ID, Kind: e.kind, UID: e.uid, Key: e.key, Size: why.Size, Tries: why.Tries, At: x.Now()}
	if e.uid != 0 {
		m.UIDValidity = uint32(b.UIDValidity)
	}
	return x.base.Break(ctx, m)
}

// placeOf is an errand by its mailbox in the index.
func placeOf(b *box, e errand) place { return place{b.ID, e.kind, e.uid, e.key} }

// recallErrands puts aside the errands at which connections ended in earlier runs: they come last, or not in this run.
func (x *breakers) recallErrands() {
	if x.breaks.read {
		return
	}
	x.breaks.read = true
	for _, b := range x.boxes {
		for at, m := range x.breaks.known {
			if at.box != b.ID || b.ID == 0 || at.kind == 0 && at.uid != 0 || at.uid != 0 && plan.UIDValidity(m.UIDValidity) != b.UIDValidity {
				continue
			}
			e := errand{b.Name, at.kind, at.uid, at.key}
			if again := m.At.Add(pause(e, m.Tries)); x.Now().Before(again) {
				x.breaks.left[e] = &BreaksError{Op: e.kind, Mailbox: e == e.whole(), Size: m.Size, Tries: m.Tries, Again: again}
				continue
			}
			x.breaks.left[e] = nil
			x.breaks.waiting = append(x.breaks.waiting, e)
		}
	}
	slices.SortFunc(x.breaks.waiting, func(a, b errand) int {
		return cmp.Or(cmp.Compare(a.mailbox, b.mailbox), cmp.Compare(a.kind, b.kind), cmp.Compare(a.uid, b.uid), cmp.Compare(a.key, b.key))
	})
}

// pause is how long an errand rests that ended the connection in so many runs. A whole mailbox is not kept waiting as long as one message.
func pause(e errand, tries int) time.Duration {
	if e == e.whole() {
		return min(rest(tries)/6, 24*time.Hour)
	}
	return rest(tries)
}

// nextErrand takes the next errand that was put aside, to be tried alone now that all else is done. The one before it is mended
// if nothing more was heard of it.
func (x *breakers) nextErrand(ctx context.Context) (more bool, err error) {
	if e := x.breaks.alone; e != (errand{}) {
		b := x.byName[e.mailbox]
		x.breaks.alone = errand{}
		if b != nil && x.breaks.known[placeOf(b, e)].Tries > 0 && !x.DryRun {
			m := x.breaks.known[placeOf(b, e)]
			delete(x.breaks.known, placeOf(b, e))
			if err := x.base.Mended(ctx, m); err != nil {
				return false, err
			}
		}
	}
	if len(x.breaks.waiting) == 0 {
		return false, nil
	}
	x.breaks.alone, x.breaks.waiting = x.breaks.waiting[0], x.breaks.waiting[1:]
	delete(x.breaks.left, x.breaks.alone)
	return true, nil
}

// ownBlind tells of the mailboxes that could not be looked at. Where that are all, it is not they that are sick, but the server or the line.
func (x *breakers) ownBlind(ctx context.Context) error {
	if len(x.breaks.blind) == 0 {
		return nil
	}
	healthy := slices.ContainsFunc(x.boxes, func(b *box) bool {
		_, left := x.breaks.left[looking(b)]
		return !left && b.remote != nil && !b.apart && naming.Patterns(x.Mailboxes).Match(b.Name)
	})
	for _, b := range x.boxes {
		err := x.breaks.blind[looking(b)]
		if err == nil {
			continue
		}
		if !healthy {
			return fmt.Errorf("look at %q: %w", b.Name, err)
		}
		if err := x.own(ctx, looking(b), &BreaksError{Mailbox: true, Err: err}); err != nil {
			return err
		}
	}
	return nil
}

// progressed notes that operations were done: the line is not as sick as it may have seemed.
func (x *breakers) progressed(op plan.Op) {
	x.breaks.row = 0
	delete(x.breaks.vain, wholeErrand(op))
}

// doWithout begins a new session after one ended at something that can be done without.
func (x *breakers) doWithout(ctx context.Context, err error) bool {
	return ctx.Err() == nil && x.hungUp(err) && x.counted(err) && x.reconnect(ctx)
}

// counted counts a connection that ended, and says whether that may happen once more.
func (x *breakers) counted(err error) bool {
	n := 1
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		n = 8 // each costs the time limit
	}
	x.breaks.times, x.breaks.row = x.breaks.times+n, x.breaks.row+n
	return x.breaks.times < mostBreaks && x.breaks.row < mostInRow
}
