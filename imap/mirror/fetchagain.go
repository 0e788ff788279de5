package mirror

import (
	"context"
	"errors"
	"fmt"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir/index"
)

// Again is a message that is damaged or missing here.
type Again struct {
	Mailbox string
	UID     goimap.UID
	Message int64 // its NUMBER; 0: the base does not know it, though it was there when the last sync had read everything
}

// FetchAgain fetches messages whose files are damaged or missing, in the order of durable steps of any download, and such that no sync
// has brought. A damaged file is put aside first, and aside is told where (base.PutAside); nothing is deleted. Stopped at any moment,
// the next Run brings what is left. Bodies that Policy does not want stay where they are.
//
// Errors: those of Fetch, and, joined, one for each message that was left as it is. Report.New counts what came.
func FetchAgain(ctx context.Context, o Options, wanted []Again, aside func(mailbox, path string)) (Report, error) {
	var failed []error
	came := 0
	tell := o.Progress
	o.Progress = func(e Event) {
		switch e := e.(type) {
		case Failed:
			failed = append(failed, fmt.Errorf("%s: %w", e.Mailbox, e.Err))
		case Stored:
			came++
		}
		if tell != nil {
			tell(e)
		}
	}
	s := NewSession(o)
	defer s.Close()
	report, err := s.locked(ctx, func(r *run) error {
		left, err := (&fetcher{r.account, r.recovery, r.applier.downloads}).fetchAgain(ctx, wanted, aside)
		failed = append(failed, left)
		return err
	})
	if err == nil {
		err = s.Logout(ctx)
	}
	report.New = came
	return report, errors.Join(err, errors.Join(failed...))
}

// fetchAgain puts damaged files aside and fetches. left names messages that it could not do that for.
func (f *fetcher) fetchAgain(ctx context.Context, wanted []Again, aside func(mailbox, path string)) (left, err error) {
	if f.base, err = base.Open(ctx, f.Store, f.Account); err != nil {
		return nil, err
	}
	var ids []int64
	unknown := map[string]goimap.UIDSet{}
	for _, w := range wanted {
		if w.Message != 0 {
			ids = append(ids, w.Message)
			continue
		}
		set := unknown[w.Mailbox]
		set.AddNum(w.UID)
		unknown[w.Mailbox] = set
	}
	ms, err := f.Store.ByIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	done, left := f.base.PutAside(ctx, ms, f.Step, func(m index.Message, path string) {
		if aside != nil {
			aside(m.Mailbox, path)
		}
	})
	ids = ids[:0]
	for _, m := range done {
		ids = append(ids, m.ID)
	}
	return left, f.fetch(ctx, ids, unknown)
}

// introduce asks who messages are that the base does not know, now that their mailbox is selected.
func (f *fetcher) introduce(ctx context.Context, ops []plan.Op) error {
	var strangers goimap.UIDSet
	for _, op := range ops {
		if op.Pair.Size == 0 && op.Pair.Date.IsZero() {
			strangers.AddNum(op.UID)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	for m, err := range f.session.FetchSizes(ctx, strangers) {
		if err != nil {
			return err
		}
		for i := range ops {
			if p := &ops[i].Pair; p.UID == m.UID {
				p.Size, p.Date = max(m.Size, 0), m.Date
				p.Remote = changes.FlagsOf(m.Flags)
				p.Local = p.Remote
			}
		}
	}
	return nil
}
