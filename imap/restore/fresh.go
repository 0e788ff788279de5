package restore

import (
	"context"
	"slices"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/source"
)

// fresh puts mail into mailboxes that are not there yet. Nothing can be in them once they are made, so that nothing has to be asked: all
// are made in one round trip, and all mail goes up in one flight, while the mail of the next mailbox is still being read. It gives
// back those that turn out to be there.
func (r *run) fresh(ctx context.Context, all []Mailbox) (there []Mailbox, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	if r.DryRun {
		for _, m := range all {
			r.emptyHanded(ctx, m)
		}
		return nil, nil
	}
	created, there, err := r.create(ctx, all)
	if err != nil || len(created) == 0 {
		return there, err
	}
	keeps, err := r.asked(ctx, created[0])
	if err != nil {
		return there, err
	}
	var sendings []*sending
	err = r.flight(ctx, func(yield func(*sending, *source.Message) bool) {
		for _, m := range created {
			ours, err := r.ours(ctx, m.Mailbox)
			if err != nil {
				r.fail(m.Name, "", err)
				continue
			}
			b := &box{name: m.Name, server: m.server, there: true, keeps: keeps}
			d, err := decide(m.Name, ours, nil, keeps)
			if err != nil {
				r.fail(m.Name, "", err)
				continue
			}
			s := r.sending(b, r.foretold(b, ours, d))
			sendings = append(sendings, s)
			for _, msg := range s.sure(s.d.upload) {
				if !yield(s, msg) {
					return
				}
			}
		}
	})
	if err != nil {
		return there, err
	}
	for _, s := range sendings {
		if err := s.finish(ctx); err != nil {
			return there, err
		}
	}
	return there, nil
}

// inbox makes the INBOX of an account that has none, before anything else: a Cyrus that lets its users make it (autocreate_quota) takes no
// other mailbox before, and says only afterwards, by NAMESPACE, how those are named. That it is refused is told when all mailboxes are made.
func (r *run) inbox(ctx context.Context) error {
	if _, listed := r.listed[naming.Inbox]; listed || len(r.Mailboxes) == 0 {
		return nil
	}
	_, refusals, err := r.session.Statuses(ctx, naming.Inbox)
	if err != nil && !single(err) {
		return err
	}
	if no := refusals[naming.Inbox]; no == nil || !no.Nonexistent() {
		return nil
	}
	if r.DryRun {
		if !slices.ContainsFunc(r.Mailboxes, func(m Mailbox) bool { return m.Name == naming.Inbox }) {
			r.preview(&box{name: naming.Inbox}, decision{})
		}
		if r.naming.Delim == 0 {
			r.naming.Delim = '/' // there will be one
		}
		return nil
	}
	r.step("create")
	if err := r.session.Create(ctx, naming.Inbox); err != nil {
		if single(err) {
			r.fail(naming.Inbox, "", err)
			return nil
		}
		return err
	}
	r.report.Created++
	r.emit(Created{naming.Inbox})
	return r.list(ctx)
}

// made is a mailbox that was made.
type made struct {
	Mailbox
	server string
}

// create makes mailboxes, in one round trip.
func (r *run) create(ctx context.Context, all []Mailbox) (done []made, there []Mailbox, err error) {
	var wanted []made
	var names []string
	for _, m := range all {
		if server, ok := r.theirs(m.Name); ok {
			wanted, names = append(wanted, made{m, server}), append(names, server)
		} else {
			r.fail(m.Name, "", errName)
		}
	}
	r.step("create")
	results, err := r.session.CreateAll(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	for i, m := range wanted {
		subscribed := r.listed[m.Name].Subscribed // a name can be
		switch err := results[i]; {
		case err == nil:
			done = append(done, m)
			r.listed[m.Name] = imap.Mailbox{Name: m.server, Subscribed: subscribed}
			r.report.Created++
			r.first("there " + m.Name) // nothing was
			r.emit(Created{m.Name})
		case r.thereAlready(ctx, m.server):
			r.listed[m.Name] = imap.Mailbox{Name: m.server, Subscribed: subscribed}
			there = append(there, m.Mailbox)
		case !single(err):
			return nil, nil, err
		default:
			r.fail(m.Name, "", err)
		}
	}
	return done, there, nil
}

// thereAlready says whether a mailbox is there that LIST did not show.
func (r *run) thereAlready(ctx context.Context, server string) bool {
	found, err := r.session.Status(ctx, server)
	return err == nil && found[server] != nil
}

// asked is what a new mailbox keeps: what one says all keep that are made now.
func (r *run) asked(ctx context.Context, m made) (plan.PermanentFlags, error) {
	s, err := r.reader.Select(ctx, m.server, nil)
	if err != nil {
		return plan.PermanentFlags{}, err
	}
	return changes.PermanentFlags(s), nil
}

// emptyHanded tells what would be put into a mailbox that is not there: it keeps what others keep, in all likelihood.
func (r *run) emptyHanded(ctx context.Context, m Mailbox) {
	b := &box{name: m.Name, keeps: plan.PermanentFlags{Flags: maildir.Flags{Set: changes.AllFlags}, Any: true}}
	_, ok := r.theirs(m.Name)
	if !ok {
		r.fail(m.Name, "", errName)
		return
	}
	ours, err := r.ours(ctx, m)
	if err != nil {
		r.fail(m.Name, "", err)
		return
	}
	d, err := decide(m.Name, ours, nil, b.keeps)
	if err != nil {
		r.fail(m.Name, "", err)
		return
	}
	r.preview(b, r.foretold(b, ours, d))
}

// theirs is the name of a mailbox on the server; false: it can have none there.
func (r *run) theirs(name string) (string, bool) {
	if listed, ok := r.listed[name]; ok { // a name above others, which may become a mailbox
		return listed.Name, true
	}
	return r.naming.Theirs(name)
}
