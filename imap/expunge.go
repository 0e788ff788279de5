package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Expunge removes those messages of the set that are marked \Deleted, and no others (UID EXPUNGE, RFC 4315 section 2.1).
// Without UIDPLUS it is an *UnsupportedError and nothing is sent.
func (s *Session) Expunge(ctx context.Context, set imap.UIDSet) error {
	if err := s.need(imap.CapUIDPlus); err != nil || len(set) == 0 {
		return err
	}
	c, err := s.begin(ctx, "EXPUNGE", &inbox{})
	if err != nil {
		return err
	}
	for part := range s.portions(set) {
		if err = s.lib.UIDExpunge(part).Close(); err != nil {
			break
		}
	}
	return c.end(err)
}

// ExpungeAll removes every message of the mailbox that is marked \Deleted, by whomever. Ask SearchDeleted first.
func (s *Session) ExpungeAll(ctx context.Context) error {
	c, err := s.begin(ctx, "EXPUNGE", &inbox{})
	if err != nil {
		return err
	}
	return c.end(s.lib.Expunge().Close())
}
