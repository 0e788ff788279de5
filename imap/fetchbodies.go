package imap

import (
	"context"
	"iter"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// FetchBodies gives whole messages, each with UID, Flags, Date and Size, and with ModSeq and EmailID where the server has
// them, in the order of the server. Bodies are streamed from the connection; \Seen is not set. Messages of the set that did
// not come are named in a *MissingError at the end; a set with "*" has no such end.
func (s *Session) FetchBodies(ctx context.Context, set imap.UIDSet) iter.Seq2[Message, error] {
	return s.messages(ctx, &fetch{
		set: set, body: wholeBody, extras: s.extras(), want: hasUID | hasFlags | hasDate,
		send: s.sendFetch(&imap.FetchOptions{RFC822Size: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}),
	})
}

// gmailIDs is Gmail's own kind of OBJECTID.
const gmailIDs imap.Cap = "X-GM-EXT-1"

// extras are the capabilities of which sendFetch asks for items.
func (s *Session) extras() []imap.Cap {
	if s.modSeqs() {
		return []imap.Cap{imap.CapObjectID, gmailIDs, imap.CapCondStore}
	}
	return []imap.Cap{imap.CapObjectID, gmailIDs}
}

// sendFetch sends o, with all that is asked of every message.
func (s *Session) sendFetch(o *imap.FetchOptions) func(imap.UIDSet) *imapclient.FetchCommand {
	o.UID, o.Flags, o.InternalDate = true, true, true
	return func(part imap.UIDSet) *imapclient.FetchCommand {
		o.ModSeq = s.modSeqs()
		// The library has no item for either. They come first: a body shall be the last item.
		if s.Has(imap.CapObjectID) {
			s.wire.amend(amendment{"(UID ", "(UID EMAILID ", true})
		} else if s.Has(gmailIDs) {
			s.wire.amend(amendment{"(UID ", "(UID X-GM-MSGID ", true})
		}
		return s.lib.Fetch(part, o)
	}
}
