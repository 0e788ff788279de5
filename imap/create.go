package imap

import (
	"context"

	"github.com/emersion/go-imap/v2/imapclient"
)

// Create makes a mailbox. One that is there already is an *Error, with code ALREADYEXISTS where the server says codes. After an INBOX
// Namespace asks anew: Cyrus says where the mailboxes of an account lie only when it has one.
func (s *Session) Create(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := s.do(ctx, "CREATE", func() *imapclient.Command { return s.lib.Create(name, nil) })
	if err == nil && canonicalName(name) == "INBOX" {
		s.mine = nil
	}
	return err
}
