package mirror

import (
	"cmp"
	"context"
	"fmt"

	"postie/imap"
	"postie/imap/plan"
)

// selected selects a mailbox, unless it is selected. What a Resync brings is only there when it was not.
func (r *run) selected(ctx context.Context, b *box, since *imap.Resync) (*imap.Selected, error) {
	if r.selection != nil && r.selection.Name == b.server && since == nil {
		return r.selection, nil
	}
	r.selection = nil
	s, err := r.session.Select(ctx, b.server, since)
	if err != nil {
		return nil, err
	}
	if s.UIDValidity == 0 || s.NotSticky {
		return nil, fmt.Errorf("select %q: %w", b.server, errUIDs)
	}
	r.selection = s
	return s, nil
}

// unselect leaves the selected mailbox: some servers neither rename nor delete one that is open.
func (r *run) unselect(ctx context.Context) error {
	r.selection = nil
	if err := r.session.Unselect(ctx); err != nil && !single(err) {
		return err
	}
	return nil
}

// opened selects a mailbox to change it. Its UIDs must mean what they meant when the plan was made.
func (r *run) opened(ctx context.Context, b *box) error {
	s, err := r.selected(ctx, b, nil)
	if err == nil && b.UIDValidity != 0 && plan.UIDValidity(s.UIDValidity) != b.UIDValidity {
		return fmt.Errorf("select %q: %w", b.server, errValidity)
	}
	if err == nil && (s.ReadOnly && !b.now.ReadOnly || b.now.Keeps.Set&^keeps(s).Set != 0) {
		// Nothing else had changed, so nobody had looked. The plan is to be made again, with that known.
		b.ReadOnly, b.Keeps = s.ReadOnly, keeps(s)
		return cmp.Or(r.base.Record(ctx, b.Mailbox), error(errTurned))
	}
	return err
}
