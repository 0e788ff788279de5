package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// localObserver brings into view what changed in the Maildirs. It changes nothing.
type localObserver struct {
	*account
	files  *files
	local  *look.View[knownRow] // the Maildirs, as they were when the plan was made
	unread map[string]bool      // files that were told of because they could not be read, by mailbox and key
}

// snapshot looks at all Maildirs together, since the files in them move, and takes into view what changed in each.
func (o *localObserver) snapshot(ctx context.Context) error {
	var folders []*look.Folder
	for _, b := range o.boxes {
		b.folder = nil
		aside := b.outside || o.oneSided(b)
		if b.looked = !aside; b.here || b.known && !aside {
			b.folder = &look.Folder{Dir: b.dir, Whole: b.mustMatch && !b.outside, Aside: aside, Known: b.ID != 0}
			if b.whole = b.folder.Whole; b.known {
				b.folder.Stamp, b.folder.Places = b.Stamp, b.Places
			}
			folders = append(folders, b.folder)
		}
	}
	var err error
	if o.local, err = look.Look(ctx, folders, known{o.account}, look.Options{Now: o.Now, More: o.more}); err != nil {
		return err
	}
	return o.takeAll(ctx)
}

// more says whether there are Maildirs that were made since the run began, or folders that cannot be looked into.
func (o *localObserver) more() (bool, error) {
	found, err := o.Layout.Maildirs(o.Root, false)
	isNew := func(folder string) bool { return !slices.Contains(o.found, folder) }
	return len(found.Closed) > 0 || slices.ContainsFunc(found.Maildirs, isNew), err
}

// reread takes the whole of a Maildir into view: what its base says has turned out to be wrong.
func (o *localObserver) reread(ctx context.Context, b *box) error {
	if b.folder == nil {
		return nil
	}
	b.whole = true
	if err := o.local.Whole(ctx, b.folder); err != nil {
		return err
	}
	return o.take(ctx, b)
}

// lookAgain looks again at what was in motion, after some Maildirs were read again.
func (o *localObserver) lookAgain(ctx context.Context) error {
	if err := o.local.Settle(ctx); err != nil {
		return err
	}
	return o.takeAll(ctx)
}

func (o *localObserver) takeAll(ctx context.Context) error {
	for _, b := range o.boxes {
		if b.folder != nil && b.taken != o.local.Of(b.folder) {
			if err := o.take(ctx, b); err != nil {
				return err
			}
		}
		if b.folder != nil {
			b.unstable = o.local.Restless(b.folder)
		}
	}
	if o.DryRun {
		return o.foresee(ctx)
	}
	return nil
}

// known is the base, for look.
type known struct{ a *account }

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
		for row, err := range k.a.base.ByKey(ctx, k.a.boxOf(f).ID) {
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
func (o *localObserver) take(ctx context.Context, b *box) error {
	d := o.local.Of(b.folder)
	b.localView = localView{taken: d, whole: b.whole, looked: b.looked || d.Looked, still: d.Looked && !d.Read, blind: b.blind, unstable: b.unstable, twins: len(d.Twins), stamp: d.Stamp}
	b.repairs = repairs{parted: b.parted, respell: map[maildir.Key]spelling{}}
	switch {
	case d.Err != nil: // it must not look as if it were empty: what is missing may be in it
		if !b.blind {
			o.fail(plan.Op{Mailbox: b.Name}, d.Err)
		}
		b.outside, b.blind = true, true
		return nil
	case b.still:
		return o.waiting(ctx, b)
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
	for _, odd := range d.Odd {
		b.leave(odd.Kind, maildir.Entry{Key: odd.Key, Name: string(odd.Key), New: odd.New}) // without flags, which would make it news
	}
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
		if err := o.addNew(ctx, b, e, &table); err != nil {
			return err
		}
	}
	for _, t := range d.Twins {
		if err := o.addTwins(ctx, b, t, &table); err != nil {
			return err
		}
	}
	b.sortFiles()
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
func (o *localObserver) addNew(ctx context.Context, b *box, e maildir.Entry, table *maildir.KeywordTable) error {
	f := plan.File{Key: e.Key, Flags: table.Flags(e, "")}
	ok, err := o.identify(ctx, b, e, table, &f)
	if ok {
		b.news++
		b.entries[e.Key] = e
		b.files = append(b.files, f)
	}
	return err
}

// waiting shows what is to be shown of a folder in which nothing happened: files that wait for something.
func (o *localObserver) waiting(ctx context.Context, b *box) error {
	if !b.AlwaysInView {
		return nil
	}
	rows, err := o.base.AlwaysInView(ctx, b.ID)
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

// archived shows what stayed here when it vanished on the server, in whatever mailbox, and may be a message in view that the base does not know.
func (o *localObserver) archived(ctx context.Context) error {
	var sizes []int64
	for _, b := range o.boxes {
		if !b.outside {
			sizes = append(sizes, b.sizesOfNew()...)
		}
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	for _, b := range o.boxes {
		if len(sizes) == 0 || !b.Archived || b.outside || b.folder == nil || !b.looked || b.newbase != nil {
			continue
		}
		rows, err := o.base.Archived(ctx, b.ID, sizes)
		if err != nil {
			return err
		}
		shown := b.byKey
		for _, row := range rows {
			if row.Key != "" && at(shown, row.Key, func(p plan.Pair) maildir.Key { return p.Key }) == nil { // else its folder was read
				b.byKey = append(b.byKey, row.Pair)
				b.files = append(b.files, plan.File{Key: row.Key, Still: true})
				b.entries[row.Key] = cmp.Or(b.entries[row.Key], row.Entry)
			}
		}
		b.sortFiles()
	}
	return nil
}

// sizesOfNew are the octets that messages may have that are in view and that the base does not know.
func (b *box) sizesOfNew() (sizes []int64) {
	known, pairs := map[goimap.UID]bool{}, b.delta.Pairs
	if b.newbase != nil {
		pairs = b.newbase
	}
	for _, p := range pairs {
		known[p.UID] = true
	}
	for _, m := range b.delta.Messages {
		if !known[m.UID] {
			sizes = append(sizes, m.ID.Sizes()...)
		}
	}
	return sizes
}

// sortFiles sorts what is in view of a folder by key.
func (b *box) sortFiles() {
	slices.SortFunc(b.files, func(a, b plan.File) int { return cmp.Compare(a.Key, b.Key) })
	slices.SortFunc(b.byKey, func(a, b plan.Pair) int { return cmp.Compare(a.Key, b.Key) })
}

// identify reads a file that the base does not know. It says false of what is no message, or vanished meanwhile.
func (o *localObserver) identify(ctx context.Context, b *box, e maildir.Entry, table *maildir.KeywordTable, f *plan.File) (bool, error) {
	m := b.fresh[e.Key]
	if m == nil {
		var err error
		m, err = o.files.readFile(ctx, b.dir, e)
		none, no := errors.AsType[*maildir.NotMessage](err)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			o.local.Doubt(b.folder)
			return false, nil
		case no:
			b.leave(none.Kind, e)
			return false, nil
		case err == errEmpty:
			b.leave(empty, e)
			return false, nil
		case err != nil:
			b.unread[e.Key] = err
			m = &index.Message{}
		}
		m.Mailbox = b.Name
		b.fresh[e.Key] = m
	}
	var err error
	if f.Flags.Keywords, err = o.files.carried(ctx, b, e, m, table); err != nil {
		o.Log.Warn("keywords cannot be read", "path", b.dir.Path(e), "err", err)
	}
	m.Entry, m.Flags = e, f.Flags
	f.ID = identityOf(m)
	return true, ctx.Err()
}
