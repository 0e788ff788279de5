package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Namespace gives the prefix of the user's own mailboxes ("", or "INBOX." on some servers; UTF-8) and the hierarchy
// separator (0: there is no hierarchy), by NAMESPACE (RFC 2342), else by LIST "" "" (RFC 9051 section 6.3.9).
func (s *Session) Namespace(ctx context.Context) (prefix string, delim rune, err error) {
	if s.mine != nil {
		return s.mine.prefix, s.mine.delim, nil
	}
	box := &inbox{List: true}
	if !s.Has(imap.CapNamespace) {
		return s.hierarchy(ctx, box)
	}
	mine := namespace{}
	c, err := s.begin(ctx, "NAMESPACE", &inbox{Personal: &mine})
	if err != nil {
		return "", 0, err
	}
	_, err = s.lib.Namespace().Wait()
	if err = c.end(err); misunderstood(err) || unreadable(err) {
		s.Lose(imap.CapNamespace)
		return s.hierarchy(ctx, box)
	}
	return mine.prefix, mine.delim, err
}

// hierarchy is RFC 9051 section 6.3.9: LIST "" "" tells the separator.
func (s *Session) hierarchy(ctx context.Context, box *inbox) (prefix string, delim rune, err error) {
	c, err := s.begin(ctx, "LIST", box)
	if err != nil {
		return "", 0, err
	}
	if err := c.end(s.lib.List("", "", nil).Close()); err != nil || len(box.Lists) == 0 {
		return "", 0, err
	}
	return "", box.Lists[0].Delim, nil
}

type namespace struct {
	prefix string
	delim  rune
}

// namespace reads RFC 2342 section 5: three lists of namespaces, or NIL. Only the first of the first list, the user's own, counts.
func (w *wire) namespace(s *scanner) error {
	var mine []namespace
	if s.spaces().peek() == '(' {
		s.list(func() { mine = append(mine, s.namespace()) })
	}
	if err := s.drop(); err != nil || len(mine) == 0 {
		return err
	}
	w.note(func(b *inbox) bool {
		if b.Personal != nil {
			*b.Personal = mine[0]
		}
		return b.Personal != nil
	})
	return nil
}

// namespace reads (prefix separator …).
func (s *scanner) namespace() (n namespace) {
	column := 0
	s.list(func() {
		switch column++; column {
		case 1:
			raw, _ := s.text()
			if name, ok := decodeName(raw); ok { // else no name with it could be sent: INBOX is found without
				n.prefix = name
			}
		case 2:
			if delim, ok := s.text(); ok && len([]rune(delim)) == 1 {
				n.delim = []rune(delim)[0]
			}
		default:
			s.skip()
		}
	})
	return n
}
