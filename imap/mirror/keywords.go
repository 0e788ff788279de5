package mirror

import (
	"context"

	"postie/maildir"
	"postie/maildir/index"
)

// carried gives the keywords of a file that another program moved or copied here: the letters in its name may be those of the folder
// that it came from. Then it is to get those of this one.
func (r *run) carried(ctx context.Context, b *box, e maildir.Entry, m *index.Message, table *maildir.KeywordTable) (maildir.Keywords, error) {
	ks, _ := table.Keywords(e.Letters)
	if e.Letters == "" {
		return ks, nil
	}
	was, from, err := r.source(ctx, b, e.Key, m)
	if err != nil || from == nil {
		return ks, err
	}
	theirs, err := from.dir.Keywords()
	if err != nil {
		return ks, err
	}
	ks, unlisted := before(e, was, &theirs, table)
	b.respell[e.Key] = spelling{ks, unlisted}
	return ks, nil
}

// source finds out what a file was, and in which mailbox; nil: none. Mutt gives what it moves a new key, and keeps its letters and
// date: then the content tells.
func (r *run) source(ctx context.Context, b *box, key maildir.Key, m *index.Message) (*index.Message, *box, error) {
	known, err := r.base.WithKey(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	was, from, err := r.former(ctx, b, known)
	if err != nil || from != nil || m.Wire.Size == 0 {
		return was, from, err
	}
	if known, err = r.base.WithContent(ctx, m.Date, m.Wire.Hash); err != nil {
		return nil, nil, err
	}
	return r.former(ctx, b, known)
}

// former finds the message that the base has in another mailbox: of several one whose file is not there any more.
func (r *run) former(ctx context.Context, b *box, known []index.Message) (was *index.Message, from *box, err error) {
	for i := range known {
		k := &known[i]
		name, err := r.base.Home(ctx, k.ID) // where a reader of the index saw it since may be here
		if err != nil {
			return nil, nil, err
		}
		home := r.byName[name]
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

// spell writes keywords into the name of a file by the table of the folder that it is in, and says whether that gave it another name.
func (r *run) spell(b *box, key maildir.Key, s spelling) (bool, error) {
	table, err := b.dir.AddKeywords(s.keywords)
	if err != nil {
		return false, err
	}
	e := b.entries[key]
	letters, _ := table.Letters(s.keywords)
	_, unlisted := table.Keywords(s.unlisted)
	if letters+unlisted == e.Letters {
		return false, nil
	}
	r.step("letters " + string(key))
	if e, err = b.dir.SetFlags(e, e.Set, letters+unlisted); err != nil {
		return false, err
	}
	b.entries[key] = e
	if m := b.fresh[key]; m != nil {
		m.Entry = e
	}
	return true, nil
}
