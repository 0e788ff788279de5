package imap

import (
	"context"

	"github.com/emersion/go-imap/v2"
)

// Stored is the outcome of Store.
type Stored struct {
	Modified imap.UIDSet // not changed, since somebody else changed them after UNCHANGEDSINCE
	Changed  []Message   // UID, the Flags that a message has now and, with CONDSTORE, the new ModSeq; as far as the server says them
}

// Store adds (imap.StoreFlagsAdd) or removes (imap.StoreFlagsDel) flags of messages, or sets them. With unchangedSince
// not 0 (needs CondStore, and a mailbox with a HighestModSeq) a message that changed after that mod-sequence is left as it is and named in Modified
// (RFC 7162 section 3.1.3; trap 4). UIDs that are gone are passed over in silence. An empty set or empty flags do nothing.
// After an error Stored tells what was done before it.
func (s *Session) Store(ctx context.Context, set imap.UIDSet, op imap.StoreFlagsOp, flags []Flag, unchangedSince ModSeq) (Stored, error) {
	if err := checkFlags(flags); err != nil {
		return Stored{}, err
	}
	if len(set) == 0 || len(flags) == 0 && op != imap.StoreFlagsSet {
		return Stored{}, nil
	}
	if unchangedSince > 0 && !s.modSeqs() {
		return Stored{}, &UnsupportedError{imap.CapCondStore}
	}
	box := &inbox{Keep: true}
	c, err := s.begin(ctx, "STORE", box)
	if err != nil {
		return Stored{}, err
	}
	store := &imap.StoreFlags{Op: op, Flags: flags} // not .SILENT: what the flags are then shows whether it was done
	for part := range s.portions(set) {
		err = s.lib.Store(part, store, &imap.StoreOptions{UnchangedSince: uint64(unchangedSince)}).Close()
		if isRefusal(err) && s.wire.refusedWith("MODIFIED") {
			err = nil // RFC 7162 section 3.1.3: so it comes when some messages are gone besides
		}
		if err != nil {
			break
		}
	}
	err = c.end(err)
	return Stored{box.modified(set), s.own(set, box.Kept)}, err
}

func (b *inbox) modified(set imap.UIDSet) (out imap.UIDSet) {
	for _, code := range b.Codes {
		if m, ok := parseSet(code.Args); ok && code.Name == "MODIFIED" {
			out.AddSet(overlap(set, m))
		}
	}
	return out
}

// own separates what is said of messages in set from what is said of others, which becomes events.
func (s *Session) own(set imap.UIDSet, kept []Message) []Message {
	var mine []Message
	for _, m := range kept {
		if set.Contains(m.UID) {
			mine = append(mine, m)
		} else if m.Flags != nil {
			s.wire.tell(Changed(m))
		}
	}
	return mine
}
