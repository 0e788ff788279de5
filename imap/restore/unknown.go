package restore

import (
	"context"
	"iter"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/plan"
)

// unknown are the rows of a mailbox of which nothing is remembered.
type unknown struct{}

func (unknown) ByUID(context.Context, goimap.UIDSet) iter.Seq2[plan.Pair, error] {
	return func(func(plan.Pair, error) bool) {}
}
func (unknown) Held(context.Context) (int64, error)               { return 0, nil }
func (unknown) AlwaysInView(context.Context) ([]plan.Pair, error) { return nil, nil }
func (unknown) Shows(plan.Pair) bool                              { return true }
