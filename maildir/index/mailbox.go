package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"postie/maildir"
)

// What is done here to mailboxes is what any other mail program would do to their folders. That it was meant is written down
// beside the base, so that the next sync does the same on the server and does not take it for an accident.

// here is true of a row m of the table mailbox that is not only the name which the server has for one that was renamed or deleted here.
const here = `(NOT EXISTS (SELECT 1 FROM box b WHERE b.mailbox = m.id AND (b.called <> '' OR b.deleted <> 0))
	OR EXISTS (SELECT 1 FROM message WHERE message.mailbox = m.id))`

// ErrPending is the error of a name that is still another mailbox's on the server.
var ErrPending = errors.New("a mailbox of that name was renamed here, and is still called so on the server; sync first")

// CreateMailbox makes the Maildir of a mailbox; layout says where it then lies.
func (s *Store) CreateMailbox(ctx context.Context, name string, layout maildir.Layout) error {
	folder, err := s.newFolder(ctx, name, layout)
	if err != nil {
		return verb("make mailbox", err)
	}
	if err := s.DirOf(Message{Mailbox: name, folder: folder}).Ensure(); err != nil {
		return verb("make mailbox", err)
	}
	return verb("record mailbox", s.write(ctx, func(tx *sql.Tx) error {
		id, err := MailboxID(tx, name)
		if err == nil {
			_, err = tx.Exec("UPDATE mailbox SET folder = nullif(?, '') WHERE id = ? AND folder IS NULL", folder, id)
		}
		if err == nil {
			_, err = tx.Exec("UPDATE box SET deleted = 0 WHERE mailbox = ?", id)
		}
		return err
	}))
}

// newFolder is where a new mailbox is to lie ("": its name tells).
func (s *Store) newFolder(ctx context.Context, name string, layout maildir.Layout) (string, error) {
	if err := s.Writable(); err != nil {
		return "", err
	}
	pending, err := query(ctx, s, number, "SELECT count(*) FROM box b JOIN mailbox m ON m.id = b.mailbox WHERE m.name = ? AND b.called <> ''", name)
	if err == nil && pending[0] > 0 {
		err = ErrPending
	}
	if err != nil {
		return "", err
	}
	return s.folderFor(ctx, name, layout)
}

// RenameMailbox gives a mailbox, and those below it, another name. It returns the old and new names. The lock of the root is the
// caller's.
func (s *Store) RenameMailbox(ctx context.Context, old, name string, layout maildir.Layout) (renamed [][2]string, err error) {
	known, err := s.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	for _, from := range known { // sorted: those below come behind it
		rest, below := strings.CutPrefix(from, old+"/")
		switch {
		case from == old:
			renamed = append(renamed, [2]string{old, name})
		case below:
			renamed = append(renamed, [2]string{from, name + "/" + rest})
		}
	}
	dirs := make([]maildir.Dir, 0, 2*len(renamed))
	folders := make([]string, len(renamed))
	for i, r := range renamed {
		from, err := s.folderFor(ctx, r[0], layout)
		if err == nil {
			folders[i], err = s.renamedFolder(ctx, r[0], r[1], layout)
		}
		if err != nil {
			return nil, verb("rename mailbox", err)
		}
		dirs = append(dirs, s.DirOf(Message{Mailbox: r[0], folder: from}), s.DirOf(Message{Mailbox: r[1], folder: folders[i]}))
	}
	for i := range renamed {
		if err := dirs[2*i].Rename(dirs[2*i+1], false); err != nil {
			return nil, fmt.Errorf("rename mailbox %q: %w", renamed[i][0], err)
		}
	}
	return renamed, verb("record mailbox", s.write(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		for i, r := range renamed {
			if err := rename(tx, r[0], r[1], folders[i]); err != nil {
				return err
			}
		}
		return nil
	}))
}

// renamedFolder is newFolder for a new name of old, which may be the one that it has on the server.
func (s *Store) renamedFolder(ctx context.Context, old, name string, layout maildir.Layout) (string, error) {
	back, err := query(ctx, s, number, "SELECT count(*) FROM box b JOIN mailbox m ON m.id = b.mailbox WHERE m.name = ? AND b.called = ?", name, old)
	if err != nil || back[0] == 0 {
		return s.newFolder(ctx, name, layout)
	}
	return s.folderFor(ctx, name, layout)
}

// rename lets the table follow one mailbox that was renamed.
func rename(tx *sql.Tx, old, name, folder string) error {
	var from int64
	err := tx.QueryRow("SELECT id FROM mailbox WHERE name = ?", old).Scan(&from)
	if err != nil {
		return err
	}
	to, err := MailboxID(tx, name)
	if err != nil {
		return err
	}
	for _, q := range []struct {
		text string
		args []any
	}{
		{"UPDATE mailbox SET stamp = '', folder = CASE WHEN (SELECT folder FROM mailbox WHERE id = ?) IS NULL THEN folder ELSE nullif(?, '') END WHERE id = ?", []any{from, folder, to}},
		{"UPDATE OR REPLACE message SET mailbox = ? WHERE mailbox = ?", []any{to, from}},
		{"UPDATE box SET called = CASE mailbox WHEN ? THEN '' ELSE ? END, stamp = '' WHERE mailbox = ? OR called = ?", []any{to, name, from, old}},
		{"UPDATE wish SET dest = ? WHERE dest = ?", []any{name, old}},
		{"DELETE FROM mailbox WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM box WHERE mailbox = ?1)", []any{from}},
	} {
		if _, err := tx.Exec(q.text, q.args...); err != nil {
			return err
		}
	}
	return nil
}

// DeleteMailbox deletes a mailbox with its messages, and returns these. The lock of the root is the caller's.
func (s *Store) DeleteMailbox(ctx context.Context, name string, layout maildir.Layout) ([]Message, error) {
	folder, err := s.folderFor(ctx, name, layout)
	if err != nil {
		return nil, verb("delete mailbox", err)
	}
	ms, err := s.messages(ctx, "b.name = ?", name)
	if err != nil {
		return nil, err
	}
	if ms, err = s.Remove(ctx, ms); err != nil {
		return ms, err
	}
	dir := s.DirOf(Message{Mailbox: name, folder: folder})
	if err := dir.Drop(filepath.Clean(string(dir)) == filepath.Clean(string(s.root))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ms, fmt.Errorf("delete mailbox %q: %w", name, err)
	}
	return ms, verb("record mailbox", s.write(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		var id int64
		if err := tx.QueryRow("SELECT id FROM mailbox WHERE name = ?", name).Scan(&id); errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		for _, q := range []string{
			// Of what the base knows only the identity is kept, in no mailbox, until the server has agreed.
			"UPDATE message SET mailbox = 0, twin = id WHERE mailbox = ?1 AND ?2 = ?2",
			"UPDATE box SET deleted = 1, called = '', stamp = '' WHERE mailbox = ?1 OR called = ?2",
			"DELETE FROM mailbox WHERE id = ?1 AND ?2 = ?2 AND NOT EXISTS (SELECT 1 FROM box WHERE mailbox = ?1)",
		} {
			if _, err := tx.Exec(q, id, name); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Pending is what the next sync is to do on the server to a mailbox.
type Pending struct {
	Name    string // as the server has it
	Called  string // its name here; "": it was deleted
	Deleted bool
}

// PendingMailboxes lists what was done here to mailboxes that the server knows.
func (s *Store) PendingMailboxes(ctx context.Context) ([]Pending, error) {
	all, err := query(ctx, s, func(rows *sql.Rows) (p Pending, err error) { return p, rows.Scan(&p.Name, &p.Called, &p.Deleted) },
		"SELECT m.name, b.called, b.deleted FROM box b JOIN mailbox m ON m.id = b.mailbox WHERE b.called <> '' OR b.deleted <> 0 ORDER BY m.name")
	return all, verb("read index", err)
}

// Synced says whether a server knows a mailbox, as far as the last sync saw.
func (s *Store) Synced(ctx context.Context, name string) (bool, error) {
	n, err := query(ctx, s, number, "SELECT count(*) FROM box b JOIN mailbox m ON m.id = b.mailbox WHERE m.name = ?1 AND b.called = '' OR b.called = ?1", name)
	return err == nil && n[0] > 0, verb("read index", err)
}
