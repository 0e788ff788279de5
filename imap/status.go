package imap

import (
	"context"
	"errors"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Status tells whether a mailbox changed, without selecting it.
type Status struct {
	Messages      uint32
	UIDNext       imap.UID // 0: not said
	UIDValidity   uint32   // 0: not said
	Unseen        uint32
	HighestModSeq ModSeq // 0: the mailbox has none, or the server has no CONDSTORE
}

// statusOptions leaves out MAILBOXID (RFC 8474 section 4.2), which Cyrus 3.6 answers with freed memory, at times such that
// the line cannot be read. SELECT says it.
func (s *Session) statusOptions() *imap.StatusOptions {
	return &imap.StatusOptions{NumMessages: true, UIDNext: true, UIDValidity: true, NumUnseen: true, HighestModSeq: s.CondStore()}
}

// Status asks for the status of mailboxes, all in one flight. One that the server refuses is absent from
// the result; INBOX stands there in capitals.
func (s *Session) Status(ctx context.Context, names ...string) (map[string]*Status, error) {
	found, _, err := s.Statuses(ctx, names...)
	return found, err
}

// Statuses is Status, and names the refusals too.
func (s *Session) Statuses(ctx context.Context, names ...string) (found map[string]*Status, refusals map[string]*Error, err error) {
	asked := map[string]bool{}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return nil, nil, err
		}
		asked[canonicalName(name)] = true
	}
	box := &inbox{Status: map[string]*Status{}}
	c, err := s.begin(ctx, "STATUS", box)
	if err != nil {
		return nil, nil, err
	}
	refusals = map[string]*Error{}
	var sent []*imapclient.StatusCommand
	for _, name := range names {
		sent = append(sent, s.lib.Status(name, s.statusOptions()))
	}
	var first error
	for i, cmd := range sent {
		_, err := cmd.Wait()
		if no, ok := errors.AsType[*imap.Error](err); ok {
			refusals[canonicalName(names[i])] = &Error{Command: "STATUS", Status: string(no.Type), Code: string(no.Code), Text: no.Text}
		} else if first == nil {
			first = err
		}
	}
	err = c.end(first)
	for name, st := range box.Status {
		if !asked[name] { // NOTIFY told it meanwhile
			delete(box.Status, name)
			s.wire.tell(ChangedMailbox{name, *st})
		}
	}
	return box.Status, refusals, err
}

// isRefusal says whether the library's error is the server's NO or BAD: the session goes on.
func isRefusal(err error) bool {
	var refused *imap.Error
	return errors.As(err, &refused)
}
