package retrieve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
	"postie/maildir/message"
	"postie/pop3"
	"postie/pop3/ledger"
)

// unfinished is what an earlier run that was stopped left in the state Arriving.
type unfinished struct {
	found   []found
	nowhere []int64 // they never got there, or are gone again
}

// found is a message whose file is in the Maildir, though the ledger does not say so.
type found struct {
	receipt ledger.Receipt
	place
}

// place is where a file lies.
type place struct {
	dir   maildir.Dir
	entry maildir.Entry
}

// open opens the ledger, and asks how far it can be believed.
func (r *run) open(ctx context.Context) error {
	var err error
	if r.ledger, err = ledger.Open(ctx, r.Store, r.Maildrop); err != nil {
		return err
	}
	if r.fresh, err = r.ledger.Fresh(ctx); err != nil {
		return err
	}
	if r.forgot, err = r.ledger.Forgot(ctx, r.Dir); err != nil {
		return err
	}
	if r.forgot && !r.fresh {
		r.fresh = true
		r.emit(Notice{"what is remembered of this maildrop is older than the mail here, or not all of it is left: what the server has is compared with the mail"})
	}
	r.seen, err = r.ledger.Seen(ctx)
	r.view.Now = r.Now()
	return err
}

// remember reads the ledger and, if need be, looks into the Maildir.
func (r *run) remember(ctx context.Context) (unfinished, error) {
	var u unfinished
	lost, err := r.lost(ctx)
	if err != nil {
		return u, err
	}
	if r.Policy.Keep.Mode == UntilDeleted {
		r.view.Lost = lost
	}
	if follow, err := r.follows(); err != nil {
		return u, err
	} else if !r.followed && (r.fresh || follow && (len(lost) == 0 || r.Policy.AllowMassDelete && len(r.Lost) == 0)) {
		// The index follows files that others renamed or moved, learns of mail that others brought, and of folders that were lost.
		if _, err := r.Store.Refresh(ctx); err != nil {
			return u, err
		}
	}
	if r.view.Breakers, err = r.ledger.Breakers(ctx); err != nil {
		return u, err
	}
	receipts, err := r.ledger.Receipts(ctx)
	if err != nil {
		return u, err
	}
	if err := r.look(ctx, receipts, &u); err != nil {
		return u, err
	}
	return u, r.notice(ctx)
}

// follows says whether what becomes of the files matters, now or when the policy is another one.
func (r *run) follows() (bool, error) {
	if r.Policy.Keep.tells() {
		return true, nil
	}
	dirs, err := r.folders()
	return len(dirs) > 1, err // what lies in the root alone cannot vanish but with it
}

// look finds the files of receipts, where it matters from the beginning whether they are there.
func (r *run) look(ctx context.Context, receipts []ledger.Receipt, u *unfinished) error {
	wanted := map[maildir.Key]bool{}
	for _, c := range receipts {
		if c.State == ledger.Arriving || r.Policy.Keep.tells() {
			wanted[c.Key] = true
		}
	}
	places, steady, err := r.find(ctx, wanted)
	if err != nil {
		return err
	}
	r.rests = steady
	r.view.Missing, r.view.Damaged, r.view.Unproved = map[maildir.Key]bool{}, map[maildir.Key]bool{}, map[maildir.Key]bool{}
	for _, c := range receipts {
		where, here := places[c.Key]
		if c.State == ledger.Arriving {
			if !here {
				u.nowhere = append(u.nowhere, c.ID)
				continue
			}
			u.found = append(u.found, found{c, where})
			c.State = ledger.Stored
		}
		if wanted[c.Key] && !here && steady { // else the next run sees
			r.view.Missing[c.Key] = true
		}
		r.view.Receipts = append(r.view.Receipts, c)
	}
	return nil
}

// judge looks for the files without which nothing is deleted on the server, and at them: what was stored has to be in them.
func (r *run) judge(ctx context.Context) error {
	if r.Policy.Keep.Mode == UntilDeleted || r.Policy.Keep.Mode == Forever {
		return nil
	}
	wanted := Judges(r.view, r.Policy)
	if len(wanted) == 0 && len(r.Lost) == 0 {
		return nil
	}
	stored := make(map[maildir.Key]maildir.Wire, len(wanted))
	for _, c := range r.view.Receipts {
		stored[c.Key] = c.Wire
	}
	r.places = map[maildir.Key]place{}
	for range 5 { // a file that others rename after it was found is looked for again; in the end, it was there
		places, _, err := r.find(ctx, wanted)
		if err != nil {
			return err
		}
		again := map[maildir.Key]bool{}
		for key := range wanted {
			where, here := places[key]
			if !here {
				r.view.Missing[key] = true
				continue
			}
			r.places[key] = where
			switch is, err := where.holds(stored[key]); {
			case errors.Is(err, fs.ErrNotExist):
				again[key] = true
			case is == unproved && err == nil:
				r.view.Unproved[key] = true
			case is != whole || err != nil:
				r.view.Damaged[key] = true
			}
		}
		if wanted = again; len(wanted) == 0 {
			break
		}
	}
	if n := len(r.view.Unproved); n > 0 {
		r.emit(Notice{fmt.Sprintf("%d messages are due, and their copies here are compressed or encrypted by another program: whether they are whole cannot be seen, and they stay on the server", n)})
	}
	if len(r.view.Missing) == 0 && len(r.Lost) == 0 {
		return nil
	}
	if err := r.missing(ctx); err != nil {
		return err
	}
	var err error
	if r.view.Lost, err = r.lost(ctx); err != nil {
		return err
	}
	return r.notice(ctx)
}

// missing looks for the files of all else that is kept for a time: what became of it tells a deletion from a loss.
func (r *run) missing(ctx context.Context) error {
	rest := map[maildir.Key]bool{}
	for _, c := range r.view.Receipts {
		if c.State == ledger.Stored {
			rest[c.Key] = true
		}
	}
	places, steady, err := r.find(ctx, rest)
	for key := range rest {
		if _, here := places[key]; !here && steady {
			r.view.Missing[key] = true
		}
	}
	return err
}

// find says where files lie: in the root, or in a subfolder. steady says whether what it did not find may be believed to be gone.
func (r *run) find(ctx context.Context, keys map[maildir.Key]bool) (places map[maildir.Key]place, steady bool, err error) {
	dirs, err := r.folders()
	if err != nil {
		return nil, false, err
	}
	more := func() (bool, error) {
		now, err := r.folders()
		return !slices.Equal(now, dirs), err
	}
	found, err := look.Find(ctx, dirs, keys, look.Options{Looks: 20, More: more})
	if err == nil && len(found.At) < len(keys) {
		err = found.Err
	}
	places = make(map[maildir.Key]place, len(found.At))
	for key, at := range found.At {
		places[key] = place{at.Dir, at.Entry}
	}
	return places, found.Steady, err
}

// folders are the root and its Maildir++ subfolders.
func (r *run) folders() ([]maildir.Dir, error) {
	names, err := r.Dir.Subfolders()
	if err != nil {
		return nil, err
	}
	dirs := []maildir.Dir{r.Dir}
	for _, name := range names {
		dirs = append(dirs, maildir.Dir(filepath.Join(string(r.Dir), name)))
	}
	return dirs, nil
}

// observe asks the server what it has, and for the headers that the plan is in doubt about.
func (r *run) observe(ctx context.Context) error {
	if r.fresh {
		if err := r.local(ctx); err != nil {
			return err
		}
	}
	for range 2 { // the first answers may show that UIDLs mean nothing
		doubts := Doubts(r.view, r.Policy)
		if len(doubts) == 0 {
			break
		}
		heads, broke, err := r.headsAtAll(ctx, doubts)
		if err != nil {
			return err
		}
		if broke {
			r.view.Items = r.items
		}
		if r.view.Heads == nil {
			r.view.Heads = map[pop3.Number]Head{}
		}
		if maps.Copy(r.view.Heads, heads); broke {
			break
		}
	}
	return r.judge(ctx)
}

// headsAtAll is heads, but for a session that breaks at TOP, as at a message that the server cannot read: then no heads are seen, and
// another session is begun, in which the whole messages are read instead.
func (r *run) headsAtAll(ctx context.Context, ns []pop3.Number) (heads map[pop3.Number]Head, broke bool, err error) {
	heads, err = r.heads(ctx, ns)
	if err == nil || ctx.Err() != nil {
		return heads, false, err
	}
	r.Log.Info("session broke at TOP", "error", err)
	_, err = r.reconnect(ctx, nil)
	return nil, true, err
}

// local lists the messages in the Maildir that no receipt speaks of. It is needed only until a first run came to its end:
// the database is new, and the mail may not be.
func (r *run) local(ctx context.Context) error {
	all, err := r.Store.Briefs(ctx)
	if err != nil {
		return err
	}
	known := make(map[maildir.Key]bool, len(r.view.Receipts))
	for _, c := range r.view.Receipts { // of an earlier run that did not come to its end
		known[c.Key] = true
	}
	r.view.Local = slices.DeleteFunc(all, func(b index.Brief) bool { return known[b.Key] })
	return nil
}

// heads asks for headers by TOP. Where the server refuses that, the plan reads the whole message instead.
func (r *run) heads(ctx context.Context, ns []pop3.Number) (map[pop3.Number]Head, error) {
	heads := make(map[pop3.Number]Head, len(ns))
	if len(ns) == 0 {
		return heads, nil
	}
	var header message.Header
	for m, err := range r.session.Top(ctx, slices.Values(ns)) {
		switch {
		case err != nil:
			return nil, err
		case m.Refused != nil && len(heads) == 0:
			r.Log.Info("the server has no TOP", "answer", m.Refused)
			return heads, nil
		case m.Refused != nil:
			continue
		}
		header.Reset()
		if _, err := io.Copy(&header, m.Body); err != nil {
			return nil, fmt.Errorf("TOP %d: %w", m.Number, err)
		}
		telling := message.Summarize(header.Bytes()).MessageID != ""
		heads[m.Number] = Head{Hash: header.Hash(), Telling: telling}
	}
	return heads, nil
}
