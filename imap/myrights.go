package imap

import (
	"context"
	"strings"

	"github.com/emersion/go-imap/v2"
)

// Rights are what a user may do in a mailbox, of what RFC 4314 section 2.1 knows.
type Rights struct {
	Insert  bool // APPEND to it, COPY and MOVE into it
	Delete  bool // set and clear \Deleted
	Expunge bool
}

// MyRights asks for the user's own rights in a mailbox, by RFC 4314 section 3.5. A server that says nothing forbids nothing. Errors:
// *UnsupportedError where there is no ACL; a refusal.
func (s *Session) MyRights(ctx context.Context, name string) (Rights, error) {
	if err := s.need(imap.CapACL); err != nil {
		return Rights{}, err
	}
	if err := checkName(name); err != nil {
		return Rights{}, err
	}
	var letters string
	c, err := s.begin(ctx, "MYRIGHTS", &inbox{Rights: &letters})
	if err != nil {
		return Rights{}, err
	}
	_, err = s.lib.MyRights(name).Wait()
	if letters == "" {
		return Rights{true, true, true}, c.end(err)
	}
	return rightsOf(letters), c.end(err)
}

// rightsOf reads letters. RFC 4314 section 2.1.1: the d of RFC 2086, which has neither t nor e, stands for both.
func rightsOf(letters string) Rights {
	old := strings.Contains(letters, "d") && !strings.ContainsAny(letters, "tex")
	return Rights{strings.Contains(letters, "i"), old || strings.Contains(letters, "t"), old || strings.Contains(letters, "e")}
}

// myRights reads RFC 4314 section 3.8: a mailbox, and the rights as one string.
func (w *wire) myRights(s *scanner) error {
	s.spaces().text()
	letters, _ := s.spaces().text()
	if err := s.drop(); err != nil {
		return err
	}
	w.note(func(b *inbox) bool {
		if b.Rights != nil {
			*b.Rights = string(letters)
		}
		return b.Rights != nil
	})
	return nil
}
