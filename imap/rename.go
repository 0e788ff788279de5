package imap

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2/imapclient"
)

// Rename gives a mailbox, and those below it, another name. Renaming INBOX moves its messages and leaves it empty
// (RFC 9051 section 6.3.6).
func (s *Session) Rename(ctx context.Context, from, to string) error {
	if err := errors.Join(checkName(from), checkName(to)); err != nil {
		return err
	}
	return s.do(ctx, "RENAME", func() *imapclient.Command { return s.lib.Rename(from, to, nil) })
}
