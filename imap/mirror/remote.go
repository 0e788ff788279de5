package mirror

import (
	"cmp"
	"context"
	"errors"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
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
	b.now, b.doubt, b.untold = b.Mailbox, nil, 0
	b.messages, b.byUID, b.rest = nil, nil, nil
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
	before := r.session.Tally()
	seen, err := r.ladder(ctx, b, s, old)
	seen.asked, seen.before = true, before
	return seen, err
}

// ladder asks what changed since the base, by the cheapest way.
func (r *run) ladder(ctx context.Context, b *box, s *imap.Selected, old index.Mailbox) (sight, error) {
	switch {
	case s.Exists == 0:
		return r.empty(ctx, b)
	case !b.known || b.mustMatch || b.UIDValidity != b.now.UIDValidity || b.ModSeq == 0 || b.now.ModSeq < b.ModSeq:
		return r.whole(ctx, b)
	case s.Resynced:
		return resynced(s), nil
	}
	seen, err := r.changed(ctx, imap.ModSeq(b.ModSeq))
	if e, ok := errors.AsType[*imap.Error](err); ok && e.Misunderstood() {
		r.session.Lose(goimap.CapCondStore)
		return r.whole(ctx, b)
	}
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

// resynced is what a SELECT with QRESYNC brought.
func resynced(s *imap.Selected) sight {
	changed := byUID(s.Changed)
	seen := sight{messages: plan.Seq(changed), set: setOf(changed), vanished: s.Vanished}
	for _, m := range changed {
		if s.Vanished.Contains(m.UID) {
			seen.both.AddNum(m.UID)
		}
	}
	return seen
}

// empty looks at a mailbox that has no messages by what SELECT says. It has to have none by what STATUS, or else SEARCH, says too.
func (r *run) empty(ctx context.Context, b *box) (sight, error) {
	if st := b.remote.Status; !b.Some || st != nil && st.Messages == 0 {
		return sight{all: true}, nil
	}
	found, err := r.session.SearchAll(ctx)
	if err != nil || len(found) == 0 {
		return sight{all: true}, err
	}
	return sight{doubt: &changes.Contradiction{Said: "that there are no messages, and finds the UIDs " + found.String()}}, nil
}

// observed notes what SELECT said.
func (b *box) observed(s *imap.Selected) {
	b.now.UIDValidity, b.now.MailboxID = plan.UIDValidity(s.UIDValidity), s.MailboxID
	b.now.UIDNext, b.now.Messages, b.now.ModSeq = s.UIDNext, s.Exists, plan.ModSeq(s.HighestModSeq)
	b.now.Keeps, b.now.ReadOnly = changes.Keeps(s), s.ReadOnly
}

// changes puts into view where what was seen and the base differ, as far as it may be believed, and what has to be in view always.
func (r *run) changes(ctx context.Context, b *box, seen sight) error {
	err := r.align(ctx, b, seen)
	if err == nil && seen.asked {
		err = r.believe(ctx, b, seen)
	}
	if err != nil {
		return err
	}
	return r.newcomers(ctx, b)
}

// align puts into view where what was seen and the base differ, and what has to be in view always.
func (r *run) align(ctx context.Context, b *box, seen sight) error {
	b.messages, b.byUID, b.rest = nil, nil, nil
	var odd []plan.Pair
	var err error
	if !seen.all {
		if odd, err = r.rows(b).Odd(ctx); err != nil {
			return err
		}
	}
	shown, err := r.merge(ctx, b, seen)
	if err != nil {
		return err
	}
	for _, row := range odd {
		if row.UID != 0 && !shown.Contains(row.UID) && r.rows(b).Shows(row) {
			b.byUID = append(b.byUID, row)
			b.messages = append(b.messages, plan.Message{UID: row.UID, Still: true})
		}
	}
	slices.SortFunc(b.byUID, func(a, b plan.Pair) int { return cmp.Compare(a.UID, b.UID) })
	slices.SortFunc(b.messages, func(a, b plan.Message) int { return cmp.Compare(a.UID, b.UID) })
	return nil
}
