package mirror

import (
	"cmp"
	"context"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/look"
)

// resume settles what a run that was stopped left open, before anything is compared. In a dry run that happens in a copy of the index.
func (r *run) resume(ctx context.Context) error {
	if r.DryRun {
		if open, err := r.interrupted(ctx); err != nil || open {
			if err == nil {
				err = r.rehearse(ctx)
			}
			if err != nil {
				return err
			}
		}
	}
	for _, b := range r.boxes {
		if b.ID == 0 {
			continue
		}
		if err := r.arrivedAll(ctx, b); err != nil {
			return err
		}
	}
	if !r.DryRun {
		if err := r.base.ApplyPending(ctx, r.Layout); err != nil {
			return err
		}
	}
	return r.resolve(ctx)
}

// interrupted says whether a run that was stopped left something open.
func (r *run) interrupted(ctx context.Context) (bool, error) {
	intents, err := r.base.Intents(ctx)
	open := len(intents) > 0
	for _, b := range r.boxes {
		if open || err != nil || b.ID == 0 {
			continue
		}
		var rows []base.Row
		rows, err = r.base.Arriving(ctx, b.ID)
		open = len(rows) > 0
	}
	return open, err
}

// rehearse lets a dry run go on with a copy of the index, in which it may write.
func (r *run) rehearse(ctx context.Context) (err error) {
	if r.scratch != nil {
		return nil
	}
	if r.scratch, err = r.Store.Copy(ctx); err != nil {
		return err
	}
	r.Store = r.scratch
	r.base, err = base.Open(ctx, r.Store, r.Account)
	return err
}

// resumed tells of something that a run which was stopped left open. A dry run has it in its plan.
func (r *run) resumed(op plan.Op) {
	op.Kind = plan.Settle
	if r.DryRun {
		r.unsettled = append(r.unsettled, op)
	} else {
		r.done(op)
	}
}

// arrivedAll finds the files that were about to be published. One that is there may have been renamed without its folder
// being fsynced.
func (r *run) arrivedAll(ctx context.Context, b *box) error {
	rows, err := r.base.Arriving(ctx, b.ID)
	if err != nil || len(rows) == 0 {
		return err
	}
	var here map[maildir.Key]look.Place
	if b.here {
		if here, err = r.published(ctx, b, rows); err != nil {
			return err
		}
	}
	var found, lost []base.Row
	for _, row := range rows {
		if _, ok := here[row.Key]; ok {
			found = append(found, row)
		} else {
			lost = append(lost, row)
		}
	}
	b.AlwaysInView = b.AlwaysInView || len(lost) > 0
	r.step("base resume")
	return r.base.Arrived(ctx, found, lost)
}

// published finds the files of pairs that were arriving, and makes their names durable.
func (r *run) published(ctx context.Context, b *box, rows []base.Row) (map[maildir.Key]look.Place, error) {
	keys := map[maildir.Key]bool{}
	for _, row := range rows {
		keys[row.Key] = true
	}
	found, err := look.Find(ctx, []maildir.Dir{b.dir}, keys, look.Options{})
	if err := cmp.Or(err, found.Err); err != nil {
		return nil, err
	}
	_, missing, err := b.dir.Parts()
	if err != nil {
		return nil, err
	}
	if r.DryRun {
		return found.At, nil
	}
	r.step("fsync-dir " + b.Name)
	return found.At, b.dir.SyncBut(missing)
}
