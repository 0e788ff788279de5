package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Unselect leaves the selected mailbox without expunging it (RFC 3691). Without UNSELECT it is an *UnsupportedError.
func (s *Session) Unselect(ctx context.Context) error {
	if err := s.need(imap.CapUnselect); err != nil {
		return err
	}
	return s.do(ctx, "UNSELECT", func() *imapclient.Command { return s.lib.Unselect() })
}
