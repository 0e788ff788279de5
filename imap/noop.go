package imap

import (
	"context"

	"github.com/emersion/go-imap/v2/imapclient"
)

// Noop gives the server the occasion to tell events, and keeps the connection alive.
func (s *Session) Noop(ctx context.Context) error {
	return s.do(ctx, "NOOP", func() *imapclient.Command { return s.lib.Noop() })
}
