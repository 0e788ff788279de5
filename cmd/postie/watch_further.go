package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/quota"
	"postie/imap"
	"postie/imap/push"
)

// further are the connections beside the one that works: each listens to a mailbox in which something happened lately, where the server tells
// by itself only of the one that is selected.
type further struct {
	heard chan string // where something happened, by its name on the server
	dial  func(context.Context) (net.Conn, error)

	mu      sync.Mutex
	recent  []string                      // mailboxes in which something happened, the last first
	open    map[string]context.CancelFunc // what ends those that listen
	refused bool                          // the server wants no more of them
	after   time.Time                     // none is begun before, since one failed
	running sync.WaitGroup
}

func newFurther() *further {
	return &further{heard: make(chan string, 16), open: map[string]context.CancelFunc{}}
}

// mostFurther is how many there are at most, whatever is permitted.
const mostFurther = 8

// mostRecent is how many mailboxes are remembered as those that matter.
const mostRecent = 32

// happened takes note of mailboxes in which something happened.
func (f *further) happened(mailboxes ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range mailboxes {
		if name == "INBOX" {
			continue // the first connection listens to it
		}
		f.recent = slices.DeleteFunc(f.recent, func(s string) bool { return s == name })
		f.recent = slices.Insert(f.recent, 0, name)
	}
	f.recent = f.recent[:min(len(f.recent), mostRecent)]
}

// room is how many further connections an account may have: what the user permits, as far as the provider is known to.
func (a *watched) room() int {
	most := a.account.MaxConns - 1
	if known := quota.Of(a.account.Host).Connections; known > 0 {
		most = min(most, known/2) // other devices have theirs
	}
	return max(0, min(most, mostFurther))
}

// listenFurther sees to it that the mailboxes that matter are listened to, once the first connection is up.
func (a *watched) listenFurther(ctx context.Context) {
	f, room := a.further, a.room()
	if room == 0 || a.way != push.Idle {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused || time.Now().Before(f.after) {
		return
	}
	line := a.line
	line.Dial = f.dial
	want := f.recent[:min(len(f.recent), room)]
	for name, end := range f.open {
		if !slices.Contains(want, name) {
			end()
			delete(f.open, name)
		}
	}
	for _, name := range want {
		if f.open[name] != nil {
			continue
		}
		ctx, end := context.WithCancel(ctx)
		f.open[name] = end
		f.running.Go(func() {
			err := f.listen(ctx, line, name)
			f.mu.Lock()
			defer f.mu.Unlock()
			if ctx.Err() == nil {
				a.ui.Verbose(1, a.account.Name, "a further connection, for "+name+", ended: "+err.Error())
				delete(f.open, name)
				f.after = time.Now().Add(time.Minute)
			}
			if errors.Is(err, quota.ErrNoSpare) {
				return
			}
			if exit.Answer(err).Passing() || exit.Code(err) == exit.Login { // too many, by the server's word: one is enough
				f.refused = true
			}
		})
	}
}

// listen listens to one mailbox until ctx or the line ends.
func (f *further) listen(ctx context.Context, line imap.Options, name string) error {
	ear := push.On(name)
	line.Event = ear.Event
	s, err := imap.Connect(ctx, line)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		h, err := ear.Listen(ctx, s)
		if err != nil {
			return err
		}
		if h.Any() {
			select {
			case f.heard <- name:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// end ends them all.
func (f *further) end() {
	f.mu.Lock()
	for name, end := range f.open {
		end()
		delete(f.open, name)
	}
	f.mu.Unlock()
	f.running.Wait()
}

// endOne ends one of them, if there is one.
func (f *further) endOne() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, end := range f.open {
		end()
		delete(f.open, name)
		f.after = time.Now().Add(time.Minute)
		return true
	}
	return false
}

// yield gives up a connection, since another account on the host waits for one. What happens there is found at the interval.
func (a *watched) yield(l *listening) {
	a.ui.Verbose(1, a.account.Name, "a connection is left to another account on "+a.account.Host)
	if a.further.endOne() {
		return
	}
	l.end(a)
	a.session.Close()
	a.up = false
}

// wanted gives a value when another account waits for a connection that this one can do without; nil: it has none.
func (a *watched) wanted() <-chan struct{} {
	if !a.up || a.session == nil {
		return nil
	}
	return a.host(a.account).Wanted()
}

// pushed brings to the agenda where something happened.
func (a *watched) pushed(mailboxes ...string) {
	a.further.happened(mailboxes...)
	a.agenda.Pushed(time.Now(), mailboxes...)
}
