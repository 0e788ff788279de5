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
)

// At some messages servers end the connection, or fall silent, in every run: they cannot read them. One such message must not keep
// back those behind it. A message at which a connection broke is put aside, the run goes on over a new connection, and asks for it
// last and alone. Where that breaks the connection too, it is remembered, and asked for ever more seldom.

// most is after how many broken connections it is the server, or the line, that is sick, and not so many messages.
const most = 16

// brokenAt is the error of a connection that ended while a message was asked for.
type brokenAt struct {
	op   plan.Op
	long bool // nothing came, and it was a long command line that the server may not take
	err  error
}

func (e *brokenAt) Error() string { return e.err.Error() }
func (e *brokenAt) Unwrap() error { return e.err }

// BreaksError is the Err of a Failed: the message is there, and the connection ended whenever it was asked for.
type BreaksError struct {
	Size  int64 // octets, as the server says; 0: it was asked for these only
	Tries int   // runs in which that happened
	Again time.Time
	Err   error // nil: it was not asked for in this run
}

func (e *BreaksError) Error() string {
	text := fmt.Sprintf("the connection ended when the server was asked for this message of %d octets", e.Size)
	if e.Size == 0 {
		text = "the connection ended when the server was asked for size or header of this message"
	}
	if e.Tries > 1 {
		text += fmt.Sprintf(", in %d runs", e.Tries)
	}
	if !e.Again.IsZero() {
		text += ", so it is not asked for before " + e.Again.UTC().Format("2006-01-02 15:04 MST")
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

// place is a message, by its mailbox in the index.
type place struct {
	box int64
	uid goimap.UID
}

// breakage is what a run knows of messages that break connections.
type breakage struct {
	known map[place]base.Breaker
	aside map[place]bool // put aside in this run
	last  []plan.Op      // to be asked for last
	times int            // that a connection broke

	nameless []nameless // left out in this run, since nobody knows who they are
}

// recall reads what earlier runs found out.
func (r *run) recallBreakers(ctx context.Context) error {
	all, err := r.base.Breakers(ctx)
	r.breaks = breakage{known: map[place]base.Breaker{}, aside: map[place]bool{}}
	for _, m := range all {
		r.breaks.known[place{m.Mailbox, m.UID}] = m
	}
	return err
}

// unbroken leaves out of what is to be asked for the messages that are asked for last, or not in this run.
func (r *run) unbroken(b *box, ops []plan.Op) []plan.Op {
	return slices.DeleteFunc(slices.Clone(ops), func(op plan.Op) bool {
		at := place{b.ID, op.Pair.UID}
		m, known := r.breaks.known[at]
		if known && plan.UIDValidity(m.UIDValidity) != b.UIDValidity {
			known = false // another message
		}
		again := m.At.Add(rest(m.Tries))
		switch {
		case known && r.Now().Before(again):
			r.fail(op, &BreaksError{Size: m.Size, Tries: m.Tries, Again: again})
			return true
		case known, r.breaks.aside[at]:
			r.spoil(op)
			r.breaks.last = append(r.breaks.last, op)
			return true
		}
		return false
	})
}

// broke says at which message a connection ended that was asked for some of them: the one under way, or else the first
// that had not come. came tells which had.
func (r *run) broke(ops []plan.Op, came goimap.UIDSet, under goimap.UID, err error) error {
	if !r.hungUp(err) {
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

// giveWay puts the message aside at which the connection ended, and begins a new session. It says whether the run may go on.
func (r *run) giveWay(ctx context.Context, err error) bool {
	broken, ok := errors.AsType[*brokenAt](err)
	if !ok || ctx.Err() != nil || r.breaks.times >= most {
		return false
	}
	r.breaks.times++
	r.breaks.last = nil
	if broken.long && !r.IMAP.ShortSets {
		r.IMAP.ShortSets = true
		return r.reconnect(ctx)
	}
	r.breaks.aside[place{r.byName[broken.op.Mailbox].ID, broken.op.Pair.UID}] = true
	r.Log.Info("connection ended", "mailbox", broken.op.Mailbox, "uid", broken.op.Pair.UID, "err", broken.err)
	return r.reconnect(ctx)
}

// unlearn begins a new session without LITERAL+, where it was that which ended the last.
func (r *run) unlearn(ctx context.Context) bool {
	return ctx.Err() == nil && !r.session.Alive() && slices.Contains(r.session.Lost(), goimap.CapLiteralPlus) && r.reconnect(ctx)
}

// ask fetches what one operation wants, by whatever way the message came to be here without a body.
func (r *run) ask(ctx context.Context, op plan.Op) error {
	if op.Kind == plan.FetchSummary {
		return r.summarize(ctx, []plan.Op{op})
	}
	return r.download(ctx, []plan.Op{op})
}

// askLast asks for each message that was put aside, alone.
func (r *run) askLast(ctx context.Context) error {
	for _, op := range r.breaks.last {
		b := r.byName[op.Mailbox]
		at := place{b.ID, op.Pair.UID}
		r.asking = true
		err := r.ask(ctx, op)
		r.asking = false
		broken, ok := errors.AsType[*brokenAt](err)
		switch {
		case ok:
			m := base.Breaker{Mailbox: b.ID, UIDValidity: uint32(b.UIDValidity), UID: op.Pair.UID, Size: op.Pair.Size,
				Tries: r.breaks.known[at].Tries + 1, At: r.Now()}
			if err := r.base.Break(context.WithoutCancel(ctx), m); err != nil {
				return err
			}
			r.fail(op, &BreaksError{Size: m.Size, Tries: m.Tries, Err: broken.err})
			if !r.reconnect(ctx) {
				return nil // all else was done
			}
		case err != nil && !single(err):
			return err
		case err != nil:
			r.fail(op, err)
		case r.breaks.known[at].Tries > 0:
			if err := r.base.Mended(ctx, at.box, at.uid); err != nil {
				return err
			}
		}
	}
	return nil
}
