package library

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/mail"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postie/cmd/postie/internal/config"
	"postie/cmd/postie/internal/exit"
	"postie/cmd/postie/internal/paths"
	"postie/cmd/postie/internal/ui"
	"postie/imap/naming"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/index/query"
	"postie/maildir/mbox"
	"postie/maildir/source"
)

// Ref is a message that was chosen, in little memory.
type Ref struct {
	shelf         *Shelf
	id            int64
	name, mailbox string
	date          time.Time
	hash          [32]byte
}

// Choose gives the messages that a query finds, nil: all, in an order that depends on nothing but the mail: by account, mailbox,
// arrival, and hash.
func (l *Library) Choose(ctx context.Context, q *query.Query) (all []Ref, err error) {
	for _, s := range l.Shelves {
		found := query.List(ctx, s.Index, query.ListOptions{})
		if q != nil {
			found = s.search(ctx, *q, query.ByArrival, 0)
		}
		for i, err := range s.visible(found) {
			if err != nil {
				return nil, exit.Cause(ctx, err)
			}
			all = append(all, Ref{s, i.ID, s.Accounts[0].Name, i.Mailbox, i.Date.Truncate(time.Second), i.Wire.Hash})
		}
	}
	slices.SortStableFunc(all, func(a, b Ref) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.mailbox, b.mailbox), a.date.Compare(b.date), slices.Compare(a.hash[:], b.hash[:]), cmp.Compare(a.id, b.id))
	})
	return all, nil
}

// open gives a message that was chosen, and its file. A file that another program renamed meanwhile is looked for once more.
func (r Ref) open(ctx context.Context) (Item, *os.File, error) {
	var file *os.File
	i := Item{Shelf: r.shelf}
	for try := 0; ; try++ {
		m, ok, err := r.shelf.Index.ByID(ctx, r.id)
		if err == nil && !ok {
			err = fs.ErrNotExist
		}
		if err != nil {
			return i, nil, err
		}
		i.Message = m
		if m.Entry.Name == "" {
			return i, nil, errBodyless
		}
		file, _, err = maildir.Open(r.shelf.Index.Path(m))
		if err == nil || !errors.Is(err, fs.ErrNotExist) || try == 1 {
			return i, file, err
		}
		if err := r.shelf.look(ctx); err != nil {
			return i, nil, err
		}
	}
}

var errBodyless = errors.New("only the summary is here")

// Exporter tells of what is written.
type Exporter struct {
	*Library
	Done   int
	Bytes  int64
	Failed int
}

// each opens one message after the other. What cannot be read is told, and the rest goes on. do's error ends it.
func (e *Exporter) each(ctx context.Context, all []Ref, do func(Ref, Item, *os.File) error) error {
	task := e.UI.Task("export")
	defer task.Done()
	task.Phase("exporting", ui.Amount{Messages: len(all)})
	for _, r := range all {
		if ctx.Err() != nil {
			return exit.Cause(ctx, ctx.Err())
		}
		i, file, err := r.open(ctx)
		if err == nil {
			err = do(r, i, file)
			file.Close()
			if err != nil {
				return err
			}
			e.Done++
			task.Add(ui.Amount{Messages: 1})
			continue
		}
		e.fail(i, r, err)
	}
	return nil
}

func (e *Exporter) fail(i Item, r Ref, err error) {
	e.Failed++
	account, hint := r.shelf.Accounts[0], ""
	if errors.Is(err, errBodyless) && account.Protocol == config.IMAP && account.Host != "" {
		hint = "postie sync " + account.Name + " --bodies all fetches the bodies"
	}
	e.UI.Error(ui.Failure{Account: account.Name, Err: fmt.Errorf("%s/%s/%d: %w", r.name, r.mailbox, r.id, err), Hint: hint, Exit: exit.Partial})
}

// Mbox writes messages as one mbox file, with their flags.
func (e *Exporter) Mbox(ctx context.Context, out io.Writer, all []Ref) error {
	w := mbox.NewWriter(out)
	err := e.each(ctx, all, func(r Ref, i Item, file *os.File) error {
		e.Bytes += i.Wire.Size
		return w.Message(sender(i.Summary.From), r.date, i.Flags, file)
	})
	return errors.Join(err, w.Flush())
}

// Mboxes writes an mbox file for each mailbox below a folder, in a folder for each account where there are several.
func (e *Exporter) Mboxes(ctx context.Context, dir string, all []Ref) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	folder := folders(all)
	by := map[string][]Ref{}
	for _, r := range all {
		name := folder(r) + ".mbox"
		by[name] = append(by[name], r)
	}
	var written []fs.FileInfo
	for _, name := range slices.Sorted(maps.Keys(by)) {
		file := filepath.FromSlash(name)
		if err := root.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		w, info, err := apart(root, file, written)
		if err != nil {
			return err
		}
		written = append(written, info)
		if err := errors.Join(e.Mbox(ctx, w, by[name]), w.Sync(), w.Close()); err != nil {
			return err
		}
	}
	return nil
}

// apart opens a file to be written anew, which is none of those that were written: a file system that ignores case gives one file for
// two names.
func apart(root *os.Root, name string, written []fs.FileInfo) (*os.File, fs.FileInfo, error) {
	w, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	info, err := w.Stat()
	if err == nil && slices.ContainsFunc(written, func(other fs.FileInfo) bool { return os.SameFile(info, other) }) {
		err = fmt.Errorf("%s would overwrite the file of another mailbox, which has the same name to this file system: export them one by one, with --query in:MAILBOX", name)
	} else if err == nil {
		err = w.Truncate(0)
	}
	if err != nil {
		w.Close()
		return nil, nil, err
	}
	return w, info, nil
}

// sender is an address as a "From " line has it; "": there is none.
func sender(from string) string {
	a, err := mail.ParseAddress(from)
	if err != nil || strings.ContainsFunc(a.Address, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return a.Address
}

// Zip writes messages as an archive of .eml files.
func (e *Exporter) Zip(ctx context.Context, out io.Writer, all []Ref) error {
	z := zip.NewWriter(out)
	names := e.names(all)
	err := e.each(ctx, all, func(r Ref, i Item, file *os.File) error {
		h := &zip.FileHeader{Name: names(r, i), Method: zip.Deflate, Modified: fits(r.date)}
		h.SetMode(0o600)
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		n, err := io.Copy(w, maildir.NewWireReader(file))
		e.Bytes += n
		return err
	})
	return errors.Join(err, z.Close())
}

// fits makes a date one that an archive can hold.
func fits(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1980 || t.Year() > 2107 {
		return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}

// Files writes messages as .eml files below a folder, each under a name of its own, in a folder for each mailbox.
func (e *Exporter) Files(ctx context.Context, dir string, all []Ref) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	names := e.names(all)
	return e.each(ctx, all, func(r Ref, i Item, file *os.File) error {
		name := filepath.FromSlash(names(r, i))
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		w, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		n, err := io.Copy(w, maildir.NewWireReader(file))
		e.Bytes += n
		return errors.Join(err, w.Sync(), w.Close(), root.Chtimes(name, r.date, r.date))
	})
}

// names gives each message the path of its file: account, where there are several, mailbox, and when it arrived, its subject and its hash.
func (e *Exporter) names(all []Ref) func(Ref, Item) string {
	folder := folders(all)
	taken := map[string]bool{}
	return func(r Ref, i Item) string {
		dir := folder(r)
		subject := []rune(strings.Join(strings.Fields(paths.Safe(ui.Clean(i.Summary.Subject))), " "))
		base := fmt.Sprintf("%s%s %x", r.date.UTC().Format(source.ArrivalForm), string(subject[:min(len(subject), 60)]), r.hash[:4])
		name := path.Join(dir, base+".eml")
		for n := 2; taken[name]; n++ {
			name = path.Join(dir, fmt.Sprintf("%s %d.eml", base, n))
		}
		taken[name] = true
		return name
	}
}

// folders gives each message the folder of its mailbox, below that of its account where there are several.
func folders(all []Ref) func(Ref) string {
	several := slices.ContainsFunc(all, func(r Ref) bool { return r.name != all[0].name })
	return func(r Ref) string {
		dir := maildir.FS.Folder(naming.Split(r.mailbox))
		if r.mailbox == index.Inbox {
			dir = "INBOX"
		}
		if several {
			dir = path.Join(cmp.Or(paths.Safe(ui.Clean(r.name)), "account"), dir)
		}
		return dir
	}
}
