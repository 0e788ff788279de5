package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Move moves messages into another mailbox (RFC 6851). Without MOVE it is an *UnsupportedError and nothing is sent: what the
// library would do then, COPY, STORE and EXPUNGE unseen, deletes mail when the COPY is refused (trap 1).
func (s *Session) Move(ctx context.Context, set imap.UIDSet, to string) (Copied, error) {
	if err := s.need(imap.CapMove); err != nil {
		return Copied{}, err
	}
	return s.transfer(ctx, "MOVE", set, to, func(part imap.UIDSet) error {
		_, err := s.lib.Move(part, to).Wait()
		return err
	})
}
