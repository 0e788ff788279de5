package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"

	"postie/maildir"
	"postie/maildir/look"
)

// parting is the new name of a file whose key another one has.
type parting struct{ from, to maildir.Entry }

// addTwins finds out what files of one key are: names of one message, or, if their octets differ, messages of which all but the first are to get
// keys of their own.
func (o *localObserver) addTwins(ctx context.Context, b *box, t look.Twins[knownRow], table *maildir.KeywordTable) error {
	if len(t.Rows) > 0 {
		b.addFile(t.Rows[0].Row, t.Files[0], table)
	} else if err := o.addNew(ctx, b, t.Files[0], table); err != nil {
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
		if err := o.addParted(ctx, b, twin, table); err != nil {
			return err
		}
	}
	return nil
}

// addParted brings a file into view under the key that it is to get.
func (o *localObserver) addParted(ctx context.Context, b *box, twin maildir.Entry, table *maildir.KeywordTable) error {
	p, known := b.parted[twin.Rel()]
	if !known {
		m, err := o.files.readFile(ctx, b.dir, twin)
		if err != nil {
			return nil // the next look sees what it is
		}
		p = parting{twin, maildir.EntryOf(string(maildir.NewKey(o.Now()))+twin.Name[len(twin.Key):], twin.New)}
		if b.parted == nil {
			b.parted = map[string]parting{}
		}
		b.parted[twin.Rel()] = p
		m.Mailbox, b.fresh[p.to.Key] = b.Name, m
	}
	return o.addNew(ctx, b, p.to, table)
}
