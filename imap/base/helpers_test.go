package base

import (
	"fmt"
	"path/filepath"
	"testing"

	"postie/maildir"
	"postie/maildir/index"
)

// newRoot makes an empty Maildir.
func newRoot(t testing.TB) maildir.Dir {
	t.Helper()
	root := maildir.Dir(filepath.Join(t.TempDir(), "mail"))
	if err := root.Ensure(); err != nil {
		t.Fatal(err)
	}
	return root
}

// open opens the index of a root until the end of the test.
func open(t testing.TB, root maildir.Dir) *index.Store {
	t.Helper()
	s, err := index.Open(t.Context(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// root is that of a store, as far as a message's path tells.
func root(s *index.Store) maildir.Dir {
	file := s.Path(index.Message{Mailbox: index.Inbox, Entry: maildir.EntryOf("x", true)})
	return maildir.Dir(filepath.Dir(filepath.Dir(file)))
}

// at is the Maildir of a mailbox.
func at(s *index.Store, m *Mailbox) maildir.Dir {
	return maildir.Dir(filepath.Join(string(root(s)), m.Folder))
}

// numbered is the message of a NUMBER.
func numbered(t testing.TB, s *index.Store, ids ...int64) []index.Message {
	t.Helper()
	ms, err := s.ByIDs(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
