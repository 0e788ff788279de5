package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"postie/cmd/postie/internal/agenda"
	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/hook"
	"postie/cmd/postie/internal/library"
	"postie/cmd/postie/internal/ui"
	"postie/imap/plan"
	"postie/maildir/index"
)

// hookPatience is how many time limits a hook may take: an indexer may have much to do.
const hookPatience = 5

// runner runs hooks. Their output goes to standard error: standard output may be JSON.
func (a *app) runner() hook.Runner {
	return hook.Runner{Environ: a.environ(), Out: a.err, Limit: hookPatience * time.Duration(a.timeout), Why: fmt.Sprintf("%d times --timeout", hookPatience)}
}

// news is what hooks are told of a run beside its numbers.
type news struct {
	mailboxes map[string]bool // in which something changed on either side
	fresh     []hook.Message

	quarantined int           // messages at which the connection ended
	newest      time.Time     // when the newest that came arrived on the server (IMAP)
	lag         time.Duration // until it was here
}

// touched takes note of mailboxes in which something changed.
func (n *news) touched(mailboxes ...string) {
	if n.mailboxes == nil {
		n.mailboxes = map[string]bool{}
	}
	for _, name := range mailboxes {
		if name != "" {
			n.mailboxes[name] = true
		}
	}
}

// did takes note of an operation that was carried out.
func (n *news) did(op plan.Op) {
	switch op.Kind {
	case plan.Move, plan.Trash, plan.Rename:
		n.touched(op.Mailbox, op.To)
	case plan.Upload, plan.Expunge, plan.Mark, plan.Remove, plan.Flags, plan.Create, plan.Drop:
		n.touched(op.Mailbox)
	}
}

// arrived takes note of a new message.
func (j *job) arrived(mailbox string, s *library.Store, m index.Message) {
	j.news.touched(mailbox)
	if j.account.Protocol == config.IMAP && m.Date.After(j.news.newest) {
		j.news.newest, j.news.lag = m.Date, time.Since(m.Date)
	}
	if j.app.exec != "" && len(j.news.fresh) < hook.MostMessages {
		j.news.fresh = append(j.news.fresh, hook.Message{Mailbox: mailbox, ID: library.Message(j.account, s, m).ID, From: m.Summary.From, Subject: m.Summary.Subject})
	}
	if j.watched != nil {
		j.watched.arrived(mailbox, m)
	}
}

// complete puts into a summary what it lacks beside the numbers.
func (j *job) complete(s *ui.Summary, err error, code int) {
	s.Account, s.Protocol = j.account.Name, string(j.account.Protocol)
	s.OK, s.Exit, s.DryRun, s.Error = err == nil, code, j.dryRun, ""
	s.Quarantined += j.news.quarantined
	j.news.quarantined = 0
	s.Changed = slices.Sorted(maps.Keys(j.news.mailboxes))
	if err != nil {
		s.Error = ui.OrNull(err.Error())
	}
}

// ran is a run as hooks are told of it. told: its failure is one that the user is told of.
func (j *job) ran(s ui.Summary, err error, told bool) hook.Run {
	r := hook.Run{Account: j.account, Summary: s, New: j.news.fresh, Exec: j.app.exec, Told: told}
	if err != nil {
		r.Error, r.Hint = j.app.ui.Hide(err.Error()), j.app.ui.Hide(cmp.Or(exit.Hint(err, j.account.Name), j.left(s.Exit)))
	}
	return r
}

// hook runs what follows a run, and tells what of it failed.
func (a *app) hook(ctx context.Context, r hook.Run) error {
	return a.runner().Do(ctx, r.Due(), a.ui.Encode(r.Summary))
}

// hookFailed tells that hooks failed.
func (a *app) hookFailed(account string, err error) {
	a.ui.Error(ui.Failure{Account: account, Err: err, Hint: "the mail is stored; check [hooks] in the configuration, or --exec", Exit: exit.Partial})
}

// hooking runs the hooks of an account that is watched: beside its runs, never two at once, and bursts gathered.
type hooking struct {
	app  *app
	name string
	bell chan struct{}

	mu      sync.Mutex
	gather  agenda.Gather
	pending *hook.Run // nil: nothing
}

func newHooking(a *app, name string) *hooking {
	return &hooking{app: a, name: name, bell: make(chan struct{}, 1)}
}

// add adds what a run came to.
func (h *hooking) add(r hook.Run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending != nil {
		r = h.pending.Then(r)
	}
	h.pending = &r
	h.gather.Add(time.Now())
	ring(h.bell)
}

// take gives what is due, or when to ask again; zero: when there is more.
func (h *hooking) take(all bool) (r *hook.Run, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	due, at := h.gather.Next(time.Now())
	if h.pending == nil || !due && !all {
		return nil, at
	}
	r = h.pending
	h.pending, h.gather = nil, agenda.Gather{}
	return r, time.Time{}
}

// hooksAtEnd is how long hooks may take that are at work or due when watch ends.
const hooksAtEnd = 10 * time.Second

// loop runs hooks until quit is closed; then, once more, for what is left.
func (h *hooking) loop(ctx context.Context, quit <-chan struct{}) {
	ctx, cancel := outlasting(ctx)
	defer cancel()
	told := "" // of failures the same is told once
	do := func(ctx context.Context, r *hook.Run) {
		err := h.app.hook(ctx, *r)
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			h.app.hookFailed(h.name, err)
		} else if err == nil {
			told = ""
		}
	}
	for {
		r, at := h.take(false)
		if r != nil {
			do(ctx, r)
			continue
		}
		var timer <-chan time.Time
		if !at.IsZero() {
			timer = time.After(time.Until(at))
		}
		select {
		case <-timer:
		case <-h.bell:
		case <-quit:
			ctx, cancel := context.WithTimeout(ctx, hooksAtEnd)
			defer cancel()
			if r, _ := h.take(true); r != nil {
				do(ctx, r)
			}
			return
		}
	}
}

// outlasting gives a context that ends hooksAtEnd after ctx does.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(hooksAtEnd):
			cancel()
		case <-late.Done():
		}
	})
	return late, func() { stop(); cancel() }
}
