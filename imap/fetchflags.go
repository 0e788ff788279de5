package imap

import (
	"context"
	"fmt"
	"iter"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// FetchFlags gives UID, Flags and, with CondStore, ModSeq of messages. With changedSince not 0 (needs CondStore, and a mailbox with a HighestModSeq) only of those
// that changed after that mod-sequence (RFC 7162 section 3.1.4). With vanished not nil as well (needs QResync) it also
// collects the UIDs of the set that were expunged since, some of which may never have been; it is complete when the
// sequence is. A message may come more than once: what comes last is right, as far as it is told. Flags that were told in no
// response are nil: nobody knows them. With changedSince a Message without UID is one of which the server did not say which it is.
func (s *Session) FetchFlags(ctx context.Context, set imap.UIDSet, changedSince ModSeq, vanished *imap.UIDSet) iter.Seq2[Message, error] {
	if err := s.canChange(changedSince, vanished); err != nil {
		return func(yield func(Message, error) bool) { yield(Message{}, err) }
	}
	o := &imap.FetchOptions{UID: true, Flags: true, ChangedSince: uint64(changedSince)}
	f := &fetch{set: set, want: hasUID | hasFlags, vanished: vanished, unnamed: changedSince > 0}
	if changedSince == 0 && s.modSeqs() {
		f.extras = []imap.Cap{imap.CapCondStore}
	}
	f.send = func(part imap.UIDSet) *imapclient.FetchCommand {
		o.ModSeq = s.modSeqs()
		if vanished != nil { // RFC 7162 section 3.2.6
			old := fmt.Sprintf("(CHANGEDSINCE %d)", changedSince)
			s.wire.amend(amendment{old, fmt.Sprintf("(CHANGEDSINCE %d VANISHED)", changedSince), false})
		}
		return s.lib.Fetch(part, o)
	}
	return s.messages(ctx, f)
}

func (s *Session) canChange(since ModSeq, vanished *imap.UIDSet) error {
	switch {
	case since > 0 && !s.modSeqs():
		return &UnsupportedError{imap.CapCondStore}
	case vanished != nil && (since == 0 || !s.QResync()):
		return &UnsupportedError{imap.CapQResync}
	}
	return nil
}
