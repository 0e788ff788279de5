package mirror

import (
	"cmp"
	"context"
	"fmt"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/changes"
	"postie/imap/plan"
)

// believe weighs what the server said of a mailbox, and looks a second time where it does not agree with the number of messages
// there. What is missing is taken for gone only if it agrees both times, or what was expunged meanwhile explains it.
func (r *run) believe(ctx context.Context, b *box, seen sight) error {
	if b.rest.Dynamic() {
		return nil // newcomers finds out which they are
	}
	first, err := r.answer(ctx, b, seen)
	if err != nil {
		return err
	}
	doubt := cmp.Or(seen.doubt, changes.Believable(first))
	if doubt == nil && (seen.whole || !b.differs(first)) {
		return nil
	}
	second := first
	if !seen.whole {
		if second, err = r.lookWhole(ctx, b); err != nil {
			return err
		}
	}
	if err := r.session.Noop(ctx); err != nil { // a server need not say before that what was expunged (RFC 9051 section 7.5.1)
		return err
	}
	first.Least, first.Most = seen.before.Between(r.session.Tally())
	second.Least, second.Most = first.Least, first.Most
	b.doubt = cmp.Or(seen.doubt, changes.Believable(first), changes.Believable(second))
	if b.doubt != nil && b.mustMatch {
		return b.doubt // its files would look as if they matched nothing there
	}
	if b.doubt != nil {
		b.presume()
	}
	return nil
}

// answer is what was said of a mailbox, now that it is in view.
func (r *run) answer(ctx context.Context, b *box, seen sight) (changes.Answer, error) {
	held, err := r.base.Held(ctx, b.ID)
	a := changes.Answer{Known: held, New: int64(changes.Count(b.rest)), Both: seen.both}
	i := 0
	for _, m := range b.messages { // those of the base among them are sorted as the pairs are
		for ; i < len(b.byUID) && b.byUID[i].UID < m.UID; i++ {
			a.Gone++
		}
		if i < len(b.byUID) && b.byUID[i].UID == m.UID {
			i++
		} else {
			a.New++
		}
	}
	a.Gone += int64(len(b.byUID) - i)
	a.Least, a.Most = seen.before.Between(r.session.Tally())
	return a, err
}

// differs says whether STATUS had told another number of messages than are left now that some are missing: somebody deleted them in
// between, or they are there.
func (b *box) differs(a changes.Answer) bool {
	st := b.remote.Status
	return a.Gone > 0 && st != nil && int64(st.Messages) != a.Known-a.Gone+a.New
}

// lookWhole reads the flags of all messages, after a cheaper answer that is not to be believed.
func (r *run) lookWhole(ctx context.Context, b *box) (changes.Answer, error) {
	seen := sight{all: true, whole: true, asked: true, before: r.session.Tally()}
	seen.messages = r.session.FetchFlags(ctx, changes.Every(), 0, nil)
	b.untold = 0
	if err := r.align(ctx, b, seen); err != nil {
		return changes.Answer{}, err
	}
	return r.answer(ctx, b, seen)
}

// presume takes what is missing for being there still: nobody can tell.
func (b *box) presume() {
	all := make([]plan.Message, 0, len(b.messages))
	i := 0
	for _, p := range b.byUID {
		for ; i < len(b.messages) && b.messages[i].UID < p.UID; i++ {
			all = append(all, b.messages[i])
		}
		if i == len(b.messages) || b.messages[i].UID != p.UID {
			all = append(all, plan.Message{UID: p.UID, Still: true})
		}
	}
	b.messages = append(all, b.messages[i:]...)
}

// planned makes the plan. Before a guard says that very many messages are gone on the server, it is asked in one more way: where
// SEARCH finds some of them, nothing of that mailbox is believed to be gone.
func (r *run) planned(ctx context.Context, views []plan.Mailbox) (plan.Plan, error) {
	p, err := plan.Diff(views, r.Policy)
	if err != nil {
		return p, fmt.Errorf("plan: %w", err)
	}
	again := false
	for _, g := range p.Guards {
		b := r.byName[g.Mailbox]
		if g.Cause != plan.TooMany || g.Side != plan.Local || b == nil || b.remote == nil || b.mustMatch {
			continue
		}
		if err := r.searchMissing(ctx, b); err != nil {
			if !single(err) {
				return p, err
			}
			b.doubt = err
		}
		if b.doubt != nil {
			b.presume()
			again = true
		}
	}
	if !again {
		return p, nil
	}
	if views, err = r.views(ctx); err != nil {
		return p, err
	}
	if p, err = plan.Diff(views, r.Policy); err != nil {
		return p, fmt.Errorf("plan: %w", err)
	}
	return p, nil
}

// searchMissing looks for messages that are missing in what the server said so far.
func (r *run) searchMissing(ctx context.Context, b *box) error {
	if _, err := r.selected(ctx, b, nil); err != nil {
		return err
	}
	there, err := r.session.SearchAll(ctx)
	if err != nil {
		return err
	}
	var both goimap.UIDSet
	for _, p := range b.byUID {
		if there.Contains(p.UID) && b.message(p.UID) == nil {
			both.AddNum(p.UID)
		}
	}
	if len(both) > 0 {
		b.doubt = &changes.Contradiction{Said: fmt.Sprintf("that the messages with UID %s are gone, and finds them", both)}
	}
	return nil
}

// doubted tells of mailboxes of which the server said what cannot be, or did not say what it was asked for.
func (r *run) doubted() {
	for _, b := range r.boxes {
		if b.outside {
			continue
		}
		if b.doubt == nil && b.untold > 0 {
			b.doubt = problem(fmt.Sprintf("the server did not tell the flags of %d messages: they are left as they are, and asked for again", b.untold))
		}
		if b.doubt != nil && !r.contradicted[b.Name] {
			r.contradicted[b.Name] = true
			r.tell(plan.Op{Mailbox: b.Name}, b.doubt)
		}
	}
}
