package mirror

import (
	"cmp"
	"context"
	"iter"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir/index"
)

// unchanged: all four equal. An expunge need not raise HIGHESTMODSEQ, and without mod-sequences flags may have changed.
func (b *box) unchanged() bool {
	st := b.remote.Status
	return b.known && st != nil && b.UIDValidity == plan.UIDValidity(st.UIDValidity) && b.UIDNext == st.UIDNext &&
		b.Messages == st.Messages && b.ModSeq == plan.ModSeq(st.HighestModSeq) && b.ModSeq != 0
}

// there finds what changed on the server, by the cheapest way that it offers.
func (r *run) there(ctx context.Context, b *box) error {
	b.now, b.messages, b.byUID = b.Mailbox, nil, nil
	if b.remote == nil {
		return r.changes(ctx, b, sight{all: true})
	}
	if b.unchanged() {
		return r.changes(ctx, b, sight{})
	}
	seen, err := r.look(ctx, b)
	if err != nil {
		return err
	}
	b.read = true
	return r.changes(ctx, b, seen)
}

// sight is what was seen of a mailbox: messages that changed and UIDs that vanished, or everything.
type sight struct {
	all      bool
	messages []imap.Message // by UID
	vanished goimap.UIDSet  // may name UIDs that never were
}

// look reads what changed since the recorded point.
func (r *run) look(ctx context.Context, b *box) (sight, error) {
	var since *imap.Resync
	if r.session.QResync() && b.ModSeq > 0 {
		// Without the known UIDs: with them a server tells of those only, and not of what is new.
		since = &imap.Resync{UIDValidity: uint32(b.UIDValidity), ModSeq: imap.ModSeq(b.ModSeq)}
	}
	s, err := r.selected(ctx, b, since)
	if err != nil {
		return sight{}, err
	}
	old := b.now
	b.observed(s)
	switch {
	case s.Exists == 0:
		return sight{all: true}, nil
	case !b.known || b.mustMatch || b.UIDValidity != b.now.UIDValidity || b.ModSeq == 0 || b.now.ModSeq < b.ModSeq:
		return r.readFlags(ctx, 0)
	case s.Resynced:
		return sight{messages: byUID(s.Changed), vanished: s.Vanished}, nil
	}
	seen, err := r.readFlags(ctx, imap.ModSeq(b.ModSeq))
	if err != nil || old.UIDNext == s.UIDNext && old.Messages == s.Exists {
		return seen, err
	}
	// RFC 7162 section 3.1.4 tells nothing of expunged messages: what a search does not find is gone.
	there, err := r.session.SearchAll(ctx)
	if err != nil {
		return seen, err
	}
	for row, err := range r.base.ByUID(ctx, b.ID, nil) {
		if err != nil {
			return seen, err
		}
		if !there.Contains(row.UID) {
			seen.vanished.AddNum(row.UID)
		}
	}
	return seen, nil
}

// observed notes what SELECT said.
func (b *box) observed(s *imap.Selected) {
	b.now.UIDValidity, b.now.MailboxID = plan.UIDValidity(s.UIDValidity), s.MailboxID
	b.now.UIDNext, b.now.Messages, b.now.ModSeq = s.UIDNext, s.Exists, plan.ModSeq(s.HighestModSeq)
	b.now.Keeps, b.now.ReadOnly = keeps(s), s.ReadOnly
}

// readFlags reads the flags of all messages, or of those that changed.
func (r *run) readFlags(ctx context.Context, since imap.ModSeq) (sight, error) {
	seen := sight{all: since == 0}
	if seen.all {
		seen.messages = make([]imap.Message, 0, min(r.selection.Exists, 1<<17)) // a server may say anything
	}
	for m, err := range r.session.FetchFlags(ctx, every(), since, nil) {
		if err != nil {
			return seen, err
		}
		seen.messages = append(seen.messages, m)
	}
	seen.messages = byUID(seen.messages)
	return seen, nil
}

// byUID sorts messages. Of those that came more than once the last counts.
func byUID(ms []imap.Message) []imap.Message {
	slices.SortStableFunc(ms, func(a, b imap.Message) int { return cmp.Compare(a.UID, b.UID) })
	out := ms[:0]
	for _, m := range ms {
		if n := len(out); n > 0 && out[n-1].UID == m.UID {
			out[n-1] = m
		} else {
			out = append(out, m)
		}
	}
	return out
}

// changes puts into view where what was seen and the base differ, and what has to be in view always.
func (r *run) changes(ctx context.Context, b *box, seen sight) error {
	var odd []index.Row
	var err error
	if b.Odd > 0 && !seen.all {
		if odd, err = r.odd(ctx, b); err != nil {
			return err
		}
	}
	shown, err := r.merge(ctx, b, seen)
	if err != nil {
		return err
	}
	for _, row := range odd {
		if row.UID != 0 && !shown.Contains(row.UID) && r.shows(b, &row) {
			b.byUID = append(b.byUID, row.Pair)
			b.messages = append(b.messages, plan.Message{UID: row.UID, Still: true})
		}
	}
	slices.SortFunc(b.byUID, func(a, b plan.Pair) int { return cmp.Compare(a.UID, b.UID) })
	slices.SortFunc(b.messages, func(a, b plan.Message) int { return cmp.Compare(a.UID, b.UID) })
	return r.newcomers(ctx, b)
}

// merge compares what was seen with the base. It gives the UIDs of the base that the view covers.
func (r *run) merge(ctx context.Context, b *box, seen sight) (shown goimap.UIDSet, err error) {
	var rows iter.Seq2[index.Row, error]
	if seen.all {
		rows = r.base.ByUID(ctx, b.ID, nil)
	} else {
		set := uids(seen.messages, func(m imap.Message) goimap.UID { return m.UID })
		set.AddSet(seen.vanished)
		if len(set) == 0 {
			return nil, nil
		}
		rows = r.base.ByUID(ctx, b.ID, set)
	}
	rest := seen.messages
	if seen.all && b.Count == 0 { // a first run: all of them
		b.messages = slices.Grow(b.messages, len(rest))
	}
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		for len(rest) > 0 && rest[0].UID < row.UID {
			b.messages = append(b.messages, plan.Message{UID: rest[0].UID, Flags: flagsOf(rest[0].Flags), ModSeq: plan.ModSeq(rest[0].ModSeq)})
			rest = rest[1:]
		}
		shown.AddNum(row.UID)
		if len(rest) == 0 || rest[0].UID != row.UID {
			b.byUID = append(b.byUID, row.Pair)
			continue
		}
		m := plan.Message{UID: row.UID, Flags: flagsOf(rest[0].Flags), ModSeq: plan.ModSeq(rest[0].ModSeq)}
		rest = rest[1:]
		m.Still = m.Flags == row.Remote && !b.mustMatch
		if !m.Still || b.mustMatch || r.shows(b, &row) {
			b.byUID = append(b.byUID, row.Pair)
			b.messages = append(b.messages, m)
		}
	}
	for _, m := range rest {
		b.messages = append(b.messages, plan.Message{UID: m.UID, Flags: flagsOf(m.Flags), ModSeq: plan.ModSeq(m.ModSeq)})
	}
	return shown, nil
}

// odd are the pairs that may have to be in view though nothing happened to them, each once.
func (r *run) odd(ctx context.Context, b *box) ([]index.Row, error) {
	odd, err := r.base.Odd(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	bodyless, err := r.base.Bodyless(ctx, b.ID, r.Policy, len(b.fresh) > 0)
	return append(odd, slices.DeleteFunc(bodyless, func(row index.Row) bool {
		return row.State != plan.Agreed || row.Local != row.Remote // it is among the odd ones
	})...), err
}

// shows says whether a pair to which nothing happened has to be in view.
func (r *run) shows(b *box, row *index.Row) bool {
	switch {
	case row.State != plan.Agreed, row.Local != row.Remote:
		return true
	case row.Key != "":
		return false
	case r.Policy.Wants(row.Pair), len(b.fresh) > 0:
		return true
	}
	return b.wish(row.UID) != nil
}
