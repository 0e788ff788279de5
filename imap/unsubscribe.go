package imap

import (
	"context"

	"github.com/emersion/go-imap/v2/imapclient"
)

// Unsubscribe ends a subscription.
func (s *Session) Unsubscribe(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return s.do(ctx, "UNSUBSCRIBE", func() *imapclient.Command { return s.lib.Unsubscribe(name) })
}
