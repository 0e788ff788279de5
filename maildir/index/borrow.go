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
	"strings"
	"syscall"

	"modernc.org/sqlite"

	"postie/maildir"
)

// ReadOnly is the error of a Maildir, or of its database, that belongs to somebody else or lies on a medium that is read only.
type ReadOnly struct {
	Path string
	Err  error
}

func (e *ReadOnly) Error() string { return e.Path + " cannot be written: " + e.Err.Error() }
func (e *ReadOnly) Unwrap() error { return e.Err }

// Writable says why mail cannot be put into a root that is there, as a *ReadOnly; nil: it can, or there is none.
func Writable(root string) error { return unwritable(filepath.Join(root, ".postie.db")) }

// unwritable says why a database cannot be written, or made, where it lies; nil: it can.
func unwritable(path string) error {
	const write = 2 // W_OK of access(2), which knows read-only media too
	for _, p := range []string{filepath.Dir(path), path} {
		if err := syscall.Access(p, write); denied(err) {
			return &ReadOnly{p, err}
		}
	}
	return nil
}

func denied(err error) bool { return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) }

// borrow has the store read a database that it cannot write: of a backup on a read-only medium, or of mail that belongs to
// somebody else. When there is something to write, as after a change in the Maildir, own makes a copy first. Without a
// database that can be read the copy begins empty, for Refresh to fill.
func (s *Store) borrow(ctx context.Context, root, state string, why error) error {
	root, err := realPath(root)
	if err != nil {
		return err
	}
	s.why, s.root, s.net = why, maildir.Dir(root), false
	path := lender(root, state)
	if in, ok := errors.AsType[*Obstructed](why); ok {
		s.log.Warn("index cannot be read; NUMBERs are not those that it has", "err", in)
		path = ""
	}
	if path == "" {
		return s.own(ctx)
	}
	s.base = strings.TrimSuffix(path, ".db")
	s.lender = s.readOnly(path)
	err = s.usable(ctx, s.lender)
	if err == nil {
		s.lent.Store(s.lender)
		return nil
	}
	if _, newer := errors.AsType[*Newer](err); newer {
		return err
	}
	if _, old := errors.AsType[*unready](err); !old || isDamage(err) {
		s.log.Warn("index cannot be read; NUMBERs are not those that it has", "path", path, "err", err)
		s.lender.Close()
		s.lender = nil
	}
	return s.own(ctx)
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

// readOnly opens the database of somebody else.
func (s *Store) readOnly(path string) *sql.DB {
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(1000)", "mmap_size(0)"}}
	if !exists(path + "-wal") {
		// A WAL database needs its -shm, which cannot be made here. Without a journal nobody has it open.
		q.Set("immutable", "1")
	}
	db, _ := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	return db
}

// rehearse makes a copy of the database, or an empty one where there is none or none that can be read, which Close removes: for a dry run.
func (s *Store) rehearse(ctx context.Context, root, state string) error {
	err := s.borrow(ctx, root, state, nil)
	if err == nil {
		err = s.own(ctx)
	}
	return err
}

// own makes the copy that can be written, in a folder that Close removes, of what was lent until now.
func (s *Store) own(ctx context.Context) error {
	s.lending.Lock()
	defer s.lending.Unlock()
	if s.temp != "" {
		return nil
	}
	temp, err := os.MkdirTemp("", "postie")
	if err != nil {
		return err
	}
	s.temp, s.base = temp, filepath.Join(temp, "index")
	if s.lender != nil {
		err = copyTo(ctx, s.lender, s.path())
	}
	if err == nil {
		err = s.connect(ctx)
	}
	if err == nil {
		s.lent.Store(nil) // whoever reads it at this moment may go on: Close closes it
	}
	return err
}

// copyTo copies a database as it is at one moment, also while others write it.
func copyTo(ctx context.Context, db *sql.DB, path string) error {
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
		b, err := from.NewBackup((&url.URL{Scheme: "file", Path: path}).String())
		if err != nil {
			return err
		}
		_, err = b.Step(-1) // all of it at once: nobody writes in between
		return errors.Join(err, b.Finish())
	})
}

// Copy is a store of the same root with a copy of the database, which Close removes: what is written to it changes nothing.
func (s *Store) Copy(ctx context.Context) (*Store, error) {
	c := &Store{root: s.root, log: s.log, now: s.now, scan: make(chan struct{}, 1), why: s.why, lender: s.Reader()}
	err := c.own(ctx)
	if c.lender = nil; err != nil {
		return nil, fmt.Errorf("copy index: %w", errors.Join(err, c.giveBack()))
	}
	return c, nil
}

// Reader is where to read: the database, or the one that is lent.
func (s *Store) Reader() *sql.DB {
	if db := s.lent.Load(); db != nil {
		return db
	}
	return s.r
}

// giveBack ends a borrowing.
func (s *Store) giveBack() error {
	var errs []error
	if s.lender != nil {
		errs = append(errs, s.lender.Close())
	}
	if s.temp != "" {
		errs = append(errs, os.RemoveAll(s.temp))
	}
	return errors.Join(errs...)
}

// Writable says why the index cannot be written, so that what its store writes is a copy; nil: it can.
func (s *Store) Writable() error {
	if s.why == nil {
		return nil
	}
	return fmt.Errorf("the mail here can only be read: %w", s.why)
}
