package imap

import (
	"context"

	"github.com/emersion/go-imap/v2/imapclient"
)

// Delete removes a mailbox with all its messages.
func (s *Session) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return s.do(ctx, "DELETE", func() *imapclient.Command { return s.lib.Delete(name) })
}
