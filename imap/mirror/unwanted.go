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
	asked := now.String()
	for _, t := range r.Terms {
		asked += fmt.Sprintf(", %s: %s", t.Pattern, t.Bodies)
	}
	told, err := r.base.ToldBodies(ctx)
	if err != nil || told == asked {
		return err
	}
	n := int64(0)
	for _, b := range r.boxes {
		more, err := r.base.Unwanted(ctx, b.ID, r.policy(b).Bounds())
		if err != nil {
			return err
		}
		n += more
	}
	if n > 0 {
		what := fmt.Sprint(n, " bodies are")
		if n == 1 {
			what = "1 body is"
		}
		r.note("", fmt.Sprintf("%s here that bodies = %s does not ask for; nothing is dropped (postie free does that)", what, asked))
	}
	if r.DryRun {
		return nil
	}
	return r.base.TellBodies(ctx, asked)
}
