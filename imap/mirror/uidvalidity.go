package mirror

import (
	"context"

	"postie/imap/changes"
	"postie/imap/plan"
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
	return st != nil && b.uidsReassigned(changes.State{UIDValidity: plan.UIDValidity(st.UIDValidity), UIDNext: st.UIDNext})
}

// uidsReassigned says whether UIDs may mean other messages now: another UIDVALIDITY, or a UIDNEXT that went back. RFC 9051 section
// 2.3.1.1 forbids the latter, but a server that was restored from a backup does it: it gives UIDs anew that are known here.
func (b *box) uidsReassigned(now changes.State) bool {
	return b.UIDValidity != 0 && (now.UIDValidity != b.UIDValidity || now.UIDNext != 0 && now.UIDNext < b.UIDNext)
}

// messagesReplaced finds out what STATUS had not said. Where only HIGHESTMODSEQ went back, a server may have been restored and have got
// new messages since, or it may have lost no more than an index: the messages tell.
func (o *remoteObserver) messagesReplaced(ctx context.Context, b *box) (bool, error) {
	switch {
	case b.mustMatch || !b.known || b.remote == nil:
		return false, nil
	case b.uidsReassigned(b.delta.Now):
		return true, nil
	case b.delta.Now.ModSeq == 0 || b.delta.Now.ModSeq >= b.ModSeq:
		return false, nil
	}
	replaced, err := o.reader.Replaced(ctx, o.rows(b))
	if o.breakers.doWithout(ctx, err) { // matching gets past a message that ends the connection
		return true, nil
	}
	return replaced, err
}
