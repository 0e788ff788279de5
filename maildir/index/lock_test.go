package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLocks(t *testing.T) {
	root := newRoot(t)
	a, b := open(t, root, nil), open(t, root, nil)
	ctx := t.Context()
	alice, bob := Maildrop{"alice", "Pop.Example.org"}, Maildrop{"bob", "pop.example.org"}
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
	_, err := b.LockMaildrop(ctx, Maildrop{"alice", "pop.example.org"}, time.Millisecond)
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
			l, err := b.LockMaildrop(context.Background(), Maildrop{"alice", "h"}, wait)
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
