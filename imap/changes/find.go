package changes

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/maildir/message"
)

// Target is a message that is looked for: by its header, since servers may change other things of what they take.
type Target struct {
	MessageID string
	Header    [32]byte
	Size      int64 // if not 0, nothing but the same header and RFC822.SIZE will do
	EmailID   string
	Found     goimap.UID   // 0: it was not found
	Message   imap.Message // without a body
}

// is says how well a message is what is looked for: 2 surely, 1 by its Message-ID only, which several may share, 0 not.
func (t *Target) is(m imap.Message, h *message.Header) int {
	same := t.Header == h.Hash()
	switch {
	case t.EmailID != "" && m.EmailID != "":
		same = t.EmailID == m.EmailID
	case t.Size != 0:
		same = same && t.Size == m.Size
	case !same && t.MessageID != "" && t.MessageID == MessageID(h.Bytes()):
		return 1
	}
	if same {
		return 2
	}
	return 0
}

// Find looks in a mailbox for messages that the base does not know and that are not taken: from a UID on, then among all that the base does
// not know, since some servers merge equal messages. It needs few commands, however many are looked for.
func (r *Reader) Find(ctx context.Context, mailbox string, rows Rows, from goimap.UID, wanted []*Target, taken map[goimap.UID]bool) error {
	r.Forget() // what was appended is told by a new SELECT at the latest
	s, err := r.Select(ctx, mailbox, nil)
	if err != nil || s.Exists == 0 {
		return err
	}
	if from > 1 {
		err := r.among(ctx, rows, goimap.UIDSet{{Start: from, Stop: 0}}, wanted, taken)
		if err != nil || !slices.ContainsFunc(wanted, func(q *Target) bool { return q.Found == 0 }) {
			return err
		}
	}
	set, err := r.unknown(ctx, rows, from)
	if err != nil || len(set) == 0 {
		return err
	}
	return r.among(ctx, rows, set, wanted, taken)
}

// unknown are the messages of the selected mailbox that the base does not know; those from the UID read on are left out, if it is not 1.
func (r *Reader) unknown(ctx context.Context, rows Rows, read goimap.UID) (out goimap.UIDSet, err error) {
	there, err := r.session.SearchAll(ctx)
	if err != nil {
		return nil, err
	}
	known := []goimap.UID{}
	for row, err := range rows.ByUID(ctx, nil) {
		if err != nil {
			return nil, err
		}
		known = append(known, row.UID)
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
	if count > uint64(r.selected.Exists) {
		return Every(), nil
	}
	return out, nil
}

// among reads the headers of messages, and gives each that is not taken, and that the base does not know, to the first that is
// looked for; first those of which there is no doubt.
func (r *Reader) among(ctx context.Context, rows Rows, set goimap.UIDSet, wanted []*Target, taken map[goimap.UID]bool) error {
	type hit struct {
		m    imap.Message
		q    *Target
		sure int
	}
	var hits []hit
	var sick error // what is looked for may be one that the server cannot give
	var header message.Header
	for m, err := range r.Headers(ctx, set) {
		if missing, ok := errors.AsType[*imap.MissingError](err); ok {
			sick = cmp.Or(sick, missing.Err)
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
			if sure := q.is(m, &header); sure > 0 && q.Found == 0 {
				hits = append(hits, hit{m, q, sure})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return b.sure - a.sure })
	for _, h := range hits {
		if h.q.Found != 0 || taken[h.m.UID] || h.m.UID < set[0].Start {
			continue
		}
		known, err := Known(ctx, rows, h.m.UID)
		if err != nil {
			return err
		}
		if !known {
			h.q.Found, h.q.Message, taken[h.m.UID] = h.m.UID, h.m, true
		}
	}
	if slices.ContainsFunc(wanted, func(q *Target) bool { return q.Found == 0 }) {
		return sick
	}
	return nil
}

// MessageID reads the Message-ID of a header, or of fields of it.
func MessageID(header []byte) string {
	if len(bytes.TrimSpace(header)) == 0 {
		return ""
	}
	return message.Summarize(header).MessageID
}
