package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
)

// breakers knows what ends the connection, and sees to it that it is done last, alone, or not in this run.
type breakers struct {
	*account
	breaks breakage
	asking bool // for one message that was put aside
}

// At some messages servers end the connection, or fall silent, in every run: they cannot read them. One such message must not keep
// back those behind it. A message at which a connection broke is put aside, the run goes on over a new connection, and asks for it
// last and alone. Where that breaks the connection too, it is remembered, and asked for ever more seldom.

// After how many broken connections in a run it is the server, or the line, that is sick, and not so many messages. A silence counts for eight.
const (
	many       = 16  // what ends the connection is not asked for twice from there on
	mostInRow  = 100 // without anything done in between
	mostBreaks = 256 // in all
)

// brokenAt is the error of a connection that ended while a message was asked for.
type brokenAt struct {
	op   plan.Op
	long bool // nothing came, and it was a long command line that the server may not take
	err  error
}

func (e *brokenAt) Error() string { return e.err.Error() }
func (e *brokenAt) Unwrap() error { return e.err }

// BreaksError is the Err of a Failed: the message or mailbox is there, and the connection ended whenever the server was to give it, or
// to do something with it.
type BreaksError struct {
	Op      plan.Kind // what was to be done; 0: to give the message, or to show the mailbox
	Mailbox bool      // it is no one message, as far as is known
	Size    int64     // octets of the message, as the server says; 0: not known
	Tries   int       // runs in which that happened
	Again   time.Time
	Err     error // nil: it was not tried in this run
}

// what says at what the connection ended.
func (e *BreaksError) what() string {
	switch {
	case e.Op == 0 && e.Mailbox:
		return "when this mailbox was looked at"
	case e.Op != 0 && e.Size > 0:
		return fmt.Sprintf("when the server was to do this with a message of %d octets", e.Size)
	case e.Op != 0:
		return "when the server was to do this"
	case e.Size == 0:
		return "when the server was asked for size or header of this message"
	}
	return fmt.Sprintf("when the server was asked for this message of %d octets", e.Size)
}

func (e *BreaksError) Error() string {
	text := "the connection ended " + e.what()
	if e.Tries > 1 {
		text += fmt.Sprintf(", in %d runs", e.Tries)
	}
	if !e.Again.IsZero() {
		text += ", so it is not tried before " + e.Again.UTC().Format("2006-01-02 15:04 MST")
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *BreaksError) Unwrap() error { return e.Err }

// rest is how long a message is not asked for that broke the connection in so many runs.
func rest(tries int) time.Duration {
	waits := []time.Duration{0, 0, time.Hour, 6 * time.Hour, 24 * time.Hour}
	if tries < len(waits) {
		return waits[tries]
	}
	return 7 * 24 * time.Hour
}

// place is a message, or an errand, by its mailbox in the index.
type place struct {
	box  int64
	kind plan.Kind
	uid  goimap.UID
	key  maildir.Key
}

// messageIn is the place of a message that is asked for.
func messageIn(b *box, uid goimap.UID) place { return place{box: b.ID, uid: uid} }

// breakage is what a run knows of messages that break connections.
type breakage struct {
	known map[place]base.Breaker
	aside map[place]bool // put aside in this run
	over  map[place]bool // of those: named already, and not asked for again in this run
	last  []plan.Op      // to be asked for last
	times int            // that a connection broke
	row   int            // that it did since something was done
	errands

	nameless []nameless // left out in this run, since nobody knows who they are
}

// recall reads what earlier runs found out.
func (x *breakers) recallBreakers(ctx context.Context) error {
	all, err := x.base.Breakers(ctx)
	x.breaks = breakage{known: map[place]base.Breaker{}, aside: map[place]bool{}, over: map[place]bool{},
		errands: errands{left: map[errand]*BreaksError{}, vain: map[errand]int{}, once: map[errand]bool{}, blind: map[errand]error{}}}
	for _, m := range all {
		x.breaks.known[place{m.Mailbox, m.Kind, m.UID, m.Key}] = m
	}
	return err
}

// unbroken makes both sides equal, past all that ends the connection: that comes last.
func (r *run) unbroken(ctx context.Context) error {
	for more := true; more; {
		for err := r.passes(ctx); err != nil; err = r.passes(ctx) {
			if r.breakers.unlearn(ctx) || r.revive(ctx) {
				continue
			}
			if again, err := r.breakers.giveWay(ctx, err); !again {
				return err
			}
		}
		mended, err := r.identifier.askNameless(ctx)
		if err != nil {
			return err
		}
		if more, err = r.breakers.nextErrand(ctx); err != nil {
			return err
		}
		more = more || mended
	}
	if err := r.breakers.ownBlind(ctx); err != nil {
		return err
	}
	return r.askLast(ctx)
}

// askable leaves out of what is to be asked for the messages that are asked for last, or not in this run.
func (x *breakers) askable(b *box, ops []plan.Op) []plan.Op {
	return slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool {
		at := messageIn(b, op.Pair.UID)
		m, known := x.breaks.known[at]
		if known && plan.UIDValidity(m.UIDValidity) != b.UIDValidity {
			known = false // another message
		}
		again := m.At.Add(rest(m.Tries))
		switch {
		case x.breaks.over[at]:
			x.spoil(op)
			return true
		case known && x.Now().Before(again):
			x.fail(op, &BreaksError{Size: m.Size, Tries: m.Tries, Again: again})
			return true
		case known, x.breaks.aside[at]:
			x.spoil(op)
			x.breaks.last = append(x.breaks.last, op)
			return true
		}
		return false
	})
}

// withoutBreakers leaves out of what a dry run shows what the run would not ask for.
func (x *breakers) withoutBreakers(ops []plan.Op) []plan.Op {
	if len(x.breaks.known) == 0 {
		return ops
	}
	return slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool {
		b := x.byName[op.Mailbox]
		return b != nil && (op.Kind == plan.Download || op.Kind == plan.FetchSummary) && len(x.askable(b, []plan.Op{op})) == 0
	})
}

// broke says at which message a connection ended that was asked for some of them: the one under way, or else the first
// that had not come. came tells which had.
func (x *breakers) broke(ops []plan.Op, came goimap.UIDSet, under goimap.UID, err error) error {
	if !x.hungUp(err) {
		return err
	}
	var at *plan.Op
	for i := range ops {
		uid := ops[i].Pair.UID
		if uid == under {
			at = &ops[i]
			break
		}
		if !came.Contains(uid) && (at == nil || uid < at.Pair.UID) {
			at = &ops[i]
		}
	}
	if at == nil {
		return err
	}
	long := len(came) == 0 && under == 0 && len(uids(ops, pairUID).String()) > imap.ShortSet
	return &brokenAt{*at, long, err}
}

// giveWay puts aside at what the connection ended, and begins a new session. It says whether the run may go on.
func (x *breakers) giveWay(ctx context.Context, err error) (again bool, failed error) {
	at, isMessage := errors.AsType[*brokenAt](err)
	in, isErrand := errors.AsType[*brokenIn](err)
	if ctx.Err() != nil || !isMessage && !isErrand {
		return false, err
	}
	x.breaks.last = nil
	switch more := x.counted(err); {
	case isMessage && at.long && !x.IMAP.ShortSets:
		x.IMAP.ShortSets = true
	case !more:
		failed = x.tooOften(err, at, in)
	case isMessage:
		failed = x.setAside(ctx, at)
	default:
		failed = x.putErrandOff(ctx, in)
	}
	if failed != nil {
		return false, failed
	}
	if !x.reconnect(ctx) {
		return false, err
	}
	return true, nil
}

// tooOften leaves a mailbox alone at which too many connections ended.
func (x *breakers) tooOften(err error, at *brokenAt, in *brokenIn) error {
	e := errand{}
	if at != nil {
		e.mailbox = at.op.Mailbox
	} else {
		e.mailbox = in.errand.mailbox
	}
	if _, left := x.breaks.left[e]; left {
		return err // it ends all the same
	}
	x.breaks.left[e] = nil
	x.breaks.waiting = slices.DeleteFunc(x.breaks.waiting, func(w errand) bool { return w.mailbox == e.mailbox })
	x.fail(e.op(), errOften)
	return nil
}

// setAside puts a message aside at which the connection ended. Where many did, it is named at once, and not asked for twice.
func (x *breakers) setAside(ctx context.Context, broken *brokenAt) error {
	b := x.byName[broken.op.Mailbox]
	at := messageIn(b, broken.op.Pair.UID)
	x.breaks.aside[at] = true
	x.Log.Info("connection ended", "mailbox", broken.op.Mailbox, "uid", broken.op.Pair.UID, "err", broken.err)
	if x.breaks.times <= many {
		return nil
	}
	x.breaks.over[at] = true
	return x.ownMessage(ctx, b, broken)
}

// ownMessage tells of a message at which the connection ended, and remembers it.
func (x *breakers) ownMessage(ctx context.Context, b *box, broken *brokenAt) error {
	op := broken.op
	m := base.Breaker{Mailbox: b.ID, UIDValidity: uint32(b.UIDValidity), UID: op.Pair.UID, Size: op.Pair.Size,
		Tries: x.breaks.known[messageIn(b, op.Pair.UID)].Tries + 1, At: x.Now()}
	if err := x.base.Break(context.WithoutCancel(ctx), m); err != nil {
		return err
	}
	x.fail(op, &BreaksError{Size: m.Size, Tries: m.Tries, Err: broken.err})
	return nil
}

// unlearn begins a new session without LITERAL+, where it was that which ended the last.
func (x *breakers) unlearn(ctx context.Context) bool {
	return ctx.Err() == nil && !x.session.Alive() && slices.Contains(x.session.Lost(), goimap.CapLiteralPlus) && x.reconnect(ctx)
}

// ask fetches what one operation wants, by whatever way the message came to be here without a body.
func (r *run) ask(ctx context.Context, op plan.Op) error {
	if op.Kind == plan.FetchSummary {
		return r.applier.downloads.summarize(ctx, []plan.Op{op})
	}
	return r.applier.downloads.download(ctx, []plan.Op{op})
}

// askLast asks for each message that was put aside, alone.
func (r *run) askLast(ctx context.Context) error {
	for _, op := range r.breakers.breaks.last {
		b := r.byName[op.Mailbox]
		known := r.breakers.breaks.known[messageIn(b, op.Pair.UID)]
		if _, left := r.breakers.breaks.left[looking(b)]; left || r.breakers.breaks.times >= mostBreaks {
			r.fail(op, &BreaksError{Size: op.Pair.Size, Tries: known.Tries})
			continue
		}
		r.breakers.asking = true
		err := r.ask(ctx, op)
		r.breakers.asking = false
		broken, ok := errors.AsType[*brokenAt](err)
		if in, where := errors.AsType[*brokenIn](err); where {
			broken, ok = &brokenAt{op: op, err: in.err}, true
		}
		switch {
		case ok:
			if err := r.breakers.ownMessage(ctx, b, broken); err != nil {
				return err
			}
			if r.breakers.counted(err); !r.reconnect(ctx) {
				return nil // all else was done
			}
		case err != nil && !single(err):
			return err
		case err != nil:
			r.fail(op, err)
		case known.Tries > 0:
			if err := r.base.Mended(ctx, known); err != nil {
				return err
			}
		}
	}
	return nil
}
