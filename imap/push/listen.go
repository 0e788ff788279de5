package push

import (
	"context"
	"errors"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// begin asks a server to tell of everything, and looks at what happened before that.
func (e *Ear) begin(ctx context.Context, s *imap.Session) error {
	err := s.Notify(ctx)
	if refused(err) {
		s.Lose(goimap.CapNotify)
		return nil
	}
	if err != nil {
		return err
	}
	e.notified = true
	return e.ask(ctx, s)
}

// open selects what is listened to, and looks at what happened before that.
func (e *Ear) open(ctx context.Context, s *imap.Session, way Way) error {
	err := e.choose(ctx, s, way)
	if err != nil || way != Notify || !e.wasStirred() {
		return err
	}
	return e.ask(ctx, s) // of what changed in a mailbox while it was selected no STATUS is told
}

// choose selects INBOX, or with NOTIFY nothing, so that of INBOX too the status is told.
func (e *Ear) choose(ctx context.Context, s *imap.Session, way Way) error {
	if way == Notify && s.Has(goimap.CapUnselect) {
		return s.Unselect(ctx)
	}
	e.mu.Lock()
	e.idling = true // from here on, so that nothing is missed
	e.mu.Unlock()
	m, err := s.Examine(ctx, e.box, nil)
	if refused(err) {
		return nil
	}
	if err != nil {
		return err
	}
	e.opened(m)
	return e.compare(ctx, s, m)
}

// opened compares what is listened to with what is known of it.
func (e *Ear) opened(m *imap.Selected) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := imap.Status{Messages: m.Exists, UIDNext: m.UIDNext, UIDValidity: m.UIDValidity, HighestModSeq: m.HighestModSeq}
	before, known := e.known[e.box]
	if now.Unseen = before.Unseen; now.UIDNext == 0 {
		now.UIDNext = before.UIDNext
	}
	if !known && e.alone { // what happened before is somebody else's to find
		e.know(e.box, now)
	} else if !known || !same(before, now) {
		e.know(e.box, now)
		e.hear(e.box)
	}
}

// wait waits until the bell rings, or it is time to ask.
func (e *Ear) wait(ctx context.Context, s *imap.Session, way Way) error {
	now := time.Now()
	until := e.pace.next(now)
	limit := e.patience.limit()
	if way == Notify || e.alone {
		until = now.Add(limit)
	}
	if way == Poll {
		return e.poll(ctx, s, until.Sub(now))
	}
	if way == Idle && !now.Before(until) {
		return e.askAll(ctx, s, way)
	}
	began := now
	if err := e.idle(ctx, s, min(limit, until.Sub(now))); err != nil {
		e.patience.died(time.Since(began))
		return err
	}
	e.patience.lasted(time.Since(began))
	return nil
}

// idle is one IDLE.
func (e *Ear) idle(ctx context.Context, s *imap.Session, d time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stop)
		timer := time.NewTimer(max(d, 0))
		defer timer.Stop()
		select {
		case <-e.bell:
		case <-timer.C:
		case <-ended:
			return
		}
		limit := stopLimit
		if e.probes() {
			limit = probeLimit
		}
		time.AfterFunc(limit, func() { cancel(errSilent) })
	}()
	err := s.Idle(ctx, stop)
	close(ended)
	<-stop
	if refused(err) {
		s.Lose(goimap.CapIdle)
		return nil
	}
	return err
}

// probes says whether the server is to prove that it is there; then, if it is, everything is to be looked at.
func (e *Ear) probes() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	probing := e.probing
	e.probing, e.anywhere = false, e.anywhere || probing
	return probing
}

// poll asks what is new in INBOX, and for the status of the others, after a while.
func (e *Ear) poll(ctx context.Context, s *imap.Session, d time.Duration) error {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-e.bell:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if e.halted() {
		return nil
	}
	if e.probes() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, probeLimit, errSilent)
		defer cancel()
	}
	if err := s.Noop(ctx); err != nil && !refused(err) {
		return err
	}
	if e.done() {
		return nil
	}
	return e.askAll(ctx, s, Poll)
}

// askAll asks for the status of the mailboxes, and for the flags of some where their status does not show them.
func (e *Ear) askAll(ctx context.Context, s *imap.Session, way Way) error {
	began := time.Now()
	err := e.ask(ctx, s)
	if err == nil && !s.CondStore() {
		err = e.compareRecent(ctx, s, way)
		e.mu.Lock()
		e.pace.cost = time.Since(began)
		e.mu.Unlock()
	}
	return err
}

// ask asks for the status of the mailboxes.
func (e *Ear) ask(ctx context.Context, s *imap.Session) error {
	began := time.Now()
	all, err := s.List(ctx, true)
	if err != nil && !refused(err) {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pace.asked(began, time.Now())
	for _, m := range all {
		if m.Status == nil || !m.Selectable() {
			continue
		}
		before, known := e.known[m.Name]
		if m.Name == e.box && e.idling && known { // told by itself, and some servers tell the status of what is selected late
			continue
		}
		if now := *m.Status; !known || !same(before, now) {
			e.know(m.Name, now)
			e.hear(m.Name)
		}
	}
	return nil
}

// refused says whether a server said no, and goes on.
func refused(err error) bool {
	no, ok := errors.AsType[*imap.Error](err)
	return ok && no.Status != "BYE"
}
