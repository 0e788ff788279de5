package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"postie/maildir"
)

// Obstructed is the error of Open and of Usable where something lies that can be neither a Maildir nor a file of ours: a link to
// nowhere, a file in the place of a folder, a folder or a pipe in the place of a file.
type Obstructed struct {
	What string // what ought to be there: "the Maildir", "the folder of the state"; "": a file of ours
	Path string
	Kind string // what is there: "a file", "a folder", "a pipe", "a symbolic link", …
	Link string // where a link to nowhere leads; "": it is none
}

func (e *Obstructed) Error() string {
	switch {
	case e.Link != "":
		return fmt.Sprintf("%s %s is a symbolic link to %s, which is not there", e.What, e.Path, e.Link)
	case e.What != "":
		return fmt.Sprintf("%s %s is %s", e.What, e.Path, e.Kind)
	}
	return fmt.Sprintf("%s is %s, where postie keeps a file of its own", e.Path, e.Kind)
}

// Usable says what is wrong with a folder that is to be used, or made: *Obstructed; or that it cannot be read, as a *fs.PathError. what is
// the folder's part, for the error.
func Usable(what, dir string) error {
	there := func(path string) bool { _, err := os.Lstat(path); return !errors.Is(err, fs.ErrNotExist) }
	search := uint32(1) // X_OK of access(2)
	for path := dir; ; path = filepath.Dir(path) {
		if !there(path) && path != filepath.Dir(path) {
			continue // it is made
		}
		if path == dir {
			search |= 4 // R_OK
		}
		return usableFolder(what, path, search)
	}
}

func usableFolder(what, path string, access uint32) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		link, _ := os.Readlink(path)
		if !filepath.IsAbs(link) {
			to, _ := filepath.EvalSymlinks(filepath.Dir(path))
			link = filepath.Join(to, link)
		}
		return &Obstructed{What: what, Path: path, Link: link}
	case err == nil && !info.IsDir():
		return &Obstructed{What: what, Path: path, Kind: maildir.KindOf(info.Mode())}
	case err == nil:
		if err := syscall.Access(path, access); err != nil {
			return &fs.PathError{Op: "read", Path: path, Err: err}
		}
	}
	return nil
}

// obstacle looks at the places of our own files, before one is opened: a pipe would make SQLite wait for ever, and a link would have it write
// into whatever it leads to.
func obstacle(root, state string) error {
	base := filepath.Join(root, ".postie")
	ours := []string{idFile(root)}
	if state != "" {
		if err := Usable("the folder of the state", state); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		id, _ := rootID(root)
		base = filepath.Join(state, "postie-"+id)
		ours = append(ours, filepath.Join(state, "postie.lock"))
	}
	for _, suffix := range []string{".db", ".db-wal", ".db-shm", ".db-journal", ".open", ".lock"} {
		ours = append(ours, base+suffix)
	}
	for _, path := range ours {
		info, err := os.Lstat(path)
		isLink := err == nil && info.Mode()&fs.ModeSymlink != 0
		if err == nil && !info.Mode().IsRegular() && !(isLink && path == idFile(root)) { // a new id takes the place of a link
			return &Obstructed{Path: path, Kind: maildir.KindOf(info.Mode())}
		}
	}
	return nil
}
