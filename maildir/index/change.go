package index

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"postie/maildir"
	"postie/maildir/look"
)

// What is done here to files is what any other mail program would do; the table follows at once. No lock is needed.
// A message without a body has no file that could show the change: a pending change says it to the next sync (pending.go).

// Change is a change of flags. What is in both Set and Clear, or in Add and Remove, is cleared.
type Change struct {
	Set, Clear  maildir.FlagSet
	Add, Remove maildir.Keywords
}

// On is what the change makes of flags.
func (c Change) On(f maildir.Flags) maildir.Flags {
	return f.Or(maildir.Flags{Set: c.Set, Keywords: c.Add}).Without(maildir.Flags{Set: c.Clear, Keywords: c.Remove})
}

// Mark changes flags. It returns the messages that it was done to, as they are now; the error names the others.
func (s *Store) Mark(ctx context.Context, ms []Message, c Change) ([]Message, error) {
	told := map[maildir.Dir]bool{}
	return s.Alter(ctx, ms, func(m *Message) error {
		if m.Entry.Name == "" {
			return m.canWait()
		}
		return s.atFile(ctx, m, func(dir maildir.Dir, e maildir.Entry) (maildir.Entry, error) {
			from, err := s.cameFrom(ctx, m)
			if err != nil {
				return e, err
			}
			e, without, err := mark(m, c, dir, e, from)
			if without != "" && !told[dir] {
				told[dir] = true
				s.log.Warn("a Maildir has letters for 26 keywords; more are kept in the index only", "folder", dir, "keywords", without)
			}
			return e, err
		})
	}, func(tx *sql.Tx, m *Message) error {
		if m.Entry.Name != "" {
			return place(tx, m, m.Mailbox)
		}
		return pend(tx, m, func(w *maildir.PendingChange) {
			if w.Flags != nil {
				m.Flags = *w.Flags
			}
			m.Flags = c.On(m.Flags)
			w.Flags = &m.Flags
		})
	})
}

// mark renames a file so that it has the flags that it is to have. What the file says counts, not what the table does.
// It returns the new keywords for which there is no letter, too. from is what cameFrom says.
func mark(m *Message, c Change, dir maildir.Dir, e maildir.Entry, from *maildir.KeywordTable) (maildir.Entry, maildir.Keywords, error) {
	table, err := dir.AddKeywords(c.Add)
	if err != nil {
		return e, "", err
	}
	_, without := table.Letters(c.Add)
	now := table.Flags(e, m.Flags.Keywords)
	_, unlisted := table.Keywords(e.Letters)
	if from != nil {
		now.Keywords = maildir.Carried(e.Letters, m.Entry.Letters, m.Flags.Keywords, from, &table)
		_, unlisted = from.Keywords(unlisted)
		if table, err = dir.AddKeywords(now.Keywords); err != nil {
			return e, "", err
		}
	}
	m.Flags = c.On(now)
	letters, _ := table.Letters(m.Flags.Keywords)
	e, err = dir.SetFlags(e, m.Flags.Set, letters+unlisted)
	return e, without, err
}

// Remove deletes messages: their files, or, where mirror keeps them without a body, by a pending change. It returns those that it was
// done to; the error names the others. One that is gone already is no error.
func (s *Store) Remove(ctx context.Context, ms []Message) ([]Message, error) {
	return s.Alter(ctx, ms, func(m *Message) error {
		if m.Entry.Name == "" {
			return m.canWait()
		}
		err := s.atFile(ctx, m, func(dir maildir.Dir, e maildir.Entry) (maildir.Entry, error) { return e, remove(m, dir, e) })
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}, func(tx *sql.Tx, m *Message) error {
		if m.Entry.Name == "" {
			return pend(tx, m, func(w *maildir.PendingChange) { w.Delete, w.To = true, "" })
		}
		_, err := tx.Exec("DELETE FROM message WHERE id = ? AND "+Unpaired, m.ID)
		return err // the others are kept until the server has agreed; Follow hides them
	})
}

// remove deletes the file of a message, and not another one that has come by its key.
func remove(m *Message, dir maildir.Dir, e maildir.Entry) error {
	if e.Rel() != m.Entry.Rel() {
		wire, err := maildir.WireAt(dir.Path(e))
		if err != nil {
			return err
		}
		if wire.Exact && m.Wire.Exact && wire.Hash != m.Wire.Hash {
			return errors.New("the file has changed meanwhile")
		}
	}
	return dir.Remove(e)
}

// Move puts messages into a mailbox, which is made where it is missing; layout says where it then lies. NUMBERs stay.
// It returns the messages that it was done to, as they are now; the error names the others.
func (s *Store) Move(ctx context.Context, ms []Message, mailbox string, layout maildir.Layout) ([]Message, error) {
	if strings.EqualFold(mailbox, Inbox) {
		mailbox = Inbox
	}
	folder, err := s.folderFor(ctx, mailbox, layout)
	if err != nil {
		return nil, verb("move", err)
	}
	to := Message{Mailbox: mailbox, folder: folder}
	return s.Alter(ctx, ms, func(m *Message) error {
		if m.Mailbox == mailbox {
			return nil
		}
		dir := s.DirOf(to)
		if err := dir.Ensure(); err != nil {
			return err
		}
		if m.Entry.Name == "" {
			// Its mailbox is one that mirror keeps, whatever the name tells: the rows of others have files.
			m.Mailbox, m.folder = mailbox, cmp.Or(folder, layout.Folder(strings.Split(mailbox, "/")))
			return m.canWait()
		}
		err := s.atFile(ctx, m, func(from maildir.Dir, e maildir.Entry) (maildir.Entry, error) { return from.MoveTo(e, dir) })
		if err == nil {
			m.Mailbox, m.folder = mailbox, folder
		}
		return err
	}, func(tx *sql.Tx, m *Message) error {
		if m.Entry.Name != "" {
			return place(tx, m, m.Mailbox)
		}
		return pend(tx, m, func(w *maildir.PendingChange) { w.To, w.Delete = mailbox, false })
	})
}

// NameError is the error of a name that no mailbox can have.
type NameError struct{ Name string }

func (e *NameError) Error() string { return fmt.Sprintf("%q cannot be the name of a mailbox", e.Name) }

// CheckName says why no mailbox can be made by a name: a *NameError.
func CheckName(mailbox string) error {
	if slices.Contains(strings.Split(mailbox, "/"), "") || strings.HasPrefix(mailbox, ".") || strings.ContainsFunc(mailbox, unicode.IsControl) {
		return &NameError{mailbox}
	}
	return nil
}

// folderFor is where a mailbox lies below the root, if its name does not tell (as it does where mirror keeps nothing).
func (s *Store) folderFor(ctx context.Context, mailbox string, layout maildir.Layout) (string, error) {
	parts := strings.Split(mailbox, "/")
	if err := CheckName(mailbox); err != nil {
		return "", err
	}
	folders, err := query(ctx, s, func(rows *sql.Rows) (f string, err error) { return f, rows.Scan(&f) }, "SELECT folder FROM mailbox WHERE folder IS NOT NULL AND name = ?", mailbox)
	if err != nil || len(folders) > 0 {
		return strings.Join(folders, ""), err
	}
	if layout == maildir.MaildirPlusPlus {
		return "", nil
	}
	return layout.Folder(parts), nil
}

// Alter does something to each message, makes it durable, and has the table follow, in one transaction. It returns the messages that it was
// done to; the error names the others.
func (s *Store) Alter(ctx context.Context, ms []Message, do func(*Message) error, follow func(*sql.Tx, *Message) error) ([]Message, error) {
	if err := s.Writable(); err != nil {
		return nil, err
	}
	var done []Message
	var errs []error
	dirs := map[maildir.Dir]bool{}
	for _, m := range ms {
		if ctx.Err() != nil {
			errs = append(errs, context.Cause(ctx))
			break
		}
		dir := s.DirOf(m)
		if err := do(&m); err != nil {
			errs = append(errs, fmt.Errorf("%s/%d: %w", m.Mailbox, m.ID, err))
			continue
		}
		done = append(done, m)
		dirs[dir] = dirs[dir] || m.Entry.Name != ""
	}
	for dir, touched := range dirs {
		if touched {
			errs = append(errs, dir.Sync())
		}
	}
	err := s.write(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		for i := range done {
			if err := follow(tx, &done[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return done, errors.Join(append(errs, verb("record change", err))...)
}

// atFile does something with the file of a message, which other programs may have renamed since the last look.
func (s *Store) atFile(ctx context.Context, m *Message, do func(maildir.Dir, maildir.Entry) (maildir.Entry, error)) error {
	dir := s.DirOf(*m)
	e, err := do(dir, m.Entry)
	if errors.Is(err, fs.ErrNotExist) {
		found, ok, findErr := look.File(ctx, dir, m.Entry.Key)
		if findErr != nil || !ok {
			return errors.Join(s.absent(ctx, m, err), findErr)
		}
		e, err = do(dir, found)
	}
	if err == nil {
		m.Entry = e
	}
	return err
}

// Arriving is the state of a row of the table pair whose file is durable in tmp/ and perhaps published. The others are imap/base's.
const Arriving = 100

// absent is the error of a file that is not there. One that a sync is just about to publish is not gone.
func (s *Store) absent(ctx context.Context, m *Message, err error) error {
	n, queryErr := query(ctx, s, number, "SELECT count(*) FROM pair WHERE message = ? AND state = ?", m.ID, Arriving)
	if queryErr != nil || n[0] > 0 {
		return cmp.Or(queryErr, errors.New("it is just coming in; try again when postie sync is done"))
	}
	return err
}

// cameFrom gives the keywords of the folder from which another program has moved the file of a message since the last sync: the
// letters in its name may still be those. nil: it lies where it did.
func (s *Store) cameFrom(ctx context.Context, m *Message) (*maildir.KeywordTable, error) {
	if m.Entry.Letters == "" {
		return nil, nil
	}
	folders, err := query(ctx, s, func(rows *sql.Rows) (folder string, err error) { return folder, rows.Scan(&folder) },
		`SELECT h.folder FROM pair p JOIN box b ON b.id = p.box JOIN mailbox h ON h.id = b.mailbox
		WHERE p.message = ? AND h.name <> ? AND h.folder IS NOT NULL`, m.ID, m.Mailbox)
	if err != nil || len(folders) == 0 {
		return nil, err
	}
	table, err := s.DirOf(Message{folder: folders[0]}).Keywords()
	return &table, err
}

// place records where a message lies now, and its flags. If a Refresh has seen the file there first, its row gives way.
func place(tx *sql.Tx, m *Message, name string) error {
	box, err := MailboxID(tx, name)
	if err != nil {
		return err
	}
	if m.folder != "" {
		_, err = tx.Exec("UPDATE mailbox SET folder = ? WHERE id = ? AND folder IS NULL AND NOT EXISTS (SELECT 1 FROM message WHERE mailbox = ?2)", m.folder, box)
	}
	if err == nil && m.Entry.Name == "" {
		_, err = tx.Exec("UPDATE message SET mailbox = ?, flags = ?, keywords = ? WHERE id = ? AND key = ''", box, m.Flags.Set, string(m.Flags.Keywords), m.ID)
		return err
	}
	if err == nil {
		_, err = tx.Exec(`DELETE FROM message WHERE mailbox = ?1 AND key = ?2 AND twin = 0 AND id <> ?3
			AND NOT EXISTS (SELECT 1 FROM message WHERE id = ?3 AND mailbox = ?1) AND `+Unpaired, box, string(m.Entry.Key), m.ID)
	}
	if err == nil {
		_, err = tx.Exec("UPDATE OR IGNORE message SET mailbox = ?, key = ?, tail = ?, new = ?, flags = ?, keywords = ? WHERE id = ?",
			box, string(m.Entry.Key), m.Entry.Name[len(m.Entry.Key):], m.Entry.New, m.Flags.Set, string(m.Flags.Keywords), m.ID)
	}
	return err
}
