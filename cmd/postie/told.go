package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"postie/cmd/postie/internal/agenda"
	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/session"
	"postie/imap/plan"
	"postie/maildir/index"
	"postie/pop3/retrieve"
)

// quietHelp is what the help of fetch and sync says of -q.
const quietHelp = `With -q, as cron runs it, the same trouble is told once and not by each run, and again when it lasts for a day; each message that fails is
told once. A mistake in the configuration is told by each run, and so is everything on a terminal, with --json, and where the index
cannot be opened. Exit codes are not affected.`

// telling is what the user of an account was told, and need not be told again. watch has it as long as it runs; with -q fetch and sync leave it
// in the index for the next run, since cron mails whatever is printed.
type telling struct {
	mu      sync.Mutex // alerts come from the connection
	trouble agenda.Trouble
	loaded  string // what the last run left
	full    bool   // and what stands for it where the disk was full
}

// first says whether something is told for the first time since it was well.
func (t *telling) first(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trouble.Once(time.Now(), text)
}

// run says what is told of how a run ended.
func (t *telling) run(kind agenda.Kind, err error) agenda.Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trouble.Run(time.Now(), kind, knownAs(err))
}

// end ends a run, with all that follows it.
func (t *telling) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trouble.End()
}

// knownAs is an error by what does not differ from run to run: how many messages a guard counts may.
func knownAs(err error) string {
	if err == nil {
		return ""
	}
	switch e := err.(type) {
	case plan.Guard:
		return fmt.Sprintf("guard: %s %d %d", e.Mailbox, e.Cause, e.Side)
	case *retrieve.Guard:
		return "guard: " + strings.Join(e.Folders, " ")
	case interface{ Unwrap() []error }:
		var all []string
		for _, err := range e.Unwrap() {
			all = append(all, knownAs(err))
		}
		slices.Sort(all)
		return strings.Join(all, "\n")
	}
	return err.Error()
}

// over tells that an account is well again.
func (a *app) over(account string, v agenda.Verdict) {
	if v.Over > 0 {
		a.ui.Notice(account, fmt.Sprintf("it works again, after %v", v.Over.Round(time.Second)))
	}
}

// recall finds out what the user was told by earlier runs. Where it cannot be known, all is told. So it is where a person looks on, where a program
// reads, and where -q does not stand.
func (j *job) recall(ctx context.Context) {
	if u := j.app.ui; !u.Quiet() || u.JSON() || u.Attended() || j.dryRun || j.aside {
		return
	}
	t := &telling{trouble: agenda.Trouble{Again: agenda.Daily}}
	s, err := j.stores.Of(ctx, j.account)
	if err == nil {
		var run index.Run
		run, err = s.Index.LastRun(ctx, string(j.account.Protocol), index.Login{User: j.account.User, Host: j.account.Host})
		t.loaded = run.Told
		t.trouble.Recall(run.Told)
	}
	if err != nil && !noRoom(err) {
		return // the run finds it too
	}
	if info, err := os.Stat(j.fullMark()); err == nil {
		t.full = true
		t.trouble.Run(info.ModTime(), agenda.Missing, "")
		t.trouble.End()
	}
	j.told = t
}

// fullMark is an empty file that says, by its time, when it was told that the disk is full: there is no room for anything else.
func (j *job) fullMark() string { return filepath.Join(j.account.Maildir, ".postie.full") }

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// keep leaves for the next run what the user was told.
func (j *job) keep(ctx context.Context, err error) {
	t := j.told
	if t == nil {
		return
	}
	t.end()
	memory := t.trouble.Memory()
	if memory == t.loaded && !t.full {
		return
	}
	s, openErr := j.stores.Of(ctx, j.account)
	if openErr == nil {
		openErr = s.Index.Tell(context.WithoutCancel(ctx), string(j.account.Protocol), index.Login{User: j.account.User, Host: j.account.Host}, memory)
	}
	switch mark := j.fullMark(); {
	case openErr == nil && t.full:
		os.Remove(mark)
	case openErr != nil && noRoom(err):
		if os.WriteFile(mark, nil, 0o600) == nil {
			os.Chtimes(mark, time.Time{}, t.trouble.Loud)
		}
	}
	if openErr != nil {
		j.app.ui.Verbose(1, j.account.Name, openErr.Error())
	}
}

// tells says whether the user is to be told of how a run ended, and tells that it is well again.
func (j *job) tells(err error, code int) bool {
	if j.told == nil || code == exit.Interrupted {
		return err != nil
	}
	v := j.told.run(kindOf(err, code), err)
	j.app.over(j.account.Name, v)
	return v.Error || code == exit.BadUsage // then it does not do what was asked for, which each run has to say
}

// first says whether something is told for the first time since it was well; in one run of many, or one that cron began.
func (j *job) first(text string) bool { return j.told == nil || j.told.first(text) }

// session is how to connect. What servers want their users to see is told once, too.
func (j *job) session() session.Options {
	o := j.app.session()
	o.Within = func(_ config.Account, dial session.Dialer) session.Dialer { return j.dial(dial) }
	if j.watched == nil { // else it is kept from connection to connection, and tells each once
		o.Alert = func(account, text string) {
			if j.first(text) {
				j.app.ui.Alert(account, text)
			}
		}
	}
	return o
}
