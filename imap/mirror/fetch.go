package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
)

// fetcher fetches bodies on demand.
type fetcher struct {
	*account
	recovery  *recovery
	downloads *downloads
}

// What a message of which Fetch is asked for the body may have met with meanwhile; told apart by errors.Is.
const (
	ErrGone        = errGone     // deleted or moved on the server
	ErrUIDValidity = errValidity // only a Run finds out which message it is now
)

// Fetch brings down the bodies of messages, by their NUMBER in the index, of which only the summaries are here: each to where Run
// would have put it, in the same order of durable steps, whatever Policy wants. They stay, and Run finds nothing to do about them. What
// was changed here while there was no body, the file shows from then on. Messages that have a body are passed over.
//
// Errors: those of Run; and, joined, one for each message that did not come (ErrGone, ErrUIDValidity, *imap.Error, …).
func Fetch(ctx context.Context, o Options, ids ...int64) (Report, error) {
	var failed []error
	tell := o.Progress
	o.Progress = func(e Event) {
		if f, ok := e.(Failed); ok {
			failed = append(failed, f.Err)
		} else if tell != nil {
			tell(e)
		}
	}
	s := NewSession(o)
	defer s.Close()
	report, err := s.locked(ctx, func(r *run) (err error) {
		if r.base, err = base.Open(ctx, r.Store, r.Account); err != nil {
			return err
		}
		return (&fetcher{r.account, r.recovery, r.applier.downloads}).fetch(ctx, ids, nil)
	})
	if err == nil {
		err = s.Logout(ctx)
	}
	return report, errors.Join(err, errors.Join(failed...))
}

// fetch fetches bodies of messages that the base knows, and messages that it does not know, by their UIDs.
func (f *fetcher) fetch(ctx context.Context, ids []int64, unknown map[string]goimap.UIDSet) (err error) {
	wanted, err := f.bodyless(ctx, ids, unknown)
	if err != nil || len(wanted) == 0 {
		return err
	}
	if err := f.connect(ctx); err != nil {
		return err
	}
	if f.session.Has(goimap.CapNamespace) {
		f.naming.Prefix, f.naming.Delim, err = f.session.Namespace(ctx)
	} else { // the prefix is guessed, by all names
		f.naming, _, err = changes.List(ctx, f.session, false, maps.Keys(f.byName))
	}
	if err != nil {
		return err
	}
	for _, rows := range wanted {
		b := f.byName[rows[0].Mailbox]
		err := f.fetchFrom(ctx, b, rows)
		if err != nil && !single(err) {
			return err
		}
		if err != nil {
			f.fail(plan.Op{Kind: plan.Download, Mailbox: b.Name}, err)
		}
	}
	return f.base.ApplyPending(context.WithoutCancel(ctx), f.Layout)
}

// bodyless are the downloads that messages ask for, by mailbox.
func (f *fetcher) bodyless(ctx context.Context, ids []int64, unknown map[string]goimap.UIDSet) (wanted [][]plan.Op, err error) {
	all, err := f.base.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	f.byName = map[string]*box{}
	for _, m := range all {
		b := f.box(m.Name)
		b.Mailbox, b.delta.Now, b.known, b.here = m, stateOf(m), true, true
		b.dir = maildir.Dir(filepath.Join(f.Root, m.Folder))
		begun, err := f.recovery.downloadsBegun(ctx, b)
		if err != nil {
			return nil, err
		}
		for _, p := range begun {
			p.outcome, _ = plan.Resume(p.Begun)
		}
		if err := f.recovery.settleDownloads(ctx, b, begun); err != nil {
			return nil, err
		}
		rows, err := f.base.OfMessages(ctx, m.ID, ids)
		if err != nil {
			return nil, err
		}
		var ops []plan.Op
		for _, row := range rows {
			if row.UID != 0 && row.Key == "" && row.State == plan.Agreed {
				ops = append(ops, plan.Op{Kind: plan.Download, Side: plan.Local, Mailbox: m.Name, UID: row.UID, Pair: row.Pair, Reason: "asked for"})
			}
		}
		for uid := range imap.UIDs(unknown[m.Name]) { // who they are is asked as soon as the mailbox is open
			ops = append(ops, plan.Op{Kind: plan.Download, Side: plan.Local, Mailbox: m.Name, UID: uid, Pair: plan.Pair{UID: uid}, Reason: "no sync has brought it"})
		}
		if len(ops) > 0 {
			wanted = append(wanted, ops)
		}
	}
	return wanted, nil
}

// fetchFrom fetches from one mailbox. It is a failure of every message that does not come.
func (f *fetcher) fetchFrom(ctx context.Context, b *box, ops []plan.Op) error {
	var ok bool
	if b.server, ok = f.theirs(b); !ok {
		return fmt.Errorf("mailbox %q: %w", b.Name, errGone)
	}
	s, err := f.selected(ctx, b, nil)
	if err != nil {
		return err
	}
	if plan.UIDValidity(s.UIDValidity) != b.UIDValidity {
		return fmt.Errorf("select %q: %w", b.server, errValidity)
	}
	if err := f.introduce(ctx, ops); err != nil {
		return err
	}
	in := f.downloads.newIntake(context.WithoutCancel(ctx))
	gone, err := f.downloads.receiveAll(ctx, b, ops, in)
	if err := cmp.Or(in.Close(), err); err != nil {
		return err
	}
	for _, op := range ops {
		if gone.Contains(op.UID) {
			f.fail(op, errGone)
		}
	}
	return nil
}
