package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
)

func (a *app) statusCommand() *cobra.Command {
	var flags statusFlags
	cmd := &cobra.Command{
		Use:   "status [ACCOUNT...]",
		Short: "Tell what is here, and how the last runs went",
		Long: `status tells of each mailbox how many messages it has, how many are unread, and how many changes wait for the next sync;
and of each account when it was last retrieved, and what went wrong since. It asks no server.

--check is for cron and Nagios: one line, and exit code 3 if an account was never retrieved, or last failed in a way that does not pass by
itself (a refused login, the deletion guard, messages that could not be had), or with --max-age had no success for that long.`,
		Example: "  postie status\n  postie status home --json\n  postie status --check --max-age 2h",
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.maxAge != 0 && !flags.check {
				return exit.Usage(errors.New("--max-age needs --check"), "postie status --check --max-age "+config.FormatDuration(time.Duration(flags.maxAge)))
			}
			return a.status(cmd.Context(), args, flags)
		},
	}
	cmd.Flags().SortFlags = false
	flags.register(cmd.Flags())
	cmd.Flags().BoolVar(&flags.check, "check", false, "say in one line whether all is well: exit code 0 or 3")
	cmd.Flags().Var(&flags.maxAge, "max-age", "with --check: how long ago the last success may be")
	return cmd
}

type statusFlags struct {
	reading
	check  bool
	maxAge duration
}

// accountStatus is a line of status --json: what is known of an account.
type accountStatus struct {
	Event     string          `json:"event"` // "status"
	Account   string          `json:"account"`
	Protocol  string          `json:"protocol"`
	Maildir   string          `json:"maildir"`
	Mailboxes []mailboxStatus `json:"mailboxes"`
	Messages  int             `json:"messages"`
	Unread    int             `json:"unread"`
	Waiting   int             `json:"waiting"`      // changes to be pushed
	Success   ui.Time         `json:"last_success"` // null: never
	Failure   ui.Time         `json:"last_failure"` // null: the last run went well
	Error     ui.OrNull       `json:"error"`
	Exit      int             `json:"exit"`
	Next      ui.OrNull       `json:"next"` // what to do
	noAccount bool            // a Maildir that was given by -d
}

type mailboxStatus struct {
	Mailbox  string `json:"mailbox"`
	Messages int    `json:"messages"`
	Unread   int    `json:"unread"`
	Flagged  int    `json:"flagged"`
	Waiting  int    `json:"waiting"`
}

func (a *app) status(ctx context.Context, names []string, f statusFlags) (err error) {
	l, err := a.library(ctx, names, f.reading)
	if err != nil {
		return err
	}
	defer l.Closing(&err)
	table := a.ui.Table(ui.Column{Title: "Mailbox"}, ui.Column{Title: "Messages", Right: true}, ui.Column{Title: "Unread", Right: true},
		ui.Column{Title: "Flagged", Right: true}, ui.Column{Title: "To push", Right: true})
	var all []accountStatus
	for _, s := range l.Shelves {
		counts, err := s.Counts(ctx)
		if err != nil {
			return err
		}
		for _, account := range s.Accounts {
			one, err := statusOf(ctx, s, account, counts)
			if err != nil {
				return err
			}
			if err := a.ui.Event(one); err != nil {
				return err
			}
			all = append(all, one)
		}
		for _, m := range all[len(all)-1].Mailboxes {
			table.Row(ui.Plain, strings.Join(s.Names(), "+")+"/"+m.Mailbox, fmt.Sprint(m.Messages), fmt.Sprint(m.Unread), fmt.Sprint(m.Flagged), waiting(m.Waiting))
		}
	}
	for _, account := range l.Fresh {
		one := accountStatus{Event: "status", Account: account.Name, Protocol: string(account.Protocol), Maildir: account.Maildir, Mailboxes: []mailboxStatus{}}
		if err := a.ui.Event(one); err != nil {
			return err
		}
		all = append(all, one)
	}
	if f.check {
		return a.checkStatus(all, time.Duration(f.maxAge), time.Now())
	}
	if err := table.Close(); err != nil {
		return err
	}
	text := ""
	for _, one := range all {
		text += one.text(a.ui, time.Now())
	}
	if text != "" {
		a.ui.Print("\n" + text)
	}
	return nil
}

// checkStatus says in one line whether all accounts are well, and of each that is not why.
func (a *app) checkStatus(all []accountStatus, maxAge time.Duration, now time.Time) error {
	var ill []string
	for _, one := range all {
		if why := one.ill(maxAge, now); why != "" {
			ill = append(ill, one.Account+": "+why)
			a.ui.Error(ui.Failure{Account: one.Account, Err: errors.New(why), Hint: string(one.Next), Exit: exit.Partial})
		}
	}
	if len(ill) == 0 {
		a.ui.Print("ok: " + ui.Count(len(all), "account"))
		return nil
	}
	a.ui.Print(fmt.Sprintf("not well: %d of %s: %s", len(ill), ui.Count(len(all), "account"), strings.Join(ill, "; ")))
	return exit.Reported(exit.Partial)
}

// ill says why somebody should look after an account; "": nobody need. A failure that may pass by itself is none until no success came for
// so long; 0: for ever.
func (s accountStatus) ill(maxAge time.Duration, now time.Time) string {
	failed := ""
	if !s.Failure.IsZero() {
		failed, _, _ = strings.Cut(string(s.Error), "\n")
	}
	switch age := now.Sub(s.Success.Time); {
	case s.noAccount:
		return ""
	case s.Success.IsZero() && failed != "":
		return "no run has succeeded yet: " + failed
	case s.Success.IsZero():
		return "no run yet"
	case failed != "" && s.Exit != exit.Connection && s.Exit != exit.InUse:
		return failed
	case maxAge > 0 && age > maxAge && failed != "":
		return "no success in the last " + config.FormatDuration(maxAge) + ": " + failed
	case maxAge > 0 && age > maxAge:
		return "no success in the last " + config.FormatDuration(maxAge) + ", and no run since"
	}
	return ""
}

func waiting(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func statusOf(ctx context.Context, s *library.Shelf, a config.Account, counts []index.Count) (accountStatus, error) {
	one := accountStatus{Event: "status", Account: a.Name, Protocol: string(a.Protocol), Maildir: a.Maildir, Mailboxes: []mailboxStatus{}}
	for _, c := range counts {
		m := mailboxStatus(c)
		one.Mailboxes = append(one.Mailboxes, m)
		one.Messages += m.Messages
		one.Unread += m.Unread
		one.Waiting += m.Waiting
	}
	if one.noAccount = a.Host == "" && len(a.Tunnel) == 0; one.noAccount { // -d
		return one, nil
	}
	run, err := s.Index.LastRun(ctx, string(a.Protocol), index.Login{User: a.User, Host: a.Host})
	one.Success, one.Failure = ui.Time{Time: run.Succeeded}, ui.Time{Time: run.Failed}
	one.Error, one.Exit, one.Next = ui.OrNull(run.Error), run.Code, ui.OrNull(run.Hint)
	if one.Next == "" && run.Code == exit.Connection {
		one.Next = "the next run tries again"
	}
	return one, err
}

// text says when an account was last retrieved.
func (s accountStatus) text(u *ui.UI, now time.Time) string {
	switch {
	case s.Success.IsZero() && s.Failure.IsZero() && len(s.Mailboxes) == 0:
		return s.Account + ": no run yet\n"
	case s.Success.IsZero() && s.Failure.IsZero():
		return ""
	}
	text := s.Account + ": "
	if s.Success.IsZero() {
		text += "no run has succeeded yet"
	} else {
		text += "last success " + ago(now.Sub(s.Success.Time)) + " (" + u.LocalDate(s.Success.Time) + ")"
	}
	if !s.Failure.IsZero() {
		text += "\n  failed " + ago(now.Sub(s.Failure.Time)) + ": " + strings.ReplaceAll(string(s.Error), "\n", "\n  ")
		if s.Next != "" {
			text += "\n  try: " + strings.ReplaceAll(string(s.Next), "\n", "\n       ")
		}
	}
	return text + "\n"
}

func ago(d time.Duration) string {
	if d < 2*time.Second {
		return "just now"
	}
	return ui.Duration(d) + " ago"
}
