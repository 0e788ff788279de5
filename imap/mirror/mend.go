package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/look"
)

// parting is the new name of a file whose key another one has.
type parting struct{ from, to maildir.Entry }

// addTwins finds out what files of one key are: names of one message, or, if their octets differ, messages of which all but the first are to get
// keys of their own.
func (r *run) addTwins(ctx context.Context, b *box, t look.Twins[knownRow], table *maildir.KeywordTable) error {
	if len(t.Rows) > 0 {
		b.addFile(t.Rows[0].Row, t.Files[0], table)
	} else if err := r.addNew(ctx, b, t.Files[0], table); err != nil {
		return err
	}
	for _, twin := range t.Files[1:] {
		first, err := maildir.WireAt(b.dir.Path(t.Files[0]))
		second, err2 := maildir.WireAt(b.dir.Path(twin))
		if err := cmp.Or(err, err2); err != nil {
			if !errors.Is(err, fs.ErrNotExist) && !is[*maildir.NotMessage](err) { // else it is gone, and with it the question
				b.unread[twin.Key] = err
			}
			continue
		}
		if first.Hash == second.Hash || second.Size == 0 {
			continue
		}
		if err := r.addParted(ctx, b, twin, table); err != nil {
			return err
		}
	}
	return nil
}

// addParted brings a file into view under the key that it is to get.
func (r *run) addParted(ctx context.Context, b *box, twin maildir.Entry, table *maildir.KeywordTable) error {
	p, known := b.parted[twin.Rel()]
	if !known {
		m, err := r.readFile(ctx, b.dir, twin)
		if err != nil {
			return nil // the next look sees what it is
		}
		p = parting{twin, maildir.EntryOf(string(maildir.NewKey(r.Now()))+twin.Name[len(twin.Key):], twin.New)}
		if b.parted == nil {
			b.parted = map[string]parting{}
		}
		b.parted[twin.Rel()] = p
		m.Mailbox, b.fresh[p.to.Key] = b.Name, m
	}
	return r.addNew(ctx, b, p.to, table)
}

// mend does to the Maildirs what observing them found in want of it, and writes down what they are called by now: before anything
// is agreed that stands on it. Mailboxes that are guarded stay as they are, so that the next run sees the same.
func (r *run) mend(ctx context.Context, p *plan.Plan, broken map[string]bool) error {
	for _, b := range r.boxes {
		guarded := slices.ContainsFunc(p.Guards, func(g plan.Guard) bool { return g.Mailbox == b.Name })
		if b.outside || !b.here || guarded || broken[b.Name] {
			continue
		}
		for _, do := range []func(*box) error{r.complete, r.name} {
			if err := do(b); err != nil && !single(err) {
				return err
			} else if err != nil {
				broken[b.Name] = true
				r.fail(plan.Op{Mailbox: b.Name}, err)
			}
		}
		if err := r.base.Renamed(ctx, b.renamed); err != nil {
			return err
		}
		b.renamed = nil
	}
	return nil
}

// complete makes the folders that a Maildir lacks: backups and version control leave out those that are empty.
func (r *run) complete(b *box) error {
	if len(b.lost) == 0 {
		return nil
	}
	r.step("mkdir " + b.Folder)
	err := b.dir.Ensure()
	if err == nil {
		b.lost = nil
	}
	return err
}

// name gives files the keys and letters that they are to have, durably: keywords are agreed that the old letters do not say.
func (r *run) name(b *box) error {
	renamed := 0
	for _, rel := range slices.Sorted(maps.Keys(b.parted)) {
		p := b.parted[rel]
		if !b.holds(p.to.Key) {
			continue
		}
		r.step("rename " + p.from.Name)
		if err := os.Rename(b.dir.Path(p.from), b.dir.Path(p.to)); err == nil {
			renamed++
		} else if !errors.Is(err, fs.ErrNotExist) { // else it has another name by now: the next run's
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.respell)) {
		changed, err := r.spell(b, key, b.respell[key])
		if changed {
			renamed++
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	b.parted, b.respell = nil, nil
	if renamed == 0 {
		return nil
	}
	r.step("fsync-dir " + b.Name)
	return b.dir.Sync()
}
