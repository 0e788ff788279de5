package retrieve

import (
	"context"
	"crypto/sha256"
	"io"
	"slices"

	"postie/maildir"
)

// rehearse reads the messages that a run would read and compare with what is here, so that a dry run knows which of them are new, which are
// to be deleted, and which are known. Nothing is stored. Where the session breaks the rest stays as it is planned.
func (r *run) rehearse(ctx context.Context, plan *Plan) error {
	sizes := map[int64]bool{}
	for id, copies := range plan.Unmatched {
		sizes[id.size] = true
		for _, c := range copies {
			sizes[c.listed] = true
		}
	}
	var doubtful []Op
	var at []int // where they are in the plan
	for i, op := range plan.Ops {
		known := len(op.Against) > 0 || sizes[op.Item.Size] || op.Item.Size <= 0 && len(sizes) > 0
		if op.Action == Fetch && !op.Last && op.Damaged == nil && known {
			doubtful, at = append(doubtful, op), append(at, i)
		}
	}
	if len(doubtful) == 0 {
		return nil
	}
	r.unmatched = plan.Unmatched
	next := 0
	for m, err := range r.session.Retrieve(ctx, listed(doubtful)) {
		if err != nil {
			r.Log.Info("dry run ended early", "error", err)
			return context.Cause(ctx)
		}
		op := &plan.Ops[at[next]]
		next++
		if m.Refused != nil {
			continue
		}
		h := sha256.New()
		n, err := io.Copy(h, m.Body)
		if err != nil {
			continue // the session says the same next
		}
		r.recognize(op, maildir.Wire{Size: n, Hash: [32]byte(h.Sum(nil))})
	}
	return nil
}

// recognize makes of an op what a run would do once it has read the message.
func (r *run) recognize(op *Op, wire maildir.Wire) {
	c := r.equal(*op, wire)
	counted := c != nil && (!c.lost || slices.Contains(op.Against, c))
	switch {
	case c == nil:
		op.Against, op.Reason = nil, "new"
	case c.damaged:
		op.Damaged, op.Reason = c, "its copy here is damaged"
	case c.Due && counted:
		op.Action, op.Copy, op.Reason = Drop, c, r.Policy.Keep.reason()
	default:
		op.Action, op.Copy, op.Reason = RecordOnly, c, "known by its content"
	}
}
