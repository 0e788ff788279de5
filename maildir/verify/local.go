package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
)

// Local compares every file, or a sample of them, with the hash of its message. Differences are told as they are found, counts are
// true also beside an error. came, unless nil, is told of each octet that was read. Errors: those of Look, of the index, and of tell.
func Local(ctx context.Context, o Options, sample *Sample, tell func(Difference) error, came func(octets int64)) (Counts, error) {
	t, err := Look(ctx, o)
	if err != nil {
		return Counts{}, err
	}
	l := &Teller{To: tell}
	l.Mailboxes = len(t.Mailboxes)
	if err := t.Folders(l); err != nil {
		return l.Counts, err
	}
	if err := sample.Pick(ctx, o.Store); err != nil {
		return l.Counts, err
	}
	for last := int64(0); ; {
		ms, err := o.Store.Select(ctx, "", "m.id > ? ORDER BY m.id LIMIT ?", last, page)
		if err != nil || len(ms) == 0 {
			return l.Counts, err
		}
		if err := t.files(ctx, l, ms, sample, came); err != nil {
			return l.Counts, err
		}
		last = ms[len(ms)-1].ID
	}
}

// files compares the files of messages.
func (t *Tree) files(ctx context.Context, l *Teller, ms []index.Message, sample *Sample, came func(int64)) error {
	owns, err := t.owns(ctx, ms)
	if err != nil {
		return err
	}
	for _, m := range ms {
		if l.Messages++; m.Entry.Name == "" {
			l.Bodyless++
			continue
		}
		var d *Difference
		if p, ok := t.Place(m); !ok || sample.Has(m.ID) {
			if d, err = t.File(ctx, m, owns[m.ID], &l.Counts); err != nil {
				return err
			}
		} else {
			d = t.Displaced(m, p)
		}
		if d != nil {
			if err := l.Tell(*d); err != nil {
				return err
			}
		}
		if came != nil {
			came(m.Wire.Size)
		}
	}
	return nil
}

func (t *Tree) owns(ctx context.Context, ms []index.Message) (map[int64][32]byte, error) {
	var ids []int64
	for _, m := range ms {
		if !m.Wire.Exact {
			ids = append(ids, m.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return t.Store.Owns(ctx, ids)
}

// Folders tells of folders that cannot be read, and of files that the index does not know.
func (t *Tree) Folders(l *Teller) error {
	for name, err := range t.Closed {
		if err := l.Tell(Difference{Kind: Unreadable, Mailbox: name, Detail: err.Error()}); err != nil {
			return err
		}
	}
	for p := range t.Unknown() {
		d := Difference{Kind: Unknown, Mailbox: p.Mailbox, Path: p.Dir.Path(p.Entry), Detail: "the index does not know this file"}
		if err := l.Tell(d); err != nil {
			return err
		}
	}
	return nil
}

// Displaced tells of a file that is whole, as far as its name shows, and lies elsewhere than the index says; nil: it does not.
func (t *Tree) Displaced(m index.Message, p Place) *Difference {
	d := &Difference{Mailbox: m.Mailbox, Message: m, UID: m.UID, Path: p.Dir.Path(p.Entry)}
	switch {
	case p.Entry.Key != m.Entry.Key:
		d.Kind, d.Detail = OtherKey, fmt.Sprintf("its file was %s and is %s", m.Entry.Key, p.Entry.Key)
	case p.Mailbox != m.Mailbox:
		d.Kind, d.Detail = NotPushed, "moved here to "+p.Mailbox
	default:
		return nil
	}
	return d
}

// File reads the file of a message and compares it with its hash; own is that of the file itself, of a message that is not Wire.Exact, as far
// as it is known. It counts what it did.
func (t *Tree) File(ctx context.Context, m index.Message, own [32]byte, c *Counts) (*Difference, error) {
	p, ok := t.Place(m)
	if !ok {
		return t.absent(m), nil
	}
	if t.Closed[p.Mailbox] != nil {
		return nil, nil // it was told of
	}
	w, err := maildir.WireAt(p.Dir.Path(p.Entry))
	for n := 0; errors.Is(err, fs.ErrNotExist) && n < 3; n++ { // another program renames it at this moment
		var e maildir.Entry
		if e, ok, err = look.File(ctx, p.Dir, p.Entry.Key); err != nil || !ok {
			break
		}
		p.Entry = e
		w, err = maildir.WireAt(p.Dir.Path(e))
	}
	d := &Difference{Mailbox: m.Mailbox, Message: m, UID: m.UID, Path: p.Dir.Path(p.Entry)}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err == nil && !ok:
		return t.gone(ctx, m)
	case err != nil:
		d.Kind, d.Detail = Unreadable, err.Error()
		return d, nil
	}
	switch sound, detail := judge(m.Wire, own, w); {
	case sound:
		c.Files, c.Octets = c.Files+1, c.Octets+w.Size
		return t.Displaced(m, p), nil
	case detail == "" || maildir.Compressed(d.Path):
		c.Unhashed++
		return t.Displaced(m, p), nil
	default:
		d.Kind, d.Detail = Damaged, detail
		return d, nil
	}
}

// judge compares what a file gives with what is known of it; "": nothing is.
func judge(was maildir.Wire, own [32]byte, is maildir.Wire) (sound bool, detail string) {
	hash := was.Hash
	if !was.Exact {
		hash = own
	}
	switch {
	case hash == [32]byte{}:
		return false, ""
	case hash == is.Hash:
		return true, ""
	case was.Exact && is.Size != was.Size:
		return false, fmt.Sprintf("it has %d octets in place of %d", is.Size, was.Size)
	}
	return false, "its octets are others"
}

// absent tells of a message without a file; nil: it is on its way.
func (t *Tree) absent(m index.Message) *Difference {
	if !t.missing[m.ID] {
		return nil
	}
	return &Difference{Kind: Missing, Mailbox: m.Mailbox, Message: m, UID: m.UID, Path: t.Store.Path(m), Detail: "its file is gone"}
}

// gone is absent for a file that was there a moment ago: whoever took it away may have told the index.
func (t *Tree) gone(ctx context.Context, m index.Message) (*Difference, error) {
	now, ok, err := t.Store.ByID(ctx, m.ID)
	if err != nil || !ok || now.Entry != m.Entry || now.Mailbox != m.Mailbox {
		return nil, err
	}
	t.missing[m.ID] = true
	return t.absent(m), nil
}
