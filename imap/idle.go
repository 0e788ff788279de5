package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Idle waits (RFC 2177) until stop is closed or gives a value, or the server ends it. Meanwhile the server tells events as
// they happen. Without IDLE it is an *UnsupportedError. It is for watch, which has to end it in time and begin another: servers end a
// session after 30 minutes, some routers forget a silent connection much earlier, and after a suspend the line is dead and
// nobody says so.
func (s *Session) Idle(ctx context.Context, stop <-chan struct{}) error {
	if err := s.need(imap.CapIdle); err != nil {
		return err
	}
	box := &inbox{Ended: make(chan struct{})}
	ended := box.Ended
	c, err := s.begin(ctx, "IDLE", box)
	if err != nil {
		return err
	}
	return c.end(s.idle(stop, ended))
}

func (s *Session) idle(stop, ended <-chan struct{}) error {
	cmd, err := s.lib.Idle()
	if err != nil {
		return err
	}
	select {
	case <-stop:
	case <-ended:
	case <-s.wire.dead:
	}
	if err := cmd.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}
