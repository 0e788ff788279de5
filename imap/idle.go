package imap

import (
	"context"
	"time"

	"github.com/emersion/go-imap/v2"
)

// IdleRefresh is how long one IDLE lasts before the next is begun. Servers end a session after 30 minutes (RFC 2177), some
// routers forget a silent connection much earlier, and after a suspend the line is dead and nobody says so.
const IdleRefresh = 5 * time.Minute

// Idle waits (RFC 2177) until stop is closed or gives a value, or the server ends it. Meanwhile the server tells events as
// they happen. Without IDLE it is an *UnsupportedError. It is for watch.
func (s *Session) Idle(ctx context.Context, stop <-chan struct{}) error {
	if err := s.need(imap.CapIdle); err != nil {
		return err
	}
	for again := true; again; {
		box := &inbox{Ended: make(chan struct{})}
		ended := box.Ended
		c, err := s.begin(ctx, "IDLE", box)
		if err != nil {
			return err
		}
		again, err = s.idle(stop, ended)
		if err = c.end(err); err != nil {
			return err
		}
	}
	return nil
}

// idle is one IDLE; again: it ended because its time was over.
func (s *Session) idle(stop, ended <-chan struct{}) (again bool, err error) {
	cmd, err := s.lib.Idle()
	if err != nil {
		return false, err
	}
	timer := time.NewTimer(IdleRefresh)
	defer timer.Stop()
	select {
	case <-stop:
	case <-ended:
	case <-timer.C:
		again = true
	case <-s.wire.dead:
	}
	if err := cmd.Close(); err != nil {
		return false, err
	}
	return again, cmd.Wait()
}
