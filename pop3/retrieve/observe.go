package retrieve

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
	"postie/pop3"
)

// unfinished is what an earlier run that was stopped left in the state Arriving.
type unfinished struct {
	found   []int64 // their files are in the Maildir
	nowhere []int64 // they never got there, or are gone again
}

// remember reads the ledger and, if need be, looks into the Maildir: before the server is asked for anything.
func (r *run) remember(ctx context.Context) (unfinished, error) {
	var u unfinished
	var err error
	if r.ledger, err = r.Store.Ledger(ctx, r.Maildrop); err != nil {
		return u, err
	}
	if r.fresh, err = r.ledger.Fresh(ctx); err != nil {
		return u, err
	}
	if r.fresh || r.Policy.Keep.Mode == UntilDeleted {
		// The index follows files that others renamed or moved, and learns of mail that others brought.
		if _, err := r.Store.Refresh(ctx); err != nil {
			return u, err
		}
	}
	receipts, err := r.ledger.Receipts(ctx)
	if err != nil {
		return u, err
	}
	r.view.Now = r.Now()
	return u, r.look(receipts, &u)
}

// look finds the files of receipts, where it matters whether they are there.
func (r *run) look(receipts []index.Receipt, u *unfinished) error {
	wanted := map[maildir.Key]bool{}
	for _, c := range receipts {
		if c.State == index.Arriving || r.Policy.Keep.Mode == UntilDeleted {
			wanted[c.Key] = true
		}
	}
	missing, err := r.missing(wanted)
	if err != nil {
		return err
	}
	for _, c := range receipts {
		switch {
		case c.State != index.Arriving:
		case missing[c.Key]:
			u.nowhere = append(u.nowhere, c.ID)
			continue
		default:
			u.found = append(u.found, c.ID)
			c.State = index.Stored
		}
		r.view.Receipts = append(r.view.Receipts, c)
	}
	r.view.Missing = missing
	return nil
}

// missing says which keys are nowhere in the Maildir: neither in its root nor in a subfolder.
func (r *run) missing(keys map[maildir.Key]bool) (map[maildir.Key]bool, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	folders, err := r.folders()
	if err != nil {
		return nil, err
	}
	missing := make(map[maildir.Key]bool, len(keys))
	for k := range keys {
		missing[k] = true
	}
	for _, dir := range folders {
		for e, err := range dir.Scan() {
			if err != nil {
				return nil, fmt.Errorf("scan %s: %w", dir, err)
			}
			delete(missing, e.Key)
		}
	}
	return missing, nil
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
	var err error
	if r.view.Items, err = r.session.Survey(ctx); err != nil {
		return err
	}
	if slices.ContainsFunc(r.view.Items, func(it pop3.Item) bool { return it.UIDL == "" }) {
		r.emit(Notice{"the server has no UIDL: messages are told apart by size and header, which costs more and makes a known message be read again before it is deleted"})
	}
	if r.fresh {
		if err := r.local(ctx); err != nil {
			return err
		}
	}
	return r.heads(ctx, Doubts(r.view, r.Policy))
}

// local finds the messages in the Maildir that have the size of one that the server lists and that no receipt speaks of. It
// is needed only until a first run came to its end: the database is new, and the mail may not be.
func (r *run) local(ctx context.Context) error {
	sizes := make([]int64, len(r.view.Items))
	for i, it := range r.view.Items {
		sizes[i] = it.Size
	}
	messages, err := r.Store.OfSizes(ctx, sizes)
	if err != nil {
		return err
	}
	known := make(map[maildir.Key]bool, len(r.view.Receipts))
	for _, c := range r.view.Receipts { // of an earlier run that did not come to its end
		known[c.Key] = true
	}
	r.view.Local = make(map[int64][]index.Message)
	for _, m := range messages {
		if !known[m.Entry.Key] {
			r.view.Local[m.Wire.Size] = append(r.view.Local[m.Wire.Size], m)
		}
	}
	return nil
}

// heads asks for headers by TOP. Where the server refuses that, the plan reads the whole message instead.
func (r *run) heads(ctx context.Context, ns []pop3.Number) error {
	if len(ns) == 0 {
		return nil
	}
	r.view.Heads = make(map[pop3.Number]Head, len(ns))
	var header message.Header
	for m, err := range r.session.Top(ctx, slices.Values(ns)) {
		switch {
		case err != nil:
			return err
		case m.Refused != nil && len(r.view.Heads) == 0:
			r.Log.Info("the server has no TOP", "answer", m.Refused)
			return nil
		case m.Refused != nil:
			continue
		}
		header.Reset()
		if _, err := io.Copy(&header, m.Body); err != nil {
			return fmt.Errorf("TOP %d: %w", m.Number, err)
		}
		telling := message.Summarize(header.Bytes()).MessageID != ""
		r.view.Heads[m.Number] = Head{Hash: header.Hash(), Telling: telling}
	}
	return nil
}
