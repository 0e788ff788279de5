package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Tree is what lies below a root: paths below it, "." the root itself.
type Tree struct {
	Maildirs []string         // they hold a cur/, sorted
	Closed   map[string]error // folders that cannot be looked into
}

// maxTree is in how many folders a walk through hidden ones looks: they may be anything.
const maxTree = 100_000

// Maildirs finds the Maildirs below a root. With FS the root itself is none, and hidden folders count only if asked for:
// mbsync's Lists/.golang. A link may lead to a Maildir on another disk; no walk goes on behind it.
func (l Layout) Maildirs(root string, hidden bool) (t Tree, err error) {
	t.Closed = map[string]error{}
	if l == MaildirPlusPlus {
		t.Maildirs, err = Dir(root).Subfolders()
		if err != nil && t.Maildirs != nil {
			t.Closed["."], err = err, nil
		}
		if isDir(filepath.Join(root, "cur")) {
			t.Maildirs = append(t.Maildirs, ".")
		}
		return t, err
	}
	seen := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		switch {
		case relErr != nil:
			return relErr
		case path == root:
			return err
		case errors.Is(err, fs.ErrNotExist):
			return nil // it went away meanwhile
		case err != nil:
			t.Closed[rel] = err
			return fs.SkipDir
		}
		name, dir := d.Name(), d.IsDir()
		switch {
		case !dir && d.Type()&fs.ModeSymlink == 0:
			return nil
		case dir && (name[0] == '.' && !hidden || slices.Contains([]string{"cur", "new", "tmp"}, name)):
			return fs.SkipDir
		case (name[0] != '.' || hidden) && isDir(filepath.Join(path, "cur")):
			t.Maildirs = append(t.Maildirs, rel)
		}
		if seen++; hidden && seen > maxTree {
			t.Closed["."] = fmt.Errorf("there are more than %d folders", maxTree)
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return t, fmt.Errorf("look for Maildirs: %w", err)
	}
	return t, nil
}
