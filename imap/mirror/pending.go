package mirror

import (
	"cmp"
	"context"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap/base"
	"postie/imap/plan"
	"postie/maildir"
)

// foresee shows in a dry run the files as the run finds them that applies the pending changes whose messages have got their bodies: a run that
// was stopped had left that to do.
func (o *localObserver) foresee(ctx context.Context) error {
	all, err := o.base.Late(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		i := slices.IndexFunc(o.boxes, func(b *box) bool { return b.ID == l.Box })
		if i < 0 || o.boxes[i].outside || !o.boxes[i].here {
			continue
		}
		if err := o.foreseen(ctx, o.boxes[i], l); err != nil {
			return err
		}
	}
	return nil
}

// foreseen shows one file as it will be: with other flags, in another mailbox, or not any more.
func (o *localObserver) foreseen(ctx context.Context, b *box, l base.Late) error {
	row, err := o.row(ctx, b, l.UID)
	if err != nil || row.Key == "" || b.lacks(row.Key) {
		return err
	}
	e, err := o.files.entry(ctx, b, row.Key)
	if err != nil {
		return nil // gone, as any other
	}
	table, err := b.dir.Keywords()
	if err != nil {
		return err
	}
	f := plan.File{Key: row.Key, Flags: l.On(table.Flags(e, row.Local.Keywords))}
	b.files = slices.DeleteFunc(b.files, func(f plan.File) bool { return f.Key == row.Key })
	b.byKey = slices.DeleteFunc(b.byKey, func(p plan.Pair) bool { return p.Key == row.Key })
	to := o.byName[l.To]
	switch {
	case l.Delete, to != nil && to != b && to.holds(f.Key): // it was foreseen there before this mailbox was read again
		b.addMissing(knownRow{row})
	case to != nil && to != b:
		b.addMissing(knownRow{row})
		m, err := o.files.readFile(ctx, b.dir, e)
		if err != nil {
			return nil
		}
		m.Mailbox, m.Entry, m.Flags = to.Name, e, f.Flags
		f.ID, to.fresh[f.Key] = identityOf(m), m
		to.news++
		to.insert(f)
	default:
		b.byKey = append(b.byKey, row.Pair)
		b.insert(f)
	}
	slices.SortFunc(b.byKey, func(a, b plan.Pair) int { return cmp.Compare(a.Key, b.Key) })
	return nil
}

// insert brings a file into view.
func (b *box) insert(f plan.File) {
	i, _ := slices.BinarySearchFunc(b.files, f.Key, func(f plan.File, key maildir.Key) int { return cmp.Compare(f.Key, key) })
	b.files = slices.Insert(b.files, i, f)
}

// row is the pair of a message, as the base has it; without a key: it has none.
func (o *localObserver) row(ctx context.Context, b *box, uid goimap.UID) (row base.Row, err error) {
	for r, err := range o.base.ByUID(ctx, b.ID, goimap.UIDSetNum(uid)) {
		if err != nil {
			return row, err
		}
		row = r
	}
	return row, nil
}
