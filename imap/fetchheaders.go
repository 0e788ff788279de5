package imap

import (
	"context"
	"iter"

	"github.com/emersion/go-imap/v2"
)

// FetchHeaders is FetchBodies for the header alone: Body is the header, with its empty line, or, with fields, those fields of
// it. Size is RFC822.SIZE: what the server says the whole message has. ENVELOPE is never asked for (trap 10).
func (s *Session) FetchHeaders(ctx context.Context, set imap.UIDSet, fields ...string) iter.Seq2[Message, error] {
	section := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: fields, Peek: true}
	return s.messages(ctx, &fetch{
		set: set, body: "BODY[HEADER", extras: s.extras(), want: hasUID | hasFlags | hasDate | hasSize,
		send: s.sendFetch(&imap.FetchOptions{RFC822Size: true, BodySection: []*imap.FetchItemBodySection{section}}),
	})
}
