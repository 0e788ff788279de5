package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Locked is the error of a lock that somebody else holds.
type Locked struct {
	Name   string // what is locked: a Maildir, or user@host
	Holder string // who holds it: pid, host, since when, command; "" when it does not say
}

func (e *Locked) Error() string {
	return fmt.Sprintf("%s is in use by %s", e.Name, cmp.Or(e.Holder, "another process"))
}

// Lock is a held lock. The kernel releases it when the process dies, however it dies. Its file stays, because a
// lock on a file that was removed meanwhile excludes nobody.
type Lock struct {
	s     *Store
	files []*flock.Flock // in the order in which they were taken; the last is ours alone
}

// Release gives the lock up. A second call does nothing.
func (l *Lock) Release() error {
	var err error
	for n := len(l.files) - 1; n >= 0; n-- {
		if l.files[n].Locked() {
			err = errors.Join(err, os.Truncate(l.files[n].Path(), 0))
		}
		err = errors.Join(err, l.files[n].Unlock())
	}
	l.files = nil
	l.s.held.Delete(l)
	return err
}

// Lock locks the whole root, for sync. wait: 0 is at once or not at all, below 0 for ever, else for that long.
// Errors: *Locked, and that of ctx.
func (s *Store) Lock(ctx context.Context, wait time.Duration) (*Lock, error) {
	if err := s.Writable(); err != nil {
		return nil, err
	}
	f := s.lockFile("lock")
	if ok, err := acquire(ctx, f.TryLock, wait); !ok {
		return nil, cmp.Or(verb("lock "+f.Path(), err), error(&Locked{string(s.root), s.holders()}))
	}
	return s.hold(f)
}

// LockMaildrop locks a maildrop in this root, for fetch. The root is shared with other fetches, not with a sync.
// wait and errors are those of Lock.
func (s *Store) LockMaildrop(ctx context.Context, m Maildrop, wait time.Duration) (*Lock, error) {
	if err := s.Writable(); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(wait)
	root := s.lockFile("lock")
	if ok, err := acquire(ctx, root.TryRLock, wait); !ok {
		return nil, cmp.Or(verb("lock "+root.Path(), err), error(&Locked{string(s.root), s.holders()}))
	}
	if wait > 0 {
		wait = max(0, time.Until(deadline))
	}
	m = m.canonical()
	sum := sha256.Sum256([]byte(m.String()))
	f := s.lockFile(hex.EncodeToString(sum[:6]) + ".lock")
	if ok, err := acquire(ctx, f.TryLock, wait); !ok {
		root.Unlock()
		return nil, cmp.Or(verb("lock "+f.Path(), err), error(&Locked{m.String(), holder(f.Path())}))
	}
	return s.hold(root, f)
}

func (s *Store) lockFile(suffix string) *flock.Flock {
	return flock.New(s.base+"."+suffix, flock.SetPermissions(0o600))
}

// hold writes into the last of the lock files, which is ours alone, who we are. The store keeps hold of the lock,
// because the garbage collector would release one that its caller has dropped.
func (s *Store) hold(files ...*flock.Flock) (*Lock, error) {
	l := &Lock{s, files}
	s.held.Store(l, nil)
	host, _ := os.Hostname()
	command := filepath.Base(os.Args[0])
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		command += " " + os.Args[1]
	}
	text := fmt.Sprintf("pid %d on %s since %s (%s)\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339), command)
	if err := os.WriteFile(files[len(files)-1].Path(), []byte(text), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock: %w", err), l.Release())
	}
	return l, nil
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
