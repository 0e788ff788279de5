package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir/message"
)

// newcomers asks who the messages are that the base does not know. There may be very many of them: those for whom there is no
// room in this plan wait for a window of their own, unless one of them may be something that is new or missing here.
func (r *run) newcomers(ctx context.Context, b *box) error {
	set, rest, ask := b.rest, goimap.UIDSet(nil), r.sizes
	switch {
	case b.mustMatch:
		set, ask = slices.Clone(b.rest), r.heads
		set.AddSet(uids(b.messages, func(m plan.Message) goimap.UID { return m.UID }))
	case len(b.fresh) > 0:
		ask = r.heads
	case set.Dynamic():
		r.room -= int(r.session.Tally().Exists)
	default:
		set, rest = changes.Cut(set, r.room)
		r.room -= changes.Count(set)
	}
	b.rest = rest
	if len(set) == 0 {
		return nil
	}
	before := r.session.Tally()
	gone, err := ask(ctx, b, set, false)
	if set.Dynamic() && err == nil { // nobody has asked yet which messages there are
		err = r.believe(ctx, b, sight{whole: true, before: before})
	}
	if len(gone) > 0 {
		b.messages = slices.DeleteFunc(b.messages, func(m plan.Message) bool { return gone.Contains(m.UID) })
	}
	return err
}

// untoldOf tells of those messages that the server said nothing of when it was asked, though they are there, as SEARCH finds them. The
// others were expunged meanwhile.
func (r *run) untoldOf(ctx context.Context, b *box, gone goimap.UIDSet) error {
	there, err := r.session.SearchAll(ctx)
	if err != nil {
		return err
	}
	r.sick(b, &imap.MissingError{UIDs: changes.Common(gone, there), Err: errUntold})
	return nil
}

// shown is a message in view, which it may not have been before.
func (b *box) shown(seen imap.Message) *plan.Message {
	i, ok := slices.BinarySearchFunc(b.messages, seen.UID, func(m plan.Message, uid goimap.UID) int { return cmp.Compare(m.UID, uid) })
	if !ok {
		b.messages = slices.Insert(b.messages, i, plan.Message{UID: seen.UID})
	}
	m := &b.messages[i]
	if seen.Flags == nil && !ok {
		b.untold++
	}
	if seen.Flags != nil && !m.Still {
		m.Flags = changes.FlagsOf(seen.Flags)
	}
	m.ModSeq = max(m.ModSeq, plan.ModSeq(seen.ModSeq))
	return m
}

// sizes asks for size and date of messages, and brings them into view: of those that nothing here can be, and that may yet turn out to be of the size
// of something that is missing elsewhere (plan.Doubts). It names those that are not there any more.
func (r *run) sizes(ctx context.Context, b *box, set goimap.UIDSet, _ bool) (gone goimap.UIDSet, err error) {
	if _, err := r.selected(ctx, b, nil); err != nil {
		return nil, err
	}
	var came goimap.UIDSet
	for m, err := range r.session.FetchSizes(ctx, set) {
		if err != nil {
			return nil, err
		}
		id := &b.shown(m).ID
		id.Size, id.EmailID = max(m.Size, id.Size), cmp.Or(m.EmailID, id.EmailID)
		if !m.Date.IsZero() { // RFC 9051 section 7.5.2: one message, several responses
			id.Date = m.Date
		}
		came.AddNum(m.UID)
	}
	if set.Dynamic() {
		return nil, nil
	}
	if gone = changes.Less(set, came); len(gone) > 0 {
		err = r.untoldOf(ctx, b, gone)
	}
	return gone, err
}

// heads asks for size, date and Message-ID of messages, and brings them into view, or, for those in doubt, for the whole header. It
// names those that are not there any more, or that the server cannot give. In a mailbox that is to be matched again the latter
// are an error: their files would look as if they had been deleted there.
func (r *run) heads(ctx context.Context, b *box, set goimap.UIDSet, whole bool) (gone goimap.UIDSet, err error) {
	if _, err := r.selected(ctx, b, nil); err != nil {
		return nil, err
	}
	fields := []string{"Message-ID"}
	if b.mustMatch || len(b.fresh) > 0 { // they may be files here that mbsync or offlineimap stored, there or here
		fields = append(fields, "X-TUID", "X-OfflineIMAP")
	}
	if whole {
		fields = nil
	}
	var header message.Header
	for m, err := range r.reader.Headers(ctx, set, fields...) {
		if missing, ok := errors.AsType[*imap.MissingError](err); ok && (missing.Err == nil || !b.mustMatch) {
			gone.AddSet(missing.UIDs)
			r.sick(b, missing)
			continue
		}
		if err != nil {
			return nil, err
		}
		header.Reset()
		if _, err := io.Copy(&header, m.Body); err != nil {
			return nil, fmt.Errorf("read header: %w", err)
		}
		id := &b.shown(m).ID
		id.Size, id.Date, id.EmailID = max(m.Size, 0), m.Date, m.EmailID
		id.MessageID, id.Marks = changes.MessageID(header.Bytes()), header.Marks()
		if whole {
			id.Header = header.Hash()
		}
	}
	return gone, nil
}

// sick tells of messages that are there and that the server cannot give.
func (r *run) sick(b *box, missing *imap.MissingError) {
	if missing.Err == nil {
		return
	}
	nums, _ := missing.UIDs.Nums()
	for _, uid := range nums {
		r.fail(plan.Op{Kind: plan.Download, Mailbox: b.Name, UID: uid}, missing.Err)
	}
}
