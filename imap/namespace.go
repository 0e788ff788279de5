package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Namespace gives the prefix of the user's own mailboxes ("", or "INBOX." on some servers; UTF-8) and the hierarchy
// separator (0: there is no hierarchy), by NAMESPACE (RFC 2342), else by LIST "" "" (RFC 9051 section 6.3.9).
func (s *Session) Namespace(ctx context.Context) (prefix string, delim rune, err error) {
	box := &inbox{List: true}
	if !s.Has(imap.CapNamespace) {
		c, err := s.begin(ctx, "LIST", box)
		if err != nil {
			return "", 0, err
		}
		if err := c.end(s.lib.List("", "", nil).Close()); err != nil || len(box.Lists) == 0 {
			return "", 0, err
		}
		return "", box.Lists[0].Delim, nil
	}
	c, err := s.begin(ctx, "NAMESPACE", box)
	if err != nil {
		return "", 0, err
	}
	data, err := s.lib.Namespace().Wait()
	if err := c.end(err); err != nil || len(data.Personal) == 0 {
		return "", 0, err
	}
	mine := data.Personal[0]
	if name, ok := decodeName(mine.Prefix); ok {
		mine.Prefix = name
	}
	return mine.Prefix, mine.Delim, nil
}
