package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"postie/maildir"
)

// Locked is the error of a lock that somebody else holds.
type Locked struct {
	Name   string // what is locked: a Maildir, or user@host
	Holder string // who holds it: pid, host, since when, command; "" when it does not say
}

func (e *Locked) Error() string {
	return fmt.Sprintf("%s is in use by %s", e.Name, cmp.Or(e.Holder, "another process"))
}

// Lock is a held lock. The kernel releases it when the process dies, however it dies. It is on the root itself, which nobody
// removes while there is mail in it, and on files beside the database; those of a maildrop can be removed by somebody, so each
// write looks whether they are still what others would lock (Lost).
type Lock struct {
	Killed bool // the run that held it last did not release it: it was killed

	s     *Store
	root  *flock.Flock   // the folder; nil on network file systems, which lock files only
	files []*flock.Flock // in the order in which they were taken; the last is ours alone
}

// Lost is the error of a write under a lock whose file was removed, or into a database that was, or for a root that is another one now:
// another run may hold another file of that name, or know the root by another id.
type Lost struct{ Path string }

func (e *Lost) Error() string {
	return e.Path + " was removed or replaced while a run held it, and another one may be at work: this one ends here"
}

// Release gives the lock up. A second call does nothing.
func (l *Lock) Release() error {
	var err error
	for n := len(l.files) - 1; n >= 0; n-- {
		if l.files[n].Locked() && there(l.files[n]) {
			err = errors.Join(err, label(l.files[n], ""))
		}
		err = errors.Join(err, l.files[n].Unlock())
	}
	if l.root != nil {
		err = errors.Join(err, l.root.Unlock())
	}
	l.files, l.root = nil, nil
	l.s.held.Delete(l)
	return err
}

// lost says whether a file of the lock is not the one any more that others would lock. Where the root is locked, that of the root
// does not matter.
func (l *Lock) lost() error {
	files := l.files
	if l.root != nil {
		files = files[min(1, len(files)):]
	}
	for _, f := range files {
		if !there(f) {
			return &Lost{f.Path()}
		}
	}
	return l.s.home()
}

// home says whether the root is not the one any more that was opened, or has another id: with its state elsewhere another run would know it
// by that, and by another database.
func (s *Store) home() error {
	if s.temp != "" {
		return nil // a copy is ours alone
	}
	now, err := os.Stat(string(s.root))
	if err != nil || !os.SameFile(now, s.found) {
		return &Lost{string(s.root)}
	}
	if id, err := rootID(string(s.root)); err != nil || id != s.id {
		return &Lost{idFile(string(s.root))}
	}
	return nil
}

// there says whether a locked file is what lies at its path.
func there(f *flock.Flock) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(f.Path())
	return err == nil && os.SameFile(held, now)
}

// kept makes sure, within a transaction, that the locks under which it is made still exclude others. Who took another lock meanwhile began
// with a transaction of its own (hold): that was before this one, or sees what this one writes.
func (s *Store) kept() (err error) {
	s.held.Range(func(l, _ any) bool {
		err = l.(*Lock).lost()
		return err == nil
	})
	if now, statErr := os.Stat(s.path()); err == nil && (statErr != nil || !os.SameFile(now, s.file)) {
		err = &Lost{s.path()} // what is written there is never read again
	}
	return err
}

// Lock locks the whole root, for sync. wait: 0 is at once or not at all, below 0 for ever, else for that long.
// Errors: *Locked, *NoLocks, and that of ctx.
func (s *Store) Lock(ctx context.Context, wait time.Duration) (*Lock, error) {
	return s.lock(ctx, wait, func(l *Lock, take taking) error {
		if err := l.takeRoot(take, (*flock.Flock).TryLock); err != nil {
			return err
		}
		f := s.lockFile("lock")
		l.files = append(l.files, f)
		return take(f, f.TryLock, string(s.root), s.holders)
	})
}

// LockMaildrop locks a maildrop in this root, for fetch. The root is shared with other fetches, not with a sync.
// wait and errors are those of Lock.
func (s *Store) LockMaildrop(ctx context.Context, m Login, wait time.Duration) (*Lock, error) {
	m = m.Canonical()
	return s.lock(ctx, wait, func(l *Lock, take taking) error {
		if err := l.takeRoot(take, (*flock.Flock).TryRLock); err != nil {
			return err
		}
		root := s.lockFile("lock")
		l.files = append(l.files, root)
		if err := take(root, root.TryRLock, string(s.root), s.holders); err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(m.String()))
		f := s.lockFile(hex.EncodeToString(sum[:6]) + ".lock")
		l.files = append(l.files, f)
		return take(f, f.TryLock, m.String(), func() string { return holder(f.Path()) })
	})
}

// taking takes one of the files of a lock; name and holder are for the error.
type taking func(f *flock.Flock, try func() (bool, error), name string, holder func() string) error

// takeRoot locks the folder itself. Where folders cannot be locked the files alone count.
func (l *Lock) takeRoot(take taking, try func(*flock.Flock) (bool, error)) error {
	if l.root == nil {
		return nil
	}
	err := take(l.root, func() (bool, error) { return try(l.root) }, string(l.s.root), l.s.holders)
	if e, ok := errors.AsType[syscall.Errno](err); ok && e != syscall.EINTR {
		l.root, err = nil, nil
	}
	if _, none := errors.AsType[*NoLocks](err); none {
		l.root, err = nil, nil
	}
	return err
}

// lock takes the files of a lock one by one, within the time to wait.
func (s *Store) lock(ctx context.Context, wait time.Duration, files func(*Lock, taking) error) (*Lock, error) {
	if err := s.Writable(); err != nil {
		return nil, err
	}
	l := &Lock{s: s}
	if !maildir.Networked(string(s.root)) {
		l.root = flock.New(string(s.root), flock.SetFlag(os.O_RDONLY))
	}
	deadline := time.Now().Add(wait)
	err := files(l, func(f *flock.Flock, try func() (bool, error), name string, holder func() string) error {
		left := wait
		if wait > 0 {
			left = max(0, time.Until(deadline))
		}
		ok, err := acquire(ctx, func() (bool, error) { return lasting(f, try) }, left)
		if !ok {
			return cmp.Or(lockError(f.Path(), err), error(&Locked{name, holder()}))
		}
		return nil
	})
	if err == nil {
		err = s.hold(ctx, l)
	}
	if err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

// lasting takes a lock, unless its file was removed in between: that would exclude nobody.
func lasting(f *flock.Flock, try func() (bool, error)) (bool, error) {
	ok, err := try()
	if ok && !there(f) {
		return false, f.Unlock()
	}
	return ok, err
}

func (s *Store) lockFile(suffix string) *flock.Flock { return fileLock(s.base + "." + suffix) }

// fileLock is a lock on a file of its own, never on one that a link leads to.
func fileLock(path string) *flock.Flock {
	return flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW))
}

// hold writes into the last of the lock files, which is ours alone, who we are. The store keeps hold of the lock,
// because the garbage collector would release one that its caller has dropped.
func (s *Store) hold(ctx context.Context, l *Lock) error {
	last := l.files[len(l.files)-1]
	if err := excludes(last); err != nil {
		return err
	}
	s.held.Store(l, nil)
	info, err := last.Stat()
	l.Killed = err == nil && info.Size() > 0
	if err := label(last, whoWeAre()); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if l.Killed {
		s.sweep()
	}
	return s.write(ctx, func(*sql.Tx) error { return nil }) // see kept
}

// whoWeAre is what a lock file says of who holds it.
func whoWeAre() string {
	host, _ := os.Hostname()
	command := filepath.Base(os.Args[0])
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		command += " " + os.Args[1]
	}
	return fmt.Sprintf("pid %d on %s since %s (%s)\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339), command)
}

// sweep removes what a killed run left of small files that it was about to replace (replace): it takes milliseconds, so an old one is nobody's.
func (s *Store) sweep() {
	left, _ := filepath.Glob(filepath.Join(plain(string(s.root)), ".postie.*.tmp"))
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > time.Minute {
			os.Remove(path)
		}
	}
}

// label writes into a locked file who holds it.
func label(f *flock.Flock, text string) error {
	file, err := os.OpenFile(f.Path(), os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	err = file.Truncate(0)
	if err == nil {
		_, err = file.WriteString(text)
	}
	return errors.Join(err, file.Close())
}

// acquire takes a lock by a try that does not block, and reports whether it got it. Waiting is polling: flock(2)
// knows neither context nor time.
func acquire(ctx context.Context, try func() (bool, error), wait time.Duration) (bool, error) {
	deadline := time.Now().Add(wait)
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if ok, err := try(); ok || err != nil {
			return ok, err
		}
		pause := 20 * time.Millisecond
		if wait >= 0 {
			pause = min(pause, time.Until(deadline))
		}
		if pause <= 0 {
			return false, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// holders says who holds the root: the one who has it alone, or those who share it, who are named in the locks of
// their maildrops.
func (s *Store) holders() string {
	dir, prefix := filepath.Split(s.base + ".")
	entries, _ := os.ReadDir(dir)
	var all []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), "lock") {
			if who := holder(filepath.Join(dir, e.Name())); who != "" {
				all = append(all, who)
			}
		}
	}
	return strings.Join(all, " and ")
}

// holder reads who says in a lock file to hold it. What a process left that was killed says nothing.
func holder(path string) string {
	b, _ := os.ReadFile(path)
	text := strings.TrimSpace(string(b))
	var pid int
	var on string
	if n, _ := fmt.Sscanf(text, "pid %d on %s", &pid, &on); n < 2 {
		return ""
	}
	if host, _ := os.Hostname(); host == on && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return ""
	}
	return text
}
