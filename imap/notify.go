package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Notify asks the server to tell, from now on and unasked, what happens in the selected mailbox and in all personal ones
// (RFC 5465), as events, until the session ends. Without NOTIFY it is an *UnsupportedError. It is for watch.
func (s *Session) Notify(ctx context.Context) error {
	if err := s.need(imap.CapNotify); err != nil {
		return err
	}
	const set = " NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))" +
		" (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
	return s.do(ctx, "NOTIFY", func() *imapclient.Command {
		s.wire.amend(amendment{" NOOP", set, false}) // the library has no NOTIFY
		return s.lib.Noop()
	})
}
