package mirror

import (
	"cmp"
	"context"
	"slices"

	"postie/imap/changes"
	"postie/imap/plan"
)

// window is how many newcomers are planned at once. What a plan says of one takes about a kilobyte.
const window = 8192

// inWindows says whether newcomers can be planned one part after the other: nothing is new here, and nothing is missing on
// either side that one of them could be. Else a move would look like a deletion and a download. So nothing is deleted before all newcomers
// have been seen.
func (o *observer) inWindows() bool {
	if o.changedHere() || o.DryRun { // a dry run lists everything
		return false
	}
	return !slices.ContainsFunc(o.boxes, func(b *box) bool {
		return b.mustMatch || b.unstable || len(b.pending) > 0 || b.blind || b.known && b.exist() != plan.Both || !b.intact()
	})
}

// changedHere says whether files are missing, new, or there twice.
func (o *observer) changedHere() bool {
	return slices.ContainsFunc(o.boxes, func(b *box) bool { return len(b.missing) > 0 || b.news+b.twins > 0 })
}

// viewAllNewcomers brings into view the newcomers that are left for later windows, where they cannot be planned in windows.
func (o *observer) viewAllNewcomers(ctx context.Context) error {
	if o.inWindows() {
		return nil
	}
	for _, b := range o.boxes {
		if b.outside || len(b.delta.New) == 0 {
			continue
		}
		o.there.room = changes.Count(b.delta.New)
		if err := o.there.newcomers(ctx, b); err != nil && !single(err) {
			return o.at(looking(b), err)
		} else if err != nil {
			b.outside = true
			o.refuse(plan.Op{Mailbox: b.Name}, err)
		}
	}
	return nil
}

// nextWindow observes the next newcomers that waited: a window of one mailbox, of which nothing else is to be decided any more. Without any
// the pass is at its end.
func (r *run) nextWindow(ctx context.Context, broken map[string]bool) ([]plan.Mailbox, error) {
	for _, b := range r.boxes {
		for len(b.delta.New) > 0 && !b.outside {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			err := r.observer.observeWindow(ctx, b, broken)
			if err != nil {
				if err := r.applier.failed(plan.Op{Kind: plan.Download, Mailbox: b.Name}, err, broken); err != nil {
					return nil, err
				}
				continue
			}
			if len(b.delta.Messages) > 0 {
				return r.observer.windowed(ctx, b)
			}
		}
	}
	return nil, nil
}

// windowed are the views of newcomers of a mailbox and of what was archived, which they may be, in whatever mailbox.
func (o *observer) windowed(ctx context.Context, b *box) ([]plan.Mailbox, error) {
	if err := o.here.archived(ctx); err != nil {
		return nil, err
	}
	v, err := o.view(ctx, b)
	views := []plan.Mailbox{v}
	for _, c := range o.boxes {
		if err == nil && c != b && len(c.files) > 0 {
			v, err = o.view(ctx, c)
			v.Due = nil
			views = append(views, v)
		}
	}
	if err != nil || len(views) == 1 && len(b.files) == 0 {
		return views, err
	}
	return o.doubts(ctx, views)
}

// observeWindow brings newcomers of a mailbox into view, and nothing else.
func (o *observer) observeWindow(ctx context.Context, b *box, broken map[string]bool) error {
	b.known = true
	for _, c := range o.boxes {
		c.files, c.byKey, c.delta.Pairs, c.delta.Messages = nil, nil, nil, nil
	}
	if !b.here || b.remote == nil || b.refused || broken[b.Name] {
		b.delta.New = nil
		o.spoil(plan.Op{Mailbox: b.Name})
		return nil
	}
	if err := o.opened(ctx, b); err != nil {
		return err
	}
	o.there.room = cmp.Or(o.Window, window)
	return o.at(looking(b), o.there.newcomers(ctx, b))
}

// forecast tells what is ahead, guessing of what waits that it is like what was seen of the newcomers.
func (r *run) forecast(p plan.Plan) {
	t := &r.outlook
	for _, op := range p.Ops {
		if op.UID == 0 && (op.Kind == plan.Download || op.Kind == plan.FetchSummary) {
			t.newcomers++
		}
		if op.Kind == plan.Download || op.Kind == plan.Upload || op.Body {
			t.Messages++
			t.Bytes += op.Pair.Size
		}
	}
	total := t.Planned
	for _, b := range r.boxes {
		if t.newcomers > 0 && !b.outside {
			n := changes.Count(b.delta.New)
			total.Messages += int(int64(n) * int64(t.Messages) / int64(t.newcomers))
			total.Bytes += int64(float64(n) * float64(t.Bytes) / float64(t.newcomers))
		}
	}
	switch {
	case r.DryRun:
	case t.told:
		r.emit(Revised(total))
	default:
		r.emit(total)
	}
	t.told = true
}

// outlook is what was planned so far.
type outlook struct {
	Planned
	newcomers int
	told      bool
}
