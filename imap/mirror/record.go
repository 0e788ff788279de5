package mirror

import (
	"context"
	"slices"
	"time"

	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
)

// record notes how far everything was read, now that its effects are recorded. A mailbox in which something was put off, or
// failed, stays as it was recorded, so that the next run sees it again.
func (r *run) record(ctx context.Context) error {
	r.observer.doubted() // also what became known in windows
	var states []base.Mailbox
	for _, b := range r.boxes {
		if b.delta.Doubt != nil && b.ID != 0 {
			m := b.Mailbox
			m.ModSeq = 0 // read all
			states = append(states, m)
			continue
		}
		if b.outside || b.ID == 0 || b.spoiled || b.unstable || slices.Contains(r.putOff, b.Name) {
			continue
		}
		m := b.Mailbox
		m.Stamp = b.stamp
		if b.taken != nil {
			m.Places = b.taken.Places
		}
		if b.remote != nil && b.remote.Told {
			m.Subscribed.V, m.Subscribed.Valid = b.remote.Subscribed, true
		}
		if b.exist() == plan.Both { // it was made anew since it was renamed or deleted
			m.Called, m.Deleted = "", false
		}
		if b.remote != nil && (b.delta.Read || b.pushed) {
			now, ok, err := r.upTo(ctx, b)
			if err != nil {
				return r.at(looking(b), err)
			}
			if ok {
				m = reached(m, now)
			}
			if ok && b.delta.Compared && now.ModSeq > 0 {
				m.Audited = r.Now().UTC().Truncate(time.Millisecond)
			}
		}
		if m != b.Mailbox {
			states = append(states, m)
		}
	}
	r.step("record")
	if err := r.base.Record(ctx, states...); err != nil {
		return err
	}
	return r.firstSync.firstEnds(ctx)
}

// upTo gives the state up to which the base tells all of a mailbox on the server, and whether it does. Where we changed it ourselves, one
// more look says whether that was all that happened.
func (r *run) upTo(ctx context.Context, b *box) (now changes.State, ok bool, err error) {
	now = b.delta.Now
	if b.pushed && now.ModSeq > 0 {
		var still bool
		if now, still, err = r.reader.Still(ctx, changes.Mailbox{Name: b.server}, now, r.rows(b), r.observer.there.room); err != nil || !still {
			return now, false, err
		}
	}
	held, err := r.base.Held(ctx, b.ID)
	if err != nil {
		return now, false, err
	}
	return now, held == int64(now.Messages) || now.ModSeq == 0, nil
}
