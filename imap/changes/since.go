package changes

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
)

// State is how far a mailbox was read, or is now.
type State struct {
	UIDValidity    plan.UIDValidity
	MailboxID      string // RFC 8474; "": the server has none
	UIDNext        goimap.UID
	Messages       uint32
	ModSeq         plan.ModSeq // 0: there are none
	PermanentFlags plan.PermanentFlags
	ReadOnly       bool
}

// Mailbox is a mailbox on the server.
type Mailbox struct {
	Name   string       // there
	Status *imap.Status // nil: it was not told
}

// Then is what is known of a mailbox beside its rows.
type Then struct {
	State
	Base  bool // there is a base. Without one all is new
	Match bool // the UIDs of the base mean nothing any more: everything is to be in view
}

// Delta is what differs between a mailbox on the server and its base: pairs and messages whose flags are others, that are missing, or that
// are new; and those that have to be in view always (Rows.Shows).
type Delta struct {
	Now      State
	Read     bool           // the server was asked: all that changed there is in view
	Compared bool           // likewise, and of each message that is there
	Pairs    []plan.Pair    // of the base, in view, by UID
	Messages []plan.Message // in view, by UID. A pair in view without one is gone
	New      goimap.UIDSet  // messages that the base does not have, and that are not in view yet; "1:*" where nobody asked which there are
	Untold   int            // messages whose flags the server did not tell: they are as they were agreed
	Doubt    error          // why what is missing is not believed to be gone, and is in view as if it were there; nil: it is gone

	match bool // everything is to be in view
}

// Message is the one in view that has a UID; nil: none has.
func (d *Delta) Message(uid goimap.UID) *plan.Message {
	i, ok := slices.BinarySearchFunc(d.Messages, uid, func(m plan.Message, uid goimap.UID) int { return cmp.Compare(m.UID, uid) })
	if !ok {
		return nil
	}
	return &d.Messages[i]
}

// Pair is the one in view that has a UID; nil: none has.
func (d *Delta) Pair(uid goimap.UID) *plan.Pair {
	i, ok := slices.BinarySearchFunc(d.Pairs, uid, func(p plan.Pair, uid goimap.UID) int { return cmp.Compare(p.UID, uid) })
	if !ok {
		return nil
	}
	return &d.Pairs[i]
}

// Nothing is the Delta of a mailbox that is not on the server: all that the base has there is gone.
func (r *Reader) Nothing(ctx context.Context, now State, rows Rows) (Delta, error) {
	d := Delta{Now: now}
	return d, d.align(ctx, rows, answer{all: true})
}

// Since finds what changed in a mailbox since a state, by the cheapest way that the server offers, and how far it may be believed. For
// no more than room messages that are new it is not asked one by one which they are.
//
// Errors are those of the session; *Contradiction, where the mailbox is to be matched and cannot be; ErrUIDs.
func (r *Reader) Since(ctx context.Context, m Mailbox, then Then, rows Rows, room int) (Delta, error) {
	d := Delta{Now: then.State, match: then.Match}
	if then.unchanged(m.Status) {
		return d, d.align(ctx, rows, answer{})
	}
	seen, err := r.look(ctx, &d, m, then, rows, room)
	if err != nil {
		return d, err
	}
	d.Read, d.Compared = true, seen.all
	if err := d.align(ctx, rows, seen); err != nil {
		return d, err
	}
	return d, r.believe(ctx, &d, m, then, rows, seen)
}

// Still says whether nothing but what is agreed is in a mailbox, and gives the state up to which that was read.
func (r *Reader) Still(ctx context.Context, m Mailbox, then State, rows Rows, room int) (State, bool, error) {
	d := Delta{Now: then}
	seen, err := r.look(ctx, &d, m, Then{State: then, Base: true}, rows, room)
	if err == nil {
		_, err = d.merge(ctx, rows, seen)
	}
	still := len(d.Messages) == len(d.Pairs) && len(d.New) == 0
	for _, m := range d.Messages {
		still = still && m.Still
	}
	return d.Now, still, err
}

// unchanged: all four equal. An expunge need not raise HIGHESTMODSEQ, and without mod-sequences flags may have changed.
func (k *Then) unchanged(st *imap.Status) bool {
	return k.Base && st != nil && k.UIDValidity == plan.UIDValidity(st.UIDValidity) && k.UIDNext == st.UIDNext &&
		k.Messages == st.Messages && k.ModSeq == plan.ModSeq(st.HighestModSeq) && k.ModSeq != 0
}

// answer is what a server said of a mailbox: messages that changed and UIDs that vanished, or everything. A mailbox may be large: its
// messages pass by, and none is kept that is as it was agreed.
type answer struct {
	all      bool
	messages iter.Seq2[imap.Message, error] // nil: none. With all as they come, else by UID
	set      goimap.UIDSet                  // of messages, without all
	vanished goimap.UIDSet                  // may name UIDs that never were
	news     goimap.UIDSet                  // messages of which no more is known yet than that the base does not have them
	whole    bool                           // messages are all that there are, with their flags
	before   imap.Tally                     // from before it came
	both     goimap.UIDSet                  // vanished, and shown all the same
	doubt    error                          // what contradicts it already
}

// look asks what changed.
func (r *Reader) look(ctx context.Context, d *Delta, m Mailbox, then Then, rows Rows, room int) (answer, error) {
	var since *imap.Resync
	if r.session.QResync() && then.ModSeq > 0 {
		// Without the known UIDs: with them a server tells of those only, and not of what is new.
		since = &imap.Resync{UIDValidity: uint32(then.UIDValidity), ModSeq: imap.ModSeq(then.ModSeq)}
	}
	s, err := r.Select(ctx, m.Name, since)
	if err != nil {
		return answer{}, err
	}
	d.Now = StateOf(s)
	before := r.session.Tally()
	seen, err := r.ladder(ctx, d, m, then, rows, s, room)
	seen.before = before
	return seen, err
}

// StateOf is what SELECT said.
func StateOf(s *imap.Selected) State {
	return State{UIDValidity: plan.UIDValidity(s.UIDValidity), MailboxID: s.MailboxID, UIDNext: s.UIDNext, Messages: s.Exists,
		ModSeq: plan.ModSeq(s.HighestModSeq), PermanentFlags: PermanentFlags(s), ReadOnly: s.ReadOnly}
}

// ladder asks what changed, by the cheapest way.
func (r *Reader) ladder(ctx context.Context, d *Delta, m Mailbox, then Then, rows Rows, s *imap.Selected, room int) (answer, error) {
	switch {
	case s.Exists == 0:
		return r.empty(ctx, m, rows)
	case !then.Base || then.Match || then.UIDValidity != d.Now.UIDValidity || then.ModSeq == 0 || d.Now.ModSeq < then.ModSeq:
		return r.whole(ctx, then, rows, room)
	case s.Resynced:
		return resynced(s), nil
	}
	seen, named, err := r.changed(ctx, imap.ModSeq(then.ModSeq))
	if err == nil && !named {
		return r.whole(ctx, then, rows, room)
	}
	if e, ok := errors.AsType[*imap.Error](err); ok && e.Misunderstood() {
		r.session.Lose(goimap.CapCondStore)
		return r.whole(ctx, then, rows, room)
	}
	if refusal(err) { // it may be for one message only
		return r.whole(ctx, then, rows, room)
	}
	if err != nil || then.UIDNext == s.UIDNext && then.Messages == s.Exists {
		return seen, err
	}
	// RFC 7162 section 3.1.4 tells nothing of expunged messages: what a search does not find is gone.
	there, err := r.session.SearchAll(ctx)
	if err != nil {
		return seen, err
	}
	for p, err := range rows.ByUID(ctx, nil) {
		if err != nil {
			return seen, err
		}
		if !there.Contains(p.UID) {
			seen.vanished.AddNum(p.UID)
		}
	}
	return seen, nil
}

// resynced is what a SELECT with QRESYNC brought.
func resynced(s *imap.Selected) answer {
	changed := byUID(s.Changed)
	seen := answer{messages: plan.Seq(changed), set: setOf(changed), vanished: s.Vanished}
	for _, m := range changed {
		if s.Vanished.Contains(m.UID) {
			seen.both.AddNum(m.UID)
		}
	}
	return seen
}

// empty looks at a mailbox that has no messages by what SELECT says. It has to have none by what STATUS, or else SEARCH, says too.
func (r *Reader) empty(ctx context.Context, m Mailbox, rows Rows) (answer, error) {
	if m.Status != nil && m.Status.Messages == 0 {
		return answer{all: true}, nil
	}
	if held, err := rows.Held(ctx); err != nil || held == 0 && m.Status == nil {
		return answer{all: true}, err
	}
	found, err := r.session.SearchAll(ctx)
	if err != nil || len(found) == 0 {
		return answer{all: true, whole: true}, err
	}
	return answer{doubt: &Contradiction{Said: "that there are no messages, and finds the UIDs " + found.String()}}, nil
}

// whole reads the flags of all messages, or, where there is nothing to compare them with, only which there are.
func (r *Reader) whole(ctx context.Context, then Then, rows Rows, room int) (seen answer, err error) {
	seen.all = true
	some := then.Match
	if !some {
		held, err := rows.Held(ctx)
		if err != nil {
			return seen, err
		}
		some = held > 0
	}
	switch {
	case some:
		seen.messages, seen.whole = r.flags(ctx), true
	case r.session.Tally().Exists <= int64(room):
		seen.news = Every() // all that is wanted of them comes with the answer to one question
	default:
		seen.news, err = r.session.SearchAll(ctx)
	}
	return seen, err
}

// changed reads the flags of messages that changed. named says whether the server told of each which it is.
func (r *Reader) changed(ctx context.Context, since imap.ModSeq) (seen answer, named bool, err error) {
	var all []imap.Message
	named = true
	for m, err := range r.session.FetchFlags(ctx, Every(), since, nil) {
		if err != nil {
			return answer{}, false, err
		}
		named = named && m.UID != 0
		all = append(all, m)
	}
	all = byUID(all)
	return answer{messages: plan.Seq(all), set: setOf(all)}, named, nil
}
