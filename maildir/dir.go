// Package maildir stores mail in Maildirs: one file a message, no locks, names that carry flags.
//
// A message is written to tmp/ in LF form ([Dir.Create]), made durable in batches, and published by
// rename ([Batch]). What lies in a Maildir is read from file names alone ([Dir.Scan]).
// The format: https://cr.yp.to/proto/maildir.html and, for subfolders, the Maildir++ extension.
package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Dir is the path of a Maildir: the folder that holds cur, new and tmp.
type Dir string

// sub is the path of something in it: a subfolder, or a name in one.
func (d Dir) sub(folder string, name ...string) string {
	if len(name) == 0 {
		return filepath.Join(string(d), folder)
	}
	return filepath.Join(string(d), folder, name[0])
}

// Ensure makes the Maildir, its parents among it, with mode 0700 where they are missing, and makes them durable.
// It ends in an error when tmp/ does not take a file; it really tries.
func (d Dir) Ensure() error {
	// cur/ comes last: a folder that holds a cur/ is taken for a Maildir, so it has to be whole by then.
	for _, sub := range []string{"", "tmp", "new", "cur"} {
		if err := mkdir(d.sub(sub)); err != nil {
			return fmt.Errorf("make maildir: %w", err)
		}
	}
	f, err := d.Create()
	if err != nil {
		return err
	}
	return f.Close()
}

// Complete makes new/ and tmp/ of a Maildir that has a cur/ where they are missing: backups and version control leave out folders
// that are empty.
func (d Dir) Complete() error {
	if fi, err := os.Stat(d.sub("cur")); err != nil {
		return fmt.Errorf("complete maildir: %w", err)
	} else if !fi.IsDir() {
		return fmt.Errorf("complete maildir: %w", &fs.PathError{Op: "open", Path: d.sub("cur"), Err: syscall.ENOTDIR})
	}
	for _, sub := range []string{"tmp", "new"} {
		if err := mkdir(d.sub(sub)); err != nil {
			return fmt.Errorf("complete maildir: %w", err)
		}
	}
	return nil
}

// mkdir makes one folder and its parents. The parent of each one that it made is fsynced,
// else a crash could take the folder with the mail in it.
func mkdir(path string) error {
	err := os.Mkdir(path, 0o700)
	parent := filepath.Dir(path)
	if errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := mkdir(parent); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		fi, err := os.Stat(path)
		if err == nil && !fi.IsDir() {
			err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
		}
		return err
	}
	if err != nil {
		return err
	}
	return SyncDir(parent)
}

// Sync makes every name in new/ and cur/ durable. SetFlags and Remove leave that to their caller,
// who does it once for many; after a crash it confirms files that were found published.
func (d Dir) Sync() error { return d.SyncBut(nil) }

// SyncBut is Sync of a Maildir that need not be whole: without the folders that [Dir.Parts] calls lost.
func (d Dir) SyncBut(lost []string) (err error) {
	for _, sub := range []string{"new", "cur"} {
		if !slices.Contains(lost, sub) {
			err = errors.Join(err, SyncDir(d.sub(sub)))
		}
	}
	return err
}

// syncFile makes content and mtime of a file durable. os.File.Sync does F_FULLFSYNC on macOS.
func syncFile(path string) error {
	// POSIX wants no write access for fsync, some systems do.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncDir makes the names in a folder durable, whether it is a Maildir or not.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil // SMB and some FUSE file systems know no fsync of a folder; nothing better is there
	}
	return err
}
