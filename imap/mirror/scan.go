package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
)

// local finds what changed in a Maildir. With full everything is in view.
func (r *run) local(ctx context.Context, b *box, full bool) error {
	b.looked++
	if !b.here {
		b.byKey, b.files, b.missing = nil, nil, nil
		return b.gone(r.base.ByKey(ctx, b.ID))
	}
	stamp, lost, err := b.dir.Parts()
	if err != nil {
		return err
	}
	if b.looked == 1 && b.known && !full && stamp == b.Stamp && len(lost) == 0 {
		b.stamp, b.seen, b.firm, b.still = stamp, stamp, true, true
		return r.quiet(ctx, b)
	}
	return r.scan(ctx, b, full)
}

// gone shows pairs without their files.
func (b *box) gone(rows iter.Seq2[index.Row, error]) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		b.byKey = append(b.byKey, row.Pair)
		b.miss(row)
	}
	return nil
}

func (b *box) miss(row index.Row) {
	if row.State != plan.Agreed || row.UID == 0 {
		return
	}
	b.missing.AddNum(row.UID)
	if sub := path.Dir(row.Entry.Rel()); slices.Contains(b.lost, sub) {
		b.emptied = sub
	}
}

// quiet shows what is to be shown of a folder in which nothing happened: files that wait for something.
func (r *run) quiet(ctx context.Context, b *box) error {
	if !b.Odd {
		return nil
	}
	rows, err := r.base.Odd(ctx, b.ID)
	slices.SortFunc(rows, func(a, b index.Row) int { return cmp.Compare(a.Key, b.Key) })
	for _, row := range rows {
		if row.Key == "" || row.State == plan.Agreed {
			continue
		}
		b.byKey = append(b.byKey, row.Pair)
		if row.UID == 0 {
			b.files = append(b.files, plan.File{Key: row.Key, Still: true})
			b.entries[row.Key] = row.Entry
		}
	}
	return err
}

// scan reads a folder once and compares it with the base. snapshot and relook say what a reading is worth.
func (r *run) scan(ctx context.Context, b *box, full bool) (err error) {
	began := r.Now()
	b.still = false
	if b.seen, b.lost, err = b.dir.Parts(); err != nil {
		return err
	}
	b.firm = age(b.seen, began) >= tick
	var files listing
	for e, err := range b.dir.ScanBut(b.lost) {
		if err != nil {
			return err
		}
		files.add(e)
	}
	twins := b.unique(&files)
	if b.twins = len(twins); b.twins > 0 && b.looked > 1 && !r.DryRun {
		if err = r.part(b, &files, twins); err != nil {
			return err
		}
	}
	renamed, err := r.compare(ctx, b, &files, full)
	if err != nil {
		return err
	}
	after, lost, err := b.dir.Parts()
	if err != nil {
		return err
	}
	if b.stamp = (maildir.Stamp{}); after.Settled(began) && len(lost) == 0 {
		b.stamp = after
	}
	if r.DryRun {
		return nil
	}
	return r.base.Renamed(ctx, renamed)
}

// part gives twins of different content keys of their own: they are different messages.
func (r *run) part(b *box, files *listing, twins []maildir.Entry) error {
	var parted []maildir.Entry
	for _, twin := range twins {
		first, err := maildir.WireAt(b.dir.Path(files.find(twin.Key)))
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
		draft, err := b.dir.Create() // for its key
		if err != nil {
			return err
		}
		e := maildir.EntryOf(string(draft.Key())+twin.Name[len(twin.Key):], twin.New)
		r.step("rename " + twin.Name)
		err = cmp.Or(draft.Close(), os.Rename(b.dir.Path(twin), b.dir.Path(e)))
		if err == nil {
			parted = append(parted, e)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, e := range parted {
		files.add(e)
	}
	files.sort()
	return nil
}

// compare puts into view where entries and base differ. It gives the rows of files that only have another name.
func (r *run) compare(ctx context.Context, b *box, files *listing, full bool) (renamed []index.Row, err error) {
	b.byKey, b.files, b.missing, b.news, b.emptied, b.left = nil, nil, nil, 0, "", nil
	table, err := b.dir.Keywords()
	if err != nil {
		return nil, err
	}
	see := func(e maildir.Entry, row *index.Row) {
		var before maildir.Keywords
		if row != nil {
			before = row.Local.Keywords
		}
		f := plan.File{Key: e.Key, Flags: table.Flags(e, before)}
		if row == nil {
			var ok bool
			if e, ok = r.identify(ctx, b, e, &table, &f); !ok {
				return
			}
			b.news++
		} else if f.Still = f.Flags == row.Local; f.Still && row.State == plan.Agreed && !full {
			if e.Rel() != row.Entry.Rel() {
				row.Entry = e
				renamed = append(renamed, *row)
			}
			return
		}
		b.entries[e.Key] = e
		b.files = append(b.files, f)
		if row != nil {
			b.byKey = append(b.byKey, row.Pair)
		}
	}
	next, stop := iter.Pull(files.all())
	defer stop()
	e, more := next()
	for row, err := range r.base.ByKey(ctx, b.ID) {
		if err != nil {
			return nil, err
		}
		for ; more && e.Key < row.Key; e, more = next() {
			see(e, nil)
		}
		if more && e.Key == row.Key {
			see(e, &row)
			e, more = next()
			continue
		}
		b.byKey = append(b.byKey, row.Pair)
		b.miss(row)
	}
	for ; more; e, more = next() {
		see(e, nil)
	}
	return renamed, r.spelled(b)
}
