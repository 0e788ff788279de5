package verify

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/base"
	"postie/imap/changes"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/verify"
)

// batch is how many pairs are compared together.
const batch = 256

// walk compares one mailbox: pairs and messages side by side.
type walk struct {
	*run
	m      mailbox
	terms  plan.Policy
	now    changes.State
	late   map[goimap.UID]imap.Message // that came out of order, or before their pairs: few
	unseen []base.Row                  // pairs whose message did not come in its place
	pairs  []matched                   // to be compared
	named  int64                       // messages that the server told of
	table  *maildir.KeywordTable
}

// matched is a pair and its message.
type matched struct {
	base.Row
	there imap.Message
}

// all reads the mailbox on the server, once.
func (w *walk) all(ctx context.Context) error {
	table, err := maildir.Dir(filepath.Join(w.Root, w.m.Folder)).Keywords()
	if err != nil {
		return err
	}
	w.table = &table
	before := w.session.Tally()
	if err := w.merge(ctx); err != nil {
		return err
	}
	if err := w.session.Noop(ctx); err != nil { // what was expunged meanwhile need not be told before
		return err
	}
	a := changes.Answer{New: w.named}
	a.Least, a.Most = before.Between(w.session.Tally())
	if doubt := changes.Believable(a); doubt != nil {
		return doubt // nothing is said to be missing there
	}
	for _, row := range w.unseen {
		if err := w.gone(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// merge walks pairs and messages by UID.
func (w *walk) merge(ctx context.Context) error {
	next, stop := iter.Pull2(w.base.ByUID(ctx, w.m.ID, nil))
	defer stop()
	row, err, more := next()
	last := goimap.UID(0)
	for m, failed := range w.session.FetchSizes(ctx, changes.Every()) {
		if failed != nil {
			return failed
		}
		if m.UID <= last { // late, or once more
			w.late[m.UID] = m
			continue
		}
		last = m.UID
		w.named++
		for ; more && err == nil && row.UID < m.UID; row, err, more = next() {
			w.unseen = append(w.unseen, row)
		}
		switch {
		case err != nil:
			return err
		case !more || row.UID > m.UID:
			err = w.unknownThere(m)
		default:
			if w.pairs = append(w.pairs, matched{row, m}); len(w.pairs) >= batch {
				err = w.compare(ctx)
			}
			if err == nil {
				row, err, more = next()
			}
		}
		if err != nil {
			return err
		}
	}
	for ; more && err == nil; row, err, more = next() {
		w.unseen = append(w.unseen, row)
	}
	if err != nil {
		return err
	}
	return w.stragglers(ctx)
}

// stragglers finds the pairs of messages that came late.
func (w *walk) stragglers(ctx context.Context) error {
	w.unseen = slices.DeleteFunc(w.unseen, func(row base.Row) bool {
		m, ok := w.late[row.UID]
		if ok {
			w.named++
			w.pairs = append(w.pairs, matched{row, m})
			delete(w.late, row.UID)
		}
		return ok
	})
	return w.compare(ctx)
}

// unknownThere tells of a message that has no pair.
func (w *walk) unknownThere(m imap.Message) error {
	if !w.terms.Direction.Changes(plan.Local) {
		w.Counts.OneSide++
		return nil
	}
	d := verify.Difference{Kind: verify.NotPulled, Mailbox: w.m.Name, UID: m.UID, Detail: "the message is new there"}
	breaker, broken := w.breakers[w.m.ID][m.UID]
	switch {
	case broken && plan.UIDValidity(breaker.UIDValidity) == w.m.UIDValidity:
		d.Kind, d.Detail = verify.NotGiven, fmt.Sprintf("the connection ended at this message, %d times", breaker.Tries)
	case m.UID < w.m.UIDNext: // it was there when the last sync had read everything
		d.Kind, d.Detail = verify.Missing, "the message is on the server, and no sync has brought it"
	}
	return w.Tell(d)
}

// gone tells of a pair whose message is not there.
func (w *walk) gone(ctx context.Context, row base.Row) error {
	if row.State == plan.Marked || row.State == plan.Withheld {
		return nil // it was deleted here
	}
	d, err := w.difference(ctx, row)
	d.Kind, d.Detail = verify.NotPulled, "the message is gone there"
	if w.m.ModSeq > 0 && w.now.ModSeq == w.m.ModSeq && w.session.QResync() { // RFC 7162: an expunge raises HIGHESTMODSEQ
		d.Kind, d.Detail = verify.MissingThere, "the server does not have the message, and says that nothing changed"
	}
	if err != nil {
		return err
	}
	return w.Tell(d)
}

// difference is one about a pair.
func (w *walk) difference(ctx context.Context, row base.Row) (verify.Difference, error) {
	d := verify.Difference{Mailbox: w.m.Name, UID: row.UID}
	ms, err := w.Store.ByIDs(ctx, []int64{row.Message})
	if err == nil && len(ms) > 0 {
		d.Message, d.Path = ms[0], w.Store.Path(ms[0])
	}
	return d, err
}

// compare compares the pairs that were gathered.
func (w *walk) compare(ctx context.Context) error {
	ids := make([]int64, len(w.pairs))
	for i, p := range w.pairs {
		ids[i] = p.Message
	}
	ms, err := w.Store.ByIDs(ctx, ids)
	if err != nil {
		return err
	}
	byID := make(map[int64]index.Message, len(ms))
	for _, m := range ms {
		byID[m.ID] = m
	}
	for _, p := range w.pairs {
		if p.State == plan.Marked || p.State == plan.Withheld {
			continue // it was deleted here, and is there as agreed
		}
		w.Counts.Messages++
		m := byID[p.Message]
		d := verify.Difference{Mailbox: w.m.Name, UID: p.UID, Message: m}
		for _, f := range []func(*verify.Difference, matched) error{w.server, w.local} {
			if err := f(&d, p); err != nil {
				return err
			}
		}
	}
	w.pairs = w.pairs[:0]
	return nil
}

// tell tells of one difference of a pair.
func (w *walk) tell(d *verify.Difference, kind verify.Kind, format string, args ...any) error {
	told := *d
	told.Kind, told.Detail = kind, fmt.Sprintf(format, args...)
	return w.Tell(told)
}

// server compares what the server says with what was agreed.
func (w *walk) server(d *verify.Difference, p matched) (err error) {
	if flags := changes.FlagsOf(p.there.Flags); p.there.Flags != nil && !flags.Same(p.Remote) {
		kind := verify.NotPulled
		if w.m.ModSeq > 0 && (p.there.ModSeq == 0 || plan.ModSeq(p.there.ModSeq) <= w.m.ModSeq) { // no sync would ask for them again
			kind = verify.OtherFlags
		}
		err = w.tell(d, kind, "the server has the flags %s, and %s were agreed", words(flags), words(p.Remote))
	}
	if err == nil && p.there.Size > 0 && p.Size > 0 && p.there.Size != p.Size {
		err = w.tell(d, verify.OtherSize, "the server says %d octets, and said %d", p.there.Size, p.Size)
	}
	if err == nil && !p.there.Date.IsZero() && p.Date.Unix() != p.there.Date.Unix() {
		err = w.tell(d, verify.OtherDate, "the server has the date %s, and had %s", p.there.Date.UTC().Format(stamp), p.Date.Format(stamp))
	}
	return err
}

const stamp = "2006-01-02 15:04:05"

// words are flags as IMAP has them.
func words(f maildir.Flags) string {
	if f == (maildir.Flags{}) {
		return "()"
	}
	return fmt.Sprint(changes.IMAPFlags(f))
}

// local compares the file of a pair with what was agreed, by what its name and the folder tell.
func (w *walk) local(d *verify.Difference, p matched) error {
	if p.Key == "" {
		return w.bodyless(d, p)
	}
	place, ok, err := w.file(d, p.Row)
	if err != nil || !ok {
		return err
	}
	if flags := w.table.Flags(place.Entry, p.Local.Keywords); place.Mailbox == w.m.Name && !flags.Same(p.Local) {
		if err := w.tell(d, verify.NotPushed, "the flags here are %s, and %s were agreed", words(flags), words(p.Local)); err != nil {
			return err
		}
	}
	info, err := w.sized(d, p.Row, place)
	if err != nil || info == nil {
		return err
	}
	switch at := info.ModTime().Unix(); {
	case p.Date.IsZero() || p.there.Date.IsZero() || at == p.Date.Unix():
	case d.Message.Date.Unix() != p.Date.Unix(): // another program's file, matched in a first sync
		w.OwnDates++
	default:
		return w.tell(d, verify.OtherDate, "the file has the date %s, and the server %s", info.ModTime().UTC().Format(stamp), p.Date.Format(stamp))
	}
	return nil
}

// file looks where the file of a pair is, and tells of one that is missing, or elsewhere than it was.
func (w *walk) file(d *verify.Difference, row base.Row) (place verify.Place, ok bool, err error) {
	if place, ok = w.tree.Place(d.Message); !ok {
		d.Path = w.Store.Path(d.Message)
		if w.tree.Missing(row.Message) {
			err = w.tell(d, verify.Missing, "its file is gone%s", w.next(row))
		}
		return place, false, err
	}
	d.Path = place.Dir.Path(place.Entry)
	if moved := w.tree.Displaced(d.Message, place); moved != nil {
		err = w.Tell(*moved)
	}
	return place, true, err
}

// next says what the next sync makes of a file that is missing.
func (w *walk) next(row base.Row) string {
	switch {
	case row.UID == 0:
		return ""
	case w.terms.Direction.Changes(plan.Remote):
		return ": the next sync takes that for a deletion"
	case w.terms.Revert:
		return ": the next sync brings it again"
	}
	return ": the next sync leaves it out from then on"
}

// sized tells of a file that has another size than its name says; nil: it did, or the file cannot be looked at.
func (w *walk) sized(d *verify.Difference, row base.Row, place verify.Place) (fs.FileInfo, error) {
	info, err := os.Lstat(d.Path)
	if err != nil || w.tree.Closed[place.Mailbox] != nil { // renamed at this moment, or told of
		return nil, nil
	}
	if info.Size() != place.Entry.Size && place.Entry.Size >= 0 && !maildir.Compressed(d.Path) && !w.reads(row.Message) {
		return nil, w.tell(d, verify.Damaged, "it has %d octets on disk in place of %d", info.Size(), place.Entry.Size)
	}
	return info, nil
}

// bodyless judges a message of which only the summary is here.
func (w *walk) bodyless(d *verify.Difference, p matched) error {
	if w.terms.Wants(p.Pair) && w.terms.Direction.Changes(plan.Local) {
		return w.tell(d, verify.NotPulled, "its body is wanted, and not here yet")
	}
	w.Counts.Bodyless++
	return nil
}
