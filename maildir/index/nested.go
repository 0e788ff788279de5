package index

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Nested is the error of a root that lies inside another one, or holds one: kept equal with an account, it would be given
// the other's mail.
type Nested struct {
	Root  string
	Other string // the other root
	Mark  string // the file by which it is known
	Above bool   // Other is above Root
}

func (e *Nested) Error() string {
	lies := "holds"
	if e.Above {
		lies = "lies inside"
	}
	return fmt.Sprintf("%s %s %s, which has or had mail of its own (%s tells)", e.Root, lies, e.Other, e.Mark)
}

// wide is in how many folders Apart looks for other roots, the nearest first.
const wide = 10_000

// Apart makes sure that no other root lies above a root, which may be yet to be made, or below it: neither where its path
// leads nor where symbolic links do. It only reads. Errors: *Nested, and those of reading a folder.
func Apart(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if err := apartAbove(root); err != nil {
		return err
	}
	return apartBelow(root)
}

// nested says why a root that is only read gets no index of its own: its mark would stand in the way of the other roots.
func nested(root string) error {
	root, err := realPath(root)
	if err == nil {
		err = apartAbove(root)
	}
	if err == nil && markIn(root) == "" {
		err = apartBelow(root)
	}
	return err
}

// apartAbove looks into each folder above a root, by the path as it is written and by where each part of it really lies.
func apartAbove(root string) error {
	self, _ := os.Stat(root)
	seen := map[string]bool{}
	look := func(dir string) error {
		for ; !seen[dir]; dir = filepath.Dir(dir) {
			seen[dir] = true
			info, err := os.Stat(dir)
			if err != nil || self != nil && os.SameFile(self, info) {
				continue
			}
			if mark := markIn(dir); mark != "" {
				return &Nested{Root: root, Other: dir, Mark: mark, Above: true}
			}
		}
		return nil
	}
	for path := root; ; path = filepath.Dir(path) {
		err := look(path)
		if real, linkErr := filepath.EvalSymlinks(path); err == nil && linkErr == nil {
			err = look(real)
		}
		if err != nil || path == filepath.Dir(path) {
			return err
		}
	}
}

// markIn names a file that only a root has; "": there is none. Links count, wherever they lead.
func markIn(dir string) string {
	for _, name := range []string{".postie.db", ".postie.id", ".postie.open", ".postie.lock"} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			return name
		}
	}
	return ""
}

// apartBelow looks into the folders below a root. Where a symbolic link leads to is looked at too, with what lies above it,
// and not what lies below: sync does not go there either.
func apartBelow(root string) error {
	self, err := os.Stat(root)
	if err != nil {
		return nil // it is yet to be made, or another error's
	}
	dirs := []string{root}
	for at := 0; at < len(dirs) && at < wide; at++ {
		entries, err := os.ReadDir(dirs[at])
		if err != nil {
			continue // who needs it will say so
		}
		for _, e := range entries {
			path := filepath.Join(dirs[at], e.Name())
			switch {
			case e.Type()&os.ModeSymlink != 0:
				err = linked(root, path, self)
			case !e.IsDir():
				if at > 0 && isMark(e.Name()) {
					err = &Nested{Root: root, Other: dirs[at], Mark: e.Name()}
				}
			case e.Name() != "cur" && e.Name() != "new" && e.Name() != "tmp":
				dirs = append(dirs, path)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// isMark says whether a file is one that only a root has. A folder of that name is a mailbox of a Maildir++ tree.
func isMark(name string) bool {
	return name == ".postie.id" || strings.HasPrefix(name, ".postie.db") || name == ".postie.open" || name == ".postie.lock"
}

// linked looks at what a symbolic link below a root leads to, if that is a folder: a root, or something within one.
func linked(root, link string, self os.FileInfo) error {
	if isMark(filepath.Base(link)) {
		if dir := filepath.Dir(link); dir != root {
			return &Nested{Root: root, Other: dir, Mark: filepath.Base(link)}
		}
		return nil
	}
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return nil
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && os.SameFile(info, self) {
			return nil
		}
		if mark := markIn(dir); err == nil && info.IsDir() && mark != "" {
			return &Nested{Root: root, Other: dir, Mark: mark}
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}
