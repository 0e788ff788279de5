package mirror

import (
	"context"
	"fmt"
	"slices"

	"postie/imap/plan"
)

// emptiedThere says whether all messages of a mailbox are gone on the server, as it has it.
func (b *box) emptiedThere() bool {
	return b.delta.Read && b.delta.Doubt == nil && b.delta.Now.Messages == 0 && len(b.delta.Pairs) > 0 && len(b.delta.Messages) == 0
}

// planned makes the plan. Before a guard says that very many messages are gone on the server, or a mailbox is emptied here, the server is
// asked in one more way: where SEARCH finds some of them, nothing of that mailbox is believed to be gone.
func (o *observer) planned(ctx context.Context, views []plan.Mailbox) (plan.Plan, error) {
	p, err := plan.Diff(views, o.Policy)
	if err != nil {
		return p, fmt.Errorf("plan: %w", err)
	}
	again := false
	for _, b := range o.boxes {
		guarded := slices.ContainsFunc(p.Guards, func(g plan.Guard) bool {
			return g.Mailbox == b.Name && g.Cause == plan.TooMany && g.Side == plan.Local
		})
		if b.remote == nil || b.mustMatch || b.outside || !guarded && !b.emptiedThere() {
			continue
		}
		if err := o.reader.Search(ctx, remoteOf(b), &b.delta); err != nil {
			if !single(err) {
				return p, o.at(looking(b), err)
			}
			b.delta.Presume(err)
		}
		again = again || b.delta.Doubt != nil
	}
	if !again {
		return p, nil
	}
	if views, err = o.views(ctx); err != nil {
		return p, err
	}
	if p, err = plan.Diff(views, o.Policy); err != nil {
		return p, fmt.Errorf("plan: %w", err)
	}
	return p, nil
}

// doubted tells of mailboxes of which the server said what cannot be, or did not say what it was asked for.
func (o *observer) doubted() {
	for _, b := range o.boxes {
		if b.outside {
			continue
		}
		if b.delta.Doubt == nil && b.delta.Untold > 0 {
			b.delta.Doubt = problem(fmt.Sprintf("the server did not tell the flags of %d messages: they are left as they are, and asked for again", b.delta.Untold))
		}
		if b.delta.Doubt != nil && !o.contradicted[b.Name] {
			o.contradicted[b.Name] = true
			o.tell(plan.Op{Mailbox: b.Name}, b.delta.Doubt)
		}
	}
}
