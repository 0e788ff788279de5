package maildir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Rename gives a Maildir another place on the same file system, durably. apart leaves behind what else lies in its folder, such
// as the Maildirs of mailboxes below. A rename that was cut off is completed by another one. The error is fs.ErrExist where
// there is a Maildir already.
func (d Dir) Rename(to Dir, apart bool) error {
	if isDir(to.sub("cur")) {
		if isDir(d.sub("cur")) {
			return &fs.PathError{Op: "rename", Path: string(to), Err: fs.ErrExist}
		}
		return nil // it went along with the one above
	}
	if err := mkdir(filepath.Dir(string(to))); err != nil {
		return err
	}
	_, err := os.Lstat(string(to))
	if !apart && errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(string(d), string(to)); err != nil {
			return err
		}
		return errors.Join(SyncDir(filepath.Dir(string(d))), SyncDir(filepath.Dir(string(to))))
	}
	// cur/ comes last: with it the folder is a Maildir, and who was stopped before finds what is left to do.
	if err := mkdir(string(to)); err != nil {
		return err
	}
	for _, name := range []string{keywordFile, "tmp", "new", "cur"} {
		err := os.Rename(d.sub(name), to.sub(name))
		if err != nil && !(errors.Is(err, fs.ErrNotExist) && name != "cur") {
			return err
		}
	}
	os.Remove(string(d)) // if it is empty now
	return errors.Join(SyncDir(string(to)), SyncDir(filepath.Dir(string(d))), SyncDir(filepath.Dir(string(to))))
}

// Drop removes an empty Maildir: first new/ and cur/, which the system refuses while there is mail in them. What others keep in
// the folder stays; the folder goes too if nothing is left in it, and it is not to be kept.
func (d Dir) Drop(keep bool) error {
	for _, name := range []string{"new", "cur"} {
		if err := os.Remove(d.sub(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			if name == "cur" {
				err = errors.Join(err, os.Mkdir(d.sub("new"), 0o700))
			}
			return err
		}
	}
	for _, name := range []string{"tmp", keywordFile} {
		if err := os.RemoveAll(d.sub(name)); err != nil {
			return err
		}
	}
	if !keep {
		os.Remove(string(d)) // if it is empty now
	}
	return nil
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
