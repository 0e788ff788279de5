package mirror

import (
	"context"

	"postie/maildir"
	"postie/maildir/index"
)

// carried gives the keywords of a file that another program moved or copied here: the letters in its name may be those of the folder
// that it came from. Then it is to get those of this one.
func (f *files) carried(ctx context.Context, b *box, e maildir.Entry, m *index.Message, table *maildir.KeywordTable) (maildir.Keywords, error) {
	ks, _ := table.Keywords(e.Letters)
	if e.Letters == "" {
		return ks, nil
	}
	was, from, err := f.source(ctx, b, e.Key, m)
	if err != nil || from == nil {
		return ks, err
	}
	theirs, err := from.dir.Keywords()
	if err != nil {
		return ks, err
	}
	ks, unlisted := before(e, was, &theirs, table)
	letters, without := table.Letters(ks)
	if _, others := table.Keywords(unlisted); letters+others != e.Letters || without != "" && table.Room() {
		b.respell[e.Key] = spelling{ks, unlisted}
	}
	return ks, nil
}

// source finds out what a file was, and in which mailbox; nil: none. Mutt gives what it moves a new key, and keeps its letters and
// date: then the content tells.
func (f *files) source(ctx context.Context, b *box, key maildir.Key, m *index.Message) (*index.Message, *box, error) {
	known, err := f.base.WithKey(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	was, from, err := f.former(ctx, b, known)
	if err != nil || from != nil || m.Wire.Size == 0 {
		return was, from, err
	}
	if known, err = f.base.WithContent(ctx, m.Date, m.Wire.Hash); err != nil {
		return nil, nil, err
	}
	return f.former(ctx, b, known)
}

// former finds the message that the base has in another mailbox: of several one whose file is not there any more.
func (f *files) former(ctx context.Context, b *box, known []index.Message) (was *index.Message, from *box, err error) {
	for i := range known {
		k := &known[i]
		name, err := f.base.Home(ctx, k.ID) // where a reader of the index saw it since may be here
		if err != nil {
			return nil, nil, err
		}
		home := f.byName[name]
		if home == nil || home.Name == b.Name {
			continue
		}
		gone := !exists(home.dir.Path(k.Entry))
		if from == nil || gone {
			was, from = k, home
		}
		if gone {
			break
		}
	}
	return was, from, nil
}

// before reads the letters of a file that was in the folder of table from. Letters that mean nothing there are unlisted.
func before(e maildir.Entry, was *index.Message, from, table *maildir.KeywordTable) (ks maildir.Keywords, unlisted string) {
	_, unlisted = from.Keywords(e.Letters)
	return maildir.Carried(e.Letters, was.Entry.Letters, was.Flags.Keywords, from, table), unlisted
}

// spelling is what the letters of a file are to say.
type spelling struct {
	keywords maildir.Keywords
	unlisted string // letters of nobody: they stay
}
