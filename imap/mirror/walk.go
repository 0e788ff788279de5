package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postie/imap/plan"
	"postie/maildir"
)

// walk finds the Maildirs below the root, and whose they are.
func (r *run) walk() error {
	found, err := r.maildirs()
	if err != nil {
		return err
	}
	r.found = found.maildirs
	for folder, err := range found.closed {
		r.fail(plan.Op{Mailbox: folder}, err)
	}
	byFolder := map[string]*box{}
	for _, b := range r.byName {
		byFolder[b.Folder] = b
		// One that is known may lie where another layout had put it: it is not gone because the configuration says another now.
		b.here = b.known && r.remains(b.Folder) || hidden(r.Layout, b.Folder) && r.isMaildir(b.Folder)
	}
	var strange []string
	for _, folder := range r.found {
		if b := byFolder[folder]; b != nil {
			b.here = true
		} else {
			strange = append(strange, folder)
		}
	}
	aliases := r.inherit(strange, byFolder)
	for _, folder := range strange {
		if byFolder[folder] == nil {
			r.stray(folder, aliases[folder])
		}
	}
	return nil
}

// inherit gives mailboxes that have no Maildir yet the folder in which another program keeps them. It keeps its name: that
// program may go on to use it, and would make another one. Answers with the folders that the mailboxes here could have had.
func (r *run) inherit(strange []string, byFolder map[string]*box) (aliases map[string]*box) {
	aliases = map[string]*box{}
	for _, b := range r.sorted() {
		if b.remote == nil {
			continue
		}
		for _, folder := range r.elsewhere(b) {
			if byFolder[folder] != nil {
				continue
			}
			if b.here {
				aliases[folder] = b
			} else if b.ID == 0 && (slices.Contains(strange, folder) || hidden(r.Layout, folder) && r.isMaildir(folder)) {
				r.Log.Info("folder of another program", "mailbox", b.Name, "folder", folder)
				b.Folder, b.here, byFolder[folder] = folder, true, b
			}
		}
	}
	return aliases
}

// elsewhere lists where other programs would keep a mailbox. They may know it by the server's name, with the namespace's prefix.
func (r *run) elsewhere(b *box) []string {
	folders := r.Layout.Elsewhere(split(b.Name))
	if r.naming.delim == 0 {
		return folders
	}
	return append(folders, r.Layout.Elsewhere(strings.Split(b.server, string(r.naming.delim)))...)
}

// stray makes a mailbox of a folder that is none's, unless it is that of one which lies elsewhere.
func (r *run) stray(folder string, b *box) {
	if b == nil {
		path, _ := r.Layout.Mailbox(folder)
		b = r.box(naming{delim: 1}.ours(strings.Join(path, "\x01")))
	}
	if b.Folder != "" {
		r.note(folder, "is a folder for the mailbox "+b.Name+", which lies elsewhere: it is left alone")
		return
	}
	b.Folder, b.here = folder, true
}

// hidden: mbsync's Lists/.golang is not among the folders that are walked through.
func hidden(l maildir.Layout, folder string) bool {
	return l == maildir.FS && strings.Contains("/"+folder, "/.")
}

func (r *run) isMaildir(folder string) bool { return isDir(filepath.Join(r.Root, folder, "cur")) }

// remains says whether anything is left of a Maildir, or may be in a folder that cannot be looked into. What it lacks is told by scan.
func (r *run) remains(folder string) bool {
	_, lost, err := maildir.Dir(filepath.Join(r.Root, folder)).Parts()
	return err != nil || len(lost) < 2
}

// folders are what lies below a root.
type folders struct {
	maildirs []string         // they hold a cur/
	closed   map[string]error // they cannot be looked into
}

// maildirs lists folders below the root.
func (r *run) maildirs() (found folders, err error) {
	found.closed = map[string]error{}
	if r.Layout == maildir.MaildirPlusPlus {
		found.maildirs, err = maildir.Dir(r.Root).Subfolders()
		if err != nil && found.maildirs != nil {
			found.closed["."], err = err, nil
		}
		if isDir(filepath.Join(r.Root, "cur")) {
			found.maildirs = append(found.maildirs, ".")
		}
		return found, err
	}
	err = filepath.WalkDir(r.Root, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(r.Root, path)
		rel = filepath.ToSlash(rel)
		switch {
		case relErr != nil:
			return relErr
		case path == r.Root:
			return err
		case errors.Is(err, fs.ErrNotExist):
			return nil // it went away meanwhile
		case err != nil:
			found.closed[rel] = err
			return fs.SkipDir
		}
		name, dir := d.Name(), d.IsDir()
		switch {
		case !dir && d.Type()&fs.ModeSymlink == 0: // a link may lead to a Maildir on another disk
			return nil
		case dir && (name[0] == '.' || name == "cur" || name == "new" || name == "tmp"):
			return fs.SkipDir
		case name[0] != '.' && isDir(filepath.Join(path, "cur")):
			found.maildirs = append(found.maildirs, rel)
		}
		return nil
	})
	if err != nil {
		return found, fmt.Errorf("look for Maildirs: %w", err)
	}
	return found, nil
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
