package mirror

import (
	"context"

	"postie/maildir"
	"postie/maildir/index"
)

// resume settles what a run that was stopped left open, before anything is compared.
func (r *run) resume(ctx context.Context) error {
	for _, b := range r.boxes {
		if b.ID == 0 {
			continue
		}
		if err := r.arrivedAll(ctx, b); err != nil {
			return err
		}
	}
	if r.DryRun {
		return nil
	}
	if err := r.base.Honour(ctx, r.Layout); err != nil {
		return err
	}
	return r.resolve(ctx)
}

// arrivedAll finds the files that were about to be published. One that is there may have been renamed without its folder
// being fsynced.
func (r *run) arrivedAll(ctx context.Context, b *box) error {
	rows, err := r.base.Arriving(ctx, b.ID)
	if err != nil || len(rows) == 0 {
		return err
	}
	here := map[maildir.Key]bool{}
	if b.here {
		_, missing, err := b.dir.Parts()
		if err != nil {
			return err
		}
		for range 2 { // others may rename meanwhile
			for e, err := range b.dir.ScanBut(missing) {
				if err != nil {
					return err
				}
				here[e.Key] = true
			}
		}
		r.step("fsync-dir " + b.Name)
		if err := b.dir.SyncBut(missing); err != nil {
			return err
		}
	}
	var found, lost []index.Row
	for _, row := range rows {
		if here[row.Key] {
			found = append(found, row)
		} else {
			lost = append(lost, row)
		}
	}
	b.Odd = b.Odd || len(lost) > 0
	r.step("base resume")
	return r.base.Arrived(ctx, found, lost)
}
