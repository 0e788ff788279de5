package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// WatchLock says that somebody watches a root. It keeps out no run, only another watch, and stays when the Store is closed.
type WatchLock struct{ file *flock.Flock }

// LockWatch locks a root for watch. wait and errors are those of Lock.
func (s *Store) LockWatch(ctx context.Context, wait time.Duration) (*WatchLock, error) {
	f := s.lockFile("watch")
	ok, err := acquire(ctx, func() (bool, error) { return lasting(f, f.TryLock) }, wait)
	if !ok {
		return nil, cmp.Or(lockError(f.Path(), err), error(&Locked{string(s.root), holder(f.Path())}))
	}
	l := &WatchLock{f}
	if err := label(f, whoWeAre()); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock: %w", err), l.Release())
	}
	return l, nil
}

// WatchPath is where the file of LockWatch lies: two Stores of one root have one.
func (s *Store) WatchPath() string { return s.base + ".watch" }

// Holds says whether the file is still what others would lock: somebody may have removed it, or the disk is another one now.
func (l *WatchLock) Holds() bool { return there(l.file) }

// Release gives the lock up.
func (l *WatchLock) Release() error {
	var err error
	if there(l.file) {
		err = os.Remove(l.file.Path()) // who waits for it notices (lasting)
	}
	return errors.Join(err, l.file.Unlock())
}
