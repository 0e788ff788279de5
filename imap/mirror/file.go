package mirror

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
)

// flagsIn are the flags of a file. Keywords for which there is no letter are only in the base.
func flagsIn(e maildir.Entry, table *maildir.KeywordTable, row *index.Row) maildir.Flags {
	keywords, _ := table.Keywords(e.Letters)
	if row != nil && row.Local.Keywords != "" {
		_, without := table.Letters(row.Local.Keywords)
		keywords = maildir.NewKeywords(string(keywords), string(without))
	}
	return maildir.Flags{Set: e.Set, Keywords: keywords}
}

// identify reads a file that the base does not know, and gives its entry, which may have changed. It says false of what is no
// message, or vanished meanwhile.
func (r *run) identify(ctx context.Context, b *box, e maildir.Entry, table *maildir.KeywordTable, f *plan.File) (maildir.Entry, bool) {
	m := b.fresh[e.Key]
	if m == nil {
		var err error
		if m, err = r.readFile(ctx, b.dir, e); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return e, false
			}
			r.Log.Warn("message cannot be read", "path", b.dir.Path(e), "err", err)
			m = &index.Message{}
		}
		if m == nil {
			return e, false
		}
		m.Mailbox = b.Name
		b.fresh[e.Key] = m
	}
	var err error
	if e, f.Flags.Keywords, err = r.carried(ctx, b, e, table); err != nil {
		r.Log.Warn("keywords cannot be read", "path", b.dir.Path(e), "err", err)
	}
	m.Entry, m.Flags = e, f.Flags
	f.ID = identityOf(m)
	return e, true
}

func identityOf(m *index.Message) plan.Identity {
	return plan.Identity{Size: m.Wire.Size, Marks: m.Marks, Date: m.Date, MessageID: m.Summary.MessageID, Header: m.Header, Hash: m.Wire.Hash}
}

// readFile makes a message of a file, in one pass and in little memory; nil: it is none.
func (r *run) readFile(ctx context.Context, dir maildir.Dir, e maildir.Entry) (*index.Message, error) {
	file, err := os.OpenFile(dir.Path(e), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO must not stop us
	if errors.Is(err, fs.ErrNotExist) {
		var ok bool
		if e, ok, err = dir.Find(e.Key); err != nil || !ok {
			return nil, cmp.Or(err, error(fs.ErrNotExist))
		}
		file, err = os.Open(dir.Path(e))
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	var header message.Header
	wire, err := maildir.WireOf(io.TeeReader(file, &header))
	if err != nil {
		return nil, err
	}
	m := &index.Message{Wire: wire, Date: info.ModTime().Truncate(time.Second), Header: header.Hash(), Marks: header.Marks(),
		Summary: message.Summarize(header.Bytes())}
	return m, r.wireOf(ctx, e, m)
}

// wireOf corrects the wire form of a file that was moved here by others: one that does not give back what the server sent is known
// by its key, or by what it does give.
func (r *run) wireOf(ctx context.Context, e maildir.Entry, m *index.Message) error {
	own := m.Wire.Hash
	known, err := r.base.WithFile(ctx, e.Key, own)
	for _, k := range known {
		if !k.Wire.Exact && k.Wire.Size != 0 && k.Header == m.Header {
			m.Wire, m.Own = k.Wire, own
		}
	}
	return err
}

// sent makes of a message what an upload of its file gives, if that is another one.
func (r *run) sent(m *index.Message, path string) (*index.Message, error) {
	if m.Wire.Exact {
		return m, nil
	}
	file := *m
	var err error
	file.Wire, err = wireAt(path)
	file.Own = [32]byte{}
	return &file, err
}

// entry finds the file of a key: where it was seen, where the index says, or wherever it is now.
func (r *run) entry(ctx context.Context, b *box, key maildir.Key) (maildir.Entry, error) {
	if e, ok := b.entries[key]; ok && exists(b.dir.Path(e)) {
		return e, nil
	}
	known, err := r.base.WithKey(ctx, key)
	if err != nil {
		return maildir.Entry{}, err
	}
	for _, m := range known {
		if m.Mailbox == b.Name && exists(b.dir.Path(m.Entry)) {
			return m.Entry, nil
		}
	}
	e, ok, err := b.dir.Find(key)
	if err == nil && !ok {
		err = &fs.PathError{Op: "find", Path: string(b.dir) + "/" + string(key), Err: fs.ErrNotExist}
	}
	return e, err
}

func wireAt(path string) (maildir.Wire, error) {
	f, err := os.Open(path)
	if err != nil {
		return maildir.Wire{}, err
	}
	defer f.Close()
	return maildir.WireOf(f)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
