package index

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postie/maildir"
)

// locate finds where database and locks lie: in the root, so that wiping the mail wipes them too; or in a state
// folder under a name made from the root's id, so that a wiped or replaced root is noticed there as well.
func (s *Store) locate(ctx context.Context, root, state string) error {
	root, err := realPath(root)
	if err != nil {
		return err
	}
	s.root, s.base = maildir.Dir(root), filepath.Join(root, ".postie")
	if s.found, err = os.Stat(root); err != nil {
		return err
	}
	if state == "" {
		s.id, err = s.ensureID(root) // so that the root is known as one when its database is lost
		return err
	}
	if state, err = filepath.Abs(state); err != nil {
		return err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	lock := fileLock(filepath.Join(state, "postie.lock"))
	if _, err := acquire(ctx, lock.TryLock, -1); err != nil {
		return lockError(lock.Path(), err)
	}
	defer lock.Unlock()
	return s.identify(root, state)
}

// realPath is absolute and without symbolic links.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	return path, err
}

// identify finds the state of a root by the id in it, and notes in the state folder which path has which id. An id
// that is missing or another than noted means that the mail there is not the mail we knew. The old database stays
// under its old id, unused: if its root comes back (a disk that was not mounted, a root that was moved) it counts again.
func (s *Store) identify(root, state string) error {
	base := func(id string) string { return filepath.Join(state, "postie-"+id) }
	paths, err := roots(state)
	if err != nil {
		return err
	}
	id, err := s.ensureID(root)
	if err != nil {
		return err
	}
	if isCopy(root, id, paths[id]) {
		if id, err = newID(root); err != nil {
			return err
		}
	}
	s.id, s.base = id, base(id)
	if paths[id] != root {
		if err := replace(s.base+".root", root); err != nil {
			return err
		}
	}
	for old, path := range paths {
		if old == id || path != root {
			continue
		}
		if exists(base(old) + ".db") {
			s.aside = base(old) + ".db"
			s.log.Warn("the Maildir is not the one known at this path; its index begins anew", "root", root, "old", s.aside)
		}
		if err := os.Remove(base(old) + ".root"); err != nil {
			return err
		}
	}
	return nil
}

// roots reads which root (absolute path) each id belongs to.
func roots(state string) (map[string]string, error) {
	entries, err := os.ReadDir(state)
	if err != nil {
		return nil, err
	}
	paths := make(map[string]string)
	for _, e := range entries {
		id, isRoot := strings.CutSuffix(e.Name(), ".root")
		id, isOurs := strings.CutPrefix(id, "postie-")
		if !isRoot || !isOurs {
			continue
		}
		path, err := os.ReadFile(filepath.Join(state, e.Name()))
		if err != nil {
			return nil, err
		}
		paths[id] = string(path)
	}
	return paths, nil
}

// idFile is where the id of a root stands.
func idFile(root string) string { return filepath.Join(root, ".postie.id") }

// rootID reads the id of a root, "" when it has none that can be one.
func rootID(root string) (string, error) {
	b, err := maildir.ReadBeside(idFile(root), false)
	if none, ok := errors.AsType[*maildir.NotMessage](err); ok && none.Kind == "a symbolic link" {
		return "", nil // a new one takes its place
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	id := strings.TrimSpace(string(b))
	if len(id) < 20 || len(id) > 64 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return "", nil // it becomes part of a file name
	}
	return id, nil
}

// ensureID reads the id of a root, and makes one where there is none.
func (s *Store) ensureID(root string) (string, error) {
	id, err := rootID(root)
	if id != "" || err != nil {
		return id, err
	}
	s.fresh = append(s.fresh, idFile(root))
	return newID(root)
}

func newID(root string) (string, error) {
	id := strings.ToLower(rand.Text())
	if err := replace(idFile(root), id+"\n"); err != nil {
		return "", fmt.Errorf("write root id: %w", err)
	}
	return id, nil
}

// isCopy reports whether root has its id from another root that is still there: cp -a of a Maildir.
func isCopy(root, id, other string) bool {
	if other == "" || other == root {
		return false
	}
	theirs, err := rootID(other)
	a, errA := os.Stat(root)
	b, errB := os.Stat(other)
	return err == nil && theirs == id && errA == nil && errB == nil && !os.SameFile(a, b)
}

// replace gives a small file new content, durably and at once.
func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*.tmp") // a new file, never one that a link leads to
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return maildir.SyncDir(filepath.Dir(path))
}
