package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// relook reads the folders again that changed since the plan was made, just before something is pushed that could not be
// taken back: a deletion, or a copy of what may only have been moved. What did not change is not read.
func (r *run) relook(ctx context.Context) error {
	for _, b := range r.boxes {
		if !b.here || b.looked == 0 || b.blind {
			continue
		}
		if err := r.reread(ctx, b, false); err != nil {
			return err
		}
	}
	return nil
}

// reread reads a folder, if it changed or force says so, until a reading holds. One that never does stays unstable.
func (r *run) reread(ctx context.Context, b *box, force bool) error {
	times := looks
	if b.unstable {
		times = 1 // it has no rest
	}
	for range times {
		last := cmp.Or(b.later, b)
		stamp, lost, err := b.dir.Parts()
		switch {
		case err == nil && !slices.Equal(lost, b.lost):
			err = fs.ErrNotExist // what went with a folder of its own since the plan was made is the next run's
		case err == nil && last.firm && stamp == last.seen && !force:
			if last == b.later {
				last.unstable = false
			}
			return nil
		case err == nil && !last.firm:
			err = r.pause(ctx, []*box{b})
		}
		force = false
		b.later = &box{Mailbox: b.Mailbox, known: b.known, maildirSide: maildirSide{here: true, dir: b.dir, entries: map[maildir.Key]maildir.Entry{},
			fresh: b.fresh, unread: b.unread, unstable: true}}
		if err == nil {
			err = r.scan(ctx, b.later, false)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the folder is gone, or on its way: nothing is believed of it
		}
		if err == nil {
			err = r.leavers(ctx, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// passage is a file that came or went since the plan was made.
type passage struct {
	key maildir.Key
	id  plan.Identity
}

// leavers notes what left a folder since the plan was made, and what came into it.
func (r *run) leavers(ctx context.Context, b *box) error {
	for _, p := range b.later.byKey {
		if !b.later.lacks(p.Key) || b.lacks(p.Key) {
			continue
		}
		id, err := r.base.Identify(ctx, b.ID, p)
		if err != nil {
			return err
		}
		b.later.leavers = append(b.later.leavers, passage{p.Key, id})
	}
	for _, f := range b.files {
		if f.ID != (plan.Identity{}) && !b.later.holds(f.Key) && !exists(b.dir.Path(b.entries[f.Key])) {
			b.later.leavers = append(b.later.leavers, passage{f.Key, f.ID}) // it was new, and went on
		}
	}
	for _, f := range b.later.files {
		if !b.holds(f.Key) && f.ID != (plan.Identity{}) {
			b.later.comers = append(b.later.comers, passage{f.Key, f.ID})
		}
	}
	return nil
}

// stillGone leaves out the deletions whose file is there all the same, or came up anywhere since the plan was made, under
// its old key or as a copy under a new one.
func (r *run) stillGone(ctx context.Context, b *box, ops []plan.Op) ([]plan.Op, error) {
	if !slices.ContainsFunc(ops, func(op plan.Op) bool { return op.Key != "" }) {
		return ops, nil
	}
	if b.here && b.later == nil {
		if err := r.reread(ctx, b, true); err != nil {
			return nil, err
		}
	}
	if err := r.relook(ctx); err != nil {
		return nil, err
	}
	var gone []plan.Op
	for _, op := range ops {
		back, err := r.back(ctx, b, op)
		if err != nil {
			return nil, err
		}
		if back {
			r.spoil(op)
		} else {
			gone = append(gone, op)
		}
	}
	return gone, nil
}

// back says whether a file that was missing is somewhere, or may be.
func (r *run) back(ctx context.Context, b *box, op plan.Op) (bool, error) {
	if op.Key == "" {
		return false, nil
	}
	if b.here && !b.later.lacks(op.Key) {
		return true, nil
	}
	var id plan.Identity
	for _, o := range r.boxes {
		if o.later == nil {
			continue
		}
		if o.later.unstable {
			return true, nil
		}
		if len(o.later.comers) > 0 && id == (plan.Identity{}) {
			var err error
			if id, err = r.base.Identify(ctx, b.ID, plan.Pair{UID: op.UID, Key: op.Key, Size: op.Pair.Size}); err != nil {
				return false, err
			}
		}
		if slices.ContainsFunc(o.later.comers, func(p passage) bool { return p.key == op.Key || p.id.Same(id) }) {
			return true, nil
		}
	}
	return false, nil
}

// passing says whether a file that is to be uploaded may only be on its way from one folder to another: then it is the
// message that left there, and not a new one.
func (r *run) passing(ctx context.Context, b *box, key maildir.Key, m *index.Message) (bool, error) {
	id := identityOf(m)
	for _, o := range r.boxes {
		if o.later != nil && slices.ContainsFunc(o.later.leavers, func(p passage) bool { return p.key == key || p.id.Same(id) }) {
			return true, nil
		}
	}
	restless := func(b *box) bool { return b.later != nil || b.unstable }
	homes, err := r.base.Homes(ctx, key) // not where a reader of the index saw the file since
	known := slices.Collect(maps.Values(homes))
	for _, o := range r.boxes {
		twin := o.fresh[key] != nil || slices.Contains(known, o.Name)
		if o != b && twin && (restless(o) || restless(b)) {
			return true, err
		}
	}
	return false, err
}
