package mirror

import (
	"cmp"
	"context"
	"iter"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir/index"
)

// sight is what is seen of a mailbox: messages that changed and UIDs that vanished, or everything. A mailbox may be large: its
// messages pass by, and none is kept that is as it was agreed.
type sight struct {
	all      bool
	messages iter.Seq2[imap.Message, error] // nil: none. With all as they come, else by UID
	set      goimap.UIDSet                  // of messages, without all
	vanished goimap.UIDSet                  // may name UIDs that never were
	news     goimap.UIDSet                  // messages of which no more is known yet than that the base does not have them
	whole    bool                           // messages are all that there are, with their flags
	asked    bool                           // it comes from the server
	before   imap.Tally                     // from before the answers came
	both     goimap.UIDSet                  // vanished, and shown all the same
	doubt    error                          // what contradicts the answer already
}

// whole reads the flags of all messages, or, where there is nothing to compare them with, only which there are.
func (r *run) whole(ctx context.Context, b *box) (seen sight, err error) {
	seen.all = true
	some := b.Some || b.mustMatch
	if !some { // resume may have found some
		held, err := r.base.Held(ctx, b.ID)
		if err != nil {
			return seen, err
		}
		some = held > 0
	}
	switch {
	case some:
		seen.messages, seen.whole = r.session.FetchFlags(ctx, changes.Every(), 0, nil), true
	case r.session.Tally().Exists <= int64(r.room):
		seen.news = changes.Every() // all that is wanted of them comes with the answer to one question
	default:
		seen.news, err = r.session.SearchAll(ctx)
	}
	return seen, err
}

// changed reads the flags of messages that changed.
func (r *run) changed(ctx context.Context, since imap.ModSeq) (sight, error) {
	var all []imap.Message
	for m, err := range r.session.FetchFlags(ctx, changes.Every(), since, nil) {
		if err != nil {
			return sight{}, err
		}
		all = append(all, m)
	}
	all = byUID(all)
	return sight{messages: plan.Seq(all), set: setOf(all)}, nil
}

func setOf(ms []imap.Message) goimap.UIDSet {
	return uids(ms, func(m imap.Message) goimap.UID { return m.UID })
}

// byUID sorts messages. Of those that came more than once the last counts, as far as it tells the flags.
func byUID(ms []imap.Message) []imap.Message {
	slices.SortStableFunc(ms, func(a, b imap.Message) int { return cmp.Compare(a.UID, b.UID) })
	out := ms[:0]
	for _, m := range ms {
		if n := len(out); n > 0 && out[n-1].UID == m.UID {
			if m.Flags == nil {
				m.Flags = out[n-1].Flags
			}
			out[n-1] = m
		} else {
			out = append(out, m)
		}
	}
	return out
}

// merge compares what is seen with the base, and puts into view what differs. It gives the UIDs of the base that a sight of changes covers.
func (r *run) merge(ctx context.Context, b *box, seen sight) (covered goimap.UIDSet, err error) {
	b.rest = seen.news
	if seen.messages == nil {
		seen.messages = plan.Seq[imap.Message](nil)
	}
	if seen.all && len(seen.news) > 0 { // there is no base
		return nil, nil
	}
	var set goimap.UIDSet // all
	if !seen.all {
		if set = slices.Clone(seen.set); len(seen.vanished) > 0 {
			set.AddSet(seen.vanished)
		}
		if len(set) == 0 {
			return nil, nil
		}
	}
	late, covered, err := r.beside(b, r.base.ByUID(ctx, b.ID, set), seen.messages)
	if err != nil || len(late) == 0 {
		return covered, err
	}
	late = slices.DeleteFunc(byUID(late), func(m imap.Message) bool {
		missed := at(b.byUID, m.UID, func(p plan.Pair) goimap.UID { return p.UID }) != nil && b.message(m.UID) == nil
		return m.Flags == nil && (b.rest.Contains(m.UID) || covered.Contains(m.UID) && !missed) // it tells nothing new
	})
	if len(late) == 0 {
		return covered, nil
	}
	set = setOf(late)
	b.byUID = slices.DeleteFunc(b.byUID, func(p plan.Pair) bool { return set.Contains(p.UID) })
	b.messages = slices.DeleteFunc(b.messages, func(m plan.Message) bool { return set.Contains(m.UID) })
	_, _, err = r.beside(b, r.base.ByUID(ctx, b.ID, set), plan.Seq(late))
	return covered, err
}

// beside walks rows and messages side by side. Servers tell of messages in the order of their UIDs; those that come late, or
// once more, are given back.
func (r *run) beside(b *box, rows iter.Seq2[index.Row, error], messages iter.Seq2[imap.Message, error]) (late []imap.Message, covered goimap.UIDSet, err error) {
	next, stop := iter.Pull2(rows)
	defer stop()
	row, err, more := next()
	last := goimap.UID(0)
	pass := func(until goimap.UID) { // rows of which no message is seen
		for more && err == nil && row.UID < until {
			b.byUID = append(b.byUID, row.Pair)
			covered.AddNum(row.UID)
			row, err, more = next()
		}
	}
	for m, failed := range messages {
		switch pass(m.UID); {
		case cmp.Or(failed, err) != nil:
			return nil, nil, cmp.Or(failed, err)
		case m.UID <= last:
			late = append(late, m)
		case more && row.UID == m.UID:
			covered.AddNum(row.UID)
			r.compared(b, &row, m)
			row, err, more = next()
		default:
			b.rest.AddNum(m.UID)
		}
		last = max(last, m.UID)
	}
	pass(^goimap.UID(0))
	return late, covered, err
}

// compared puts a pair whose message is there into view, if anything is to be said of it.
func (r *run) compared(b *box, row *index.Row, seen imap.Message) {
	m := plan.Message{UID: row.UID, Flags: changes.FlagsOf(seen.Flags), ModSeq: plan.ModSeq(seen.ModSeq)}
	m.Still = m.Flags == row.Remote && !b.mustMatch
	if seen.Flags == nil { // what was not told is not known
		m.Flags, m.Still = row.Remote, !b.mustMatch
		b.untold++
	}
	if !m.Still || b.mustMatch || r.rows(b).Shows(row.Pair) {
		b.byUID = append(b.byUID, row.Pair)
		b.messages = append(b.messages, m)
	}
}
