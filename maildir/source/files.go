package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postie/maildir"
	"postie/maildir/mbox"
)

// ArrivalForm is how the name of an .eml file begins that tells when the message arrived, in UTC: as postie export writes it.
const ArrivalForm = "20060102-150405-"

// readFiles reads files that are a message each. When one arrived is told by a name that begins with it, else by its Date field, else
// by the mtime, which mostly is that of a copy.
func readFiles(ctx context.Context, m *Mailbox) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		files := slices.Clone(m.files)
		slices.Sort(files)
		for _, path := range files {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			msg, err := readFile(path)
			if err != nil {
				err = &Unfit{path, err}
			}
			if !yield(msg, err) {
				return
			}
		}
	}
}

func readFile(path string) (*Message, error) {
	f, info, err := maildir.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	msg := &Message{Where: path, Key: maildir.Key(path), Date: arrival(path)}
	msg.strict = msg.Date.IsZero() // an export holds whatever came
	msg.open = func() (io.ReadCloser, error) { return reopen(path, info) }
	err = msg.describe(f)
	if msg.Date.IsZero() {
		msg.Date = info.ModTime().Truncate(time.Second)
	}
	return msg, err
}

// arrival is when a message arrived, as the name of its file has it; zero: it does not.
func arrival(path string) (at time.Time) {
	if name := filepath.Base(path); len(name) >= len(ArrivalForm) {
		at, _ = time.Parse(ArrivalForm, name[:len(ArrivalForm)])
	}
	return at
}

// reopen opens a file that is as it was.
func reopen(path string, was os.FileInfo) (*os.File, error) {
	f, info, err := maildir.Open(path)
	if err == nil && (info.Size() != was.Size() || !info.ModTime().Equal(was.ModTime())) {
		f.Close()
		err = ErrChanged
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// readMbox reads an mbox file, up to where it ended when it was opened. Of one that grows meanwhile the last message may be half a one.
func readMbox(ctx context.Context, m *Mailbox) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		f, info, err := maildir.Open(m.Path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		size := info.Size()
		for section, err := range mbox.Scan(io.NewSectionReader(f, 0, size)) {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			msg, err := readSection(m.Path, f, info, section, size)
			if msg == nil && err == nil {
				continue
			}
			if !yield(msg, err) {
				return
			}
		}
	}
}

// readSection reads a message of an mbox. nil: Thunderbird's user deleted it.
func readSection(path string, f *os.File, was os.FileInfo, s mbox.Section, size int64) (*Message, error) {
	msg := &Message{Where: fmt.Sprintf("%s, line %d", path, s.Line), Key: maildir.Key(fmt.Sprintf("%020d", s.Start)), Date: s.Date, strict: true}
	msg.open = func() (io.ReadCloser, error) {
		f, err := reopen(path, was)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{mbox.Open(f, s), f}, nil
	}
	r := mbox.Open(f, s)
	err := msg.describe(r)
	switch now, statErr := f.Stat(); {
	case errors.Is(err, errEmpty) && s.Open:
		err = errCut
	case err != nil:
	case statErr != nil:
		err = statErr
	case s.End >= size-2 && now.Size() != size:
		err = ErrChanged
	case s.Open && !r.Whole():
		err = errCut
	}
	if err != nil {
		return nil, &Unfit{msg.Where, err}
	}
	if r.Status.Deleted {
		return nil, nil
	}
	msg.Flags = r.Status.Flags
	if msg.Date.IsZero() {
		msg.Date = was.ModTime().Truncate(time.Second)
	}
	return msg, nil
}
