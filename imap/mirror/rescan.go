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

// rescanner looks at the Maildirs once more before what cannot be taken back.
type rescanner struct {
	*account
	files      *files
	here       *localObserver
	came, went []passage // since the plan was made
}

// passage is a file that came into a folder, or left one, since the plan was made.
type passage struct {
	box *box
	key maildir.Key
	id  plan.Identity
}

// rescan reads the folders again that changed since the plan was made, just before something is pushed that could not be
// taken back: a deletion, or a copy of what may only have been moved. What did not change is not read.
func (s *rescanner) rescan(ctx context.Context, demanded ...*look.Folder) error {
	all, err := s.here.local.Again(ctx, demanded...)
	if err != nil {
		return err
	}
	s.came, s.went = nil, nil
	for _, p := range all {
		b := s.boxOf(p.Folder)
		for _, e := range p.Came {
			if id, ok := s.cameAs(ctx, b, e); ok && !b.holds(e.Key) {
				s.came = append(s.came, passage{b, e.Key, id})
			}
		}
		for _, row := range p.Left {
			id, _, err := s.base.Identify(ctx, b.ID, row.Pair)
			if err != nil {
				return err
			}
			s.went = append(s.went, passage{b, row.Key, id})
		}
		for _, e := range p.LeftNew {
			if m := b.fresh[e.Key]; m != nil {
				s.went = append(s.went, passage{b, e.Key, identityOf(m)})
			}
		}
	}
	return nil
}

// cameAs says who a file is that came since the plan was made. False: it is no message, or went on.
func (s *rescanner) cameAs(ctx context.Context, b *box, e maildir.Entry) (plan.Identity, bool) {
	m := b.fresh[e.Key]
	if m == nil {
		var err error
		if m, err = s.files.readFile(ctx, b.dir, e); err != nil {
			return plan.Identity{}, false
		}
		m.Mailbox, m.Entry = b.Name, e
		b.fresh[e.Key] = m
	}
	return identityOf(m), true
}

// stillGone leaves out the deletions whose file is there all the same, or came up anywhere since the plan was made, under
// its old key or as a copy under a new one.
func (s *rescanner) stillGone(ctx context.Context, b *box, ops []plan.Op) ([]plan.Op, error) {
	if !slices.ContainsFunc(ops, func(op plan.Op) bool { return op.Key != "" }) {
		return ops, nil
	}
	var own []*look.Folder
	if b.folder != nil {
		own = append(own, b.folder)
	}
	if err := s.rescan(ctx, own...); err != nil {
		return nil, err
	}
	var gone []plan.Op
	for _, op := range ops {
		back, err := s.back(ctx, b, op)
		if err != nil {
			return nil, err
		}
		if back {
			s.spoil(op)
		} else {
			gone = append(gone, op)
		}
	}
	return gone, nil
}

// back says whether a file that was missing is somewhere, or may be.
func (s *rescanner) back(ctx context.Context, b *box, op plan.Op) (bool, error) {
	if op.Key == "" {
		return false, nil
	}
	if b.folder == nil && b.here {
		return true, nil // it has got its name in this run: the next one looks
	}
	if !s.here.local.Rests() || b.folder != nil && !s.here.local.Lacks(b.folder, op.Key) {
		return true, nil
	}
	if len(s.came) == 0 {
		return false, nil
	}
	id, _, err := s.base.Identify(ctx, b.ID, plan.Pair{UID: op.UID, Key: op.Key, Size: op.Pair.Size})
	return slices.ContainsFunc(s.came, func(p passage) bool { return p.key == op.Key || p.id.Same(id) }), err
}

// passing says whether a file that is to be uploaded may only be on its way from one folder to another: then it is the
// message that left there, and not a new one.
func (s *rescanner) passing(ctx context.Context, b *box, key maildir.Key, m *index.Message) (bool, error) {
	id := identityOf(m)
	if slices.ContainsFunc(s.went, func(p passage) bool { return p.key == key || p.id.Same(id) }) {
		return true, nil
	}
	restless := func(b *box) bool { return b.folder != nil && s.here.local.Changed(b.folder) }
	homes, err := s.base.Homes(ctx, key) // not where a reader of the index saw the file since
	known := slices.Collect(maps.Values(homes))
	for _, o := range s.boxes {
		twin := o.fresh[key] != nil || slices.Contains(known, o.Name)
		if o != b && twin && (restless(o) || restless(b)) {
			return true, err
		}
	}
	return false, err
}
