package mirror

import (
	"context"
	"errors"
	"io/fs"

	"postie/maildir"
	"postie/maildir/index"
)

// carried gives a file that another program moved here under its key the letters that its keywords have here: those in its name
// may be those of the folder that it came from. It returns the entry as it is then, and the keywords.
func (r *run) carried(ctx context.Context, b *box, e maildir.Entry, table *maildir.KeywordTable) (maildir.Entry, maildir.Keywords, error) {
	ks, _ := table.Keywords(e.Letters)
	if e.Letters == "" {
		return e, ks, nil
	}
	known, err := r.base.WithKey(ctx, e.Key)
	if err != nil || len(known) == 0 {
		return e, ks, err
	}
	homes, err := r.base.Homes(ctx, e.Key)
	for i := range known {
		was := &known[i]
		from := r.byName[homes[was.ID]]
		if from == nil || from.Name == b.Name {
			continue
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
	return e, ks, err
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
