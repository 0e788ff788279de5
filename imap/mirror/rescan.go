package mirror

import (
	"context"
	"maps"
	"slices"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// passage is a file that came into a folder, or left one, since the plan was made.
type passage struct {
	box *box
	key maildir.Key
	id  plan.Identity
}

// rescan reads the folders again that changed since the plan was made, just before something is pushed that could not be
// taken back: a deletion, or a copy of what may only have been moved. What did not change is not read.
func (r *run) rescan(ctx context.Context, demanded ...*look.Folder) error {
	all, err := r.local.Again(ctx, demanded...)
	if err != nil {
		return err
	}
	r.came, r.went = nil, nil
	for _, p := range all {
		b := r.boxOf(p.Folder)
		for _, e := range p.Came {
			if id, ok := r.cameAs(ctx, b, e); ok && !b.holds(e.Key) {
				r.came = append(r.came, passage{b, e.Key, id})
			}
		}
		for _, row := range p.Left {
			id, _, err := r.base.Identify(ctx, b.ID, row.Pair)
			if err != nil {
				return err
			}
			r.went = append(r.went, passage{b, row.Key, id})
		}
		for _, e := range p.LeftNew {
			if m := b.fresh[e.Key]; m != nil {
				r.went = append(r.went, passage{b, e.Key, identityOf(m)})
			}
		}
	}
	return nil
}

// cameAs says who a file is that came since the plan was made. False: it is no message, or went on.
func (r *run) cameAs(ctx context.Context, b *box, e maildir.Entry) (plan.Identity, bool) {
	m := b.fresh[e.Key]
	if m == nil {
		var err error
		if m, err = r.readFile(ctx, b.dir, e); err != nil {
			return plan.Identity{}, false
		}
		m.Mailbox, m.Entry = b.Name, e
		b.fresh[e.Key] = m
	}
	return identityOf(m), true
}

// stillGone leaves out the deletions whose file is there all the same, or came up anywhere since the plan was made, under
// its old key or as a copy under a new one.
func (r *run) stillGone(ctx context.Context, b *box, ops []plan.Op) ([]plan.Op, error) {
	if !slices.ContainsFunc(ops, func(op plan.Op) bool { return op.Key != "" }) {
		return ops, nil
	}
	var own []*look.Folder
	if b.folder != nil {
		own = append(own, b.folder)
	}
	if err := r.rescan(ctx, own...); err != nil {
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
	if b.folder == nil && b.here {
		return true, nil // it has got its name in this run: the next one looks
	}
	if !r.local.Rests() || b.folder != nil && !r.local.Lacks(b.folder, op.Key) {
		return true, nil
	}
	if len(r.came) == 0 {
		return false, nil
	}
	id, _, err := r.base.Identify(ctx, b.ID, plan.Pair{UID: op.UID, Key: op.Key, Size: op.Pair.Size})
	return slices.ContainsFunc(r.came, func(p passage) bool { return p.key == op.Key || p.id.Same(id) }), err
}

// passing says whether a file that is to be uploaded may only be on its way from one folder to another: then it is the
// message that left there, and not a new one.
func (r *run) passing(ctx context.Context, b *box, key maildir.Key, m *index.Message) (bool, error) {
	id := identityOf(m)
	if slices.ContainsFunc(r.went, func(p passage) bool { return p.key == key || p.id.Same(id) }) {
		return true, nil
	}
	restless := func(b *box) bool { return b.folder != nil && r.local.Changed(b.folder) }
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
