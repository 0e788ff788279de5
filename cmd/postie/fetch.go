package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
	"postie/pop3/retrieve"
)

// fetchFlags are those of fetch alone, and the ones it shares.
type fetchFlags struct {
	connection
	keep            keep
	keepFor         duration
	maxSize         size
	limit           int
	allowMassDelete bool
}

func (a *app) fetchCommand() *cobra.Command {
	var flags fetchFlags
	cmd := &cobra.Command{
		Use:   "fetch [ACCOUNT... | URL]",
		Short: "Retrieve mail by POP3 and delete it on the server once it is stored",
		Long: `fetch retrieves what is new in POP3 accounts, stores it in their Maildirs, and deletes it on the server.
A message is deleted there only after its file, its name and a record of it are durable here.
Without an account all POP3 accounts are fetched, several side by side.

` + quietHelp,
		Example: `  postie fetch                    all POP3 accounts of the configuration
  postie fetch home --keep        leave the messages on the server
  postie fetch pop3s://alice@pop.example.org -d ~/Mail/inbox`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(flags.check(), a.checkMetrics()); err != nil {
				return err
			}
			accounts, err := a.accounts(args, config.POP3, &flags.connection)
			if err != nil {
				return err
			}
			return a.fetchAll(cmd.Context(), accounts, &flags)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	flags.keep.register(f)
	f.Var(&flags.keepFor, "keep-for", "delete on the server when stored longer ago than that, such as 14d")
	f.Var(&flags.maxSize, "max-size", "leave larger messages on the server, such as 10MB")
	f.IntVar(&flags.limit, "limit", 0, "fetch at most `N` messages per account")
	f.BoolVar(&flags.allowMassDelete, "allow-mass-delete", false, "delete on the server even if most of what is to go there is gone or damaged here")
	flags.register(f)
	a.registerAfter(f)
	return cmd
}

func (f *fetchFlags) check() error {
	switch {
	case f.keep.given && f.keepFor != 0:
		return exit.Usagef("--keep and --keep-for contradict each other")
	case f.limit < 0:
		return exit.Usagef("--limit %d: it must be 0 (no limit) or more", f.limit)
	case f.jobs < 1:
		return exit.Usagef("--jobs %d: it must be 1 or more", f.jobs)
	}
	return nil
}

// policy is what account and flags want, flags first.
func (f *fetchFlags) policy(a config.Account) retrieve.Policy {
	wanted := a.Keep
	switch {
	case f.keep.given:
		wanted = f.keep.Keep
	case f.keepFor != 0:
		wanted = config.Keep{Mode: config.KeepFor, For: time.Duration(f.keepFor)}
	}
	keep := retrieve.Keep{Age: wanted.For}
	switch wanted.Mode {
	case config.KeepForever:
		keep.Mode = retrieve.Forever
	case config.KeepFor:
		keep.Mode = retrieve.For
	case config.KeepUntilDeleted:
		keep.Mode = retrieve.UntilDeleted
	}
	return retrieve.Policy{Keep: keep, MaxSize: int64(f.maxSize), Limit: f.limit,
		MaxDelete: float64(a.MaxDelete), AllowMassDelete: f.allowMassDelete}
}

// fetchAll fetches accounts side by side.
func (a *app) fetchAll(ctx context.Context, accounts []config.Account, flags *fetchFlags) error {
	return a.each(ctx, accounts, &flags.connection, func(ctx context.Context, j *job) (ui.Summary, error) {
		f := &fetching{job: j}
		policy := flags.policy(j.account)
		report, err := f.run(ctx, policy)
		s := ui.Summary{New: report.New, DeletedRemote: report.Deleted, Skipped: report.Skipped, Failed: report.Failed, Bytes: report.Bytes, Quarantined: report.Quarantined}
		if j.dryRun {
			f.showPlan(ctx, report.Plan, policy, &s)
		}
		return s, err
	})
}

// fetching is one account being fetched: it turns the run's events into what the user sees.
type fetching struct {
	*job
	store *library.Store
}

func (f *fetching) run(ctx context.Context, policy retrieve.Policy) (retrieve.Report, error) {
	var err error
	if f.store, err = f.stores.Of(ctx, f.account); err != nil {
		return retrieve.Report{}, err
	}
	options, err := f.pop3Line(ctx)
	if err != nil {
		return retrieve.Report{}, err
	}
	f.task.Phase("connecting", ui.Amount{})
	report, err := retrieve.Run(ctx, retrieve.Options{
		Maildrop: index.Login{User: f.account.User, Host: f.account.Host},
		POP3:     options,
		Store:    f.store.Index,
		Dir:      f.store.Dir,
		Policy:   policy,
		Lost:     f.store.Lost,
		DryRun:   f.dryRun,
		Wait:     time.Duration(f.app.wait),
		Progress: f.show,
		InHand:   f.gate.hold,
		Log:      f.app.ui.Logger().With("account", f.account.Name),
	})
	if g, guarded := errors.AsType[*retrieve.Guard](err); guarded && len(g.Folders) > 0 {
		f.store.Unmake()
	}
	return report, err
}

// show translates an event.
func (f *fetching) show(e retrieve.Event) {
	f.goesOn()
	u, name := f.app.ui, f.account.Name
	switch e := e.(type) {
	case retrieve.Planned:
		f.planned, f.stored = e.Messages, 0
		f.task.Phase("fetching", ui.Amount{Messages: e.Messages, Bytes: e.Bytes})
	case retrieve.Received:
		f.gate.came()
		f.task.Add(ui.Amount{Bytes: int64(e.Bytes)})
	case retrieve.Fetched:
		f.task.Add(ui.Amount{Messages: 1})
	case retrieve.Stored:
		f.stored++
		f.arrived(index.Inbox, f.store, e.Message)
		if !f.app.json && f.app.verbose == 0 {
			return // nobody would see it
		}
		m := library.Message(f.account, f.store, e.Message)
		m.UIDL = e.Item.UIDL
		u.Stored(m)
	case retrieve.Skipped:
		f.notice(fmt.Sprintf("message %d (%s) is larger than %s and was left on the server", e.Item.Number, ui.Size(e.Item.Size), ui.Size(e.Limit)))
	case retrieve.Failed:
		known := e.Err.Error()
		if e.Item.UIDL != "" { // how often it failed, and when it is tried again, differs
			known = "failed: " + string(e.Item.UIDL)
		}
		f.failAs(known, ui.Failure{Account: name, Host: f.account.Host, Err: e.Err, Exit: exit.Partial})
	case retrieve.Notice:
		f.notice(e.Text)
	}
}

// step is an operation as users see it.
func (f *fetching) step(ctx context.Context, do string, op retrieve.Op) ui.Step {
	step := ui.Step{Account: f.account.Name, Mailbox: index.Inbox, Do: do, Message: fmt.Sprint("message ", op.Item.Number),
		UIDL: op.Item.UIDL, Size: op.Item.Size, Reason: op.Reason}
	if op.Copy != nil && op.Copy.Key != "" {
		if m, ok, err := f.store.Index.ByKey(ctx, op.Copy.Key); ok && err == nil {
			step.ID, step.Subject = ui.OrNull(library.Message(f.account, f.store, m).ID), ui.OrNull(m.Summary.Subject)
		}
	}
	return step
}

// showPlan prints what a run would do, and counts it.
func (f *fetching) showPlan(ctx context.Context, plan retrieve.Plan, p retrieve.Policy, s *ui.Summary) {
	s.Bytes = 0
	for _, op := range plan.Ops {
		compare := op.Action == retrieve.Fetch && len(op.Against) > 0
		if op.Action == retrieve.Fetch {
			s.Bytes += op.Item.Size
		}
		if op.Action == retrieve.Fetch && !compare {
			s.New++
		}
		do := map[retrieve.Action]string{retrieve.Fetch: "fetch", retrieve.RecordOnly: "note as already stored",
			retrieve.Drop: "delete on the server", retrieve.Skip: "skip", retrieve.Wait: "leave alone for now"}[op.Action]
		switch {
		case op.Action == retrieve.Drop:
			s.DeletedRemote++
		case compare:
			do = "read and compare"
		case op.Action == retrieve.Fetch && p.Keep.Mode == retrieve.Delete:
			do = "fetch and delete on the server"
			s.DeletedRemote++
		}
		f.app.ui.Plan(f.step(ctx, do, op))
	}
}
