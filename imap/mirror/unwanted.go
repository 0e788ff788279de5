package mirror

import (
	"context"
	"fmt"
)

// unwanted says, once for each new policy, how many bodies are here that it would not have brought. They stay: a body is
// dropped by the user only.
func (r *run) unwanted(ctx context.Context) error {
	now := r.Policy.Bodies
	now.Freed = false
	told, err := r.base.ToldBodies(ctx)
	if err != nil || told == now.String() {
		return err
	}
	n, err := r.base.Unwanted(ctx, r.Policy.Bounds())
	if err != nil {
		return err
	}
	if n > 0 {
		what := fmt.Sprint(n, " bodies are")
		if n == 1 {
			what = "1 body is"
		}
		r.note("", fmt.Sprintf("%s here that bodies = %s does not ask for; nothing is dropped (postie free does that)", what, now))
	}
	if r.DryRun {
		return nil
	}
	return r.base.TellBodies(ctx, now.String())
}
