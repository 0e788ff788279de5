package mirror

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/look"
	"postie/maildir/message"
)

// files reads files of messages, and finds them by their keys.
type files struct{ *account }

func identityOf(m *index.Message) plan.Identity {
	return plan.Identity{Size: m.Wire.Size, Marks: m.Marks, Date: m.Date, MessageID: m.Summary.MessageID, Header: m.Header, Hash: m.Wire.Hash}
}

// readFile makes a message of a file, in one pass and in little memory. The error of one that holds nothing, a damaged copy, is errEmpty.
func (f *files) readFile(ctx context.Context, dir maildir.Dir, e maildir.Entry) (*index.Message, error) {
	var header message.Header
	c, err := look.Read(dir.Path(e), &header)
	if errors.Is(err, fs.ErrNotExist) {
		var ok bool
		if e, ok, err = look.File(ctx, dir, e.Key); err != nil || !ok {
			return nil, cmp.Or(err, error(fs.ErrNotExist))
		}
		c, err = look.Read(dir.Path(e), &header)
	}
	if err == nil && c.Wire.Size == 0 {
		err = errEmpty
	}
	if err != nil {
		return nil, err
	}
	m := index.MessageOf(c)
	m.Date = m.Date.Truncate(time.Second) // as exact as an INTERNALDATE
	return m, f.wireOf(ctx, e, m)
}

// wireOf corrects the wire form of a file that was moved here by others: one that does not give back what the server sent is known
// by its key, or by what it does give.
func (f *files) wireOf(ctx context.Context, e maildir.Entry, m *index.Message) error {
	own := m.Wire.Hash
	known, err := f.base.WithFile(ctx, e.Key, own)
	for _, k := range known {
		if !k.Wire.Exact && k.Wire.Size != 0 && k.Header == m.Header {
			m.Wire, m.Own = k.Wire, own
		}
	}
	return err
}

// sent makes of a message what an upload of its file gives, if that is another one.
func (f *files) sent(m *index.Message, path string) (*index.Message, error) {
	if m.Wire.Exact {
		return m, nil
	}
	file := *m
	var err error
	file.Wire, err = maildir.WireAt(path)
	file.Own = [32]byte{}
	return &file, err
}

// seek has the files of operations at hand that were not seen in this run: one question to the index for all.
func (f *files) seek(ctx context.Context, b *box, ops []plan.Op) error {
	var keys []maildir.Key
	for _, op := range ops {
		if _, seen := b.entries[op.Pair.Key]; op.Pair.Key != "" && !seen {
			keys = append(keys, op.Pair.Key)
		}
	}
	if len(keys) < 2 {
		return nil
	}
	known, err := f.base.Entries(ctx, b.ID, keys)
	for _, e := range known {
		b.entries[e.Key] = e
	}
	return err
}

// entry finds the file of a key: where it was seen, where the index says, or wherever it is now.
func (f *files) entry(ctx context.Context, b *box, key maildir.Key) (maildir.Entry, error) {
	if e, ok := b.entries[key]; ok && exists(b.dir.Path(e)) {
		return e, nil
	}
	known, err := f.base.WithKey(ctx, key)
	if err != nil {
		return maildir.Entry{}, err
	}
	for _, m := range known {
		if m.Mailbox == b.Name && exists(b.dir.Path(m.Entry)) {
			return m.Entry, nil
		}
	}
	e, ok, err := look.File(ctx, b.dir, key)
	if err == nil && !ok {
		err = &fs.PathError{Op: "find", Path: string(b.dir) + "/" + string(key), Err: fs.ErrNotExist}
	}
	return e, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
