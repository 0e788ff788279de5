package mirror

import (
	"context"
	"io"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir/message"
)

// quest is a message that is looked for: by its header, since servers may change other things of what they take.
type quest struct {
	messageID string
	header    [32]byte
	size      int64 // if not 0, nothing but the same header and RFC822.SIZE will do
	emailID   string
	found     goimap.UID
	message   imap.Message // without a body
}

// is says how well a message is what is looked for: 2 surely, 1 by its Message-ID only, which several may share, 0 not.
func (q *quest) is(m imap.Message, h *message.Header) int {
	same := q.header == h.Hash()
	switch {
	case q.emailID != "" && m.EmailID != "":
		same = q.emailID == m.EmailID
	case q.size != 0:
		same = same && q.size == m.Size
	case !same && q.messageID != "" && q.messageID == messageID(h.Bytes()):
		return 1
	}
	if same {
		return 2
	}
	return 0
}

// find looks for messages that the base does not know and that are not taken: from a UID on, then among all that the base does
// not know, since some servers merge equal messages. It needs few commands, however many are looked for.
func (r *run) find(ctx context.Context, b *box, from goimap.UID, wanted []*quest, taken map[goimap.UID]bool) error {
	r.selection = nil // what was appended is told by a new SELECT at the latest
	s, err := r.selected(ctx, b, nil)
	if err != nil || s.Exists == 0 {
		return err
	}
	if from > 1 {
		err := r.among(ctx, b, goimap.UIDSet{{Start: from, Stop: 0}}, wanted, taken)
		if err != nil || !slices.ContainsFunc(wanted, func(q *quest) bool { return q.found == 0 }) {
			return err
		}
	}
	set, err := r.unknown(ctx, b, from)
	if err != nil || len(set) == 0 {
		return err
	}
	return r.among(ctx, b, set, wanted, taken)
}

// unknown are the messages of the selected mailbox that the base does not know; those from the UID read on are left out, if it is not 1.
func (r *run) unknown(ctx context.Context, b *box, read goimap.UID) (out goimap.UIDSet, err error) {
	there, err := r.session.SearchAll(ctx)
	if err != nil {
		return nil, err
	}
	known := []goimap.UID{}
	if b.ID != 0 {
		for row, err := range r.base.ByUID(ctx, b.ID, nil) {
			if err != nil {
				return nil, err
			}
			known = append(known, row.UID)
		}
	}
	count := uint64(0)
	add := func(from, to uint64) {
		if from <= to {
			out.AddRange(goimap.UID(from), goimap.UID(to))
			count += to - from + 1
		}
	}
	for _, part := range there { // they may be few and long: a server may say anything
		from, to := uint64(part.Start), uint64(part.Stop)
		if read > 1 {
			to = min(to, uint64(read)-1)
		}
		i, _ := slices.BinarySearch(known, part.Start)
		for ; i < len(known) && uint64(known[i]) <= to; i++ {
			add(from, uint64(known[i])-1)
			from = uint64(known[i]) + 1
		}
		add(from, to)
	}
	if count > uint64(r.selection.Exists) {
		return every(), nil
	}
	return out, nil
}

// among reads the headers of messages, and gives each that is not taken, and that the base does not know, to the first that is
// looked for; first those of which there is no doubt.
func (r *run) among(ctx context.Context, b *box, set goimap.UIDSet, wanted []*quest, taken map[goimap.UID]bool) error {
	type hit struct {
		m    imap.Message
		q    *quest
		sure int
	}
	var hits []hit
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
		for _, q := range wanted {
			if sure := q.is(m, &header); sure > 0 && q.found == 0 {
				hits = append(hits, hit{m, q, sure})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return b.sure - a.sure })
	for _, h := range hits {
		if h.q.found != 0 || taken[h.m.UID] || h.m.UID < set[0].Start {
			continue
		}
		known, err := r.known(ctx, b, h.m.UID)
		if err != nil {
			return err
		}
		if !known {
			h.q.found, h.q.message, taken[h.m.UID] = h.m.UID, h.m, true
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
