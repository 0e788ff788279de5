package watch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"postie/maildir"
)

// world is a root that is watched, and somebody who works in it.
type world struct {
	*testing.T
	*Watcher
	root string
	seen []Change
}

func newWorld(t *testing.T, o Options, folders ...string) *world {
	w := &world{T: t, root: filepath.Join(t.TempDir(), "root")}
	for _, f := range folders {
		w.ok(maildir.Dir(filepath.Join(w.root, f)).Ensure())
	}
	o.Root = w.root
	w.Watcher = Open(o)
	t.Cleanup(func() { w.ok(w.Watcher.Close()) })
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.root}, parts...)...)
}

// hears waits until one of the changes was told. The time is only for what would hang.
func (w *world) hears(any ...Change) {
	w.Helper()
	limit := time.After(20 * time.Second)
	for {
		w.seen = append(w.seen, w.Take()...)
		for _, c := range any {
			if slices.Contains(w.seen, c) {
				w.seen = slices.DeleteFunc(w.seen, func(other Change) bool { return other == c })
				return
			}
		}
		select {
		case <-w.Changed():
		case <-limit:
			w.Fatalf("nothing was told of %v; of these it was: %v", any, w.seen)
		}
	}
}

func deliver(w *world, folder, name string) {
	w.Helper()
	tmp := w.path(folder, "tmp", name)
	w.ok(os.WriteFile(tmp, []byte("Subject: x\n\n"), 0o600))
	w.ok(os.Rename(tmp, w.path(folder, "new", name)))
}

// Whatever tells, and however few watches there are: each kind of change is noticed, and in the right folder.
func TestChanges(t *testing.T) {
	for name, o := range map[string]Options{
		"system":      {},
		"polling":     {Poll: true, Every: 10 * time.Millisecond},
		"few watches": {Most: 4, Every: 10 * time.Millisecond},
		"no watches":  {Most: 1, Every: 10 * time.Millisecond},
		"one folder":  {Most: 7, Every: 10 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o, "INBOX", "Lists/golang", "Z")
			for _, in := range []string{"INBOX", "Lists/golang", "Z"} {
				key := maildir.Key("1." + filepath.Base(in))
				told := []Change{{in, key}, {Folder: in}} // polling knows no keys
				time.Sleep(20 * time.Millisecond)         // mtimes have the resolution of the kernel's clock
				deliver(w, in, string(key))
				w.hears(told...)
				w.ok(os.Rename(w.path(in, "new", string(key)), w.path(in, "cur", string(key)+":2,S")))
				w.hears(told...)
				time.Sleep(20 * time.Millisecond)
				w.ok(os.Remove(w.path(in, "cur", string(key)+":2,S")))
				w.hears(told...)
			}
		})
	}
}

// Maildirs come and go, also several levels of folders at once, and what is in them is seen from then on.
func TestFoldersComeAndGo(t *testing.T) {
	w := newWorld(t, Options{Every: 10 * time.Millisecond}, "INBOX")
	w.ok(maildir.Dir(w.path("a/b/c")).Ensure())
	w.hears(Change{Folder: "a/b/c"})
	deliver(w, "a/b/c", "1.x")
	w.hears(Change{"a/b/c", "1.x"})
	w.ok(os.Rename(w.path("a/b/c"), w.path("d")))
	w.hears(Change{Folder: "d"})
	deliver(w, "d", "2.x")
	w.hears(Change{"d", "2.x"})
	w.ok(os.RemoveAll(w.path("d")))
	w.hears(Change{Folder: "d"})
	w.ok(maildir.Dir(w.path("d")).Ensure()) // another one of the same name
	w.hears(Change{Folder: "d"})
	deliver(w, "d", "3.x")
	w.hears(Change{"d", "3.x"})
}

// What lies beside the mail, such as the index, is no change; nor is what is being written in tmp/.
func TestSilence(t *testing.T) {
	w := newWorld(t, Options{Layout: maildir.MaildirPlusPlus}, ".", ".Lists")
	for range 3 {
		w.ok(os.WriteFile(w.path(".postie.db-wal"), []byte("x"), 0o600))
		w.ok(os.WriteFile(w.path("dovecot.index.log"), []byte("x"), 0o600))
		w.ok(os.WriteFile(w.path("tmp", "1.x"), []byte("x"), 0o600))
		w.ok(os.Remove(w.path(".postie.db-wal")))
	}
	deliver(w, ".Lists", "1.x")
	w.hears(Change{".Lists", "1.x"})
	if len(w.seen) > 0 {
		t.Errorf("told besides: %v", w.seen)
	}
}

// A disk that is unmounted and mounted again: the root is another folder meanwhile, or none.
func TestRootGoesAway(t *testing.T) {
	for _, poll := range []bool{false, true} {
		w := newWorld(t, Options{Every: 10 * time.Millisecond, Poll: poll}, "INBOX")
		away := w.root + ".away"
		w.ok(os.Rename(w.root, away))
		w.hears(Change{})
		w.ok(os.Mkdir(w.root, 0o700)) // an empty mount point
		w.ok(os.Remove(w.root))
		w.ok(os.Rename(away, w.root))
		w.hears(Change{Folder: "INBOX"})
		time.Sleep(20 * time.Millisecond)
		deliver(w, "INBOX", "1.x")
		w.hears(Change{"INBOX", "1.x"}, Change{Folder: "INBOX"})
	}
}

// A root that is not there yet is waited for.
func TestRootComesLater(t *testing.T) {
	w := newWorld(t, Options{Every: 10 * time.Millisecond})
	w.ok(maildir.Dir(w.path("INBOX")).Ensure())
	w.hears(Change{Folder: "INBOX"})
}
