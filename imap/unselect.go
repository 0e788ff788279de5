package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Unselect leaves the selected mailbox, if there is one, without expunging it (RFC 3691). Without UNSELECT another is opened instead, for
// reading only: INBOX, which is always there. (CLOSE after EXAMINE would do too, but trusts the server not to expunge.)
func (s *Session) Unselect(ctx context.Context) error {
	if !s.selected {
		return nil
	}
	if !s.Has(imap.CapUnselect) {
		_, err := s.Examine(ctx, "INBOX", nil)
		return err
	}
	err := s.do(ctx, "UNSELECT", func() *imapclient.Command { return s.lib.Unselect() })
	s.selected = err != nil
	return err
}
