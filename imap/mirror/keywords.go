package mirror

import (
	"context"
	"errors"
	"io/fs"

	"postie/maildir"
	"postie/maildir/index"
)

// carried gives a file that another program moved or copied here the letters that its keywords have here: those in its name may be
// those of the folder that it came from. It returns the entry as it is then, and the keywords.
func (r *run) carried(ctx context.Context, b *box, e maildir.Entry, m *index.Message, table *maildir.KeywordTable) (maildir.Entry, maildir.Keywords, error) {
	ks, _ := table.Keywords(e.Letters)
	if e.Letters == "" {
		return e, ks, nil
	}
	was, from, err := r.source(ctx, b, e.Key, m)
	if err != nil || from == nil {
		return e, ks, err
	}
	theirs, err := from.dir.Keywords()
	if err != nil {
		return e, ks, err
	}
	ks, unlisted := before(e, was, &theirs, table)
	if e, err = r.spell(b, e, ks, unlisted, table); errors.Is(err, fs.ErrNotExist) {
		err = nil // the next look sees it
	}
	return e, ks, err
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

// spell writes keywords into a name by the table of the folder that it is in. A letter that no table lists stays.
func (r *run) spell(b *box, e maildir.Entry, ks maildir.Keywords, unlisted string, table *maildir.KeywordTable) (maildir.Entry, error) {
	if r.DryRun || b.outside {
		return e, nil
	}
	var err error
	if *table, err = b.dir.AddKeywords(ks); err != nil {
		return e, err
	}
	letters, _ := table.Letters(ks)
	_, unlisted = table.Keywords(unlisted)
	if letters+unlisted == e.Letters {
		return e, nil
	}
	r.step("letters " + string(e.Key))
	b.respelt = true
	return b.dir.SetFlags(e, e.Set, letters+unlisted)
}

// spelled makes new letters durable, before keywords are agreed that the old ones do not say.
func (r *run) spelled(b *box) error {
	if !b.respelt {
		return nil
	}
	b.respelt = false
	r.step("fsync-dir " + b.Name)
	return b.dir.Sync()
}
