package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"postie/maildir"
	"postie/maildir/look"
	"postie/maildir/message"
)

// refreshChunk is how many files are handled in one transaction, so that no other writer waits long.
const refreshChunk = 256

// Refreshed says what Refresh did.
type Refreshed struct {
	Scanned    int // folders that had changed
	Added      int // messages, as are those below
	Changed    int // renamed in their folder: flags, or from new/ to cur/
	Moved      int // found again in another folder or under another key, with their NUMBER
	Removed    int
	Unreadable int // files that could not be read; they are tried again by the next Refresh
}

// folder is one Maildir below the root, and what is recorded of it.
type folder struct {
	name  string // of its mailbox
	dir   maildir.Dir
	path  string // below the root, where mirror keeps it
	id    int64  // 0: not recorded yet
	stamp string

	now        *look.Delta[knownRow]
	agreed     bool // an account knows its mailbox
	unreadable bool // files in it could not be read
}

// refresh is one Refresh at work.
type refresh struct {
	s      *Store
	done   Refreshed
	gone   []int64          // rows without a file
	with   map[int64]string // the folder that those of them were lost with
	met    map[int64]bool   // rows of twins whose file was seen
	stamps map[int64]string // to be recorded, by mailbox id
	header message.Header   // of the file that is read

	vanished bool // a file was gone when it was to be read
}

// Refresh brings the message table up to the Maildir: its root and its Maildir++ subfolders. Only files that are not known are
// opened. A row whose file is gone, as look has it, is dropped. If its message lies elsewhere now, under whatever
// key, it keeps its NUMBER. Others may deliver, rename and refresh all the while. Beside an error the rest is done.
func (s *Store) Refresh(ctx context.Context) (Refreshed, error) {
	select {
	case s.scan <- struct{}{}:
		defer func() { <-s.scan }()
	case <-ctx.Done():
		return Refreshed{}, ctx.Err()
	}
	r := refresh{s: s, with: map[int64]string{}, met: map[int64]bool{}, stamps: map[int64]string{}}
	folders, err := s.folders(ctx)
	var closed error
	if err == nil {
		closed, err = r.compare(ctx, folders)
	}
	if err == nil {
		err = errors.Join(r.finish(ctx), closed)
	}
	return r.done, verb("refresh index", err)
}

// compare looks at the folders, and takes what they and their rows differ in. closed names those that cannot be read.
func (r *refresh) compare(ctx context.Context, folders []folder) (closed, err error) {
	seen := make([]*look.Folder, len(folders))
	for i, f := range folders {
		seen[i] = f.look()
	}
	view, err := look.Look(ctx, seen, known{r.s, true}, look.Options{Now: r.s.now})
	for i := 0; i < len(folders) && err == nil; i++ {
		r.vanished = false
		closed = errors.Join(closed, view.Of(seen[i]).Err)
		if err = r.folder(ctx, &folders[i], view.Of(seen[i])); r.vanished {
			view.Doubt(seen[i])
		}
	}
	for i := 0; i < len(folders) && err == nil; i++ { // now that all files were read
		err = r.miss(folders[i], view.Of(seen[i]), view.Steady())
	}
	return closed, err
}

// look is the folder for look.
func (f folder) look() *look.Folder {
	l := &look.Folder{ID: f.id, Dir: f.dir, Known: f.id != 0}
	l.Stamp, l.Places = maildir.Recorded(f.stamp)
	return l
}

// folders lists those that are there and those that are recorded, but for those that mirror keeps. Unless it is one of
// them the root is among them.
func (s *Store) folders(ctx context.Context) ([]folder, error) {
	mirrored, err := query(ctx, s, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) },
		"SELECT name FROM mailbox WHERE folder IS NOT NULL")
	if err != nil {
		return nil, err
	}
	fs, err := query(ctx, s, func(rows *sql.Rows) (f folder, err error) {
		err = rows.Scan(&f.id, &f.name, &f.stamp)
		f.dir = s.dir(f.name)
		return f, err
	}, "SELECT id, name, stamp FROM mailbox WHERE folder IS NULL ORDER BY id")
	if err != nil {
		return nil, err
	}
	subs, err := s.root.Subfolders()
	for _, sub := range append([]string{"."}, subs...) {
		name := mailboxOf(sub)
		if !slices.Contains(mirrored, name) && !slices.ContainsFunc(fs, func(f folder) bool { return f.name == name }) {
			fs = append(fs, folder{name: name, dir: s.dir(name)})
		}
	}
	return fs, err
}

// dir is the folder of a mailbox.
func (s *Store) dir(mailbox string) maildir.Dir {
	return maildir.Dir(filepath.Join(string(s.root), folderOf(mailbox)))
}

// mailboxOf names the mailbox of a Maildir++ folder: its hierarchy joined by "/". A folder that no mailbox name would
// give, or whose name could be confused, goes by the folder's name, which begins with a dot as no other name does.
func mailboxOf(folder string) string {
	parts, ok := maildir.MaildirPlusPlus.Mailbox(folder)
	name := strings.Join(parts, "/")
	if !ok || strings.HasPrefix(name, ".") || strings.Count(name, "/") != len(parts)-1 {
		return folder
	}
	return name
}

// folderOf is the reverse of mailboxOf.
func folderOf(mailbox string) string {
	if strings.HasPrefix(mailbox, ".") {
		return mailbox
	}
	return maildir.MaildirPlusPlus.Folder(strings.Split(mailbox, "/"))
}

// folder takes what came into one folder, and what got another name there.
func (r *refresh) folder(ctx context.Context, f *folder, d *look.Delta[knownRow]) error {
	if !d.Read || d.Gone {
		return nil
	}
	if f.id == 0 {
		if err := r.s.write(ctx, func(tx *sql.Tx) (err error) {
			f.id, err = MailboxID(tx, f.name)
			return err
		}); err != nil {
			return err
		}
	}
	r.done.Scanned++
	unreadable := r.done.Unreadable
	err := r.take(ctx, *f, d)
	f.unreadable = r.done.Unreadable > unreadable
	return err
}

// miss takes what is missing in one folder, if that may be believed.
func (r *refresh) miss(f folder, d *look.Delta[knownRow], steady bool) error {
	if len(d.Without) > 0 {
		if err := r.lost(f, d, steady); err != nil || d.Gone {
			return err
		}
	}
	missing := r.missing(d)
	for _, row := range lostAnew(d) {
		missing = append(missing, row.id)
		r.with[row.id] = f.name + "/" + path.Dir(row.file.Rel())
	}
	if steady {
		r.gone = append(r.gone, missing...)
	} else if len(missing) > 0 {
		r.s.log.Info("folders change too fast; what is missing waits for the next refresh", "folder", f.dir)
	}
	if len(d.Without) > 0 || !steady && len(missing) > 0 {
		return nil
	}
	stamp := d.Stamp
	if f.unreadable {
		stamp = maildir.Stamp{}
	}
	if text := maildir.Record(stamp, d.Places); text != f.stamp {
		r.stamps[f.id] = text
	}
	return nil
}

// lost handles a Maildir that is not whole. Only when a subfolder is gone altogether are its messages.
func (r *refresh) lost(f folder, d *look.Delta[knownRow], steady bool) error {
	if f.name == Inbox && slices.Contains(d.Without, "cur") {
		return fmt.Errorf("%s is no Maildir: it has no cur", f.dir)
	}
	if !d.Gone || exists(string(f.dir)) {
		r.s.log.Warn("folder is not a whole Maildir", "folder", f.dir, "without", d.Without)
		return nil
	}
	if steady {
		for _, row := range d.Lost {
			r.gone = append(r.gone, row.id)
			r.with[row.id] = f.name
		}
	}
	return nil
}

// take sorts out what is not known, in chunks. Twins come one by one: two files of one key must not meet in one
// chunk, where neither has a row yet.
func (r *refresh) take(ctx context.Context, f folder, d *look.Delta[knownRow]) error {
	if len(d.Files)+d.New.Len()+len(d.Twins) == 0 {
		return nil
	}
	table, err := f.dir.Keywords()
	if err != nil {
		return err
	}
	var chunk []maildir.Entry
	for e := range unplaced(d) {
		if len(chunk) == refreshChunk {
			if err := r.sort(ctx, f, &table, chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
		chunk = append(chunk, e)
	}
	if err := r.sort(ctx, f, &table, chunk); err != nil {
		return err
	}
	for _, t := range d.Twins {
		for _, e := range t.Files {
			if err := r.sort(ctx, f, &table, []maildir.Entry{e}); err != nil {
				return err
			}
		}
	}
	return nil
}

// unplaced are the files that do not lie where a row says, but for twins.
func unplaced(d *look.Delta[knownRow]) iter.Seq[maildir.Entry] {
	return func(yield func(maildir.Entry) bool) {
		for _, s := range d.Files {
			if !yield(s.File) {
				return
			}
		}
		d.New.All()(yield)
	}
}

// missing are the rows that no file was seen of.
func (r *refresh) missing(d *look.Delta[knownRow]) (ids []int64) {
	for _, row := range d.Missing {
		ids = append(ids, row.id)
	}
	for _, t := range d.Twins {
		for _, row := range t.Rows {
			if !r.met[row.id] {
				ids = append(ids, row.id)
			}
		}
	}
	return ids
}

// finish drops the rows without a file and records the stamps, which comes last: stopped before, all is scanned again.
func (r *refresh) finish(ctx context.Context) error {
	for ids := range slices.Chunk(r.gone, refreshChunk) {
		if err := r.s.write(ctx, func(tx *sql.Tx) error {
			for _, id := range ids {
				if err := r.drop(tx, id); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if r.done.Scanned+len(r.gone)+len(r.stamps) == 0 || r.s.why != nil && r.done.Added+r.done.Changed+len(r.gone) == 0 {
		return nil // a copy is not worth it, only to remember that nothing has changed
	}
	return r.s.write(ctx, func(tx *sql.Tx) error {
		for id, stamp := range r.stamps {
			if _, err := tx.Exec("UPDATE mailbox SET stamp = ? WHERE id = ?", stamp, id); err != nil {
				return err
			}
		}
		_, err := tx.Exec("UPDATE meta SET refresh = NULL WHERE refresh IS NOT NULL")
		return err
	})
}

// drop removes a row without a file, unless its message was found elsewhere by this refresh (or one that was
// stopped before its end): then the row takes the place of the one that was made there.
func (r *refresh) drop(tx *sql.Tx, id int64) error {
	row, err := r.rows(tx, "m.id = ?", id)
	if err != nil || len(row) == 0 || exists(r.s.Path(row[0])) {
		return err // another process brought the row up to date meanwhile
	}
	old := &row[0]
	came, err := r.rows(tx, `m.id >= (SELECT refresh FROM meta) AND m.id <> ? AND (m.hash = ? OR m.key = ?) ORDER BY m.id`, id, old.Wire.Hash[:], string(old.Entry.Key))
	if err != nil {
		return err
	}
	came = slices.DeleteFunc(came, func(m Message) bool { return !m.is(old) })
	heir, ok := maildir.Moved(old.Entry.Key, slices.Values(came), keyOf)
	if !ok || !exists(r.s.Path(heir)) {
		r.done.Removed++
		_, err := tx.Exec("DELETE FROM message WHERE id = ?", id)
		if with := r.with[id]; err == nil && with != "" {
			err = lostWith(tx, old.Entry.Key, with)
		}
		return err
	}
	r.done.Added = max(0, r.done.Added-1)
	r.done.Moved++
	return inherit(tx, old, &heir)
}

// rows are the messages for which the condition holds.
func (r *refresh) rows(tx *sql.Tx, where string, args ...any) ([]Message, error) {
	rows, err := tx.Query(fmt.Sprintf(columns, "")+where, args...)
	return Collect(rows, err, scanMessage)
}

// is says whether two messages of the index are one, which has two files or has been moved: the header is the same, and the octets are, or
// the key is.
func (m *Message) is(o *Message) bool {
	return m.Header == o.Header && (m.Wire.Hash == o.Wire.Hash && m.Wire.Size == o.Wire.Size || m.Entry.Key == o.Entry.Key)
}

func keyOf(m Message) maildir.Key { return m.Entry.Key }

// inherit puts the row of old where heir's was. Ledger rows follow the key.
func inherit(tx *sql.Tx, old, heir *Message) error {
	var box, twin int64
	if err := tx.QueryRow("DELETE FROM message WHERE id = ? RETURNING mailbox, twin", heir.ID).Scan(&box, &twin); err != nil {
		return err
	}
	key := string(heir.Entry.Key)
	_, err := tx.Exec("UPDATE message SET mailbox = ?, key = ?, twin = ?, tail = ?, new = ?, flags = ?, keywords = ?, date = ? WHERE id = ?",
		box, key, twin, heir.Entry.Name[len(key):], heir.Entry.New, heir.Flags.Set, string(heir.Flags.Keywords), heir.Date.UnixMilli(), old.ID)
	if err == nil && heir.Entry.Key != old.Entry.Key {
		_, err = tx.Exec("UPDATE receipt SET key = ? WHERE key = ?", key, string(old.Entry.Key))
	}
	return err
}
