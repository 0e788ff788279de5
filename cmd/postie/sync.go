package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/imap/mirror"
	"postie/imap/plan"
)

// syncFlags are those of sync alone, and the ones it shares.
type syncFlags struct {
	connection
	mailboxes       []string
	bodies          string
	allowMassDelete bool
}

func (a *app) syncCommand() *cobra.Command {
	var flags syncFlags
	cmd := &cobra.Command{
		Use:   "sync [ACCOUNT... | URL]",
		Short: "Make Maildirs and an IMAP account equal, both ways",
		Long: `sync brings down what is new in IMAP accounts and pushes back what was done here: read, flagged, moved, deleted.
It deletes on one side only what was deleted on the other, and stops where that looks like an accident (exit code 6).
Without an account all IMAP accounts are synced, several side by side.

` + quietHelp,
		Example: `  postie sync                     all IMAP accounts of the configuration
  postie sync work -n             what a run would do
  postie sync imaps://bob@imap.example.org -d ~/Mail/work`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(flags.check(), a.checkMetrics()); err != nil {
				return err
			}
			accounts, err := a.accounts(args, config.IMAP, &flags.connection)
			if err != nil {
				return err
			}
			return a.syncAll(cmd.Context(), accounts, &flags)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&flags.mailboxes, "mailbox", "m", nil, "only mailboxes of this `PATTERN`; may be repeated, \"!\" leaves out")
	f.StringVar(&flags.bodies, "bodies", "", "`WHICH` bodies come down: all or none (summaries only)")
	f.BoolVar(&flags.allowMassDelete, "allow-mass-delete", false, "delete even if most of a mailbox, or all of it, is gone on one side")
	flags.register(f)
	a.registerAfter(f)
	return cmd
}

func (f *syncFlags) check() error {
	switch {
	case f.bodies != "" && f.bodies != "all" && f.bodies != "none":
		return exit.Usagef("--bodies %s: it must be all or none", f.bodies)
	case f.jobs < 1:
		return exit.Usagef("--jobs %d: it must be 1 or more", f.jobs)
	}
	return nil
}

// policy is what account and flags want, flags first.
func (f *syncFlags) policy(a config.Account) plan.Policy {
	create := map[config.Create]plan.Side{config.CreateBoth: plan.Both, config.CreateLocal: plan.Local, config.CreateRemote: plan.Remote}[a.Create]
	return plan.Policy{MaxDelete: float64(a.MaxDelete), AllowMassDelete: f.allowMassDelete, Expunge: a.Expunge,
		Trash: a.Trash, Create: create, Terms: f.terms(a.Terms)}
}

// apply says in the options of a run what account and flags want.
func (f *syncFlags) apply(a config.Account, o *mirror.Options) {
	o.Mailboxes, o.Policy = f.patterns(a), f.policy(a)
	for _, own := range a.Own {
		o.Terms = append(o.Terms, mirror.Terms{Pattern: own.Pattern, Terms: f.terms(own.Terms)})
	}
}

// terms are what account, or a table of mailboxes, and flags say of a mailbox, flags first.
func (f *syncFlags) terms(t config.Terms) plan.Terms {
	bodies := plan.Bodies{None: t.Bodies.None, MaxSize: int64(t.Bodies.MaxSize), MaxAge: t.Bodies.MaxAge}
	switch f.bodies {
	case "all":
		bodies = plan.Bodies{Freed: true}
	case "none":
		bodies = plan.Bodies{None: true}
	}
	direction := map[config.Direction]plan.Direction{config.Pull: plan.Pull, config.Archive: plan.Archive, config.Push: plan.Push}[t.Direction]
	return plan.Terms{Bodies: bodies, Direction: direction, Revert: t.LocalChanges == config.RevertChanges,
		DeleteAfter: t.DeleteAfter, DeleteFlagged: t.DeleteFlagged, KeepFor: t.KeepFor}
}

// patterns are the mailboxes wanted: those of -m in place of those of the account.
func (f *syncFlags) patterns(a config.Account) []string {
	if len(f.mailboxes) > 0 {
		return f.mailboxes
	}
	return a.Mailboxes
}

// syncAll syncs accounts side by side.
func (a *app) syncAll(ctx context.Context, accounts []config.Account, flags *syncFlags) error {
	return a.each(ctx, accounts, &flags.connection, func(ctx context.Context, j *job) (ui.Summary, error) {
		s := &syncing{job: j}
		report, err := s.run(ctx, flags)
		for _, g := range report.Guards {
			err = errors.Join(err, g)
		}
		summary := numbersOf(report)
		if j.dryRun {
			summary.Bytes = s.showPlan(report)
		}
		return summary, err
	})
}

// syncing is one account being synced: it turns the run's events into what the user sees.
type syncing struct {
	*job
	store *library.Store
}

func (s *syncing) run(ctx context.Context, flags *syncFlags) (mirror.Report, error) {
	o, err := s.options(ctx, flags)
	if err != nil {
		return mirror.Report{}, err
	}
	return mirror.Run(ctx, o)
}

// options opens the Maildirs, and says what is to be done with them.
func (s *syncing) options(ctx context.Context, flags *syncFlags) (o mirror.Options, err error) {
	if s.store, err = s.stores.Of(ctx, s.account); err != nil {
		return o, err
	}
	o = library.Mirror(s.account, s.store)
	if o.IMAP, err = s.imapLine(ctx); err != nil {
		return o, err
	}
	s.news.quarantined = 0 // of the run that follows
	s.task.Phase("connecting", ui.Amount{})
	o.Named, o.InHand = s.app.json || s.watched != nil, s.gate.hold
	o.Wait, o.Log = time.Duration(s.app.wait), s.app.ui.Logger().With("account", s.account.Name)
	flags.apply(s.account, &o)
	o.DryRun, o.Progress = s.dryRun, s.show
	return o, nil
}

// numbersOf are the numbers of a run.
func numbersOf(r mirror.Report) ui.Summary {
	return ui.Summary{New: r.New, Uploaded: r.Uploaded, FlagsPulled: r.FlagsPulled, FlagsPushed: r.FlagsPushed,
		Moved: r.Moved, DeletedLocal: r.DeletedLocal, DeletedRemote: r.DeletedRemote, Skipped: r.Skipped,
		Failed: r.Failed, Mailboxes: r.Mailboxes, Bytes: r.Bytes, Cleared: r.Cleared}
}

// show translates an event.
func (s *syncing) show(e mirror.Event) {
	s.goesOn()
	u, name := s.app.ui, s.account.Name
	switch e := e.(type) {
	case mirror.Planned:
		s.planned, s.stored = e.Messages, 0
		s.task.Phase("syncing", ui.Amount{Messages: e.Messages, Bytes: e.Bytes})
	case mirror.Revised:
		s.planned = e.Messages
		s.task.Total(ui.Amount{Messages: e.Messages, Bytes: e.Bytes})
	case mirror.Received:
		s.gate.came()
		s.task.Add(ui.Amount{Bytes: int64(e.Bytes)})
	case mirror.Done:
		if e.Op.Kind == plan.Download || e.Op.Kind == plan.Upload {
			s.stored++
			s.task.Add(ui.Amount{Messages: 1})
		}
		s.news.did(e.Op)
		if s.watched != nil {
			s.watched.happened(e.Op, e.About)
		}
		if !s.app.json && s.app.verbose == 0 {
			return // nobody would see it
		}
		step := s.step(e.Op, e.About)
		step.Event = eventOf(e.Op.Kind)
		u.Did(step)
	case mirror.Stored:
		s.arrived(e.Mailbox, s.store, e.Message)
		if s.app.json || s.app.verbose > 0 {
			m := library.Message(s.account, s.store, e.Message)
			m.UID = ui.UID(e.UID)
			u.Stored(m)
		}
	case mirror.Failed:
		err := e.Err
		if !exit.Is[*mirror.NoMailboxError](err) {
			err = fmt.Errorf("%s: %w", e.Mailbox, e.Err)
		}
		known := err.Error()
		if broken, ok := errors.AsType[*mirror.BreaksError](err); ok {
			known = fmt.Sprintf("the connection ends: %s %d %s", e.Mailbox, e.UID, e.Key) // how often, and when it is tried again, differs
			if !broken.Mailbox {
				s.news.quarantined++
			}
		}
		f := ui.Failure{Account: name, Host: s.account.Host, Err: err, Hint: s.without(e), Exit: exit.Partial}
		if exit.Is[*mirror.NoMailboxError](e.Err) && s.watched == nil { // a backup that saves nothing must not look well
			u.Error(f)
			return
		}
		s.failAs(known, f)
	case mirror.Notice:
		text := e.Text
		if e.Mailbox != "" {
			text = e.Mailbox + ": " + text
		}
		s.notice(text)
	}
}

// without says how to leave a mailbox out that will fail in each run.
func (s *syncing) without(e mirror.Failed) string {
	if exit.Is[*mirror.NoMailboxError](e.Err) {
		return exit.Hint(e.Err, s.account.Name)
	}
	if !errors.Is(e.Err, mirror.ErrUIDs) {
		return ""
	}
	patterns := s.account.Mailboxes
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	var quoted []string
	for _, p := range append(slices.Clip(patterns), "!"+e.Mailbox) {
		quoted = append(quoted, strconv.Quote(p))
	}
	return "to leave it out: mailboxes = [" + strings.Join(quoted, ", ") + "]"
}

// showPlan prints what a run would do. It gives how many octets would come.
func (s *syncing) showPlan(r mirror.Report) (bytes int64) {
	for i, op := range r.Plan.Ops {
		if op.Kind == plan.Download || op.Body {
			bytes += op.Pair.Size
		}
		s.app.ui.Plan(s.step(op, r.About[i]))
	}
	return bytes
}
