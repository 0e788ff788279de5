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

// at is err, with where the connection ended if it did.
func (r *run) at(e errand, err error) error {
	if !r.hungUp(err) {
		return err
	}
	return &brokenIn{errand: e, err: err}
}

// waits says whether an errand is tried later in this run.
func (b *errands) waits(e errand) bool { return slices.Contains(b.waiting, e) }

// looking is the errand to look at a mailbox.
func looking(b *box) errand { return errand{mailbox: b.Name} }

// unseeable says whether a mailbox is not to be looked at now, and leaves it alone then.
func (r *run) unseeable(b *box) bool {
	why, left := r.breaks.left[looking(b)]
	if !left {
		return false
	}
	b.outside = true
	r.leave(looking(b).op(), looking(b), why)
	return true
}

// leave does not do an operation now. Where its errand will not be done in this run, that is told.
func (r *run) leave(op plan.Op, e errand, why *BreaksError) {
	if r.spoil(op); why != nil {
		r.tell(e.op(), why)
	}
}

// todo are the operations of a group that are to be done now.
func (r *run) todo(ops []plan.Op) []plan.Op {
	if len(r.breaks.left) == 0 {
		return ops
	}
	if why, left := r.breaks.left[wholeErrand(ops[0])]; left {
		r.leave(ops[0], wholeErrand(ops[0]), why)
		return nil
	}
	return slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool {
		why, left := r.breaks.left[errandOf(op)]
		if left {
			r.leave(op, errandOf(op), why)
		}
		return left
	})
}

// singly says whether operations like this one are done one by one, since the connection ended at some of them.
func (r *run) singly(op plan.Op) bool {
	e := r.breaks.alone
	return e.mailbox == op.Mailbox && e.kind == op.Kind
}

// brokeAt is the error of a group of operations, with where the connection ended if it did.
func (r *run) brokeAt(ops []plan.Op, err error) error {
	if !r.hungUp(err) {
		return err
	}
	if !r.singly(ops[0]) {
		return &brokenIn{errand: wholeErrand(ops[0]), err: err}
	}
	return &brokenIn{errandOf(ops[0]), ops[0].Pair.Size, err}
}

// inVain is after how many messages in a row, each tried alone, it is not the message that ends the connection.
const inVain = 3

// putErrandOff puts an errand aside at which the connection ended; where it was tried alone it is not tried again in this run.
func (r *run) putErrandOff(ctx context.Context, broken *brokenIn) error {
	e := broken.errand
	r.Log.Info("connection ended", "mailbox", e.mailbox, "at", e.op().String(), "err", broken.err)
	alone := r.breaks.alone != (errand{}) && r.breaks.alone.whole() == e.whole()
	if e.kind == 0 && !alone {
		// It may have been the line, and without this mailbox it cannot be seen what was moved.
		if r.breaks.once[e] {
			return r.giveUp(ctx, e, broken)
		}
		r.breaks.once[e] = true
		return nil
	}
	if !alone {
		if _, known := r.breaks.left[e]; !known {
			r.breaks.waiting = append(r.breaks.waiting, e)
		}
		r.breaks.left[e] = nil
		return nil
	}
	r.breaks.alone = errand{}
	if r.breaks.vain[e.whole()]++; r.breaks.vain[e.whole()] >= inVain && e != e.whole() {
		if err := r.giveUp(ctx, e, broken); err != nil {
			return err
		}
		e = e.whole()
	}
	return r.giveUp(ctx, e, broken)
}

// giveUp tells of an errand at which the connection ended, and remembers it. Of mailboxes that cannot be looked at that is done in the end.
func (r *run) giveUp(ctx context.Context, e errand, broken *brokenIn) error {
	why := &BreaksError{Op: e.kind, Mailbox: e == e.whole(), Size: broken.size, Tries: 1, Err: broken.err}
	if r.breaks.left[e] = why; e.kind == 0 {
		r.breaks.left[e] = nil
		r.breaks.blind[e] = broken.err
		return nil
	}
	return r.own(ctx, e, why)
}

// own tells of an errand that is not tried again in this run, and remembers it.
func (r *run) own(ctx context.Context, e errand, why *BreaksError) error {
	b := r.byName[e.mailbox]
	if b == nil {
		return nil
	}
	at := placeOf(b, e)
	why.Tries = r.breaks.known[at].Tries + 1
	r.fail(e.op(), why)
	if r.DryRun {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := r.enter(ctx, b); err != nil {
		return err
	}
	m := base.Breaker{Mailbox: b.ID, Kind: e.kind, UID: e.uid, Key: e.key, Size: why.Size, Tries: why.Tries, At: r.Now()}
	if e.uid != 0 {
		m.UIDValidity = uint32(b.UIDValidity)
	}
	return r.base.Break(ctx, m)
}

// placeOf is an errand by its mailbox in the index.
func placeOf(b *box, e errand) place { return place{b.ID, e.kind, e.uid, e.key} }

// recallErrands puts aside the errands at which connections ended in earlier runs: they come last, or not in this run.
func (r *run) recallErrands() {
	if r.breaks.read {
		return
	}
	r.breaks.read = true
	for _, b := range r.boxes {
		for at, m := range r.breaks.known {
			if at.box != b.ID || b.ID == 0 || at.kind == 0 && at.uid != 0 || at.uid != 0 && plan.UIDValidity(m.UIDValidity) != b.UIDValidity {
				continue
			}
			e := errand{b.Name, at.kind, at.uid, at.key}
			if again := m.At.Add(pause(e, m.Tries)); r.Now().Before(again) {
				r.breaks.left[e] = &BreaksError{Op: e.kind, Mailbox: e == e.whole(), Size: m.Size, Tries: m.Tries, Again: again}
				continue
			}
			r.breaks.left[e] = nil
			r.breaks.waiting = append(r.breaks.waiting, e)
		}
	}
	slices.SortFunc(r.breaks.waiting, func(a, b errand) int {
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
func (r *run) nextErrand(ctx context.Context) (more bool, err error) {
	if e := r.breaks.alone; e != (errand{}) {
		b := r.byName[e.mailbox]
		r.breaks.alone = errand{}
		if b != nil && r.breaks.known[placeOf(b, e)].Tries > 0 && !r.DryRun {
			m := r.breaks.known[placeOf(b, e)]
			delete(r.breaks.known, placeOf(b, e))
			if err := r.base.Mended(ctx, m); err != nil {
				return false, err
			}
		}
	}
	if len(r.breaks.waiting) == 0 {
		return false, nil
	}
	r.breaks.alone, r.breaks.waiting = r.breaks.waiting[0], r.breaks.waiting[1:]
	delete(r.breaks.left, r.breaks.alone)
	return true, nil
}

// ownBlind tells of the mailboxes that could not be looked at. Where that are all, it is not they that are sick, but the server or the line.
func (r *run) ownBlind(ctx context.Context) error {
	if len(r.breaks.blind) == 0 {
		return nil
	}
	healthy := slices.ContainsFunc(r.boxes, func(b *box) bool {
		_, left := r.breaks.left[looking(b)]
		return !left && b.remote != nil && !b.apart && naming.Patterns(r.Mailboxes).Match(b.Name)
	})
	for _, b := range r.boxes {
		err := r.breaks.blind[looking(b)]
		if err == nil {
			continue
		}
		if !healthy {
			return fmt.Errorf("look at %q: %w", b.Name, err)
		}
		if err := r.own(ctx, looking(b), &BreaksError{Mailbox: true, Err: err}); err != nil {
			return err
		}
	}
	return nil
}

// progressed notes that operations were done: the line is not as sick as it may have seemed.
func (r *run) progressed(op plan.Op) {
	r.breaks.row = 0
	delete(r.breaks.vain, wholeErrand(op))
}

// doWithout begins a new session after one ended at something that can be done without.
func (r *run) doWithout(ctx context.Context, err error) bool {
	return ctx.Err() == nil && r.hungUp(err) && r.counted(err) && r.reconnect(ctx)
}

// counted counts a connection that ended, and says whether that may happen once more.
func (r *run) counted(err error) bool {
	n := 1
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		n = 8 // each costs the time limit
	}
	r.breaks.times, r.breaks.row = r.breaks.times+n, r.breaks.row+n
	return r.breaks.times < mostBreaks && r.breaks.row < mostInRow
}
