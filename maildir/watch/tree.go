package watch

import (
	"cmp"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// tree finds the Maildirs, and watches those that it does not watch yet.
func (w *Watcher) tree() {
	w.watch(w.o.Root)
	for again := true; again; { // what is made while it is read is found by another look
		found, err := w.o.Layout.Maildirs(w.o.Root, false)
		if err != nil {
			w.o.Log.Debug("look for Maildirs to watch", "err", err)
			return // look finds out whether the root is gone
		}
		for folder := range w.all {
			if !slices.Contains(found.Maildirs, folder) {
				w.drop(folder)
			}
		}
		slices.SortFunc(found.Maildirs, inboxFirst)
		again = false
		for _, folder := range found.Maildirs {
			if w.all[folder] == nil {
				again = w.add(folder) || again
			}
		}
	}
}

// inboxFirst: where there are not enough watches, that is the one that matters.
func inboxFirst(a, b string) int {
	rank := func(folder string) int {
		if folder == "." || strings.EqualFold(folder, "INBOX") {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
}

// add begins to watch a Maildir. fresh: folders are watched in which Maildirs may have come since the tree was read.
func (w *Watcher) add(rel string) (fresh bool) {
	f := &folder{polled: w.o.Poll || w.system == nil}
	for up := rel; up != "."; up = path.Dir(up) {
		fresh = w.watch(string(w.dir(up))) || fresh
	}
	for _, sub := range []string{"new", "cur"} {
		name := filepath.Join(string(w.dir(rel)), sub)
		if err := w.ask(name); err == nil {
			w.within[name] = rel
		} else if !gone(err) {
			f.polled = true
		}
	}
	f.as, _ = w.dir(rel).Parts()
	w.all[rel] = f
	w.tell(Change{Folder: rel})
	return fresh
}

// drop ends the watch of a Maildir that is not there any more.
func (w *Watcher) drop(folder string) {
	dir := string(w.dir(folder))
	for _, sub := range []string{"new", "cur"} {
		name := filepath.Join(dir, sub)
		if _, ok := w.within[name]; ok {
			delete(w.within, name)
			w.unwatch(name)
		}
	}
	if w.frame[dir] && folder != "." {
		delete(w.frame, dir)
		w.unwatch(dir)
	}
	delete(w.all, folder)
	w.tell(Change{Folder: folder})
}

// watch begins to watch a folder in which Maildirs come and go. fresh: it was not watched before.
func (w *Watcher) watch(dir string) (fresh bool) {
	if w.frame[dir] || w.ask(dir) != nil {
		return false
	}
	w.frame[dir] = true
	return true
}

// ask asks the system to tell of a folder.
func (w *Watcher) ask(dir string) error {
	switch {
	case w.system == nil:
		return syscall.ENOSYS
	case w.o.Most > 0 && len(w.within)+len(w.frame) >= w.o.Most:
		return syscall.ENOSPC // inotify_add_watch(2): the limit of watches was reached
	}
	err := w.system.Add(dir)
	if err != nil && !gone(err) && !w.refused {
		w.refused = true
		w.o.Log.Info("the system does not tell of all folders: these are looked at instead", "first", dir, "every", w.o.Every, "err", err)
	}
	return err
}

func (w *Watcher) unwatch(dir string) {
	if w.system != nil {
		w.system.Remove(dir) // it may be gone already
	}
}

// empty forgets everything: the root went away.
func (w *Watcher) empty() {
	for name := range w.within {
		w.unwatch(name)
	}
	for name := range w.frame {
		w.unwatch(name)
	}
	w.root, w.all, w.within, w.frame = nil, map[string]*folder{}, map[string]string{}, map[string]bool{}
}
