package index

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postie/maildir"
)

func TestLocks(t *testing.T) {
	root := newRoot(t)
	a, b := open(t, root, nil), open(t, root, nil)
	ctx := t.Context()
	alice, bob := Login{"alice", "Pop.Example.org"}, Login{"bob", "pop.example.org"}
	mustLock := func(l *Lock, err error) *Lock {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	refused := func(what, name string, _ *Lock, err error) {
		t.Helper()
		locked, ok := errors.AsType[*Locked](err)
		if !ok || locked.Name != name || !strings.Contains(locked.Holder, fmt.Sprintf("pid %d on ", os.Getpid())) {
			t.Errorf("%s: %v", what, err)
		}
	}
	try := func(s *Store) (string, string, *Lock, error) {
		l, err := s.Lock(ctx, 0)
		return "root", string(a.root), l, err
	}
	l1 := mustLock(a.LockMaildrop(ctx, alice, 0))
	l2 := mustLock(b.LockMaildrop(ctx, bob, 0))
	refused(try(b))
	_, err := b.LockMaildrop(ctx, Login{"alice", "pop.example.org"}, time.Millisecond)
	refused("maildrop", "alice@pop.example.org", nil, err)
	l1.Release()
	refused(try(a))
	l2.Release()
	l3 := mustLock(a.Lock(ctx, 0))
	refused(try(b))
	_, err = b.LockMaildrop(ctx, bob, 0)
	refused("maildrop under a locked root", string(a.root), nil, err)

	info, err := os.Stat(filepath.Join(string(root), ".postie.lock"))
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
		t.Errorf("lock file: %v, %v", info, err)
	}
	if err := errors.Join(l3.Release(), l3.Release()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(string(root), ".postie.lock")); err != nil || info.Size() != 0 {
		t.Errorf("lock file after release: %v, %v", info, err)
	}
	mustLock(b.LockMaildrop(ctx, bob, 0)).Release()
}

// Whoever removes the files of locks lets nobody in beside a sync; and a fetch whose lock was taken away writes no more once another
// may have begun, so that nothing is stored twice.
func TestLockRemoved(t *testing.T) {
	root := newRoot(t)
	a, b := open(t, root, nil), open(t, root, nil)
	ctx, alice := t.Context(), Login{"alice", "pop.example.org"}
	remove := func() {
		t.Helper()
		left, err := filepath.Glob(string(root) + "/.postie*lock")
		for _, path := range left {
			err = errors.Join(err, os.Remove(path))
		}
		if err != nil || len(left) == 0 {
			t.Fatal(left, err)
		}
	}
	writes := func(s *Store) error { return s.write(ctx, func(*sql.Tx) error { return nil }) }
	lost := func(err error) bool { _, ok := errors.AsType[*Lost](err); return ok }

	l, err := a.Lock(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	remove()
	if _, err := b.Lock(ctx, 0); !isLocked(err) {
		t.Errorf("a second sync: %v", err)
	}
	if _, err := b.LockMaildrop(ctx, alice, 0); !isLocked(err) {
		t.Errorf("a fetch beside a sync: %v", err)
	}
	if err := errors.Join(writes(a), l.Release()); err != nil {
		t.Error(err)
	}

	if l, err = a.LockMaildrop(ctx, alice, 0); err != nil {
		t.Fatal(err)
	}
	remove()
	if _, err := b.Lock(ctx, 0); !isLocked(err) {
		t.Errorf("a sync beside a fetch: %v", err)
	}
	second, err := b.LockMaildrop(ctx, alice, 0)
	if err != nil {
		t.Fatalf("the second fetch: %v", err)
	}
	if err := writes(a); !lost(err) {
		t.Errorf("the first writes: %v", err)
	}
	if err := errors.Join(l.Release(), writes(b)); err != nil {
		t.Error(err)
	}
	if who := holder(b.base + ".lock"); who != "" {
		t.Errorf("the root is said to be held by %s", who)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
	if err := writes(a); err != nil {
		t.Errorf("without a lock: %v", err)
	}
	if err := os.Remove(a.path()); err != nil {
		t.Fatal(err)
	}
	if err := writes(a); !lost(err) {
		t.Errorf("into a database that was removed: %v", err)
	}
}

// While a run holds its lock its root is removed, replaced, or loses its id, wherever its state lies: it writes nothing more, since another
// run knows the root by another name. When all is as it was it goes on.
func TestRootReplacedDuringRun(t *testing.T) {
	alice := Login{"alice", "h"}
	for where, state := range map[string]string{"in the root": "", "elsewhere": t.TempDir()} {
		for name, tt := range map[string]struct {
			do   func(root string) error
			lost bool
		}{
			"nothing":    {func(string) error { return nil }, false},
			"id removed": {func(root string) error { return os.Remove(idFile(root)) }, true},
			"id empty":   {func(root string) error { return os.Truncate(idFile(root), 0) }, true},
			"another id": {func(root string) error { _, err := newID(root); return err }, true},
			"the same id, put back": {func(root string) error {
				return errors.Join(os.Rename(idFile(root), root+"/id"), os.Rename(root+"/id", idFile(root)))
			}, false},
			"renamed": {func(root string) error { return os.Rename(root, root+"-moved") }, true},
			"renamed, and made anew": {func(root string) error {
				return errors.Join(os.Rename(root, root+"-moved"), maildir.Dir(root).Ensure())
			}, true},
			"replaced by a copy": {func(root string) error {
				return errors.Join(os.Rename(root, root+"-moved"), os.CopyFS(root, os.DirFS(root+"-moved")))
			}, true},
			"renamed, and back": {func(root string) error {
				return errors.Join(os.Rename(root, root+"-moved"), os.Rename(root+"-moved", root))
			}, false},
		} {
			for kind, lock := range map[string]func(*Store) (*Lock, error){
				"sync":  func(s *Store) (*Lock, error) { return s.Lock(t.Context(), 0) },
				"fetch": func(s *Store) (*Lock, error) { return s.LockMaildrop(t.Context(), alice, 0) },
			} {
				t.Run(where+" "+name+" "+kind, func(t *testing.T) {
					root := newRoot(t)
					s := open(t, root, &Options{State: state})
					l, err := lock(s)
					must(t, err)
					must(t, tt.do(string(root)))
					err = s.write(t.Context(), func(*sql.Tx) error { return nil })
					if _, lost := errors.AsType[*Lost](err); lost != tt.lost || !lost && err != nil {
						t.Errorf("%v", err)
					}
					l.Release()
				})
			}
		}
	}
}

// A lock file that leads elsewhere is refused, and what it leads to stays as it is.
func TestLockIsLink(t *testing.T) {
	sum := sha256.Sum256([]byte("alice@h"))
	for _, name := range []string{".postie.lock", ".postie.open", fmt.Sprintf(".postie.%x.lock", sum[:6])} {
		root := newRoot(t)
		victim := filepath.Join(t.TempDir(), "victim")
		if err := errors.Join(os.WriteFile(victim, []byte("text"), 0o600), os.Symlink(victim, filepath.Join(string(root), name))); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), root, nil)
		if err == nil {
			var l *Lock
			if l, err = s.Lock(t.Context(), 0); err == nil {
				l.Release()
				l, err = s.LockMaildrop(t.Context(), Login{"alice", "h"}, 0)
			}
			if err == nil {
				l.Release()
			}
			s.Close()
		}
		if text, _ := os.ReadFile(victim); string(text) != "text" {
			t.Errorf("%s: what it leads to holds %q", name, text)
		}
		if err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Locks that NFS keeps to one machine are none.
func TestLocalLocks(t *testing.T) {
	const mounts = `/dev/sda1 / ext4 rw,relatime 0 0
server:/a /home/u/Mail nfs4 rw,vers=4.2,hard,local_lock=none,addr=10.0.0.1 0 0
server:/b /mnt/old nfs rw,vers=3,nolock,local_lock=all 0 0
server:/c /mnt/with\040blank nfs rw,local_lock=flock 0 0
/dev/sdb1 /mnt/old/disk ext4 rw 0 0
`
	for path, want := range map[string]string{
		"/home/u/.postie.lock": "", "/home/u/Mail/.postie.lock": "", "/mnt/old/x/.postie.lock": "local_lock=all", "/mnt/older/.postie.lock": "",
		"/mnt/old/disk/.postie.lock": "", "/mnt/with blank/a": "local_lock=flock",
	} {
		if got := localLocks(mounts, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestLockWaits(t *testing.T) {
	root := newRoot(t)
	a, b := open(t, root, nil), open(t, root, nil)
	l, err := a.Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	for _, wait := range []time.Duration{-1, time.Hour} {
		go func() {
			l, err := b.LockMaildrop(context.Background(), Login{"alice", "h"}, wait)
			if err == nil {
				err = l.Release()
			}
			got <- err
		}()
		select {
		case err := <-got:
			t.Fatalf("did not wait: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		l.Release()
		if err := <-got; err != nil {
			t.Error(err)
		}
		if l, err = a.Lock(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := b.Lock(ctx, -1)
		got <- err
	}()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// A reader needs no lock.
	want(t, "messages", len(all(t, b)), 0)
}

// A lock that a second one may have excludes nobody.
func TestLockGivenTwice(t *testing.T) {
	f := fileLock(filepath.Join(t.TempDir(), "lock"))
	if _, err := f.TryLock(); err != nil || excludes(f) != nil {
		t.Errorf("%v, %v", err, excludes(f))
	}
	f.Unlock() // as a file system has it that grants locks and keeps none
	if _, ok := errors.AsType[*NoLocks](excludes(f)); !ok {
		t.Error("it is said to hold")
	}
}

// Whatever lies where our own files should: what a link leads to stays as it is, or is not made, and a pipe stops nobody.
func TestNoFilesBesideTheMail(t *testing.T) {
	kinds := map[string]func(path, victim string) error{
		"link":     func(path, victim string) error { return os.Symlink(victim, path) },
		"dangling": func(path, victim string) error { return os.Symlink(victim+"-none", path) },
		"pipe":     func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"folder":   func(path, _ string) error { return os.Mkdir(path, 0o700) },
	}
	for _, name := range []string{".postie.db", ".postie.db-wal", ".postie.db-journal", ".postie.id", ".postie.lock", ".postie.open"} {
		for kind, make := range kinds {
			root, dir := newRoot(t), t.TempDir()
			victim := filepath.Join(dir, "victim")
			if err := errors.Join(os.WriteFile(victim, nil, 0o600), make(filepath.Join(string(root), name), victim)); err != nil {
				t.Fatal(err)
			}
			harmless := name == ".postie.id" && (kind == "link" || kind == "dangling")
			for mode, o := range map[string]*Options{"a run": nil, "a dry run": {Dry: true}, "a reader": {Read: true}} {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				s, err := Open(ctx, root, o)
				if err == nil {
					var l *Lock
					if o == nil {
						l, err = s.Lock(ctx, 0)
					}
					if l != nil {
						l.Release()
					}
					s.Close()
				}
				if ctx.Err() != nil {
					t.Errorf("%s is a %s: %s waits", name, kind, mode)
				}
				cancel()
				if in, ok := errors.AsType[*Obstructed](err); (err == nil) != (harmless || mode == "a reader") || err != nil && (!ok || in.Path != filepath.Join(string(root), name)) {
					t.Errorf("%s is a %s: %s: %v", name, kind, mode, err)
				}
			}
			left, _ := os.ReadDir(dir)
			if text, _ := os.ReadFile(victim); len(text) > 0 || len(left) != 1 {
				t.Errorf("%s is a %s: written were %q, %v", name, kind, text, left)
			}
		}
	}
}

// A folder that cannot be one is told before it is used: the root, and that of the state.
func TestUsable(t *testing.T) {
	top := t.TempDir()
	in := func(name string) string { return filepath.Join(top, name) }
	must(t, errors.Join(os.WriteFile(in("file"), nil, 0o600), os.Symlink("disk/x", in("link")), syscall.Mkfifo(in("pipe"), 0o600),
		os.Mkdir(in("dir"), 0o700), os.Symlink("dir", in("good"))))
	for path, want := range map[string]string{
		"dir": "", "good": "", "dir/new/one": "", "good/new": "",
		"link": "link is a symbolic link to " + in("disk/x") + ", which is not there", "link/below": "link is a symbolic link to ",
		"file": "file is a file", "pipe": "pipe is a pipe",
	} {
		err := Usable("the Maildir", in(path))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
		if want == "" || path == "link/below" {
			continue
		}
		for _, o := range []*Options{{State: in(path)}, {State: in(path), Dry: true}} {
			if _, err := Open(t.Context(), newRoot(t), o); !errors.As(err, new(*Obstructed)) || !strings.Contains(err.Error(), "the folder of the state") {
				t.Errorf("%s as state: %v", path, err)
			}
		}
		s, err := Open(t.Context(), newRoot(t), &Options{State: in(path), Read: true})
		must(t, err)
		s.Close()
	}
	if left, _ := os.ReadDir(top); len(left) != 5 {
		t.Errorf("%v", left)
	}
}
