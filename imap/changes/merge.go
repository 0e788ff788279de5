package changes

import (
	"cmp"
	"context"
	"iter"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
)

// align puts into view where an answer and the base differ, and what has to be in view always.
func (d *Delta) align(ctx context.Context, rows Rows, seen answer) error {
	d.Messages, d.Pairs, d.New, d.Untold = nil, nil, nil, 0
	var always []plan.Pair
	var err error
	if !seen.all {
		if always, err = rows.AlwaysInView(ctx); err != nil {
			return err
		}
	}
	shown, err := d.merge(ctx, rows, seen)
	if err != nil {
		return err
	}
	for _, p := range always {
		if p.UID != 0 && !shown.Contains(p.UID) && rows.Shows(p) {
			d.Pairs = append(d.Pairs, p)
			d.Messages = append(d.Messages, plan.Message{UID: p.UID, Still: true})
		}
	}
	slices.SortFunc(d.Pairs, func(a, b plan.Pair) int { return cmp.Compare(a.UID, b.UID) })
	slices.SortFunc(d.Messages, func(a, b plan.Message) int { return cmp.Compare(a.UID, b.UID) })
	return nil
}

func setOf(ms []imap.Message) (set goimap.UIDSet) {
	for _, m := range ms {
		if m.UID != 0 {
			set.AddNum(m.UID)
		}
	}
	return set
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

// merge compares an answer with the base, and puts into view what differs. It gives the UIDs of the base that an answer of changes covers.
func (d *Delta) merge(ctx context.Context, rows Rows, seen answer) (covered goimap.UIDSet, err error) {
	d.New = seen.news
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
	late, covered, err := d.beside(rows, rows.ByUID(ctx, set), seen.messages)
	if err != nil || len(late) == 0 {
		return covered, err
	}
	late = slices.DeleteFunc(byUID(late), func(m imap.Message) bool {
		missed := d.Pair(m.UID) != nil && d.Message(m.UID) == nil
		return m.Flags == nil && (d.New.Contains(m.UID) || covered.Contains(m.UID) && !missed) // it tells nothing new
	})
	if len(late) == 0 {
		return covered, nil
	}
	set = setOf(late)
	d.Pairs = slices.DeleteFunc(d.Pairs, func(p plan.Pair) bool { return set.Contains(p.UID) })
	d.Messages = slices.DeleteFunc(d.Messages, func(m plan.Message) bool { return set.Contains(m.UID) })
	_, _, err = d.beside(rows, rows.ByUID(ctx, set), plan.Seq(late))
	return covered, err
}

// beside walks pairs and messages side by side. Servers tell of messages in the order of their UIDs; those that come late, or
// once more, are given back.
func (d *Delta) beside(rows Rows, pairs iter.Seq2[plan.Pair, error], messages iter.Seq2[imap.Message, error]) (late []imap.Message, covered goimap.UIDSet, err error) {
	next, stop := iter.Pull2(pairs)
	defer stop()
	p, err, more := next()
	last := goimap.UID(0)
	pass := func(until uint64) { // pairs of which no message is seen
		for more && err == nil && uint64(p.UID) < until {
			d.Pairs = append(d.Pairs, p)
			covered.AddNum(p.UID)
			p, err, more = next()
		}
	}
	for m, failed := range messages {
		switch pass(uint64(m.UID)); {
		case cmp.Or(failed, err) != nil:
			return nil, nil, cmp.Or(failed, err)
		case m.UID <= last:
			late = append(late, m)
		case more && p.UID == m.UID:
			covered.AddNum(p.UID)
			d.compare(rows, p, m)
			p, err, more = next()
		default:
			d.New.AddNum(m.UID)
		}
		last = max(last, m.UID)
	}
	pass(1 << 32)
	return late, covered, err
}

// compare puts a pair whose message is there into view, if anything is to be said of it.
func (d *Delta) compare(rows Rows, p plan.Pair, seen imap.Message) {
	m := plan.Message{UID: p.UID, Flags: FlagsOf(seen.Flags), ModSeq: plan.ModSeq(seen.ModSeq)}
	m.Still = m.Flags == p.Remote && !d.match
	if seen.Flags == nil { // what was not told is not known
		m.Flags, m.Still = p.Remote, !d.match
		d.Untold++
	}
	if !m.Still || d.match || rows.Shows(p) {
		d.Pairs = append(d.Pairs, p)
		d.Messages = append(d.Messages, m)
	}
}
