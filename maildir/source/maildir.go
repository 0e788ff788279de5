package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"

	"postie/maildir"
	"postie/maildir/look"
)

// readings is how often a folder is read in which another program renames files.
const readings = 5

// readMaildir reads a Maildir.
func readMaildir(ctx context.Context, m *Mailbox) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		dir := maildir.Dir(m.Path)
		table, err := dir.Keywords()
		if err != nil {
			yield(nil, err)
			return
		}
		entries, err := rested(dir)
		if err != nil {
			yield(nil, err)
			return
		}
		for i, e := range entries {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			msg, err := readEntry(ctx, m, dir, e, &table)
			if err != nil {
				err = &Unfit{dir.Path(e), err}
			} else if i > 0 && entries[i-1].Key == e.Key && same(dir, entries[i-1], msg) {
				continue // one file, met twice on its way
			}
			if !yield(msg, err) {
				return
			}
		}
	}
}

// rested lists a Maildir, by key. While another program renames files one reading may miss some, so it is read again until nothing
// changes meanwhile.
func rested(dir maildir.Dir) ([]maildir.Entry, error) {
	for range readings {
		before, err := dir.Parts()
		if err != nil {
			return nil, err
		}
		var all []maildir.Entry
		for e, err := range dir.ScanBut(before.Lost) {
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
		if after, err := dir.Parts(); err == nil && after.Stamp == before.Stamp {
			slices.SortFunc(all, func(a, b maildir.Entry) int {
				if a.Key != b.Key {
					return map[bool]int{true: -1, false: 1}[a.Key < b.Key]
				}
				return map[bool]int{true: -1, false: 1}[a.Name < b.Name]
			})
			return all, nil
		}
	}
	return nil, ErrChanged
}

func readEntry(ctx context.Context, m *Mailbox, dir maildir.Dir, e maildir.Entry, table *maildir.KeywordTable) (*Message, error) {
	f, info, err := maildir.Open(dir.Path(e))
	if errors.Is(err, fs.ErrNotExist) { // renamed meanwhile
		if now, ok, findErr := look.File(ctx, dir, e.Key); ok && findErr == nil {
			e = now
			f, info, err = maildir.Open(dir.Path(e))
		}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var more maildir.Keywords
	if m.o.Keywords != nil {
		more = m.o.Keywords(e.Key)
	}
	msg := &Message{Where: dir.Path(e), Key: e.Key, Flags: table.Flags(e, more), Date: info.ModTime()}
	msg.open = func() (io.ReadCloser, error) { return openEntry(ctx, dir, e, info.Size()) }
	return msg, msg.describe(f)
}

// openEntry opens a file under whatever name it has by now. One of another size is another one.
func openEntry(ctx context.Context, dir maildir.Dir, e maildir.Entry, size int64) (*os.File, error) {
	f, info, err := maildir.Open(dir.Path(e))
	if errors.Is(err, fs.ErrNotExist) {
		now, ok, findErr := look.File(ctx, dir, e.Key)
		if findErr != nil || !ok {
			return nil, errors.Join(ErrChanged, findErr)
		}
		f, info, err = maildir.Open(dir.Path(now))
	}
	if err == nil && info.Size() != size {
		f.Close()
		err = ErrChanged
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func same(dir maildir.Dir, e maildir.Entry, m *Message) bool {
	wire, err := maildir.WireAt(dir.Path(e))
	return err == nil && wire.Hash == m.Hash
}
