package mirror

import (
	"context"
	"io"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir/message"
)

// quest is a message that is looked for: by its header, since servers may change other things of what they take.
type quest struct {
	messageID string
	header    [32]byte
	emailID   string
	found     goimap.UID
	message   imap.Message // without a body
	away      bool         // its file lies in another mailbox by now
}

func (q *quest) is(m imap.Message, h *message.Header) bool {
	if q.emailID != "" && m.EmailID != "" {
		return q.emailID == m.EmailID
	}
	return q.header == h.Hash() || q.messageID != "" && q.messageID == messageID(h.Bytes())
}

// find looks for messages that the base does not know and that are not taken: from a UID on, then by Message-ID in the whole mailbox, since some servers
// merge equal messages.
func (r *run) find(ctx context.Context, b *box, from goimap.UID, wanted []quest, taken map[goimap.UID]bool) error {
	r.selection = nil // what was appended is told by a new SELECT at the latest
	s, err := r.selected(ctx, b, nil)
	if err != nil || s.Exists == 0 {
		return err
	}
	if err := r.among(ctx, b, goimap.UIDSet{{Start: max(from, 1), Stop: 0}}, wanted, taken); err != nil {
		return err
	}
	for i := range wanted {
		if q := &wanted[i]; q.found == 0 && q.messageID != "" {
			set, err := r.session.SearchHeader(ctx, "Message-ID", q.messageID, 1)
			if err == nil && len(set) > 0 {
				err = r.among(ctx, b, set, wanted[i:i+1], taken)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// among reads the headers of messages, and gives each that is not taken, and that the base does not know, to the first that is
// looked for.
func (r *run) among(ctx context.Context, b *box, set goimap.UIDSet, wanted []quest, taken map[goimap.UID]bool) error {
	type seen struct {
		m imap.Message
		i int
	}
	var hits []seen
	var header message.Header
	for m, err := range r.headers(ctx, set) {
		if is[*imap.MissingError](err) {
			continue
		}
		if err != nil {
			return err
		}
		header.Reset()
		if _, err := io.Copy(&header, m.Body); err != nil {
			return err
		}
		m.Body = nil
		for i := range wanted {
			if wanted[i].is(m, &header) {
				hits = append(hits, seen{m, i})
			}
		}
	}
	for _, h := range hits {
		q := &wanted[h.i]
		if q.found != 0 || taken[h.m.UID] || h.m.UID < set[0].Start {
			continue
		}
		known, err := r.known(ctx, b, h.m.UID)
		if err != nil {
			return err
		}
		if !known {
			q.found, q.message, taken[h.m.UID] = h.m.UID, h.m, true
		}
	}
	return nil
}

// known says whether the base has a message.
func (r *run) known(ctx context.Context, b *box, uid goimap.UID) (bool, error) {
	if b.ID == 0 {
		return false, nil
	}
	for _, err := range r.base.ByUID(ctx, b.ID, goimap.UIDSetNum(uid)) {
		return true, err
	}
	return false, nil
}
