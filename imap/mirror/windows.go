package mirror

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"postie/imap/changes"
	"postie/imap/plan"
)

// window is how many newcomers are planned at once. What a plan says of one takes about a kilobyte.
const window = 8192

// inWindows says whether newcomers can be planned one part after the other: nothing is new here, and nothing is missing on
// either side that one of them could be. Else a move would look like a deletion and a download.
func (r *run) inWindows() bool {
	if r.changedHere() || r.DryRun { // a dry run lists everything
		return false
	}
	return !slices.ContainsFunc(r.boxes, func(b *box) bool {
		return b.mustMatch || b.unstable || b.blind || b.known && b.exist() != plan.Both || !b.intact()
	})
}

// changedHere says whether files are missing, new, or there twice.
func (r *run) changedHere() bool {
	return slices.ContainsFunc(r.boxes, func(b *box) bool { return len(b.missing) > 0 || b.news+b.twins > 0 })
}

// viewAllNewcomers brings into view the newcomers that are left for later windows, where they cannot be planned in windows.
func (r *run) viewAllNewcomers(ctx context.Context) error {
	if r.inWindows() {
		return nil
	}
	for _, b := range r.boxes {
		if b.outside || len(b.delta.New) == 0 {
			continue
		}
		r.room = changes.Count(b.delta.New)
		if err := r.newcomers(ctx, b); err != nil && !single(err) {
			return err
		} else if err != nil {
			b.outside = true
			r.refuse(plan.Op{Mailbox: b.Name}, err)
		}
	}
	return nil
}

// windows brings in what waits, part by part.
func (r *run) windows(ctx context.Context, p *plan.Plan, broken map[string]bool) error {
	for _, b := range r.boxes {
		view := b.delta.Messages
		for len(b.delta.New) > 0 && !b.outside {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !b.here || b.remote == nil || b.refused || broken[b.Name] {
				r.spoil(plan.Op{Mailbox: b.Name})
				break
			}
			if err := r.bring(ctx, b, p, broken); err != nil {
				return err
			}
		}
		b.delta.Messages = view
	}
	return nil
}

// bring plans one window, and carries that out.
func (r *run) bring(ctx context.Context, b *box, p *plan.Plan, broken map[string]bool) error {
	err := r.opened(ctx, b)
	if err == nil {
		b.delta.Messages, r.room = nil, cmp.Or(r.Window, window)
		err = r.newcomers(ctx, b)
	}
	if err != nil {
		return r.failed(plan.Op{Kind: plan.Download, Mailbox: b.Name}, err, broken)
	}
	more, err := plan.Diff([]plan.Mailbox{{Name: b.Name, Known: true, Exist: plan.Both, Messages: plan.Seq(b.delta.Messages),
		UIDValidity: b.delta.Now.UIDValidity, MailboxID: b.delta.Now.MailboxID, ModSeq: b.delta.Now.ModSeq, PermanentFlags: b.delta.Now.PermanentFlags, ReadOnly: b.delta.Now.ReadOnly,
		Base: plan.Base{UIDValidity: b.UIDValidity, MailboxID: b.MailboxID}}}, r.Policy)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	p.Open = append(p.Open, more.Open...)
	for _, n := range more.Notices {
		r.note(n.Mailbox, n.Text)
	}
	r.forecast(more)
	return r.carry(ctx, more.Ops, broken)
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
