// Package watch tells when something happens in the Maildirs below a root, and in which. It only looks: what to make of a change is
// the business of whoever asked, and of maildir/look, which reads the folders.
//
// The system tells of changes by itself where it can (inotify). Of the rest, folders are asked for their mtimes now and then: where
// there are no more watches to be had, on file systems that others change over the network, and on systems whose way of telling
// would open every file of a folder (kqueue). So nothing is missed; it is only noticed later. A root that goes away, as when its disk
// is unmounted, is waited for.
package watch

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"postie/maildir"
)

// Options of Open. Root is needed; all else has a useful zero value.
type Options struct {
	Root   string // may not be there yet
	Layout maildir.Layout
	Every  time.Duration // how often the folders are looked at of which the system does not tell; 0: 2 s
	Poll   bool          // the system is not asked to tell
	Most   int           // watches to be had; 0: as many as the system gives
	Log    *slog.Logger  // nil: nothing is logged
}

// Change is where something happened. The zero Change: nobody knows where.
type Change struct {
	Folder string      // path below the root, as maildir.Tree has it
	Key    maildir.Key // of the message; "": not known, or the folder came or went
}

// Watcher watches a root until it is closed.
type Watcher struct {
	o       Options
	changed chan struct{}
	done    chan struct{}
	ended   chan struct{}

	mu      sync.Mutex
	changes map[Change]bool

	// What follows belongs to the goroutine that watches.
	system *fsnotify.Watcher  // nil: it does not tell
	root   os.FileInfo        // nil: it is not there
	all    map[string]*folder // by path below the root
	within map[string]string  // each watched new/ and cur/, and whose it is
	frame  map[string]bool    // watched folders in which Maildirs come and go
	ticks  int

	refused bool // by the system, to tell of a folder
}

// folder is a Maildir that is watched.
type folder struct {
	polled bool // the system does not tell of it
	as     maildir.Parts
}

const (
	every       = 2 * time.Second
	treeEvery   = 30                    // ticks: what no event told of is found then
	treeQuiet   = 50 * time.Millisecond // who makes one folder makes others
	mostChanges = 4096                  // that are told one by one
)

// Open begins to watch. Close has to follow.
func Open(o Options) *Watcher {
	if o.Every <= 0 {
		o.Every = every
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{o: o, changed: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}), changes: map[Change]bool{}}
	w.empty()
	if !o.Poll && runtime.GOOS == "linux" { // see the package comment
		var err error
		if w.system, err = fsnotify.NewWatcher(); err != nil {
			o.Log.Info("the system tells of no changes in Maildirs: they are looked at instead", "every", o.Every, "err", err)
		}
	}
	w.look()
	w.Take() // what is there at the beginning is no change
	go w.run()
	return w
}

// Changed gives a value when there is something to Take.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Take gives what happened since it was last called, each change once.
func (w *Watcher) Take() (all []Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.changes {
		all = append(all, c)
	}
	clear(w.changes)
	return all
}

// Close ends it.
func (w *Watcher) Close() error {
	close(w.done)
	<-w.ended
	if w.system == nil {
		return nil
	}
	return w.system.Close()
}

func (w *Watcher) tell(c Change) {
	w.mu.Lock()
	if len(w.changes) >= mostChanges {
		c.Key = ""
	}
	w.changes[c] = true
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *Watcher) run() {
	defer close(w.ended)
	tick := time.NewTicker(w.o.Every)
	defer tick.Stop()
	var events <-chan fsnotify.Event
	var failures <-chan error
	if w.system != nil {
		events, failures = w.system.Events, w.system.Errors
	}
	var tree <-chan time.Time
	for {
		select {
		case <-w.done:
			return
		case e := <-events:
			if w.event(e) && tree == nil {
				tree = time.After(treeQuiet)
			}
		case err := <-failures: // events were lost
			w.o.Log.Info("watching Maildirs", "err", err)
			w.tell(Change{})
			w.tree()
		case <-tree:
			tree = nil
			w.tree()
		case <-tick.C:
			w.look()
		}
	}
}

// event takes note of what the system tells. treeChanged: Maildirs may have come or gone.
func (w *Watcher) event(e fsnotify.Event) (treeChanged bool) {
	if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Remove) && !e.Has(fsnotify.Rename) {
		return false // a file that is written to is in tmp/, or none of ours
	}
	if w.within[e.Name] != "" || w.frame[e.Name] { // a watched folder itself: if one of that name comes again, it is another one
		w.lose(e.Name)
		return true
	}
	dir, name := filepath.Split(e.Name)
	if of, ok := w.within[filepath.Clean(dir)]; ok {
		w.tell(Change{of, maildir.KeyOf(name)})
		return false
	}
	if !e.Has(fsnotify.Create) || !isDir(e.Name) {
		return false // lists and locks of other programs, and our own
	}
	w.watch(e.Name) // it may become a Maildir
	return true
}

// lose forgets a watched folder that is not there any more.
func (w *Watcher) lose(path string) {
	if of := w.within[path]; of != "" {
		w.drop(of)
		return
	}
	delete(w.frame, path)
	if rel, err := filepath.Rel(w.o.Root, path); err == nil && w.all[filepath.ToSlash(rel)] != nil {
		w.drop(filepath.ToSlash(rel))
	}
	w.unwatch(path)
}

// look looks at what the system does not tell of.
func (w *Watcher) look() {
	w.ticks++
	info, err := os.Stat(w.o.Root)
	if w.root != nil && (err != nil || !os.SameFile(info, w.root)) {
		w.o.Log.Info("the root of the Maildirs went away", "root", w.o.Root, "err", err)
		w.empty()
		w.tell(Change{})
	}
	if err != nil {
		return
	}
	if w.root == nil || w.ticks%treeEvery == 0 || w.system == nil && w.ticks%5 == 0 {
		w.root = info
		w.tree()
	}
	for path, f := range w.all {
		if f.polled {
			w.compare(path, f)
		}
	}
}

// compare tells of a folder whose mtimes are others than before.
func (w *Watcher) compare(path string, f *folder) {
	if now, err := w.dir(path).Parts(); err == nil && (now.Stamp != f.as.Stamp || now.Places != f.as.Places) {
		f.as = now
		w.tell(Change{Folder: path})
	}
}

func (w *Watcher) dir(folder string) maildir.Dir {
	return maildir.Dir(filepath.Join(w.o.Root, filepath.FromSlash(folder)))
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// gone says whether an error only says that there is no such folder any more.
func gone(err error) bool { return errors.Is(err, os.ErrNotExist) }
