package mirror

import (
	"cmp"
	"context"
	"fmt"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/plan"
)

// selected selects a mailbox, unless it is selected.
func (a *account) selected(ctx context.Context, b *box, since *imap.Resync) (*imap.Selected, error) {
	s, err := a.reader.Select(ctx, b.server, since)
	return s, a.at(looking(b), err)
}

// opened selects a mailbox to change it. Its UIDs must mean what they meant when the plan was made.
func (a *account) opened(ctx context.Context, b *box) error {
	s, err := a.selected(ctx, b, nil)
	if err == nil && b.UIDValidity != 0 && plan.UIDValidity(s.UIDValidity) != b.UIDValidity {
		return fmt.Errorf("select %q: %w", b.server, errValidity)
	}
	if err == nil && (s.ReadOnly && !b.delta.Now.ReadOnly || b.delta.Now.PermanentFlags.Set&^changes.PermanentFlags(s).Set != 0) {
		// Nothing else had changed, so nobody had looked. The plan is to be made again, with that known.
		b.ReadOnly, b.PermanentFlags = s.ReadOnly, changes.PermanentFlags(s)
		return cmp.Or(a.base.Record(ctx, b.Mailbox), error(errNowReadOnly))
	}
	return err
}
