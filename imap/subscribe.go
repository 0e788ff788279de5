package imap

import (
	"context"

	"github.com/emersion/go-imap/v2/imapclient"
)

// Subscribe subscribes to a mailbox.
func (s *Session) Subscribe(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return s.do(ctx, "SUBSCRIBE", func() *imapclient.Command { return s.lib.Subscribe(name) })
}
