package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"postie/maildir"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Newer is the error of Open when the database belongs to a newer postie. The file was not touched.
type Newer struct {
	Path       string
	Have, Know int // schema versions: of the database, and the newest that this postie knows
}

func (e *Newer) Error() string {
	return fmt.Sprintf("%s was written by a newer postie (schema version %d, this one knows %d)", e.Path, e.Have, e.Know)
}

// Damaged is the error of any method that comes upon a part of the database that cannot be right. The next Open
// examines the whole file and sets it aside.
type Damaged struct {
	Path string
	Err  error
}

func (e *Damaged) Error() string {
	return fmt.Sprintf("%s is damaged (%v); the next run sets it aside and rebuilds it from the mail", e.Path, e.Err)
}

func (e *Damaged) Unwrap() error { return e.Err }

// unready is why a database cannot be used before repair has seen to it.
type unready struct{ err error }

func (e *unready) Error() string { return e.err.Error() }
func (e *unready) Unwrap() error { return e.err }

// What SQLite takes for a sound database may still be none of ours, or fail its own check, or hold what we never write.
const (
	errForeign  = flaw("not a database of postie")
	errUnsound  = flaw("integrity check")
	errVersion  = flaw("no schema version of postie's")
	ErrOrder    = flaw("rows are not in the order of their index")
	ErrLost     = flaw("rows are lost that others belong to")
	errOther    = flaw("it is that of another Maildir")
	errReadOnly = flaw("its header says that nobody may write it")
)

type flaw string

func (f flaw) Error() string { return string(f) }

// garbled is what a row holds that nothing of ours can be made of.
type garbled struct{ err error }

func (e *garbled) Error() string { return e.err.Error() }
func (e *garbled) Unwrap() error { return e.err }

// code is the primary result code of SQLite in err, 0 when there is none.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// full says whether the disk is: where the memory shared by all who have the database open finds no room, SQLite calls it an error of the disk.
func full(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE)
}

// isDamage says whether only a damaged file explains an error.
func isDamage(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return true
	}
	return certain(err)
}

// certain says whether an error shows damage that SQLite's own check may pass over: values that a table cannot have got from us, and a
// schema that is not ours.
func certain(err error) bool {
	if _, ok := errors.AsType[flaw](err); ok {
		return true
	}
	if _, ok := errors.AsType[*garbled](err); ok {
		return true
	}
	switch code(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH:
		return true
	case sqlite3.SQLITE_ERROR: // also that of a search that cannot be parsed
		for _, text := range []string{"malformed", "no such table", "no such column", "unsupported file format", "unsupported schema", "has no column", "already exists", "duplicate column"} {
			if strings.Contains(err.Error(), text) {
				return true
			}
		}
	}
	return false
}

// Busy reports whether err says that another process was writing for longer than we waited.
func Busy(err error) bool { return code(err) == sqlite3.SQLITE_BUSY }

// Blame turns what only a damaged file explains into *Damaged, and leaves a mark for the next Open. SQLite's report of a full
// disk becomes the system's, ENOSPC, by which callers know it whoever met it.
func (s *Store) Blame(err error) error {
	if full(err) {
		return &fs.PathError{Op: "write", Path: s.path(), Err: syscall.ENOSPC}
	}
	err = s.locked(err)
	if !isDamage(err) {
		return err
	}
	s.log.Error("index is damaged", "path", s.path(), "err", err)
	mark := create(s.suspect())
	if certain(err) && mark == nil {
		mark = replace(s.suspect(), err.Error())
	}
	return errors.Join(&Damaged{s.path(), err}, mark)
}

// locked blames the header of a database that SQLite does not write though the file may be written.
func (s *Store) locked(err error) error {
	if code(err) == sqlite3.SQLITE_READONLY && s.why == nil && unwritable(s.path()) == nil {
		return fmt.Errorf("%w: %w", errReadOnly, err)
	}
	return err
}

// suspect is the file that asks the next Open for a full examination, or, with a reason in it, to set the database aside.
func (s *Store) suspect() string { return s.base + ".db.suspect" }

// repair makes the database usable: sets a damaged one aside, creates, migrates, sets the journal mode. The caller
// holds the exclusive lock, so no other process has the file open: SQLite loses data when a file that is open
// elsewhere is renamed (sqlite.org/howtocorrupt.html section 2.4).
func (s *Store) repair(ctx context.Context) error {
	err := s.examine(ctx)
	if err == nil {
		err = s.prepare(ctx)
	}
	if isDamage(err) {
		s.log.Warn("index is damaged", "path", s.path(), "err", err)
		if err = s.setAside(); err == nil {
			err = s.prepare(ctx)
		}
	}
	if err != nil {
		return err
	}
	if err := os.Remove(s.suspect()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// prepare makes the database if there is none, migrates it, sets its journal mode, and writes into it whose it is.
func (s *Store) prepare(ctx context.Context) error {
	if !exists(s.path()) && s.aside == "" {
		s.fresh = append(s.fresh, s.path())
	}
	if err := create(s.path()); err != nil {
		return err
	}
	db := s.pool(1, "query_only(0)")
	defer db.Close()
	mode := "wal" // where that cannot be had it stays "delete", without an error
	if s.net {
		mode = "delete"
	}
	_, err := db.ExecContext(ctx, "PRAGMA journal_mode = "+mode)
	if err == nil {
		err = migrate(ctx, db)
	}
	if err == nil && s.id != "" {
		_, err = db.ExecContext(ctx, "INSERT INTO meta (one, root) VALUES (1, ?) ON CONFLICT DO UPDATE SET root = excluded.root", s.id)
	}
	return verb("make database", s.locked(err))
}

// examine says whether the database can be kept: nil, a damage, or what prevented the examination. The whole file
// is read only when damage was reported, for that takes its time.
func (s *Store) examine(ctx context.Context) error {
	if _, err := os.Lstat(s.path()); errors.Is(err, fs.ErrNotExist) {
		return s.setAside() // a journal without its database: it would be played into the new one
	}
	db := s.pool(1, "query_only(1)")
	defer db.Close()
	err := s.usable(ctx, db)
	if _, ok := errors.AsType[*unready](err); err != nil && (!ok || isDamage(err)) {
		return err
	}
	why, err := os.ReadFile(s.suspect())
	if err != nil {
		return nil
	}
	if len(why) > 0 {
		return flaw(why)
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil || verdict == "ok" {
		return err
	}
	return fmt.Errorf("%w: %s", errUnsound, verdict)
}

// setAside renames the database and its journals to a name that says when, and remembers it. Nothing is deleted
// or overwritten.
func (s *Store) setAside() error {
	to := s.path() + ".damaged-" + s.now().UTC().Format("20060102T150405Z")
	for n := 2; exists(to) || exists(to+"-wal"); n++ {
		to = fmt.Sprintf("%s.%d", strings.TrimSuffix(to, fmt.Sprintf(".%d", n-1)), n)
	}
	// The database first: stopped in between, the next Open finds journals without it and ends up here again.
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		err := os.Rename(s.path()+suffix, to+suffix)
		if err == nil {
			s.aside = to
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set aside: %w", err)
		}
	}
	return maildir.SyncDir(filepath.Dir(s.base))
}

// exists reports whether there is anything of that name.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
