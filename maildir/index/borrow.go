package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"

	"postie/maildir"
)

// unwritable says why a database cannot be written, or made, where it lies; nil: it can.
func unwritable(path string) error {
	const write = 2 // W_OK of access(2), which knows read-only media too
	for _, p := range []string{filepath.Dir(path), path} {
		if err := syscall.Access(p, write); denied(err) {
			return &fs.PathError{Op: "write", Path: p, Err: err}
		}
	}
	return nil
}

func denied(err error) bool { return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) }

// borrow has the store work on a copy of the database, which Close removes: of a backup on a read-only medium, or of
// mail that belongs to somebody else. Without a database that can be read the copy begins empty, for Refresh to fill.
func (s *Store) borrow(ctx context.Context, root, state string, why error) error {
	root, err := realPath(root)
	if err != nil {
		return err
	}
	if s.temp, err = os.MkdirTemp("", "postie"); err != nil {
		return err
	}
	s.why, s.root, s.base, s.net = why, maildir.Dir(root), filepath.Join(s.temp, "index"), false
	if from := lender(root, state); from != "" {
		if err := s.copyFrom(ctx, from); err != nil {
			s.log.Warn("index cannot be read; NUMBERs are not those that it has", "path", from, "err", err)
			if err := os.Remove(s.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return s.connect(ctx)
}

// lender is the database of a root, "" if there is none.
func lender(root, state string) string {
	path := filepath.Join(root, ".postie.db")
	if state != "" {
		id, err := rootID(root)
		if err != nil || id == "" {
			return ""
		}
		path = filepath.Join(state, "postie-"+id+".db")
	}
	if !exists(path) {
		return ""
	}
	return path
}

// copyFrom copies a database as it is at one moment, also while others write it.
func (s *Store) copyFrom(ctx context.Context, path string) error {
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(1000)"}}
	if !exists(path + "-wal") {
		// A WAL database needs its -shm, which cannot be made here. Without a journal nobody has it open.
		q.Set("immutable", "1")
	}
	db, _ := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Raw(func(driver any) error {
		from, ok := driver.(interface {
			NewBackup(to string) (*sqlite.Backup, error)
		})
		if !ok {
			return errors.ErrUnsupported
		}
		b, err := from.NewBackup((&url.URL{Scheme: "file", Path: s.path()}).String())
		if err != nil {
			return err
		}
		_, err = b.Step(-1) // all of it at once: nobody writes in between
		return errors.Join(err, b.Finish())
	})
}

// Writable says why the index cannot be written, so that its store is a copy for reading; nil: it can.
func (s *Store) Writable() error {
	if s.why == nil {
		return nil
	}
	return fmt.Errorf("the mail here can only be read: %w", s.why)
}
