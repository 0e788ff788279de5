package mirror

import (
	"cmp"
	"context"
	"iter"
	"path"
	"slices"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/look"
)

// snapshot looks at all Maildirs together, since the files in them move, and takes into view what changed in each.
func (r *run) snapshot(ctx context.Context) error {
	var folders []*look.Folder
	for _, b := range r.boxes {
		b.folder = nil
		aside := b.outside || r.oneSided(b)
		if b.looked = !aside; b.here || b.known && !aside {
			b.folder = &look.Folder{Dir: b.dir, Whole: b.mustMatch && !b.outside, Aside: aside, Known: b.ID != 0}
			if b.whole = b.folder.Whole; b.known {
				b.folder.Stamp, b.folder.Places = b.Stamp, b.Places
			}
			folders = append(folders, b.folder)
		}
	}
	var err error
	if r.local, err = look.Look(ctx, folders, known{r}, look.Options{Now: r.Now, More: r.more}); err != nil {
		return err
	}
	return r.takeAll(ctx)
}

// more says whether there are Maildirs that were made since the run began, or folders that cannot be looked into.
func (r *run) more() (bool, error) {
	found, err := r.Layout.Maildirs(r.Root, false)
	isNew := func(folder string) bool { return !slices.Contains(r.found, folder) }
	return len(found.Closed) > 0 || slices.ContainsFunc(found.Maildirs, isNew), err
}

// reread takes the whole of a Maildir into view: what its base says has turned out to be wrong.
func (r *run) reread(ctx context.Context, b *box) error {
	if b.folder == nil {
		return nil
	}
	b.whole = true
	if err := r.local.Whole(ctx, b.folder); err != nil {
		return err
	}
	return r.take(ctx, b)
}

// lookAgain looks again at what was in motion, after some Maildirs were read again.
func (r *run) lookAgain(ctx context.Context) error {
	if err := r.local.Settle(ctx); err != nil {
		return err
	}
	return r.takeAll(ctx)
}

func (r *run) takeAll(ctx context.Context) error {
	for _, b := range r.boxes {
		if b.folder != nil && b.taken != r.local.Of(b.folder) {
			if err := r.take(ctx, b); err != nil {
				return err
			}
		}
		if b.folder != nil {
			b.unstable = r.local.Restless(b.folder)
		}
	}
	return nil
}

// boxOf is the mailbox of a folder: by now it may have a base, or be another one (moveIn).
func (r *run) boxOf(f *look.Folder) *box {
	return r.boxes[slices.IndexFunc(r.boxes, func(b *box) bool { return b.folder == f })]
}

// known is the base, for look.
type known struct{ r *run }

// knownRow is a pair that has a file, or had one.
type knownRow struct{ base.Row }

func (p knownRow) File() maildir.Entry {
	if e := p.Entry; e.Key == p.Key {
		return e
	}
	return maildir.Entry{Key: p.Key} // a reader of the index saw it under another key since
}

// Expected: a tombstone has no file, and one that was not uploaded is nobody's loss.
func (p knownRow) Expected() bool { return p.State == plan.Agreed && p.UID != 0 }

func (k known) ByKey(ctx context.Context, f *look.Folder) iter.Seq2[knownRow, error] {
	return func(yield func(knownRow, error) bool) {
		for row, err := range k.r.base.ByKey(ctx, k.r.boxOf(f).ID) {
			if !yield(knownRow{row}, err) || err != nil {
				return
			}
		}
	}
}

// Same: a file tells more if its flags are not those that were agreed, and of what is not agreed everything is wanted.
func (k known) Same(f *look.Folder) (func(knownRow, maildir.Entry) bool, error) {
	table, err := f.Dir.Keywords()
	return func(row knownRow, e maildir.Entry) bool {
		return row.State == plan.Agreed && table.Flags(row.Entry, row.Local.Keywords) == row.Local
	}, err
}

// take brings into view what changed in a Maildir, or all that is in it.
func (r *run) take(ctx context.Context, b *box) error {
	d := r.local.Of(b.folder)
	b.taken, b.byKey, b.files, b.missing, b.news, b.twins, b.emptied, b.anew, b.left, b.renamed = d, nil, nil, nil, 0, len(d.Twins), "", false, nil, nil
	b.respell = map[maildir.Key]spelling{}
	b.looked, b.still, b.stamp, b.lost = b.looked || d.Looked, d.Looked && !d.Read, d.Stamp, nil
	switch {
	case d.Err != nil: // it must not look as if it were empty: what is missing may be in it
		if !b.blind {
			r.fail(plan.Op{Mailbox: b.Name}, d.Err)
		}
		b.outside, b.blind = true, true
		return nil
	case b.still:
		return r.waiting(ctx, b)
	case !d.Read:
		return nil
	}
	if b.here {
		b.lost = d.Without
	}
	table, err := b.dir.Keywords()
	if err != nil {
		return err
	}
	for _, seen := range d.Files {
		b.addFile(seen.Row.Row, seen.File, &table)
	}
	d.Files = nil // there may be very many
	for _, rows := range [][]knownRow{d.Missing, d.Lost, d.Absent} {
		for _, row := range rows {
			b.addMissing(row)
		}
	}
	if len(d.Lost) > 0 && b.here {
		b.emptied = path.Dir(d.Lost[0].Entry.Rel())
		b.anew = slices.Contains(d.Anew, b.emptied)
	}
	for e := range d.New.All() {
		if err := r.addNew(ctx, b, e, &table); err != nil {
			return err
		}
	}
	for _, t := range d.Twins {
		if err := r.addTwins(ctx, b, t, &table); err != nil {
			return err
		}
	}
	slices.SortFunc(b.files, func(a, b plan.File) int { return cmp.Compare(a.Key, b.Key) })
	slices.SortFunc(b.byKey, func(a, b plan.Pair) int { return cmp.Compare(a.Key, b.Key) })
	return nil
}

// addMissing brings a pair into view whose file was not seen.
func (b *box) addMissing(row knownRow) {
	b.byKey = append(b.byKey, row.Pair)
	if row.Expected() {
		b.missing.AddNum(row.UID)
	}
}

// addFile brings a pair and its file into view. One that only has another name is noted.
func (b *box) addFile(row base.Row, e maildir.Entry, table *maildir.KeywordTable) {
	f := plan.File{Key: e.Key, Flags: table.Flags(e, row.Local.Keywords)}
	if f.Still = f.Flags == row.Local; f.Still && row.State == plan.Agreed && !b.whole {
		if e.Rel() != row.Entry.Rel() {
			row.Entry = e
			b.renamed = append(b.renamed, row)
		}
		return
	}
	b.entries[e.Key] = e
	b.files = append(b.files, f)
	b.byKey = append(b.byKey, row.Pair)
}

// addNew brings a file into view that the base does not know, if it is a message.
func (r *run) addNew(ctx context.Context, b *box, e maildir.Entry, table *maildir.KeywordTable) error {
	f := plan.File{Key: e.Key, Flags: table.Flags(e, "")}
	ok, err := r.identify(ctx, b, e, table, &f)
	if ok {
		b.news++
		b.entries[e.Key] = e
		b.files = append(b.files, f)
	}
	return err
}

// waiting shows what is to be shown of a folder in which nothing happened: files that wait for something.
func (r *run) waiting(ctx context.Context, b *box) error {
	if !b.AlwaysInView {
		return nil
	}
	rows, err := r.base.AlwaysInView(ctx, b.ID)
	slices.SortFunc(rows, func(a, b base.Row) int { return cmp.Compare(a.Key, b.Key) })
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
