package changes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir/message"
)

// Ask says what is to be known of messages beside size and date, which servers have at hand.
type Ask struct {
	Header bool // their Message-ID
	Marks  bool // and fields that mbsync and offlineimap put there
	Whole  bool // and the whole header
	Fields bool // and, of that, the fields
	Strict bool // a message that the server cannot give is an error: its file would look as if it had been deleted there
}

// Identify asks who messages are, and brings them into view. It names those that are not there any more, and those that are there and
// that the server cannot, or does not, tell of.
func (r *Reader) Identify(ctx context.Context, m Mailbox, d *Delta, set goimap.UIDSet, ask Ask) (gone goimap.UIDSet, sick []*imap.MissingError, err error) {
	if _, err := r.Select(ctx, m.Name, nil); err != nil {
		return nil, nil, err
	}
	before := r.session.Tally()
	if ask.Header {
		gone, sick, err = r.headers(ctx, d, set, ask)
	} else {
		gone, sick, err = r.sizes(ctx, d, set)
	}
	for _, missing := range sick {
		gone.AddSet(missing.UIDs)
	}
	if set.Dynamic() && err == nil { // nobody has asked yet which messages there are
		err = r.counted(ctx, d, before, ask.Strict)
	}
	return gone, sick, err
}

// counted judges an answer about all messages of a mailbox of which the base has none.
func (r *Reader) counted(ctx context.Context, d *Delta, before imap.Tally, strict bool) error {
	a := Answer{New: int64(len(d.Messages))}
	for range 2 {
		a.Least, a.Most = before.Between(r.session.Tally())
		doubt := Believable(a)
		if doubt == nil {
			d.Doubt = nil
			return nil
		}
		if strict {
			return doubt
		}
		d.Doubt = doubt
		if err := r.session.Noop(ctx); err != nil { // a server need not say before that what was expunged
			return err
		}
	}
	return nil
}

// shown is a message in view, which it may not have been before.
func (d *Delta) shown(seen imap.Message) *plan.Message {
	i, ok := slices.BinarySearchFunc(d.Messages, seen.UID, func(m plan.Message, uid goimap.UID) int { return cmp.Compare(m.UID, uid) })
	if !ok {
		d.Messages = slices.Insert(d.Messages, i, plan.Message{UID: seen.UID})
	}
	m := &d.Messages[i]
	if seen.Flags == nil && !ok {
		d.Untold++
	}
	if seen.Flags != nil && !m.Still {
		m.Flags = FlagsOf(seen.Flags)
	}
	m.ModSeq = max(m.ModSeq, plan.ModSeq(seen.ModSeq))
	return m
}

// sizes asks for size and date: of messages that nothing here can be, and that may yet turn out to be of the size of something that
// is missing elsewhere (plan.Doubts).
func (r *Reader) sizes(ctx context.Context, d *Delta, set goimap.UIDSet) (gone goimap.UIDSet, sick []*imap.MissingError, err error) {
	var came goimap.UIDSet
	fetch := func(set goimap.UIDSet) iter.Seq2[imap.Message, error] { return r.session.FetchSizes(ctx, set) }
	refused := false
	for m, err := range fetch(set) {
		if refused = refusal(err); refused {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		d.sized(m)
		came.AddNum(m.UID)
	}
	if refused { // it may be for one message only
		for m, err := range r.restInHalves(ctx, set, came, fetch) {
			missing, ok := errors.AsType[*imap.MissingError](err)
			switch {
			case ok && missing.Err == nil:
				gone.AddSet(missing.UIDs)
			case ok:
				sick = append(sick, missing)
			case err != nil:
				return nil, nil, err
			default:
				d.sized(m)
			}
		}
		return gone, sick, nil
	}
	if set.Dynamic() {
		return nil, nil, nil
	}
	if gone = Less(set, came); len(gone) == 0 {
		return nil, nil, nil
	}
	there, err := r.session.SearchAll(ctx) // those that it does not find were expunged meanwhile
	if untold := Common(gone, there); err == nil && len(untold) > 0 {
		sick = append(sick, &imap.MissingError{UIDs: untold, Err: ErrUntold})
	}
	return gone, sick, err
}

// sized takes the size and date of a message into view.
func (d *Delta) sized(m imap.Message) {
	id := &d.shown(m).ID
	id.Size, id.EmailID = max(m.Size, id.Size), cmp.Or(m.EmailID, id.EmailID)
	if !m.Date.IsZero() { // RFC 9051 section 7.5.2: one message, several responses
		id.Date = m.Date
	}
}

// headers asks for size, date and Message-ID, or for the whole header.
func (r *Reader) headers(ctx context.Context, d *Delta, set goimap.UIDSet, ask Ask) (gone goimap.UIDSet, sick []*imap.MissingError, err error) {
	fields := []string{"Message-ID"}
	if ask.Marks {
		fields = append(fields, "X-TUID", "X-OfflineIMAP")
	}
	if ask.Whole {
		fields = nil
	}
	var header message.Header
	for m, err := range r.Headers(ctx, set, fields...) {
		missing, ok := errors.AsType[*imap.MissingError](err)
		switch {
		case ok && missing.Err == nil:
			gone.AddSet(missing.UIDs)
			continue
		case ok && !ask.Strict:
			sick = append(sick, missing)
			continue
		case err != nil:
			return nil, nil, err
		}
		header.Reset()
		if _, err := io.Copy(&header, m.Body); err != nil {
			return nil, nil, fmt.Errorf("read header: %w", err)
		}
		id := &d.shown(m).ID
		id.Size, id.Date, id.EmailID = max(m.Size, 0), m.Date, m.EmailID
		id.MessageID, id.Marks = MessageID(header.Bytes()), header.Marks()
		if ask.Whole {
			id.Header = header.Hash()
		}
		if ask.Fields {
			id.Fields = header.Fields()
		}
	}
	return gone, sick, nil
}

// Replaced says whether a message of the selected mailbox has another size or date than the base has for its UID.
func (r *Reader) Replaced(ctx context.Context, rows Rows) (bool, error) {
	var there []imap.Message
	for m, err := range r.session.FetchSizes(ctx, Every()) {
		if err != nil {
			return false, err
		}
		there = append(there, m)
	}
	there = byUID(there)
	for p, err := range rows.ByUID(ctx, nil) {
		if err != nil {
			return false, err
		}
		for len(there) > 0 && there[0].UID < p.UID {
			there = there[1:]
		}
		if len(there) > 0 && there[0].UID == p.UID && (there[0].Size != p.Size || !there[0].Date.Equal(p.Date)) {
			return true, nil
		}
	}
	return false, nil
}
