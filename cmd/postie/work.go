package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/credential"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/quota"
	"postie/cmd/postie/internal/ui"
	"postie/maildir/index"
)

// job is the work on one account: what fetch and sync have in common.
type job struct {
	app      *app
	account  config.Account
	stores   *library.Stores
	terminal *credential.Terminal
	dryRun   bool
	task     *ui.Task
	gate     *gate
	aside    bool     // it is no run of the account: status does not tell of it
	watched  *watched // nil: it is one run, not one of many
	told     *telling // what need not be told again; nil: everything is told

	planned, stored int // messages to retrieve, and those that are safe
	news            news
}

// each works on accounts side by side, tells how each went, and says in the end how all went. do returns the numbers of
// an account; they are true also beside an error.
func (a *app) each(ctx context.Context, accounts []config.Account, c *connection, do func(context.Context, *job) (ui.Summary, error)) error {
	opened := library.NewStores(a.ui, c.dryRun)
	terminal := credential.NewTerminal("")
	terminal.Hold = a.ui.Hold
	a.permit(accounts)
	codes := make([]int, len(accounts))
	var group errgroup.Group
	group.SetLimit(c.jobs)
	for i, account := range accounts {
		group.Go(func() error {
			j := &job{app: a, account: account, stores: opened, terminal: terminal, dryRun: c.dryRun, task: a.ui.Task(account.Name)}
			ctx, gate, leave := a.interruption.enter(ctx)
			defer leave()
			j.gate = gate
			j.recall(ctx)
			began := time.Now()
			summary, err := j.persist(ctx, do)
			if exit.Is[*index.Damaged](err) && opened.Renew(account) {
				summary, err = j.persist(ctx, do)
			}
			summary.Seconds = time.Since(began).Seconds()
			codes[i] = j.conclude(ctx, summary, err)
			return nil
		})
	}
	group.Wait()
	if !c.dryRun && ctx.Err() == nil {
		opened.IndexNew(ctx, accounts)
	}
	if err := opened.Close(); err != nil {
		return err
	}
	if code := exit.Combined(codes); code != exit.OK {
		return exit.Reported(code)
	}
	return nil
}

// goesOn shows that the work goes on.
func (j *job) goesOn() {
	if j.watched != nil {
		j.watched.beat()
	}
}

// failAs tells of something that failed, where it need not be told again. It is known by a text that does not differ from run to run.
func (j *job) failAs(known string, f ui.Failure) {
	if j.first(known) {
		j.app.ui.Error(f)
	}
}

// notice is failAs for what is no failure.
func (j *job) notice(text string) {
	if j.first(text) {
		j.app.ui.Notice(j.account.Name, text)
	}
}

// failures counts messages and mailboxes that something failed for.
func failures(messages, mailboxes int) error {
	var parts []string
	if messages > 0 {
		parts = append(parts, ui.Count(messages, "message"))
	}
	if mailboxes > 0 {
		parts = append(parts, ui.Count(mailboxes, "mailbox"))
	}
	rest := "they are where they were"
	if messages+mailboxes == 1 {
		rest = "it is as it was"
	}
	return fmt.Errorf("%s failed; %s", strings.Join(parts, " and "), rest)
}

// conclude tells how the work on an account went, runs the hooks, and returns the exit code.
func (j *job) conclude(ctx context.Context, s ui.Summary, err error) int {
	j.task.Done()
	a, account := j.app, j.account
	err = exit.Cause(ctx, err)
	code := exit.Code(err)
	spent := exit.Is[*quota.Spent](err) && s.Bytes+int64(s.Uploaded) == 0 && !j.aside // it was told by the run that spent it
	tell := j.tells(err, code)
	if spent {
		a.ui.Notice(account.Name, err.Error())
	} else if tell {
		a.ui.Error(ui.Failure{Account: account.Name, Host: account.Host, Err: err, Hint: cmp.Or(exit.Hint(err, account.Name), j.left(code)), Exit: code})
	}
	if err == nil && s.Failed > 0 {
		err, code = failures(s.Failed-s.Mailboxes, s.Mailboxes), exit.Partial
	}
	j.remember(ctx, err, exit.Hint(err, account.Name), code)
	j.complete(&s, err, code)
	if !j.dryRun && !j.aside && ctx.Err() == nil && code != exit.InUse { // else another run is at work, and does that
		if besideErr := j.after(ctx, &s, err, err != nil && !spent); besideErr != nil && err == nil {
			code = exit.Partial
			j.complete(&s, besideErr, code)
		}
	}
	j.keep(ctx, err)
	a.ui.Summary(s)
	return code
}

// left says how much of an interrupted run is left to do.
func (j *job) left(code int) string {
	if n := j.planned - j.stored; code == exit.Interrupted && n > 0 {
		return ui.Count(n, "message") + " left to retrieve: the same command goes on there"
	}
	return ""
}

// remember records how the work on an account went, for status.
func (j *job) remember(ctx context.Context, err error, hint string, code int) {
	if j.dryRun || j.aside || code == exit.Interrupted || code == exit.InUse {
		return
	}
	s, openErr := j.stores.Of(ctx, j.account)
	if openErr != nil {
		return
	}
	text := ""
	if err != nil {
		text = j.app.ui.Hide(err.Error())
	}
	m := index.Login{User: j.account.User, Host: j.account.Host}
	if err := s.Index.Ran(context.WithoutCancel(ctx), string(j.account.Protocol), m, text, hint, code); err != nil {
		j.app.ui.Verbose(1, j.account.Name, err.Error())
	}
}
