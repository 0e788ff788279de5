package mirror

import (
	"context"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir/index"
)

// matches says whether a mailbox has to be matched again: there is no base, or its UIDs may mean other messages now.
func (b *box) matches() bool {
	if b.outside || b.remote == nil {
		return false
	}
	if !b.known {
		return b.here
	}
	st := b.remote.Status
	return st != nil && b.turned(index.Mailbox{UIDValidity: plan.UIDValidity(st.UIDValidity), UIDNext: st.UIDNext})
}

// turned says whether UIDs may mean other messages now: another UIDVALIDITY, or a UIDNEXT that went back. RFC 9051 section
// 2.3.1.1 forbids the latter, but a server that was restored from a backup does it: it gives UIDs anew that are known here.
func (b *box) turned(now index.Mailbox) bool {
	return b.UIDValidity != 0 && (now.UIDValidity != b.UIDValidity || now.UIDNext != 0 && now.UIDNext < b.UIDNext)
}

// turned finds out what STATUS had not said. Where only HIGHESTMODSEQ went back, a server may have been restored and have got
// new messages since, or it may have lost no more than an index: the messages tell.
func (r *run) turned(ctx context.Context, b *box) (bool, error) {
	switch {
	case b.mustMatch || !b.known || b.remote == nil:
		return false, nil
	case b.turned(b.now):
		return true, nil
	case b.now.ModSeq == 0 || b.now.ModSeq >= b.ModSeq:
		return false, nil
	}
	return r.replaced(ctx, b)
}

// replaced says whether a message has another size or date than the base has for its UID.
func (r *run) replaced(ctx context.Context, b *box) (bool, error) {
	var there []imap.Message
	for m, err := range r.session.FetchSizes(ctx, changes.Every()) {
		if err != nil {
			return false, err
		}
		there = append(there, m)
	}
	there = byUID(there)
	for row, err := range r.base.ByUID(ctx, b.ID, nil) {
		if err != nil {
			return false, err
		}
		for len(there) > 0 && there[0].UID < row.UID {
			there = there[1:]
		}
		if len(there) > 0 && there[0].UID == row.UID && (there[0].Size != row.Size || !there[0].Date.Equal(row.Date)) {
			return true, nil
		}
	}
	return false, nil
}
