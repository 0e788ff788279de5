package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"postie/cmd/postie/internal/agenda"
	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/quota"
	"postie/cmd/postie/internal/ui"
	"postie/imap/mirror"
	"postie/imap/push"
	"postie/maildir"
	"postie/maildir/index"
	dirwatch "postie/maildir/watch"
)

// cycle is one run, as fetch and sync make it, on the session that stays.
func (a *watched) cycle(ctx context.Context, where agenda.Where) agenda.Outcome {
	if where.Secret && !a.secretRenewed(ctx) {
		return agenda.Outcome{Kind: agenda.Same}
	}
	if err := a.rootThere(); err != nil {
		return a.conclude(ctx, nil, ui.Summary{}, err)
	}
	stores := library.NewStores(a.ui, false)
	defer stores.Close()
	ctx, gate, leave := a.interruption.enter(ctx)
	defer leave()
	j := &job{app: a.app, account: a.account, stores: stores, terminal: a.terminal, task: a.ui.Task(a.account.Name), gate: gate, watched: a, told: &a.told}
	a.did, a.lines = map[maildir.Key]bool{}, 0
	began := time.Now()
	summary, err := a.work(ctx, j)
	if exit.Is[*index.Damaged](err) && stores.Renew(a.account) {
		summary, err = a.work(ctx, j)
	}
	if exit.Code(err) == exit.Login && a.secretRenewed(ctx) {
		summary, err = a.work(ctx, j)
	}
	summary.Seconds = time.Since(began).Seconds()
	a.echoes = time.Now().Add(echoLasts)
	outcome := a.conclude(ctx, j, summary, err)
	if summary.New > 0 && ctx.Err() == nil {
		stores.IndexNew(ctx, []config.Account{a.account})
	}
	return outcome
}

// secretRenewed says whether there is another password or token than the one that was refused. One that cannot be had is no other.
func (a *watched) secretRenewed(ctx context.Context) bool {
	for _, login := range []any{a.line.Login, a.pop3.Login} {
		if l, ok := login.(interface {
			Renewed(context.Context) (bool, error)
		}); ok {
			renewed, err := l.Renewed(ctx)
			return renewed && err == nil
		}
	}
	return false
}

// echoLasts is how long after a run the system may still tell of what it did.
const echoLasts = 300 * time.Millisecond

func (a *watched) work(ctx context.Context, j *job) (ui.Summary, error) {
	if a.account.Protocol == config.POP3 {
		return j.within(ctx, a.fetch)
	}
	return j.within(ctx, a.sync)
}

// sync is one sync.
func (a *watched) sync(ctx context.Context, j *job) (ui.Summary, error) {
	s := &syncing{job: j}
	o, err := s.options(ctx, &syncFlags{})
	if err == nil {
		err = a.hold(ctx, s.store)
	}
	if err != nil {
		return ui.Summary{}, err
	}
	if a.session == nil {
		a.session = mirror.NewSession(o)
	} else {
		o.IMAP.ShortSets = a.session.Options.IMAP.ShortSets
		a.session.Options = o
	}
	if a.local == nil { // before the run, so that nothing is missed that happens meanwhile
		a.local = dirwatch.Open(dirwatch.Options{Root: o.Root, Layout: o.Layout, Every: a.flags.poll, Poll: a.flags.poll > 0 || maildir.Networked(o.Root),
			Log: a.ui.Logger().With("account", a.account.Name)})
	}
	report, err := a.session.Run(ctx)
	for _, g := range report.Guards {
		err = errors.Join(err, g)
	}
	if now := a.session.IMAP(); now != nil && !a.up {
		a.ui.Verbose(1, a.account.Name, "the server tells what happens by "+string(push.WayOf(now)))
	}
	a.up = a.session.IMAP() != nil
	return numbersOf(report), err
}

// fetch is one fetch.
func (a *watched) fetch(ctx context.Context, j *job) (ui.Summary, error) {
	f := &fetching{job: j}
	flags := &fetchFlags{}
	report, err := f.run(ctx, flags.policy(a.account))
	a.least, a.most = report.LoginDelay, 0
	if days, convErr := strconv.Atoi(report.Expire); convErr == nil { // else it says NEVER
		a.most = time.Duration(min(days, 3650)) * 24 * time.Hour
	}
	if f.store != nil && f.store.Index != nil && err == nil {
		err = a.hold(ctx, f.store)
	}
	return ui.Summary{New: report.New, DeletedRemote: report.Deleted, Skipped: report.Skipped, Failed: report.Failed, Bytes: report.Bytes, Quarantined: report.Quarantined}, err
}

// hold makes sure that nobody else watches the root, and notes which it is.
func (a *watched) hold(ctx context.Context, s *library.Store) error {
	if err := a.watch.lock(ctx, s.Index); err != nil {
		return err
	}
	a.rootID = rootID(a.account)
	return nil
}

// errRootGone is that of a Maildir that was there when an earlier run ended. To a run it would look like one in which nothing is yet.
var errRootGone = errors.New("the Maildir that was here is not there any more, or another one is in its place")

// rootThere says whether the Maildir is there that an earlier run found.
func (a *watched) rootThere() error {
	if a.rootID == "" || rootID(a.account) == a.rootID {
		return nil
	}
	return fmt.Errorf("%w: %s; nothing is deleted anywhere, and it is waited for", errRootGone, a.account.Maildir)
}

// rootID is by what a root is known; "": there is none.
func rootID(account config.Account) string {
	b, err := os.ReadFile(filepath.Join(account.Maildir, ".postie.id"))
	if err != nil {
		return ""
	}
	return string(b)
}

// conclude tells how a run went, as far as that is news. j is nil if there was none.
func (a *watched) conclude(ctx context.Context, j *job, s ui.Summary, err error) agenda.Outcome {
	defer a.told.end()
	err = exit.Cause(ctx, err)
	code := exit.Code(err)
	if j != nil {
		j.task.Done()
	}
	if code == exit.Interrupted {
		a.interrupted(j, err)
		return agenda.Outcome{}
	}
	if err == nil && s.Failed > 0 {
		err, code = failures(s.Failed-s.Mailboxes, s.Mailboxes), exit.Partial
	}
	if j == nil { // it came to no run
		j = &job{app: a.app, account: a.account, watched: a, told: &a.told}
	} else {
		j.remember(ctx, err, exit.Hint(err, a.account.Name), code)
	}
	j.complete(&s, err, code)
	kind := kindOf(err, code)
	told := a.report(kind, err, code)
	if kind != agenda.Busy || told { // else another run is at work, and does that
		a.after(ctx, j, s, err, told)
	}
	a.summarize(s)
	text := ""
	if err != nil {
		text = a.ui.Hide(err.Error())
	}
	a.is(a.account.Name, text)
	return agenda.Outcome{Kind: kind, Asked: leaveAlone(err), Least: a.least, Most: a.most}
}

// after is job.after of a run under watch: health check and hooks go beside the runs.
func (a *watched) after(ctx context.Context, j *job, s ui.Summary, err error, told bool) {
	if err := j.measure(ctx, s); err != nil {
		j.failAs(err.Error(), ui.Failure{Account: a.account.Name, Err: err, Hint: metricsHint, Exit: exit.Partial})
	}
	a.pulse.beat(s.Exit, told)
	a.hooks.add(j.ran(s, err, told))
}

// leaveAlone is how long is to be waited after an error at least.
func leaveAlone(err error) time.Duration {
	if spent, ok := errors.AsType[*quota.Spent](err); ok {
		return time.Until(spent.Until)
	}
	return exit.Answer(err).Wait
}

// report tells of an error once, and that it is over. It says whether it told of an error.
func (a *watched) report(kind agenda.Kind, err error, code int) (told bool) {
	v := a.told.run(kind, err)
	a.over(a.account.Name, v)
	switch {
	case v.Error && code != exit.Partial: // of what failed in part, each was told
		a.ui.Error(ui.Failure{Account: a.account.Name, Host: a.account.Host, Err: err, Hint: exit.Hint(err, a.account.Name), Exit: code})
	case v.Note:
		a.ui.Notice(a.account.Name, fmt.Sprintf("%v; it is tried again", err))
	}
	return v.Error
}

// interrupted tells what is left of a run that was ended.
func (a *watched) interrupted(j *job, err error) {
	if j == nil || j.planned <= j.stored {
		return // what it was at takes up where it was
	}
	a.mu.Lock()
	a.cut = true
	a.mu.Unlock()
	hint := j.left(exit.Interrupted)
	a.ui.Error(ui.Failure{Account: a.account.Name, Host: a.account.Host, Err: err, Hint: hint, Exit: exit.Interrupted})
}

// kindOf says what an error means for what is done next.
func kindOf(err error, code int) agenda.Kind {
	_, file := errors.AsType[*fs.PathError](err)
	switch {
	case exit.Is[*quota.Spent](err):
		return agenda.Paused
	case err == nil, code == exit.Guard, code == exit.Partial:
		return agenda.Done
	case exit.Passing(err):
		return agenda.Passing
	case code == exit.Login:
		return agenda.Refused
	case code == exit.InUse:
		return agenda.Busy
	case errors.Is(err, errRootGone), noRoom(err), file:
		return agenda.Missing
	}
	return agenda.Failed
}
