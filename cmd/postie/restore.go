package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
	"postie/imap/naming"
	"postie/imap/restore"
	"postie/maildir"
	"postie/maildir/index/query"
	"postie/maildir/source"
)

type restoreFlags struct {
	connection
	from      string
	mailboxes []string
	to        string
	since     string
}

func (a *app) restoreCommand() *cobra.Command {
	var flags restoreFlags
	cmd := &cobra.Command{
		Use:   "restore {ACCOUNT | URL} --from PATH",
		Short: "Put mail back on an IMAP server",
		Long: `restore puts mail on an IMAP server: Maildirs of postie or any other program, mbox files, Thunderbird's folders, or
trees of .eml files, with flags, keywords, dates of arrival, mailboxes and subscriptions. What is there already is not put there
again, so it can be run as often as it takes; flags that a message there lacks are added. Nothing is ever deleted.
Subscribed are the mailboxes that were subscribed where the mail comes from, as sync, Dovecot or Courier noted it down; else all.
What the server cannot keep or refuses is named, the rest goes on, and the exit code is 3. So it is with a message at which
the connection ends each time: it is tried last and alone.

--to NAME puts one mailbox (one that --mailbox names, a single Maildir or a file) into NAME; several go below NAME.`,
		Example: `  postie restore work --from ~/Mail/work -n                 what would be put back
  postie restore new --from ~/Mail/old                      moves to another provider
  postie restore work --from ~/Mail/work --mailbox Sent --to Restored
  postie restore imaps://bob@imap.example.org --from old.mbox --to Archive`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.restore(cmd.Context(), args[0], &flags) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&flags.from, "from", "", "the mail in this `PATH`: a Maildir or a tree of them, an mbox file, .eml files, or a folder of these")
	f.StringArrayVarP(&flags.mailboxes, "mailbox", "m", nil, "only mailboxes of this `PATTERN`, as they are called in PATH; may be repeated, \"!\" leaves out")
	f.StringVar(&flags.to, "to", "", "into this `MAILBOX`, or below it")
	f.StringVar(&flags.since, "since", "", "only what arrived on that `DAY` or later: 2026-11-01, 3d, 2w, yesterday")
	f.BoolVarP(&flags.dryRun, "dry-run", "n", false, "print the plan and change nothing")
	flags.registerLogin(f)
	return cmd
}

// target is the account that mail is put into. A URL needs no Maildir.
func (a *app) target(arg string, f *restoreFlags) (config.Account, error) {
	if !strings.Contains(arg, "://") {
		picked, err := a.accounts([]string{arg}, config.IMAP, &f.connection)
		if err != nil {
			return config.Account{}, err
		}
		return picked[0], nil
	}
	root := paths.Absolute(f.from) // a sync of it into that account must not run at the same time
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		root = filepath.Dir(root)
	}
	account, err := fromURL(arg, config.IMAP, root)
	if err == nil {
		err = f.override(&account)
	}
	a.know(account)
	return account, err
}

func (a *app) restore(ctx context.Context, arg string, f *restoreFlags) error {
	if f.from == "" {
		return exit.Usage(errors.New("--from is missing"), "--from PATH says where the mail is, such as the account's maildir")
	}
	account, err := a.target(arg, f)
	if err != nil {
		return err
	}
	o, tree, err := a.restoring(ctx, f)
	if err != nil {
		return err
	}
	stores := library.NewStores(a.ui, f.dryRun)
	terminal := credential.NewTerminal("")
	terminal.Hold = a.ui.Hold
	j := &job{app: a, account: account, stores: stores, terminal: terminal, dryRun: f.dryRun, aside: true, task: a.ui.Task(account.Name)}
	ctx, gate, leave := a.interruption.enter(ctx)
	defer leave()
	j.gate = gate
	began := time.Now()
	summary, err := j.persist(ctx, func(ctx context.Context, j *job) (ui.Summary, error) { return j.restore(ctx, o, tree) })
	summary.Seconds = time.Since(began).Seconds()
	code := j.conclude(ctx, summary, err)
	if err := stores.Close(); err != nil {
		return err
	}
	if code != exit.OK {
		return exit.Reported(code)
	}
	return nil
}

// found is the mail that is to be put back, and what of it cannot be.
type found struct {
	*source.Tree
	bodyless map[string]int
	inexact  map[maildir.Key]bool
}

// restoring finds the mail and says what goes where.
func (a *app) restoring(ctx context.Context, f *restoreFlags) (o restore.Options, t found, err error) {
	from := paths.Absolute(f.from)
	if f.since != "" {
		span, err := query.ParseSpan(f.since, time.Now())
		if err != nil {
			return o, t, exit.Usagef("--since: %w", err)
		}
		o.Since = span.From
	}
	known, err := library.KnownOf(ctx, a.ui, from)
	if err != nil {
		if info, statErr := os.Stat(from); statErr == nil && info.IsDir() { // a file has no index
			a.ui.Warn("", fmt.Sprintf("the index in %s cannot be read (%v): long names of mailboxes, some keywords and subscriptions are not known", from, err))
		}
	}
	t.bodyless, t.inexact = map[string]int{}, known.Inexact
	t.Tree, err = source.Find(from, known.Options)
	switch unfit := (*source.Unfit)(nil); {
	case errors.Is(err, fs.ErrNotExist), errors.As(err, &unfit):
		return o, t, exit.Usage(err, "--from names a Maildir or a tree of them, an mbox file, .eml files, or a folder of these")
	case err != nil:
		return o, t, err
	}
	patterns := naming.Patterns(f.mailboxes)
	var all []string
	for _, m := range t.Mailboxes {
		if all = append(all, m.Name); patterns.Match(m.Name) {
			o.Mailboxes = append(o.Mailboxes, f.mailbox(m, t.Single))
		}
	}
	for name, n := range known.Bodyless {
		if patterns.Match(name) {
			t.bodyless[name] = n
		}
	}
	if len(o.Mailboxes) == 0 {
		what := "there is no mail in " + f.from
		if len(all) > 0 {
			what = fmt.Sprintf("no mailbox in %s is of %s; there are %s", f.from, strings.Join(f.mailboxes, " "), strings.Join(all, ", "))
		}
		return o, t, exit.Usage(errors.New(what), "--from PATH says where mail is, -m PATTERN which mailboxes of it")
	}
	return o, t, nil
}

// mailbox is where one of the source goes. It is subscribed to if it was so, or nobody knows; but INBOX, which all programs show.
func (f *restoreFlags) mailbox(m *source.Mailbox, single bool) restore.Mailbox {
	to := restore.Mailbox{Name: f.destination(m.Name, single), From: []*source.Mailbox{m}}
	to.Subscribe = to.Name != naming.Inbox
	if m.Subscribed != nil && (m.Name != naming.Inbox || to.Name == naming.Inbox) {
		to.Subscribe = *m.Subscribed
	}
	return to
}

// destination is the mailbox that one of the source goes into.
func (f *restoreFlags) destination(name string, single bool) string {
	to := naming.Canonical(strings.Trim(f.to, "/"))
	switch {
	case to == "":
		return name
	case single || len(f.mailboxes) == 1 && naming.Patterns(f.mailboxes).Names(name):
		return to
	}
	return to + "/" + name
}

// restore is one run. What of the tree cannot be put back is told here.
func (j *job) restore(ctx context.Context, o restore.Options, t found) (s ui.Summary, err error) {
	if library.Used(j.account) && !j.dryRun { // no sync may put the same there at the same time
		store, err := j.stores.Of(ctx, j.account)
		if err != nil {
			return s, err
		}
		lock, err := store.Index.Lock(ctx, time.Duration(j.app.wait))
		if err != nil {
			return s, err
		}
		defer lock.Release()
	}
	if o.IMAP, err = j.session().IMAP(ctx, j.account, j.terminal); err != nil {
		return s, err
	}
	j.task.Phase("connecting", ui.Amount{})
	o.DryRun, o.Progress, o.Log = j.dryRun, j.restored(t), j.app.ui.Logger().With("account", j.account.Name)
	r, err := restore.Run(ctx, o)
	if err == nil {
		r.Failed += j.unrestored(t)
	}
	return ui.Summary{Uploaded: r.Uploaded, FlagsPushed: r.Flags, Subscribed: r.Subscribed, Redated: r.Redated, Present: r.There, Failed: r.Failed, Mailboxes: r.Mailboxes, Bytes: r.Received}, err
}

// unrestored tells of what is no mail, or is not here.
func (j *job) unrestored(t found) (failed int) {
	tell := func(err error, hint string) {
		failed++
		j.app.ui.Error(ui.Failure{Account: j.account.Name, Err: err, Hint: hint, Exit: exit.Partial})
	}
	for path, err := range t.Closed {
		tell(fmt.Errorf("%s: %w", path, err), "")
	}
	for name, n := range t.bodyless {
		failed += n - 1
		tell(fmt.Errorf("%s: of %s only the summary is here", name, ui.Count(n, "message")), "no copy is here that could be put back")
	}
	const most = 5
	for _, path := range t.Foreign[:min(most, len(t.Foreign))] {
		j.app.ui.Notice(j.account.Name, path+" is no mail: it is left alone")
	}
	if n := len(t.Foreign) - most; n > 0 {
		j.app.ui.Notice(j.account.Name, fmt.Sprintf("%d more files are no mail", n))
	}
	return failed
}

// restored translates events.
func (j *job) restored(t found) func(restore.Event) {
	u, name := j.app.ui, j.account.Name
	var planned ui.Amount
	did := func(s ui.Step) {
		s.Account, s.Side = name, "remote"
		if j.dryRun {
			u.Plan(s)
		} else if j.app.json || j.app.verbose > 0 {
			u.Did(s)
		}
	}
	return func(e restore.Event) {
		switch e := e.(type) {
		case restore.Planned:
			if planned == (ui.Amount{}) {
				j.task.Phase("restoring", ui.Amount{})
			}
			planned.Messages, planned.Bytes = planned.Messages+e.Messages, planned.Bytes+e.Bytes
			j.planned = planned.Messages
			j.task.Total(planned)
		case restore.Created:
			did(ui.Step{Event: "create", Mailbox: e.Mailbox, Do: "create", Says: "make this mailbox on the server", Reason: "it is not there"})
		case restore.Subscribed:
			did(ui.Step{Event: "subscribe", Mailbox: e.Mailbox, Do: "subscribe", Says: "subscribe to this mailbox on the server", Reason: "it is not subscribed there"})
		case restore.Uploaded:
			j.stored++
			j.task.Add(ui.Amount{Messages: 1, Bytes: e.Message.Size})
			m := e.Message
			if t.inexact[m.Key] {
				u.Notice(name, fmt.Sprintf("%s: %s came with line ends of another kind than its file has: it is put back as the file is", e.Mailbox, m.Where))
			}
			did(ui.Step{Event: "upload", Mailbox: e.Mailbox, Do: "upload", Message: m.Where, UID: ui.UID(e.UID), Key: ui.OrNull(m.Key), Subject: ui.OrNull(m.Subject), Size: m.Size,
				Says: fmt.Sprintf("upload %s (%s)", titled(m.Where, m.Subject), ui.Size(m.Size)), Reason: "it is not there"})
		case restore.Flagged:
			did(ui.Step{Event: "flags", Mailbox: e.Mailbox, Do: "flags", Message: "UID " + e.UIDs.String(), Flags: "push +" + flagText(e.Add),
				Says: fmt.Sprintf("add the flags %s to UID %s on the server", flagText(e.Add), e.UIDs), Reason: "it lacks them"})
		case restore.Redated:
			says := fmt.Sprintf("%s arrived on %s; the server says", e.Where, e.Date.UTC().Format(time.DateTime))
			reason := "another time"
			if !e.There.IsZero() {
				reason = e.There.UTC().Format(time.DateTime)
			}
			did(ui.Step{Event: "date", Mailbox: e.Mailbox, Do: "date", Message: e.Where, UID: ui.UID(e.UID), Says: says, Reason: reason})
		case restore.Failed:
			err := fmt.Errorf("%s: %w", e.Mailbox, e.Err)
			if e.Where != "" {
				err = fmt.Errorf("%s: %s: %w", e.Mailbox, e.Where, e.Err)
			}
			u.Error(ui.Failure{Account: name, Host: j.account.Host, Err: err, Hint: exit.Hint(e.Err, name), Exit: exit.Partial})
		case restore.Notice:
			u.Notice(name, e.Mailbox+": "+e.Text)
		}
	}
}

// flagText is flags as a plan shows them: "FS work".
func flagText(f maildir.Flags) string {
	return strings.TrimSpace(f.Set.String() + " " + string(f.Keywords))
}
