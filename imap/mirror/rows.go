package mirror

import (
	"context"
	"iter"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
)

// rows are the base of a mailbox, as what reads the server wants to know it.
type rows struct {
	a *account
	b *box
}

func (a *account) rows(b *box) changes.Rows { return rows{a, b} }

func (w rows) ByUID(ctx context.Context, set goimap.UIDSet) iter.Seq2[plan.Pair, error] {
	return func(yield func(plan.Pair, error) bool) {
		if w.b.ID == 0 {
			return
		}
		for row, err := range w.a.base.ByUID(ctx, w.b.ID, set) {
			if !yield(row.Pair, err) {
				return
			}
		}
	}
}

func (w rows) Held(ctx context.Context) (int64, error) { return w.a.base.Held(ctx, w.b.ID) }

func (w rows) AlwaysInView(ctx context.Context) (pairs []plan.Pair, err error) {
	if !w.b.AlwaysInView {
		return nil, nil
	}
	always, err := w.a.base.AlwaysInView(ctx, w.b.ID)
	if err != nil {
		return nil, err
	}
	bodyless, err := w.a.base.Bodyless(ctx, w.b.ID, w.a.policy(w.b).Bounds(), len(w.b.fresh) > 0)
	always = append(always, slices.DeleteFunc(bodyless, func(row base.Row) bool {
		return row.State != plan.Agreed || row.Local != row.Remote // it is among them already
	})...)
	for _, row := range always {
		pairs = append(pairs, row.Pair)
	}
	return pairs, err
}

func (w rows) Shows(p plan.Pair) bool {
	switch {
	case p.State != plan.Agreed, p.Local != p.Remote:
		return true
	case p.Key != "":
		return false
	case w.a.policy(w.b).Wants(p), len(w.b.fresh) > 0:
		return true
	}
	return w.b.pendingChange(p.UID) != nil
}
