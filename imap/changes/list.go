package changes

import (
	"context"
	"iter"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/naming"
)

// List lists the mailboxes of a server, with their status where that is wanted, and finds out how they are named; known are the names
// that the base has.
func List(ctx context.Context, s *imap.Session, status bool, known iter.Seq[string]) (n naming.Scheme, all []imap.Mailbox, err error) {
	if n.Prefix, n.Delim, err = s.Namespace(ctx); err != nil {
		return n, nil, err
	}
	if all, err = s.List(ctx, status); err != nil {
		return n, nil, err
	}
	if i := slices.IndexFunc(all, imap.Mailbox.Selectable); i >= 0 && n.Delim == 0 {
		n.Delim = all[i].Delim
	}
	if !s.Has(goimap.CapNamespace) {
		n = n.Guess(all, known)
	}
	return n, all, nil
}
