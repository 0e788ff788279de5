package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"postie/cmd/postie/internal/exit"
)

// stalled is how long a message in hand may stand still once the user wants the run to end.
const stalled = 4 * time.Second

// interruption ends a run when the user, or the system, wants it to: the messages in hand are finished first, as long as they
// come on; what is not in hand is not begun.
type interruption struct {
	cancel context.CancelCauseFunc // of everything

	mu    sync.Mutex
	asked bool
	gates []*gate

	hangup chan struct{} // gets the hangups; nil: they end the run
}

// gate is one account at work.
type gate struct {
	of     *interruption
	cancel context.CancelCauseFunc
	held   int       // messages in hand
	then   error     // ends it once nothing is in hand; nil: nothing does but a signal
	moved  time.Time // when octets of one came last
}

// interruptible is ended by the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.
func interruptible() (context.Context, *interruption, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	in := &interruption{cancel: cancel}
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup, and a shell's &
			signal.Notify(signals, s)
		}
	}
	go func() {
		for s := range signals {
			if s == syscall.SIGHUP && in.hungUp() {
				continue
			}
			signal.Stop(signals)
			in.ask()
			return
		}
	}()
	return ctx, in, func() { signal.Stop(signals); close(signals); cancel(nil) }
}

// hangups makes a SIGHUP a wish to read the configuration again, in place of one to end.
func (in *interruption) hangups() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.hangup = make(chan struct{}, 1)
	return in.hangup
}

func (in *interruption) hungUp() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.hangup != nil {
		ring(in.hangup)
	}
	return in.hangup != nil
}

// enter begins the work on an account. leave ends it.
func (in *interruption) enter(ctx context.Context) (_ context.Context, g *gate, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	g = &gate{of: in, cancel: cancel}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.gates = append(in.gates, g)
	if in.asked {
		cancel(exit.ErrInterrupted)
	}
	return ctx, g, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.gates = slices.DeleteFunc(in.gates, func(other *gate) bool { return other == g })
		in.settle()
		cancel(nil)
	}
}

// ask ends what has no message in hand, and the rest when it has none any more.
func (in *interruption) ask() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.asked = true
	for _, g := range in.gates {
		if g.held == 0 {
			g.cancel(exit.ErrInterrupted)
			continue
		}
		g.moved = time.Now()
		time.AfterFunc(stalled, g.watch)
	}
	in.settle()
}

// settle ends everything once nothing is in hand.
func (in *interruption) settle() {
	if in.asked && !slices.ContainsFunc(in.gates, func(g *gate) bool { return g.held > 0 }) {
		in.cancel(exit.ErrInterrupted)
	}
}

// hold says that a message is in hand, until release is called.
func (g *gate) hold() (release func()) {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	g.held++
	return func() {
		g.of.mu.Lock()
		defer g.of.mu.Unlock()
		g.held--
		switch {
		case g.held > 0:
		case g.of.asked:
			g.cancel(exit.ErrInterrupted)
			g.of.settle()
		case g.then != nil:
			g.cancel(g.then)
		}
	}
}

// part gives the context of a part of the work, which stop ends without the rest.
func (g *gate) part(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	all := g.cancel
	g.cancel = func(err error) {
		if cancel(err); errors.Is(err, exit.ErrInterrupted) {
			all(err)
		}
	}
	return ctx, func() {
		g.of.mu.Lock()
		defer g.of.mu.Unlock()
		g.cancel, g.then = all, nil
		cancel(nil)
	}
}

// stop ends this account alone, by cause, once nothing is in hand.
func (g *gate) stop(cause error) {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	g.then = cause
	if g.held == 0 {
		g.cancel(cause)
		return
	}
	g.moved = time.Now()
	time.AfterFunc(stalled, g.watch)
}

// came says that octets of a message came.
func (g *gate) came() {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	g.moved = time.Now()
}

// watch ends a message in hand that does not come on.
func (g *gate) watch() {
	g.of.mu.Lock()
	defer g.of.mu.Unlock()
	switch left := stalled - time.Since(g.moved); {
	case g.held == 0:
	case left > 0:
		time.AfterFunc(left, g.watch)
	case g.of.asked:
		g.cancel(exit.ErrInterrupted)
	case g.then != nil: // the part that was to be stopped may have ended meanwhile
		g.cancel(g.then)
	}
}
