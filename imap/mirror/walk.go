package mirror

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postie/imap/naming"
	"postie/imap/plan"
	"postie/maildir"
)

// walk finds the Maildirs below the root, and whose they are.
func (f *finder) walk() error {
	found, err := f.Layout.Maildirs(f.Root, false)
	if err != nil {
		return err
	}
	f.found = found.Maildirs
	for folder, err := range found.Closed {
		f.fail(plan.Op{Mailbox: folder}, err)
	}
	byFolder := map[string]*box{}
	for _, b := range f.byName {
		byFolder[b.Folder] = b
		// One that is known may lie where another layout had put it: it is not gone because the configuration says another now.
		b.here = b.known && f.remains(b.Folder) || hidden(f.Layout, b.Folder) && f.isMaildir(b.Folder)
	}
	var unassigned []string
	for _, folder := range f.found {
		if b := byFolder[folder]; b != nil {
			b.here = true
		} else {
			unassigned = append(unassigned, folder)
		}
	}
	aliases := f.inherit(unassigned, byFolder)
	for _, folder := range unassigned {
		if byFolder[folder] == nil {
			f.stray(folder, aliases[folder])
		}
	}
	return nil
}

// inherit gives mailboxes that have no Maildir yet the folder in which another program keeps them. It keeps its name: that
// program may go on to use it, and would make another one. Answers with the folders that the mailboxes here could have had.
func (f *finder) inherit(unassigned []string, byFolder map[string]*box) (aliases map[string]*box) {
	aliases = map[string]*box{}
	for _, b := range f.sorted() {
		if b.remote == nil {
			continue
		}
		for _, folder := range f.elsewhere(b) {
			if byFolder[folder] != nil {
				continue
			}
			if b.here {
				aliases[folder] = b
			} else if b.ID == 0 && (slices.Contains(unassigned, folder) || hidden(f.Layout, folder) && f.isMaildir(folder)) {
				f.Log.Info("folder of another program", "mailbox", b.Name, "folder", folder)
				b.Folder, b.here, byFolder[folder] = folder, true, b
			}
		}
	}
	return aliases
}

// elsewhere lists where other programs would keep a mailbox. They may know it by the server's name, with the namespace's prefix.
func (f *finder) elsewhere(b *box) []string {
	folders := f.Layout.Elsewhere(naming.Split(b.Name))
	if f.naming.Delim == 0 {
		return folders
	}
	return append(folders, f.Layout.Elsewhere(strings.Split(b.server, string(f.naming.Delim)))...)
}

// stray makes a mailbox of a folder that is none's, unless it is that of one which lies elsewhere.
func (f *finder) stray(folder string, b *box) {
	if b == nil {
		path, _ := f.Layout.Mailbox(folder)
		b = f.box(naming.Scheme{Delim: 1}.Ours(strings.Join(path, "\x01")))
	}
	if b.Folder != "" {
		f.note(folder, "is a folder for the mailbox "+b.Name+", which lies elsewhere: it is left alone")
		return
	}
	b.Folder, b.here = folder, true
}

// hidden: mbsync's Lists/.golang is not among the folders that are walked through.
func hidden(l maildir.Layout, folder string) bool {
	return l == maildir.FS && strings.Contains("/"+folder, "/.")
}

func (f *finder) isMaildir(folder string) bool { return isDir(filepath.Join(f.Root, folder, "cur")) }

// remains says whether anything is left of a Maildir, or may be in a folder that cannot be looked into. What it lacks is told by scan.
func (f *finder) remains(folder string) bool {
	parts, err := maildir.Dir(filepath.Join(f.Root, folder)).Parts()
	return err != nil || len(parts.Lost) < 2
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
