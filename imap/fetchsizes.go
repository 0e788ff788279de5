package imap

import (
	"context"
	"iter"

	"github.com/emersion/go-imap/v2"
)

// FetchSizes gives UID, Flags, Date, Size (RFC822.SIZE) and, where the server has them, ModSeq and EmailID of messages, but
// nothing that a server would have to open a message for. Messages that are not there do not come.
func (s *Session) FetchSizes(ctx context.Context, set imap.UIDSet) iter.Seq2[Message, error] {
	return s.messages(ctx, &fetch{set: set, extras: s.extras(), want: hasUID | hasFlags | hasDate | hasSize, send: s.sendFetch(&imap.FetchOptions{RFC822Size: true})})
}
