package main

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"postie/cmd/postie/internal/agenda"
	"postie/cmd/postie/internal/config"
	"postie/imap"
	"postie/imap/mirror"
	"postie/imap/push"
	"postie/maildir"
	dirwatch "postie/maildir/watch"
	"postie/pop3"
)

// watched is one account that is watched. But for its channels it is for one goroutine, and for what the run at work tells.
type watched struct {
	*watch
	account config.Account
	agenda  *agenda.Account
	told    telling

	woke    chan struct{} // the machine slept, or has another network
	renewed chan struct{} // the configuration was read again
	quit    chan struct{} // closed: it is not watched any more

	rootID  string          // of the Maildir, since a run found it; "": none did yet
	line    imap.Options    // how to connect; without Dial: it is not known yet
	pop3    pop3.Options    // likewise
	least   time.Duration   // POP3: between two logins, as the server wants it
	most    time.Duration   // POP3: how long it keeps messages; 0: it does not say
	session *mirror.Session // IMAP: stays connected between runs; nil: there was none yet
	up      bool            // it was connected when the last run ended
	ear     *push.Ear       // of the session
	way     push.Way        // how the session's server tells what happens, since somebody listens
	hooks   *hooking
	pulse   *pulse
	further *further
	local   *dirwatch.Watcher // IMAP: of the Maildirs; nil: not yet

	place place // whether it has its turn

	life    atomic.Int64 // when it last showed that it is alive, since the watch began
	patient atomic.Int32 // it waits for its turn, which may take as long as others take

	did    map[maildir.Key]bool // messages that the last run changed here
	echoes time.Time            // until then changes of those are what it did
	lines  int                  // of this run
}

// loop works on the account until ctx ends, or it is not watched any more.
func (a *watched) loop(ctx context.Context) {
	defer a.agenda.Gone()
	defer a.close()
	ended := make(chan struct{})
	defer close(ended)
	a.running.Go(func() { a.hooks.loop(ctx, ended) })
	a.running.Go(func() { a.pulse.loop(ctx, ended) })
	for {
		task, ok := a.wait(ctx)
		if !ok {
			return
		}
		if !a.turn(ctx) {
			return
		}
		outcome := a.cycle(ctx, task.Where)
		a.leave()
		a.agenda.Ended(time.Now(), outcome)
		if a.up {
			a.agenda.Connected(time.Now())
		}
	}
}

// turn waits until the account may work. What others wait for meanwhile it gives up, since one of them may have the turn. false: ctx ended.
func (a *watched) turn(ctx context.Context) bool {
	a.patient.Add(1)
	defer a.patient.Add(-1)
	defer a.beat()
	for {
		select {
		case a.turns <- struct{}{}:
			a.place.mu.Lock()
			a.place.held = true
			a.place.mu.Unlock()
			return true
		case <-a.wanted():
			a.yield(new(listening))
		case <-ctx.Done():
			return false
		}
	}
}

// place is whether an account has its turn, which it gives up while it waits for a connection.
type place struct {
	mu      sync.Mutex
	held    bool
	waiting int // connections that are waited for
}

// leave gives the turn up.
func (a *watched) leave() {
	a.place.mu.Lock()
	defer a.place.mu.Unlock()
	if a.place.held {
		a.place.held = false
		<-a.turns
	}
}

// stepAside gives the turn up until back is called, which waits for it; a second call does nothing. An error of back is the cause of ctx:
// then there is none.
func (a *watched) stepAside() (back func(context.Context) error) {
	a.place.mu.Lock()
	a.place.waiting++
	a.place.mu.Unlock()
	a.leave()
	called := false
	return func(ctx context.Context) error {
		a.place.mu.Lock()
		defer a.place.mu.Unlock()
		if called {
			return nil
		}
		called = true
		if a.place.waiting--; a.place.waiting > 0 || a.place.held {
			return nil // the last one to come back has it
		}
		select {
		case a.turns <- struct{}{}:
			a.place.held = true
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (a *watched) close() {
	a.further.end()
	if a.session != nil {
		a.session.Close()
	}
	if a.local != nil {
		a.local.Close()
	}
}

// wait waits until a run is due, and listens meanwhile. false: there will be none.
func (a *watched) wait(ctx context.Context) (agenda.Task, bool) {
	var l listening
	defer l.end(a)
	for {
		now := time.Now()
		a.beat()
		a.takeLocal(now)
		if a.up && l.heard == nil && a.session.IMAP() == nil {
			a.up = false
			a.agenda.Lost(now)
		}
		task := a.agenda.Next(now)
		if task.Run {
			return task, true
		}
		if a.up && task.Until.Sub(now) > time.Second {
			l.begin(ctx, a)
			a.listenFurther(ctx)
		}
		timer := time.NewTimer(min(task.Until.Sub(now), beatEvery)) // sooner: it looks again, and waits on
		select {
		case <-ctx.Done():
		case <-a.quit:
		case <-timer.C:
		case <-a.changed():
		case h := <-l.heard:
			l.took(a, h)
		case name := <-a.further.heard:
			a.pushed(name)
		case <-a.wanted():
			a.yield(&l)
		case <-a.woke:
			a.further.end() // they may be dead: a run that follows begins them anew
			if l.heard == nil {
				a.agenda.Woke(time.Now())
			} else {
				l.probing = true
				a.ear.Probe()
			}
		case <-a.renewed:
			a.agenda.Renewed(time.Now())
		}
		timer.Stop()
		if ctx.Err() != nil || closed(a.quit) {
			return agenda.Task{}, false
		}
	}
}

// beatEvery is how often an account that waits shows that it is alive; stuckAfter is for how long one at work may have no octets go
// from or to a server: it may read a large Maildir for the first time.
const (
	beatEvery  = time.Minute
	stuckAfter = time.Hour
)

// beat shows that the account's work goes on.
func (a *watched) beat() { a.life.Store(int64(time.Since(a.began))) }

// stuck names an account whose work stands still; "": none does.
func (w *watch) stuck() string {
	now := time.Since(w.began)
	for name, it := range w.accounts {
		if it.patient.Load() == 0 && now-time.Duration(it.life.Load()) > stuckAfter {
			return name
		}
	}
	return ""
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// listening is somebody who listens for the server while nobody works on the session.
type listening struct {
	heard   chan heard // nil: nobody listens
	probing bool
}

type heard struct {
	push.Heard
	err error
}

func (l *listening) begin(ctx context.Context, a *watched) {
	if l.heard != nil {
		return
	}
	s := a.session.IMAP()
	if s == nil {
		return
	}
	a.way = push.WayOf(s)
	c := make(chan heard, 1)
	l.heard = c
	go func() {
		h, err := a.ear.Listen(ctx, s)
		c <- heard{h, err}
	}()
}

// took brings what was heard to the agenda.
func (l *listening) took(a *watched, h heard) {
	l.heard = nil
	now := time.Now()
	switch {
	case h.err != nil:
		a.up = false
		a.ui.Verbose(1, a.account.Name, "the line ended: "+h.err.Error())
		if l.probing {
			a.agenda.Woke(now)
		} else {
			a.agenda.Lost(now)
		}
	case h.Any() && !h.Anywhere:
		a.pushed(h.Mailboxes...)
	case h.Any():
		a.agenda.Pushed(now)
	}
	l.probing = false
}

// end ends the listening, since the session is needed, or all ends.
func (l *listening) end(a *watched) {
	if l.heard != nil {
		a.ear.Stop()
		<-l.heard // the run that follows looks at everything
		l.heard = nil
	}
}

// changed gives a value when something happened in the Maildirs.
func (a *watched) changed() <-chan struct{} {
	if a.local == nil {
		return nil
	}
	return a.local.Changed()
}

// takeLocal brings to the agenda what happened in the Maildirs.
func (a *watched) takeLocal(now time.Time) {
	if a.local == nil {
		return
	}
	for _, c := range a.local.Take() {
		if now.Before(a.echoes) && (c.Key == "" || a.did[c.Key]) {
			a.agenda.Echoed(now)
		} else {
			a.agenda.Touched(now)
		}
	}
}

// network is the addresses by which this machine is connected. They change with the network.
func network() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	var all []string
	for _, addr := range addrs {
		if ip, ok := addr.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			all = append(all, addr.String())
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
