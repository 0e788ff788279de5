package index

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"postie/maildir"
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
	lost  []string // of new/ and cur/: what is not there

	agreed bool // an account knows its mailbox
}

// refresh is one Refresh at work.
type refresh struct {
	s      *Store
	done   Refreshed
	gone   []int64          // rows without a file
	stamps map[int64]string // to be recorded, by mailbox id
	header message.Header   // of the file that is read
}

// Refresh brings the message table up to the Maildir: its root and its Maildir++ subfolders. A folder whose mtimes
// are the recorded ones is not scanned; only files that are not known are opened. A row is dropped when its key was
// absent from two whole scans, the last of them undisturbed. If its message lies elsewhere now, under whatever
// key, it keeps its NUMBER. Others may deliver, rename and refresh all the while.
func (s *Store) Refresh(ctx context.Context) (Refreshed, error) {
	select {
	case s.scan <- struct{}{}:
		defer func() { <-s.scan }()
	case <-ctx.Done():
		return Refreshed{}, ctx.Err()
	}
	r := refresh{s: s, stamps: make(map[int64]string)}
	folders, err := s.folders(ctx)
	for i := 0; i < len(folders) && err == nil; i++ {
		err = r.folder(ctx, folders[i])
	}
	if err == nil {
		err = r.finish(ctx)
	}
	return r.done, verb("refresh index", err)
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

// folder compares one folder with its rows, unless its stamp is the recorded one.
func (r *refresh) folder(ctx context.Context, f folder) error {
	began := r.s.now()
	stamp, lost, err := f.dir.Parts()
	if slices.Contains(lost, "cur") { // without new/ it can be read: copies leave out what is empty
		if f.name != Inbox {
			return r.lost(ctx, f)
		}
		_, err = f.dir.Stamp() // says what is missing
	}
	if f.lost = lost; err != nil || f.stamp == text(stamp) {
		return err
	}
	if f.id == 0 {
		if err := r.s.write(ctx, func(tx *sql.Tx) (err error) {
			f.id, err = mailbox(tx, f.name)
			return err
		}); err != nil {
			return err
		}
	}
	r.done.Scanned++
	unreadable := r.done.Unreadable
	if err := r.compare(ctx, f); err != nil {
		return err
	}
	if stamp.Settled(began) && unreadable == r.done.Unreadable {
		r.stamps[f.id] = text(stamp)
	}
	return nil
}

// text is how a stamp is recorded.
func text(stamp maildir.Stamp) string { return fmt.Sprintf("%d %d", stamp.New, stamp.Cur) }

// lost handles a subfolder that cannot be scanned. Only when it is gone altogether are its messages.
func (r *refresh) lost(ctx context.Context, f folder) error {
	if exists(string(f.dir)) {
		r.s.log.Warn("folder is not a Maildir", "folder", f.dir)
		return nil
	}
	ids, err := query(ctx, r.s, number, "SELECT id FROM message WHERE mailbox = ? AND key <> ''", f.id)
	r.gone = append(r.gone, ids...)
	return err
}

// compare scans the folder until it can be believed what is missing: twice at least, and the last scan must have
// seen no change of the folder, because a scan during renames misses files that are there. If three are disturbed,
// nothing is missing this time; the stamp then is not settled either, and the next Refresh scans again.
func (r *refresh) compare(ctx context.Context, f folder) error {
	k, err := r.s.known(ctx, f.id)
	if err != nil {
		return err
	}
	for n := range 3 {
		before, _, err := f.dir.Parts()
		if err != nil {
			return err
		}
		if err := r.pass(ctx, f, k); err != nil {
			return err
		}
		missing := k.missing()
		if len(missing) == 0 || len(f.lost) > 0 {
			return nil
		}
		if after, err := f.dir.Stamp(); err != nil {
			return err
		} else if n > 0 && after == before {
			r.gone = append(r.gone, missing...)
			return nil
		}
	}
	r.s.log.Info("folder changes too fast; what is missing waits for the next refresh", "folder", f.dir)
	return nil
}

// pass scans the folder once and sorts out what is not known, in chunks.
func (r *refresh) pass(ctx context.Context, f folder, k *known) error {
	var strange []maildir.Entry
	for e, err := range f.dir.ScanBut(f.lost) {
		if err != nil {
			return err
		}
		if k.see(e) {
			continue
		}
		// Two files of one key must not meet in one chunk, where neither has a row yet.
		twin := slices.ContainsFunc(strange, func(o maildir.Entry) bool { return o.Key == e.Key })
		if twin || len(strange) == refreshChunk {
			if err := r.sort(ctx, f, k, strange); err != nil {
				return err
			}
			strange = strange[:0]
		}
		strange = append(strange, e)
	}
	return r.sort(ctx, f, k, strange)
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
	if r.done.Scanned+len(r.gone) == 0 || r.s.why != nil && r.done.Added+r.done.Changed+len(r.gone) == 0 {
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
	old, err := r.row(tx, "m.id = ?", id)
	if err != nil || old == nil || exists(r.s.Path(*old)) {
		return err // another process brought the row up to date meanwhile
	}
	heir, err := r.row(tx, `m.id >= (SELECT refresh FROM meta) AND m.id <> ? AND m.header = ? AND
		(m.size = ? AND m.hash = ? OR m.key = ?) ORDER BY m.key <> ?, m.id`,
		id, old.Header[:], old.Wire.Size, old.Wire.Hash[:], string(old.Entry.Key), string(old.Entry.Key))
	if err != nil {
		return err
	}
	if heir == nil || !exists(r.s.Path(*heir)) {
		r.done.Removed++
		_, err := tx.Exec("DELETE FROM message WHERE id = ?", id)
		return err
	}
	r.done.Added = max(0, r.done.Added-1)
	r.done.Moved++
	return inherit(tx, old, heir)
}

// row is the first message for which the condition holds, nil if there is none.
func (r *refresh) row(tx *sql.Tx, where string, args ...any) (*Message, error) {
	rows, err := tx.Query(fmt.Sprintf(columns, "")+where+" LIMIT 1", args...)
	ms, err := collect(rows, err, scanMessage)
	if err != nil || len(ms) == 0 {
		return nil, err
	}
	return &ms[0], nil
}

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
