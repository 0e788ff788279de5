package restore

import (
	"context"
	"fmt"
)

// subscribe subscribes to the mailboxes that are to be subscribed to and are not, in one round trip, when all mail is there. That a
// server refuses is told of once, and fails nothing.
func (r *run) subscribe(ctx context.Context, all []Mailbox) error {
	var wanted, names, refused []string
	for _, m := range all {
		listed, there := r.listed[m.Name]
		server, possible := r.theirs(m.Name)
		if m.Subscribe && !listed.Subscribed && possible && (r.DryRun || there && listed.Selectable()) {
			wanted, names = append(wanted, m.Name), append(names, server)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	results := make([]error, len(names))
	if !r.DryRun {
		r.step("subscribe")
		var err error
		if results, err = r.session.SubscribeAll(ctx, names); err != nil {
			return err
		}
	}
	var why error
	for i, name := range wanted {
		if results[i] != nil {
			refused, why = append(refused, name), results[i]
			continue
		}
		r.report.Subscribed++
		r.emit(Subscribed{name})
	}
	switch n := len(refused) - 1; {
	case n == 0:
		r.emit(Notice{refused[0], fmt.Sprintf("it could not be subscribed to: %v", why)})
	case n > 0:
		r.emit(Notice{refused[0], fmt.Sprintf("it and %d more could not be subscribed to: %v", n, why)})
	}
	return nil
}
